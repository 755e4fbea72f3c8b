"""Agreement of a repeated training with the first one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_DIFFERENT, TYPICALLY_DIFFERENT = 0.02, 0.05
"""Tolerance on another machine: of the AUC, and of the median over the galaxies of the difference in probability.
docs/reproducing.md has the measurements that they come from."""
_EXACT = ("fold", "rotator_type", "threshold", "predicted_type", "probability_fast", "probability_fast_calibrated")


@dataclass(frozen=True)
class Agreement:
    """How well the predictions of two trainings agree.

    Attributes
    ----------
    n_galaxies
        Number of galaxies that both predict.
    n_others
        Number of those that only one of them predicts.
    is_identical
        Whether all numbers are equal to the last digit.
    largest, median
        Largest and median difference of probability_fast; NaN without galaxies.
    auc_before, auc_now
        Area under the ROC curve of both.
    """

    n_galaxies: int
    n_others: int
    is_identical: bool
    largest: float
    median: float
    auc_before: float
    auc_now: float

    @property
    def is_within_tolerance(self) -> bool:
        """Whether another machine may explain the differences."""
        close = abs(self.auc_now - self.auc_before) <= MOST_DIFFERENT and self.median <= TYPICALLY_DIFFERENT
        return not self.n_others and close


def agreement(before: pd.DataFrame, now: pd.DataFrame) -> Agreement:
    """Compare the rows of table ``predictions`` of two trainings; the order of the galaxies does not matter."""
    both = before.merge(now, on="galaxy_id", suffixes=("_before", "_now"), validate="one_to_one")
    pairs = [(both[f"{name}_before"].to_numpy(float), both[f"{name}_now"].to_numpy(float)) for name in _EXACT]
    n_others = len(before) + len(now) - 2 * len(both)
    probabilities = (both["probability_fast_before"].to_numpy(float), both["probability_fast_now"].to_numpy(float))
    difference = np.abs(probabilities[1] - probabilities[0])
    labels = both["rotator_type_before"].to_numpy(int)
    aucs = [_auc(labels, values) for values in probabilities]
    return Agreement(
        n_galaxies=len(both),
        n_others=n_others,
        is_identical=not n_others and all(np.array_equal(*pair, equal_nan=True) for pair in pairs),
        largest=float(difference.max(initial=0.0)),
        median=float(np.median(difference)) if len(both) else float("nan"),
        auc_before=aucs[0],
        auc_now=aucs[1],
    )


def _auc(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, probabilities)) if len(set(labels)) > 1 else float("nan")
