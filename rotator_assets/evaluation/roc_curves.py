"""ROC curves of out-of-fold scores, averaged over networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.evaluation.auc import NO_PAIR
from rotator_assets.evaluation.network_scores import NetworkScores


@dataclass(frozen=True)
class _Corners:
    """Corners of one network's ROC curve, by ascending false-positive rate; and its number of pairs."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    threshold: NDArray[np.float64]
    n_pairs: int

    def at(self, rates: NDArray[np.float64], corner: NDArray[np.int64]) -> NDArray[np.float64]:
        """True-positive rate and threshold (k, 2) at these false-positive rates (k,).

        They are those of the ``corner`` (k,) if it has exactly the rate, and else interpolated linearly.
        """
        exact = self.false_positive_rate[corner] == rates
        columns = [
            np.where(exact, values[corner], np.interp(rates, self.false_positive_rate, values))
            for values in (self.true_positive_rate, self.threshold)
        ]
        return np.stack(columns, axis=1)

    def ends(self, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lower and upper end of the curve at these false-positive rates, (2, k, 2): they differ where it is steep."""
        lower = np.searchsorted(self.false_positive_rate, rates, side="left")
        upper = np.searchsorted(self.false_positive_rate, rates, side="right") - 1
        return np.stack([self.at(rates, lower), self.at(rates, upper)])


def roc_curve_frame(scored: NetworkScores) -> pd.DataFrame:
    """Return the corners of the ROC curve from (0, 0) to (1, 1).

    Columns false_positive_rate, true_positive_rate and threshold. At each false-positive rate, the true-positive rate
    is the mean over the networks, weighted by their numbers of pairs ("vertical averaging", Fawcett 2006, Pattern
    Recognit. Lett. 27, 861), so the area is the AUC. ``threshold`` is the same mean of the scores at and above which
    each network classifies a galaxy as fast. All thresholds are finite: at (0, 0), where no galaxy is classified as
    fast, it is the next number above the largest score. Raises ValueError unless a network scored both classes.
    """
    curves = list(_curves(scored))
    if not curves:
        raise ValueError(NO_PAIR)
    weights = np.array([curve.n_pairs for curve in curves])
    rates = np.unique(np.concatenate([curve.false_positive_rate for curve in curves]))
    ends = [curve.ends(rates) for curve in curves]
    averaged = [np.tensordot(weights / np.sum(weights), [end[side] for end in ends], axes=1) for side in (0, 1)]
    points = np.stack(averaged, axis=1).reshape(-1, 2)
    frame = pd.DataFrame(points, columns=["true_positive_rate", "threshold"])
    frame.insert(0, "false_positive_rate", np.repeat(rates, 2))
    return frame.drop_duplicates(["false_positive_rate", "true_positive_rate"], ignore_index=True)


def _curves(scored: NetworkScores) -> Iterator[_Corners]:
    """Each network's ROC curve."""
    from sklearn.metrics import roc_curve

    for members in scored.by_network():
        labels, scores = scored.labels[members], scored.scores[members]
        false_positive, true_positive, threshold = roc_curve(labels, scores, drop_intermediate=False)
        threshold[0] = np.nextafter(scores.max(), np.inf)
        n_fast = int(labels.sum())
        yield _Corners(false_positive, true_positive, threshold, n_fast * (len(labels) - n_fast))
