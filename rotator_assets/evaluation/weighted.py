"""Medians, ranks and correlations of weighted galaxies, as functions of all replicates' weights at once.

A galaxy of weight k counts as k galaxies of weight 1. NumPy only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def weighted_median(values: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Return the median of the values (n,) for each set of weights (b, n), float64 (b,)."""
    values, weights = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[:, order], axis=1)
    half = below[:, -1:] / 2
    lower, upper = np.argmax(below >= half, axis=1), np.argmax(below > half, axis=1)
    return (values[order][lower] + values[order][upper]) / 2


def weighted_correlation(x: ArrayLike, y: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Return Pearson's correlation coefficient for each set of weights, NaN where x or y does not vary.

    Parameters
    ----------
    x, y
        Values, shape (n,) or, if they differ between the replicates, (b, n).
    weights
        Shape (b, n).

    Returns
    -------
    float64 (b,).
    """
    parts = np.asarray(weights, dtype=np.float64)
    parts = parts / parts.sum(axis=1, keepdims=True)
    of_x, of_y = (_deviations(values, parts) for values in (x, y))
    spread = np.sqrt(np.sum(parts * of_x**2, axis=1) * np.sum(parts * of_y**2, axis=1))
    product = np.sum(parts * of_x * of_y, axis=1)
    return np.divide(product, spread, out=np.full(len(parts), np.nan), where=spread > 0)


def _deviations(values: ArrayLike, parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deviation of each value from the mean with these weights, which add up to 1; (b, n)."""
    values = np.broadcast_to(np.asarray(values, dtype=np.float64), parts.shape)
    return values - np.sum(parts * values, axis=1, keepdims=True)


def weighted_rank_correlation(x: ArrayLike, y: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Return Spearman's rank correlation coefficient of x and y (n,) for each set of weights (b, n), float64 (b,)."""
    return weighted_correlation(_weighted_ranks(x, weights), _weighted_ranks(y, weights), weights)


def _weighted_ranks(values: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Mid-rank of each galaxy among the weighted ones, up to a constant; (b, n)."""
    weights = np.asarray(weights, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    _, first, inverse = np.unique(np.asarray(values)[order], return_index=True, return_inverse=True)
    at = np.add.reduceat(weights[:, order], first, axis=1)
    ranks = np.empty_like(weights)
    ranks[:, order] = (np.cumsum(at, axis=1) - at / 2)[:, inverse]
    return ranks
