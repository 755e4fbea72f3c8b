"""Measures beyond the AUC: recall of each class, precision of finding slow rotators, calibration of probabilities.

Labels are 0 (slow) and 1 (fast), shape (n,). ``probability`` is the probability of being fast, in [0, 1], out of fold.
NumPy, SciPy and scikit-learn only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.statistics import Estimate, checked_scores

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Recalls:
    """Fractions of the slow and of the fast rotators classified correctly, and their mean, the balanced accuracy."""

    slow: Estimate
    fast: Estimate
    balanced: Estimate


def recalls(labels: ArrayLike, predicted: ArrayLike, level: float = 0.95) -> Recalls:
    """Return the recall of each class with its Wilson interval, and the balanced accuracy.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    predicted
        Predicted labels, shape (n,).
    level
        Confidence level of the intervals.

    Returns
    -------
    Recalls
        NaN with the interval (0, 1) for a class that is absent.

    References
    ----------
    The interval of the mean follows from those of the recalls by recovering the variances at either end (Zou & Donner
    2008, Stat. Med. 27, 1693): with recalls r and intervals [l, h], its lower half is sqrt(sum (r - l)^2) / 2.
    """
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, predicted, labels=(0, 1))
    slow, fast = (wilson(int(counts[k, k]), int(counts[k].sum()), level) for k in (0, 1))
    value = (slow.value + fast.value) / 2
    if np.isnan(value):
        return Recalls(slow, fast, Estimate(value, 0.0, 1.0))
    below = np.hypot(slow.value - slow.low, fast.value - fast.low) / 2
    above = np.hypot(slow.high - slow.value, fast.high - fast.value) / 2
    return Recalls(slow, fast, Estimate(value, value - below, value + above))


def precision_recall_frame(labels: ArrayLike, probability: ArrayLike) -> pd.DataFrame:
    """Return the corners of the precision-recall curve of finding the slow rotators: recall, precision, threshold.

    A galaxy is classified as slow if its probability of being fast is <= threshold; recall ascends. Raises ValueError
    unless both classes occur.
    """
    from sklearn.metrics import precision_recall_curve

    labels, probability = checked_scores(labels, probability)
    precision, recall, threshold = precision_recall_curve(labels == 0, -probability)
    return pd.DataFrame({"recall": recall[-2::-1], "precision": precision[-2::-1], "threshold": -threshold[::-1]})


def brier_skill(labels: ArrayLike, probability: ArrayLike) -> float:
    """Return 1 - Brier score over that of the constant probability n_fast / n.

    1 is perfect and 0 no better than the prevalence. The Brier score is the mean squared difference of probability and
    label (Brier 1950, Mon. Weather Rev. 78, 1). NaN if one class is absent.
    """
    labels, probability = _checked_probabilities(labels, probability)
    reference = labels.mean() * (1 - labels.mean())
    score = np.mean((probability - labels) ** 2)
    return float(1 - score / reference) if reference > 0 else float("nan")


def calibration_curve(
    labels: ArrayLike, probability: ArrayLike, n_bins: int = CALIBRATION_BINS, level: float = 0.95
) -> pd.DataFrame:
    """Return predicted and observed fractions of fast rotators in bins of nearly equal numbers of galaxies.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    probability
        Probability of being fast, shape (n,).
    n_bins
        Number of bins. There are fewer if many probabilities are equal, and never more than galaxies.
    level
        Confidence level of the Wilson intervals.

    Returns
    -------
    One row per bin: bin (from 0, by ascending probability), n_galaxies, n_fast, probability_mean, fraction_fast and its
    interval fraction_low and fraction_high. Galaxies of equal probability share a bin, so that their order does not
    matter.
    """
    labels, probability = _checked_probabilities(labels, probability)
    rows = []
    for number, members in enumerate(equal_count_bins(probability, n_bins)):
        n, n_fast = len(members), int(labels[members].sum())
        rate = wilson(n_fast, n, level)
        rows.append((number, n, n_fast, float(probability[members].mean()), rate.value, rate.low, rate.high))
    columns = ["bin", "n_galaxies", "n_fast", "probability_mean", "fraction_fast", "fraction_low", "fraction_high"]
    return pd.DataFrame(rows, columns=columns)


def wilson(successes: int, n: int, level: float = 0.95) -> Estimate:
    """Return the fraction of n trials that succeed, with its Wilson interval (Wilson 1927, JASA 22, 209).

    Parameters
    ----------
    successes
        Number of successes.
    n
        Number of trials.
    level
        Confidence level of the interval.

    Returns
    -------
    Estimate
        NaN with the interval (0, 1) without a trial.
    """
    if n == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    interval = scipy.stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high))


def equal_count_bins(values: NDArray[np.float64], n_bins: int) -> list[NDArray[np.int64]]:
    """Return the row numbers of each bin, by ascending value; equal values share the bin of their middle rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    wanted = np.floor(middle * min(n_bins, len(values)) / len(values)).astype(int)[inverse]
    return [np.flatnonzero(wanted == number) for number in np.unique(wanted)]


def _checked_probabilities(
    labels: ArrayLike, probability: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as float64; raises ValueError unless equally long, not empty, labels 0 or 1, probabilities in [0, 1]."""
    labels, probability = np.asarray(labels, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if labels.shape != probability.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(f"labels and probabilities must be equally long and not empty: {labels.shape}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 (slow) or 1 (fast)")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1]")
    return labels, probability
