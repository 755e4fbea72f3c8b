"""Baselines of nested feature sets: the AUC that each set reaches, and what the network adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from rotator_assets.core.statistics import holm
from rotator_assets.evaluation.auc import auc_difference, auc_interval, size_and_auc
from rotator_assets.evaluation.baselines import CLASSIFIERS, tabular_baseline
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.training.features import STEPS

PIXEL_STEP = "+ pixels (PCA)"
_MOST_CERTAIN = 1e-6
"""Probabilities are clipped to this distance from 0 and 1, as in float32 they can be exactly 0 or 1."""


@dataclass(frozen=True)
class FeatureSets:
    """All columns of each feature set by its name, and the columns without any value."""

    columns: dict[str, list[str]]
    missing: list[str]


def feature_sets_of(sample: pd.DataFrame) -> FeatureSets:
    """Return the feature sets that the sample allows.

    A column without any value is left out, and so is a set that adds no other column.
    """
    steps: dict[str, list[str]] = {}
    used: list[str] = []
    missing: list[str] = []
    for name, columns in STEPS.items():
        known = [column for column in columns if sample[column].notna().any()]
        missing += [column for column in columns if column not in known]
        if known:
            used = used + known
            steps[name] = used
    return FeatureSets(steps, missing)


def compare_feature_sets(
    sample: pd.DataFrame, repeats: pd.DataFrame, pixels: NDArray[np.float32], seed: int
) -> pd.DataFrame:
    """Compare every feature set and classifier, out of fold, with the network and with both together.

    ``auc_with_network`` belongs to the same classifier with one more feature, the network's calibrated logit. The logit
    of a galaxy always comes from a network that was not trained on it, also in the classifier's training part. But the
    networks that scored that part were trained on galaxies of the tested fold, so labels of these reach the classifier
    through the networks' weights. Only networks trained without both folds avoid this, as those of `training.fusion`;
    the gain from the network is therefore slightly optimistic.

    Parameters
    ----------
    sample
        One row per galaxy (n), with galaxy_id, object_id, rotator_type, fold, probability_fast,
        probability_fast_calibrated and the columns of ``STEPS``.
    repeats
        One row per galaxy and network that tested it.
    pixels
        Pixels of the galaxies, float32 (n, m), which the last feature set adds.
    seed
        Seed of the classifiers.

    Returns
    -------
    Columns of ``feature_baselines`` except dataset, recipe and synthetic: paired differences (`auc_difference`), with
    p-values corrected after Holm for all rows.
    """
    truth, folds = sample["rotator_type"].to_numpy(int), sample["fold"].to_numpy()
    network = NetworkScores.of(repeats)
    calibrated = sample["probability_fast_calibrated"].to_numpy(float)
    logits = scipy.special.logit(np.clip(calibrated, _MOST_CERTAIN, 1 - _MOST_CERTAIN))[:, None]
    steps = feature_sets_of(sample).columns
    everything = list(steps.values())[-1]
    tried = [(name, columns, None) for name, columns in steps.items()] + [(PIXEL_STEP, everything, pixels)]
    rows = []
    for name, columns, seen in tried:
        features = sample[columns].to_numpy(float)
        for classifier in CLASSIFIERS:
            options: dict[str, Any] = {"classifier": classifier, "pixels": seen, "seed": seed}
            alone = tabular_baseline(features, truth, folds, **options)
            together = tabular_baseline(np.hstack([features, logits]), truth, folds, **options)
            compared = _compared(network, NetworkScores.of(sample, alone), NetworkScores.of(sample, together))
            rows.append({"features": name, "model": classifier, **compared})
    table = pd.DataFrame(rows)
    for p_value in ("p_value", "added_p_value"):
        table[f"{p_value}_adjusted"] = holm(table[p_value])
    return table


def _compared(network: NetworkScores, alone: NetworkScores, together: NetworkScores) -> dict[str, float | int]:
    """Return the AUC of a classifier, the network's gain over it, and the gain from adding the network's logit."""
    gain, added = auc_difference(network, alone), auc_difference(together, alone)
    return {
        **size_and_auc(alone),
        "network_gain": gain.difference,
        "gain_low": gain.low,
        "gain_high": gain.high,
        "p_value": gain.p_value,
        "auc_with_network": auc_interval(together).auc,
        "added": added.difference,
        "added_low": added.low,
        "added_high": added.high,
        "added_p_value": added.p_value,
    }
