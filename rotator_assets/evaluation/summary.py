"""Metrics of a training from its out-of-fold predictions, and its comparison with the baselines."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.auc import auc_difference, auc_interval, network_aucs, network_scatter, size_and_auc
from rotator_assets.evaluation.baselines import pixel_baseline, tabular_baseline
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.tables import TABLES

TABULAR_BASELINES = {
    "ellipticity": ["ellipticity"],
    "ellipticity and Sersic index": ["ellipticity", "sersic_n"],
}
PIXEL_BASELINE = "pixels (PCA, logistic regression)"


def summarize(predictions: pd.DataFrame, repeats: pd.DataFrame) -> dict[str, float | int]:
    """Return sample size, AUC with interval, spread over networks and confusion counts, named as in ``model_metrics``.

    ``predictions``: one row per galaxy with rotator_type, probability_fast_calibrated and predicted_type. ``repeats``:
    one row per galaxy and network that tested it, with galaxy_id, object_id, rotator_type, repeat, fold and
    probability_fast.
    """
    from sklearn.metrics import confusion_matrix

    scored = NetworkScores.of(repeats)
    of_networks = network_aucs(scored)
    labels = predictions["rotator_type"].to_numpy(int)
    counts = confusion_matrix(labels, predictions["predicted_type"].to_numpy(int), labels=(0, 1))
    scatters = [network_scatter(NetworkScores.of(rows)) for _, rows in repeats.groupby("repeat")]
    pooled = NetworkScores.single(labels, predictions["probability_fast_calibrated"])
    return {
        **size_and_auc(scored),
        "auc_pooled": auc_interval(pooled).auc,
        "network_scatter": float(np.sqrt(np.mean(np.square(scatters)))),
        "fold_auc_mean": float(of_networks.mean()),
        "fold_auc_min": float(of_networks.min()),
        "fold_auc_max": float(of_networks.max()),
        "true_slow": int(counts[0, 0]),
        "false_fast": int(counts[0, 1]),
        "false_slow": int(counts[1, 0]),
        "true_fast": int(counts[1, 1]),
    }


def baseline_scores(
    sample: pd.DataFrame, images: NDArray[np.float32], rows: NDArray[np.int64], recipe: Recipe
) -> dict[str, NDArray[np.float64]]:
    """Return out-of-fold probabilities of simple classifiers on the same galaxies and folds, by the baseline's name.

    A baseline whose columns are all empty is left out. There are no baselines if one network tests all galaxies, as
    the galaxies that it was trained on are not in the sample.

    Parameters
    ----------
    sample
        One row per galaxy (n), with rotator_type, fold and the catalogue columns.
    images
        Images as stored, float32 (m, size, size, 3).
    rows
        Row of ``images`` of each galaxy, int64 (n,).
    recipe
        Normalization and bands of the images.

    Returns
    -------
    Probabilities of being fast, float64 (n,) each.
    """
    truth, folds = sample["rotator_type"].to_numpy(int), sample["fold"].to_numpy()
    if len(np.unique(folds)) < 2:
        return {}
    scores = {
        name: tabular_baseline(sample[columns].to_numpy(float), truth, folds)
        for name, columns in TABULAR_BASELINES.items()
        if sample[columns].notna().any().all()
    }
    scores[PIXEL_BASELINE] = pixel_baseline(images, rows, truth, folds, recipe)
    return scores


def against_baselines(
    predictions: pd.DataFrame, repeats: pd.DataFrame, baselines: dict[str, NDArray[np.float64]]
) -> pd.DataFrame:
    """Return the AUC of each baseline and the network's paired gain over it.

    Parameters
    ----------
    predictions
        One row per galaxy (n), with galaxy_id, object_id, rotator_type, probability_fast and the fold by which the
        baselines were fitted.
    repeats
        As in `summarize`.
    baselines
        Scores (n,) by name, from `baseline_scores`.

    Returns
    -------
    Columns of ``baseline_metrics`` except dataset, recipe and synthetic.
    """
    network = NetworkScores.of(repeats)
    rows = []
    for name, scores in baselines.items():
        baseline = NetworkScores.of(predictions, scores)
        gain = auc_difference(network, baseline)
        rows.append(
            {
                "baseline": name,
                **size_and_auc(baseline),
                "auc_gain": gain.difference,
                "auc_gain_low": gain.low,
                "auc_gain_high": gain.high,
                "p_value": gain.p_value,
            }
        )
    columns = [
        name for name in TABLES["baseline_metrics"].column_names if name not in ("dataset", "recipe", "synthetic")
    ]
    return pd.DataFrame(rows, columns=columns)
