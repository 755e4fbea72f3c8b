"""The metrics of a training with their uncertainties, as the table ``referee_metrics`` has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.statistics import Estimate
from rotator_assets.evaluation.auc import auc_interval, size_and_auc
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.resampling import Bootstrap, bootstrap, bootstrap_auc, weighted_average_precision
from rotator_assets.evaluation.scores import brier_skill, calibration_curve, expected_calibration_error, recalls

STAGES = {"before": "probability_fast", "after": "probability_fast_calibrated"}
"""Columns of ``predictions`` before and after calibration; the second may be absent or empty."""


def referee_metrics(
    predictions: pd.DataFrame, repeats: pd.DataFrame, *, n: int = 2000, seed: int = 0
) -> dict[str, float | int]:
    """Return the columns of ``referee_metrics`` except dataset, recipe and synthetic; NaN for unknown values.

    Average precision compares galaxies of all networks, so it uses the calibrated probabilities, which have one scale.

    Parameters
    ----------
    predictions
        One row per galaxy: object_id, rotator_type, predicted_type and the columns of ``STAGES``.
    repeats
        One row per galaxy and network that tested it: repeat, fold, galaxy_id, object_id, rotator_type,
        probability_fast.
    n
        Number of bootstrap replicates over objects.
    seed
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        Unless a network scored both classes.
    """
    labels = predictions["rotator_type"].to_numpy(int)
    objects = predictions["object_id"].to_numpy()
    scored = NetworkScores.of(repeats)
    resampled = bootstrap_auc(scored, n, seed)
    scores = on_one_scale(predictions)
    precision = bootstrap(lambda weights: weighted_average_precision(labels, scores, weights), labels, objects, n, seed)
    rates = recalls(labels, predictions["predicted_type"].to_numpy(int))
    return {
        **size_and_auc(scored),
        "prevalence": float((labels == 0).mean()),
        "auc_error": auc_interval(scored).error,
        "auc_bootstrap_low": resampled.low,
        "auc_bootstrap_high": resampled.high,
        "auc_bootstrap_error": resampled.error,
        **_with_interval("pr_auc_slow", precision),
        **_with_interval("balanced_accuracy", rates.balanced),
        **_with_interval("slow_recall", rates.slow),
        **_with_interval("fast_recall", rates.fast),
        **_probability_metrics(labels, objects, predictions, "before", n, seed),
        **_probability_metrics(labels, objects, predictions, "after", n, seed),
        **seed_spread(repeats),
    }


def on_one_scale(predictions: pd.DataFrame) -> NDArray[np.float64]:
    """Return probabilities that compare galaxies of different networks: the calibrated ones, if all are known."""
    calibrated = _probability(predictions, "after")
    return calibrated if calibrated is not None else predictions[STAGES["before"]].to_numpy(float)


def seed_spread(repeats: pd.DataFrame) -> dict[str, float | int]:
    """Return ``n_repeats`` and ``seed_auc_std``, the standard deviation of the AUCs of repeated trainings.

    It measures the effect of other folds and seeds, without the sampling error of the galaxies. NaN with fewer than
    two repeats.
    """
    aucs = [auc_interval(NetworkScores.of(rows)).auc for _, rows in repeats.groupby("repeat")]
    return {"n_repeats": len(aucs), "seed_auc_std": float(np.std(aucs, ddof=1)) if len(aucs) > 1 else np.nan}


def calibration_curves(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return `calibration_curve` before calibration and, if it was done, after it; with ``stage`` (before, after)."""
    labels = predictions["rotator_type"].to_numpy(int)
    curves = [
        calibration_curve(labels, probability).assign(stage=stage)
        for stage in STAGES
        if (probability := _probability(predictions, stage)) is not None
    ]
    return pd.concat(curves, ignore_index=True)


def _probability_metrics(
    labels: NDArray[np.int64], objects: NDArray, predictions: pd.DataFrame, stage: str, n: int, seed: int
) -> dict[str, float]:
    """Brier score with interval, its skill, and calibration error of one stage, by the stage's column names."""
    ending = {"before": "", "after": "_calibrated"}[stage]
    probability = _probability(predictions, stage)
    if probability is None:
        names = ("brier", "brier_low", "brier_high", "brier_skill", "ece")
        return {f"{name}{ending}": np.nan for name in names}
    squared = (probability - labels) ** 2
    brier = bootstrap(lambda weights: weights @ squared / weights.sum(axis=1), labels, objects, n, seed)
    return {
        f"brier{ending}": brier.value,
        f"brier_low{ending}": brier.low,
        f"brier_high{ending}": brier.high,
        f"brier_skill{ending}": brier_skill(labels, probability),
        f"ece{ending}": expected_calibration_error(labels, probability),
    }


def _probability(predictions: pd.DataFrame, stage: str) -> NDArray[np.float64] | None:
    """Probabilities of the stage; None if any galaxy has none."""
    column = STAGES[stage]
    if column not in predictions or predictions[column].isna().any():
        return None
    return predictions[column].to_numpy(float)


def _with_interval(name: str, found: Estimate | Bootstrap) -> dict[str, float]:
    """Value and ends of the interval, by column names."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
