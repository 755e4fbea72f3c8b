"""Estimates with intervals, thresholds on scores, and p-values corrected for the number of comparisons.

Labels are 0 (slow) and 1 (fast), shape (n,). A higher score means more likely fast. NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval; NaN if it is not defined."""

    value: float
    low: float
    high: float


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values corrected for their number after Holm (1979, Scand. J. Statist. 6, 65), float64 (n,).

    The smallest of m is multiplied by m, the next by m - 1 and so on; none becomes smaller than the one before it or
    greater than 1. The order is kept. NaN stays NaN and does not count.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values)[: int(np.isfinite(p_values).sum())]  # NaN sorts last
    adjusted = np.full(p_values.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def youden_threshold(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the threshold with the largest true-positive minus false-positive rate (Youden 1950, Cancer 3, 32).

    A galaxy is classified as fast if its score is >= the threshold. The threshold lies half way between two
    neighbouring scores, so that it does not depend on the exact value of one galaxy; of several equally good ones the
    middle one is taken. If all scores are equal it is that score. Raises ValueError unless both classes occur.
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
    return float(middle if middle > below else above)  # no float lies between neighbouring floats


def checked_scores(
    labels: ArrayLike, scores: ArrayLike, *, both_classes: bool = True
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Return labels and scores as int8 and float64 arrays of one length.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    scores
        Shape (n,).
    both_classes
        Require both classes.

    Raises
    ------
    ValueError
        Unless labels are 0 or 1, all scores are finite and, with ``both_classes``, both classes occur.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels and scores must be one-dimensional and equally long: {labels.shape}, {scores.shape}")
    if not np.isin(labels, (0, 1)).all() or (both_classes and len(np.unique(labels)) < 2):
        raise ValueError(f"labels must be 0 (slow) or 1 (fast){', and both must occur' if both_classes else ''}")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return labels.astype(np.int8), scores
