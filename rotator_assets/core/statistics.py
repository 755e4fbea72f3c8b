"""How well a network tells fast from slow: thresholds, confusion counts, shares; p-values of many comparisons.

Labels are 0 (slow) and 1 (fast), shape (n,); a higher score means more likely fast. NumPy, SciPy and scikit-learn only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values corrected for their number after Holm (1979, Scand. J. Statist. 6, 65), float64 (n,), in their order.

    The smallest of m is multiplied by m, the next by m - 1 and so on, none becomes smaller than the one before it or
    greater than 1. NaN stays NaN and does not count.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values)[: int(np.isfinite(p_values).sum())]  # NaN sorts last
    adjusted = np.full(p_values.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def youden_threshold(labels: ArrayLike, scores: ArrayLike) -> float:
    """Threshold with the largest true minus false positive rate (Youden 1950, Cancer 3, 32); fast where score >= it.

    It lies half way between two neighbouring scores, so that it does not hang on one galaxy's exact value; of several
    equally good ones the middle one is taken. Where all scores are equal it is that score.
    """
    labels, scores = checked_scores(labels, scores)
    values, inverse = np.unique(scores, return_inverse=True)
    if len(values) == 1:
        return float(values[0])
    # Rates among the galaxies at or above values[1:], that is above each of the gaps.
    gain = np.where(labels == 1, 1 / np.sum(labels == 1), -1 / np.sum(labels == 0))
    index = np.bincount(inverse, gain)[::-1].cumsum()[::-1][1:]
    best = np.flatnonzero(np.isclose(index, index.max(), rtol=0, atol=1e-12))
    gap = best[(len(best) - 1) // 2]
    below, above = values[gap], values[gap + 1]
    middle = below + (above - below) / 2
    return float(middle if middle > below else above)  # neighbouring floats have no middle


def confusion(labels: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Counts (2, 2): row the true class, column the predicted one, in the order slow, fast."""
    counts = np.zeros((2, 2), dtype=np.int64)
    np.add.at(counts, (np.asarray(labels, dtype=int), np.asarray(predicted, dtype=int)), 1)
    return counts


def balanced_accuracy(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Mean of the two classes' shares of correct predictions; 0.5 for a guess. NaN where a class is absent."""
    counts = confusion(labels, predicted)
    totals = counts.sum(axis=1)
    return float(np.mean(counts.diagonal() / totals)) if totals.all() else float("nan")


def wilson_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a share (Wilson 1927, JASA 22, 209); (0, 1) where n is 0."""
    if n == 0:
        return 0.0, 1.0
    z, share = normal_quantile(level), successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # The ends of the range are exact where the share is one of them, whatever the rounding of the sums.
    low = float(centre - half_width) if successes > 0 else 0.0
    return low, float(centre + half_width) if successes < n else 1.0


def checked_scores(
    labels: ArrayLike, scores: ArrayLike, *, both_classes: bool = True
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Both as arrays of one length, int8 and float64.

    Raises ValueError unless labels are 0 or 1, all scores are finite and, with ``both_classes``, both classes occur.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels and scores must be one-dimensional and equally long: {labels.shape}, {scores.shape}")
    if not np.isin(labels, (0, 1)).all() or (both_classes and len(np.unique(labels)) < 2):
        raise ValueError(f"labels must be 0 (slow) or 1 (fast){', and both must occur' if both_classes else ''}")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return labels.astype(np.int8), scores


def normal_quantile(level: float) -> float:
    """Standard deviations of a normal distribution on either side of its mean that hold the share ``level``."""
    return float(norm.ppf((1 + level) / 2))
