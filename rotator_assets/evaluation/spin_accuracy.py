"""Accuracy of predicted lambda_R: bias, scatter, coverage of the intervals, and the classes that follow from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.statistics import Estimate
from rotator_assets.evaluation.auc import size_and_auc_if_known
from rotator_assets.evaluation.galaxy_results import populations
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.resampling import Statistic, bootstrap, with_interval
from rotator_assets.evaluation.scores import CALIBRATION_BINS, equal_count_bins, wilson
from rotator_assets.evaluation.tables import TABLES
from rotator_assets.evaluation.weighted import weighted_correlation, weighted_median, weighted_rank_correlation

LABELS = "labels"
"""Stands for the lambda_R that gives the labels, whatever its source."""
COVERAGE = 0.68
"""The stated coverage of the predicted intervals."""
COLUMNS = tuple(
    name for name in TABLES["lambda_r_accuracy"].column_names if name not in ("dataset", "recipe", "synthetic")
)
"""Columns of `lambda_r_accuracy`."""
_NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""


def lambda_r_accuracy(results: pd.DataFrame, sources: pd.DataFrame, *, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Compare predicted lambda_R with the values that give the labels, and with those of each source.

    Parameters
    ----------
    results
        Rows of ``galaxy_results`` of one training.
    sources
        lambda_R of several sources: galaxy_id, lambda_r_source and lambda_r, at most one row per galaxy and source.
    n
        Number of bootstrap replicates over objects.
    seed
        Seed of the bootstrap.

    Returns
    -------
    One row per source and population with a predicted and a measured galaxy, columns `COLUMNS`; the labels' values come
    first.
    """
    predicted = results[results["lambda_r_predicted"].notna()]
    measured = {LABELS: predicted[predicted["lambda_r"].notna()]}
    for source, rows in sources.groupby("lambda_r_source", sort=True):
        values = rows[["galaxy_id", "lambda_r"]]
        measured[str(source)] = predicted.drop(columns="lambda_r").merge(values, on="galaxy_id", validate="one_to_one")
    rows = [
        {"source": source, "population": population, **_accuracy(members, n, seed)}
        for source, galaxies in measured.items()
        for population, members in populations(galaxies).items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def predicted_and_labelled(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``galaxy_results`` with a predicted lambda_R and a label."""
    return results[results["lambda_r_predicted"].notna() & results["rotator_type"].notna()]


def coverage_by_prediction(results: pd.DataFrame, n_bins: int = CALIBRATION_BINS) -> pd.DataFrame:
    """Return the fraction of measured values within their predicted interval, in bins of nearly equal numbers.

    Parameters
    ----------
    results
        Rows of ``galaxy_results`` with predicted and measured lambda_R.
    n_bins
        Number of bins of the predicted median.

    Returns
    -------
    One row per bin: lambda_r_predicted (mean), n_galaxies, coverage and its Wilson interval coverage_low and
    coverage_high.
    """
    predicted, inside = results["lambda_r_predicted"].to_numpy(float), _inside(results)
    rows = [
        {
            "lambda_r_predicted": float(predicted[members].mean()),
            "n_galaxies": len(members),
            **with_interval("coverage", wilson(int(inside[members].sum()), len(members))),
        }
        for members in (equal_count_bins(predicted, n_bins) if len(results) else [])
    ]
    names = ["lambda_r_predicted", "n_galaxies", "coverage", "coverage_low", "coverage_high"]
    return pd.DataFrame(rows, columns=names)


def _accuracy(galaxies: pd.DataFrame, n: int, seed: int) -> dict[str, float | int]:
    """Return a row without its source and population."""
    measured, predicted = (galaxies[name].to_numpy(float) for name in ("lambda_r", "lambda_r_predicted"))
    error, inside = predicted - measured, _inside(galaxies)

    def resampled(statistic: Statistic, enough: int) -> Estimate:
        if len(galaxies) < enough:
            return Estimate(np.nan, np.nan, np.nan)
        found = bootstrap(statistic, np.zeros(len(galaxies)), galaxies["object_id"], n, seed)
        return Estimate(found.value, found.low, found.high)

    bias = resampled(lambda weights: weighted_median(error, weights), 1)
    pearson = resampled(lambda weights: weighted_correlation(measured, predicted, weights), 3)
    spearman = resampled(lambda weights: weighted_rank_correlation(measured, predicted, weights), 3)
    return {
        **_classes(galaxies),
        **with_interval("bias", bias),
        "scatter": float(_NORMAL_MAD * np.median(np.abs(error - bias.value))),
        **with_interval("correlation", pearson),
        **with_interval("rank_correlation", spearman),
        **with_interval("coverage", wilson(int(inside.sum()), len(galaxies))),
        "interval_width": float((galaxies["lambda_r_high"] - galaxies["lambda_r_low"]).mean()),
    }


def _classes(galaxies: pd.DataFrame) -> dict[str, float | int]:
    """Compare the classes by predicted lambda_R with those by measured lambda_R, at the same boundary."""
    above = (galaxies["lambda_r_predicted"] - galaxies["spin_threshold"]).to_numpy(float)
    is_fast, found_fast = (galaxies["lambda_r"] >= galaxies["spin_threshold"]).to_numpy(), above >= 0
    scored = NetworkScores.of(galaxies.assign(rotator_type=is_fast.astype(int)), above)
    slow_in_both = int((~is_fast & ~found_fast).sum())
    return {
        **size_and_auc_if_known(scored),
        **with_interval("right_fraction", wilson(int((is_fast == found_fast).sum()), len(galaxies))),
        **with_interval("slow_completeness", wilson(slow_in_both, int((~is_fast).sum()))),
        **with_interval("slow_purity", wilson(slow_in_both, int((~found_fast).sum()))),
    }


def _inside(galaxies: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which measured values lie within the predicted interval."""
    return galaxies["lambda_r"].between(galaxies["lambda_r_low"], galaxies["lambda_r_high"]).to_numpy(bool)
