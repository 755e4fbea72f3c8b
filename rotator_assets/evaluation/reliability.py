"""The metrics of a training with their uncertainties, as the table ``referee_metrics`` has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.evaluation.auc import auc_interval, size_and_auc, size_and_auc_if_known
from rotator_assets.evaluation.calibration_error import calibration_error
from rotator_assets.evaluation.galaxy_results import populations
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.resampling import (
    bootstrap,
    bootstrap_auc,
    weighted_average_precision,
    with_interval,
)
from rotator_assets.evaluation.scores import (
    brier_skill,
    calibration_curve,
    recalls,
    wilson,
)

STAGES = {"before": "probability_fast", "after": "probability_fast_calibrated"}
"""Columns of ``predictions`` before and after calibration; the second may be absent or empty."""
PROBABILITY_METRICS = (
    *("brier", "brier_low", "brier_high", "brier_skill"),
    *("ece", "ece_low", "ece_high", "ece_by_chance"),
)
"""Columns that describe probabilities."""


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
        **with_interval("pr_auc_slow", precision),
        **with_interval("balanced_accuracy", rates.balanced),
        **with_interval("slow_recall", rates.slow),
        **with_interval("fast_recall", rates.fast),
        **probability_metrics(labels, objects, _probability(predictions, "before"), n, seed),
        **{
            f"{name}_calibrated": value
            for name, value in probability_metrics(labels, objects, _probability(predictions, "after"), n, seed).items()
        },
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


def calibration_curves(galaxies: pd.DataFrame) -> pd.DataFrame:
    """Return `calibration_curve` of each population, before calibration and, if it was done, after it.

    ``galaxies``: rotator_type, is_early_type and the columns of ``STAGES``. Adds population and stage (before, after).
    """
    curves = [
        calibration_curve(members["rotator_type"].to_numpy(int), probability).assign(population=population, stage=stage)
        for population, members in populations(galaxies).items()
        for stage in STAGES
        if (probability := _probability(members, stage)) is not None
    ]
    return pd.concat(curves, ignore_index=True)


def population_metrics(galaxies: pd.DataFrame, *, n: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return the columns of ``population_metrics`` except dataset, recipe and synthetic, one row per population.

    Parameters
    ----------
    galaxies
        Rows of ``galaxy_results`` of one training.
    n
        Number of bootstrap replicates over objects.
    seed
        Seed of the bootstrap.
    """
    tested = int(galaxies["tested"].sum())
    return pd.DataFrame(
        [
            {
                "population": population,
                "tested": bool(members["tested"].all()) and len(members) == tested,
                **_population_row(members, n, seed),
            }
            for population, members in populations(galaxies).items()
        ]
    )


def _population_row(members: pd.DataFrame, n: int, seed: int) -> dict[str, float | int]:
    labels, calibrated = members["rotator_type"].to_numpy(int), _probability(members, "after")
    return {
        **size_and_auc_if_known(NetworkScores.of(members, on_one_scale(members))),
        "probability_mean": np.nan if calibrated is None else float(calibrated.mean()),
        **with_interval("fraction_fast", wilson(int(labels.sum()), len(labels))),
        **probability_metrics(labels, members["object_id"].to_numpy(), calibrated, n, seed),
    }


def probability_metrics(
    labels: NDArray[np.int64], objects: NDArray, probability: NDArray[np.float64] | None, n: int = 2000, seed: int = 0
) -> dict[str, float]:
    """Return Brier score, its skill, and the expected calibration error, with intervals; NaN without probabilities.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    objects
        Physical galaxies, shape (n,).
    probability
        Probability of being fast, shape (n,); None if unknown.
    n
        Number of bootstrap replicates over objects.
    seed
        Seed of the bootstrap.
    """
    if probability is None:
        return dict.fromkeys(PROBABILITY_METRICS, np.nan)
    squared = (probability - labels) ** 2
    brier = bootstrap(lambda weights: weights @ squared / weights.sum(axis=1), labels, objects, n, seed)
    error = calibration_error(labels, probability, objects, n=n, seed=seed)
    values = (
        *(brier.value, brier.low, brier.high, brier_skill(labels, probability)),
        *(error.value, error.low, error.high, error.by_chance),
    )
    return dict(zip(PROBABILITY_METRICS, values, strict=True))


def _probability(predictions: pd.DataFrame, stage: str) -> NDArray[np.float64] | None:
    """Probabilities of the stage; None if any galaxy has none."""
    column = STAGES[stage]
    if column not in predictions or predictions[column].isna().any():
        return None
    return predictions[column].to_numpy(float)
