"""A ladder of features beside the network: what each more of them explains, and what the network adds to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from rotator_assets.core.statistics import holm
from rotator_assets.evaluation.auc import auc_difference, auc_interval, size_and_auc
from rotator_assets.evaluation.baselines import CLASSIFIERS, tabular_baseline
from rotator_assets.evaluation.network_scores import NetworkScores

STEPS = {
    "ellipticity": ("ellipticity",),
    "+ Sersic index": ("sersic_n",),
    "+ size, mass": ("r_eff_arcsec", "log_mass"),
    "+ colour": ("g_minus_i",),
    "+ Gini, M20, C, A": ("gini", "m20", "concentration", "asymmetry"),
}
"""Each step's new columns; those of all steps before it are used too."""
PIXEL_STEP = "+ pixels (PCA)"
_MOST_CERTAIN = 1e-6
"""A probability closer to 0 or 1 counts as this far away: in float32 it can be 0 or 1."""


def steps_of(sample: pd.DataFrame) -> tuple[dict[str, list[str]], list[str]]:
    """All columns of each step that the sample allows, and the columns that are empty throughout.

    A step with no column that has a value is left out; a column without any is left out of its step.
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
    return steps, missing


def feature_ladder(sample: pd.DataFrame, repeats: pd.DataFrame, pixels: NDArray[np.float32], seed: int) -> pd.DataFrame:
    """Every step by every classifier, out of fold, beside the network and together with it.

    ``sample``: a row a galaxy with galaxy_id, object_id, rotator_type, fold, probability_fast,
    probability_fast_calibrated and the columns of ``STEPS``; ``repeats``: a row a galaxy and network that tested it;
    ``pixels``: (n, m) of the galaxies of the sample, the last step. Gives the columns of ``feature_baselines`` but
    dataset, recipe and synthetic: paired differences (`auc_difference`), p-values corrected after Holm for all rows.

    ``auc_with_network`` is of the same classifier with one more feature, the network's calibrated logit. A galaxy's
    logit is the one of the network that never saw it, in the classifier's training part too. But the networks that
    scored that part were trained on galaxies of the tested fold: through their weights, hardly at all through the
    one coefficient of the logit, these labels reach the classifier. Networks trained anew without both folds would
    close that path; as it is, what the network adds is slightly optimistic.
    """
    truth, folds = sample["rotator_type"].to_numpy(int), sample["fold"].to_numpy()
    network = NetworkScores.of(repeats)
    calibrated = sample["probability_fast_calibrated"].to_numpy(float)
    logits = logit(np.clip(calibrated, _MOST_CERTAIN, 1 - _MOST_CERTAIN))[:, None]
    steps, _ = steps_of(sample)
    everything = list(steps.values())[-1]
    tried = [(name, columns, None) for name, columns in steps.items()] + [(PIXEL_STEP, everything, pixels)]
    rows = []
    for name, columns, seen in tried:
        features = sample[columns].to_numpy(float)
        for classifier in CLASSIFIERS:
            options = {"classifier": classifier, "pixels": seen, "seed": seed}
            alone = tabular_baseline(features, truth, folds, **options)
            together = tabular_baseline(np.hstack([features, logits]), truth, folds, **options)
            compared = _compared(network, NetworkScores.of(sample, alone), NetworkScores.of(sample, together))
            rows.append({"features": name, "model": classifier, **compared})
    table = pd.DataFrame(rows)
    for p_value in ("p_value", "added_p_value"):
        table[f"{p_value}_adjusted"] = holm(table[p_value])
    return table


def _compared(network: NetworkScores, alone: NetworkScores, together: NetworkScores) -> dict[str, float | int]:
    """AUC of a classifier's scores, the network's gain over it, and what its logit adds to it."""
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
