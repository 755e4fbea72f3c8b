"""Expected calibration error of probabilities of being fast, with an interval.

It is the mean over galaxies of the difference of predicted and observed fraction in their bin, with bins of nearly
equal numbers of galaxies (Naeini, Cooper & Hauskrecht 2015, AAAI, 2901). It is never 0 in a finite sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.evaluation.resampling import bootstrap_replicates, replicates_at_once
from rotator_assets.evaluation.scores import CALIBRATION_BINS, equal_count_bins


@dataclass(frozen=True)
class CalibrationError:
    """The error, the ends of the interval of the true one, and the mean that true probabilities give by chance."""

    value: float
    low: float
    high: float
    by_chance: float


def calibration_error(
    labels: ArrayLike,
    probability: ArrayLike,
    object_ids: ArrayLike,
    *,
    n_bins: int = CALIBRATION_BINS,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> CalibrationError:
    """Return the expected calibration error with its interval.

    A resampled sample has a greater error than the sample, as the sample has a greater one than the truth. The lower
    end therefore is that of the basic interval, twice the error minus the quantile of the replicates, or 0 if labels
    drawn from the probabilities often give such an error. The upper end is the quantile of the replicates less their
    mean excess. The coverage of a 95 % interval is 93 to 98 % for 300 and 1000 galaxies with errors of 0 to 0.17.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    probability
        Probability of being fast, shape (n,).
    object_ids
        Physical galaxies, shape (n,), which are resampled.
    n_bins
        Number of bins.
    n
        Number of bootstrap replicates, and of sets of labels drawn from the probabilities.
    seed
        Seed of the draws.
    level
        Confidence level of the interval.

    References
    ----------
    Davison & Hinkley 1997, Bootstrap Methods and their Application, eq. 5.6 (basic interval); Broecker & Smith 2007,
    Weather Forecast. 22, 651 (labels drawn from the probabilities).
    """
    labels, probability = np.asarray(labels, dtype=np.float64), np.asarray(probability, dtype=np.float64)

    def errors(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return calibration_errors(labels, probability, weights, n_bins)

    value = float(errors(np.ones((1, len(labels))))[0])
    replicates = bootstrap_replicates(errors, np.zeros(len(labels)), object_ids, n, seed)
    by_chance = _errors_by_chance(probability, n_bins, n, seed)
    above = (1 + level) / 2
    beyond_chance = value > np.quantile(by_chance, above)
    low = max(2 * value - np.quantile(replicates, above), 0.0) if beyond_chance else 0.0
    high = max(np.quantile(replicates, above) - (replicates.mean() - value), value)
    return CalibrationError(value, float(low), float(high), float(by_chance.mean()))


def calibration_errors(
    labels: ArrayLike, probability: ArrayLike, weights: ArrayLike, n_bins: int = CALIBRATION_BINS
) -> NDArray[np.float64]:
    """Return the expected calibration error for each set of weights, in the bins of equal weights.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,), or (b, n) for other labels in each set.
    probability
        Probability of being fast, shape (n,).
    weights
        Weights of the galaxies, shape (b, n).
    n_bins
        Number of bins.

    Returns
    -------
    float64 (b,).
    """
    probability, weights = np.asarray(probability, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    gaps = weights * (probability - np.asarray(labels))
    of_bins = [np.abs(gaps[:, members].sum(axis=1)) for members in equal_count_bins(probability, n_bins)]
    return np.sum(of_bins, axis=0) / weights.sum(axis=1)


def _errors_by_chance(probability: NDArray[np.float64], n_bins: int, n: int, seed: int) -> NDArray[np.float64]:
    """Return errors of labels that are drawn from the probabilities, (n,).

    Their mean is about sqrt(2 / pi) times the standard error of the fraction in a bin.
    """
    generator = np.random.default_rng(seed)
    bins, errors = equal_count_bins(probability, n_bins), []
    for count in replicates_at_once(len(probability), n):
        gaps = probability - (generator.random((count, len(probability))) < probability)
        of_bins = [np.abs(np.take(gaps, members, axis=1).sum(axis=1)) for members in bins]
        errors.append(np.column_stack(of_bins).sum(axis=1) / len(probability))
    return np.concatenate(errors)
