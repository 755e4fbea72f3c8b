"""A training compared with another one: difference in AUC, and galaxies that changed class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd
import scipy

from rotator_assets.comparison.differences import in_both, with_pairs
from rotator_assets.comparison.kept_trainings import KeptTraining
from rotator_assets.core.statistics import holm
from rotator_assets.evaluation.auc import AucDifference, auc_difference, auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores

_Test = TypeVar("_Test", "AucTest", "ChangedClasses")
_OF_EACH = ["rotator_type", "predicted_type", "probability_fast", "probability_fast_calibrated", "threshold"]
"""Columns of ``predictions`` that both trainings have for a galaxy."""


@dataclass(frozen=True)
class AucTest:
    """AUC of a training and of the reference on the galaxies compared, and the test of their difference."""

    auc: float
    reference_auc: float
    difference: AucDifference
    p_value: float
    n_tests: int = 1
    """Number of trainings compared with the reference, for which the p-value is corrected after Holm."""


@dataclass(frozen=True)
class ChangedClasses:
    """Numbers of galaxies that are in another class than by the reference, and now right or wrong.

    ``p_value`` is that of McNemar's exact test (1947, Psychometrika 12, 153) that both classify equally many galaxies
    correctly, with galaxies as independent, and corrected as in `AucTest`; 1 without a change.
    """

    to_slow_right: int
    to_slow_wrong: int
    to_fast_right: int
    to_fast_wrong: int
    p_value: float
    n_tests: int = 1

    @classmethod
    def of(cls, galaxies: pd.DataFrame) -> ChangedClasses:
        """Count them among `galaxies_of_both`; the p-value is not corrected."""
        changed = galaxies[galaxies["changed"]]
        right = changed["predicted_type"] == changed["rotator_type"]
        p_value = float(scipy.stats.binomtest(int(right.sum()), len(changed)).pvalue) if len(changed) else 1.0
        to_slow, to_fast = (changed["predicted_type"] == kind for kind in (0, 1))
        return cls(
            to_slow_right=int((to_slow & right).sum()),
            to_slow_wrong=int((to_slow & ~right).sum()),
            to_fast_right=int((to_fast & right).sum()),
            to_fast_wrong=int((to_fast & ~right).sum()),
            p_value=p_value,
        )

    @property
    def right(self) -> int:
        """Number of galaxies that only the training classifies correctly, not the reference."""
        return self.to_slow_right + self.to_fast_right

    @property
    def wrong(self) -> int:
        """Number of galaxies that only the reference classifies correctly."""
        return self.to_slow_wrong + self.to_fast_wrong


@dataclass(frozen=True)
class TrainingPair:
    """A training compared with the reference.

    Attributes
    ----------
    galaxies
        `galaxies_of_both`; none for different surveys.
    changed
        Those that changed class.
    test
        Paired if there are galaxies of both, which are then judged by the labels of the training. Otherwise of
        independent samples. None if the networks of either scored no two galaxies of different classes.
    """

    galaxies: pd.DataFrame
    changed: ChangedClasses
    test: AucTest | None

    @property
    def paired(self) -> bool:
        """True for the same galaxies, False for independent samples."""
        return len(self.galaxies) > 0

    @property
    def n_relabelled(self) -> int:
        """Number of galaxies whose label is not that of the reference."""
        return int((self.galaxies["rotator_type"] != self.galaxies["reference_rotator_type"]).sum())


def compare_trainings(trainings: Sequence[KeptTraining]) -> list[TrainingPair | None]:
    """Return each training but the first compared with the first; None if the predictions of either are not kept."""
    reference, *others = trainings
    pairs = [_pair(reference, training) for training in others]
    tests = _corrected([pair.test if pair else None for pair in pairs])
    changes = _corrected([pair.changed if pair and pair.paired else None for pair in pairs])
    return [
        pair and replace(pair, test=test, changed=changed or pair.changed)
        for pair, test, changed in zip(pairs, tests, changes, strict=True)
    ]


def _corrected(tests: Sequence[_Test | None]) -> list[_Test | None]:
    """Correct the p-values of tests for their number; None is no test."""
    adjusted = holm([test.p_value if test else np.nan for test in tests])
    n_tests = int(np.isfinite(adjusted).sum())
    return [
        test and replace(test, p_value=float(p_value), n_tests=n_tests)
        for test, p_value in zip(tests, adjusted, strict=True)
    ]


def galaxies_of_both(reference: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the galaxies that two trainings predict, the largest change in probability first.

    Both arguments have the columns of table ``predictions``. Returns galaxy_id, object_id, label, class, probabilities
    and threshold by the training and, with ``reference_`` before their names, by the reference; change (of
    probability_fast_calibrated, which has one scale for all networks) and changed (True if the class differs).
    """
    own = predictions[["galaxy_id", "object_id", *_OF_EACH]]
    both = own.merge(
        reference[["galaxy_id", *_OF_EACH]].add_prefix("reference_"),
        left_on="galaxy_id",
        right_on="reference_galaxy_id",
    )
    change = both["probability_fast_calibrated"] - both["reference_probability_fast_calibrated"]
    both = both.assign(change=change, changed=both["predicted_type"] != both["reference_predicted_type"])
    order = change.abs().sort_values(ascending=False, kind="stable").index
    return both.drop(columns="reference_galaxy_id").loc[order].reset_index(drop=True)


def _pair(reference: KeptTraining, training: KeptTraining) -> TrainingPair | None:
    """One comparison, with a p-value that is not corrected."""
    before, now = reference.predictions, training.predictions
    if before is None or now is None:
        return None
    same_survey = training.survey == reference.survey
    galaxies = galaxies_of_both(before.galaxies, now.galaxies if same_survey else now.galaxies.head(0))
    paired, changed = len(galaxies) > 0, ChangedClasses.of(galaxies)
    if paired:
        both = in_both(now.repeats, before.repeats)
    else:
        both = with_pairs(NetworkScores.of(now.repeats), NetworkScores.of(before.repeats))
    if both is None:
        return TrainingPair(galaxies, changed, None)
    difference = auc_difference(both.scores, both.reference, paired=paired)
    aucs = auc_interval(both.scores).auc, auc_interval(both.reference).auc
    return TrainingPair(galaxies, changed, AucTest(*aucs, difference, difference.p_value))
