"""Bootstrap over physical galaxies: intervals for any quantity that is a function of galaxies' weights.

Objects (``object_id``) are drawn with replacement within the classes, with all repeat observations of an object
together, so that every replicate has the same numbers of slow and fast objects as the sample. A galaxy drawn k times
has weight k; all replicates are computed at once from their weights. Labels are 0 (slow) and 1 (fast). NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.statistics import Estimate
from rotator_assets.evaluation.network_scores import NetworkScores

_VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Bootstrap:
    """A value, the percentile interval of its replicates, and their standard deviation (``error``)."""

    value: float
    low: float
    high: float
    error: float


def with_interval(name: str, found: Bootstrap | Estimate) -> dict[str, float]:
    """Return the value and the ends of its interval by the names of their columns."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Values (b,) of a quantity for weights (b, n) of the galaxies."""


def bootstrap_auc(scored: NetworkScores, n: int = 2000, seed: int = 0, level: float = 0.95) -> Bootstrap:
    """Return the AUC within networks with its bootstrap interval.

    Parameters
    ----------
    scored
        The scores.
    n
        Number of replicates.
    seed
        Seed of the draws.
    level
        Confidence level of the interval.
    """
    return bootstrap(lambda w: weighted_auc(scored, w), scored.labels, scored.object_ids, n, seed, level)


def bootstrap(
    statistic: Statistic, labels: ArrayLike, object_ids: ArrayLike, n: int = 2000, seed: int = 0, level: float = 0.95
) -> Bootstrap:
    """Return a quantity of the sample, with all weights 1, and its interval.

    Parameters
    ----------
    statistic
        The quantity as a function of weights (b, galaxies).
    labels
        0 slow, 1 fast; shape (galaxies,).
    object_ids
        Physical galaxies, shape (galaxies,).
    n
        Number of replicates.
    seed
        Seed of the draws.
    level
        Confidence level of the interval.
    """
    labels = np.asarray(labels)
    replicates = bootstrap_replicates(statistic, labels, object_ids, n, seed)
    low, high = np.nanquantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    value = float(statistic(np.ones((1, len(labels))))[0])
    return Bootstrap(value, float(low), float(high), float(np.nanstd(replicates, ddof=1)))


def bootstrap_replicates(
    statistic: Statistic, labels: ArrayLike, object_ids: ArrayLike, n: int, seed: int
) -> NDArray[np.float64]:
    """Return a quantity of n resampled samples, float64 (n,).

    Parameters
    ----------
    statistic
        The quantity as a function of weights (b, galaxies).
    labels
        0 slow, 1 fast; shape (galaxies,). Equal labels: objects are drawn without regard to their class.
    object_ids
        Physical galaxies, shape (galaxies,).
    n
        Number of replicates.
    seed
        Seed of the draws.
    """
    labels = np.asarray(labels)
    generator = np.random.default_rng(seed)
    return np.concatenate(
        [
            statistic(object_weights(labels, object_ids, count, generator))
            for count in replicates_at_once(len(labels), n)
        ]
    )


def replicates_at_once(n_galaxies: int, n: int) -> Iterator[int]:
    """Yield numbers of replicates that add up to n, such that their values of all galaxies fit in little memory."""
    at_once = max(1, _VALUES_AT_ONCE // max(n_galaxies, 1))
    for start in range(0, n, at_once):
        yield min(at_once, n - start)


def object_weights(
    labels: ArrayLike, object_ids: ArrayLike, n: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return the number of times each galaxy is drawn in each replicate.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (galaxies,).
    object_ids
        Physical galaxies, shape (galaxies,).
    n
        Number of replicates.
    generator
        Source of the draws.

    Returns
    -------
    float64 (n, galaxies). Objects with only slow observations, only fast ones, and both (repeats on either side of the
    boundary) are drawn separately, so that no replicate lacks a class.
    """
    labels = np.asarray(labels)
    _, inverse = np.unique(np.asarray(object_ids), return_inverse=True)
    n_fast, n_all = np.bincount(inverse, labels), np.bincount(inverse)
    kind = np.where(n_fast == 0, 0, np.where(n_fast == n_all, 1, 2))
    drawn = np.empty((n, len(n_all)))
    for members in (np.flatnonzero(kind == value) for value in np.unique(kind)):
        drawn[:, members] = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), size=n)
    return drawn[:, inverse]


def weighted_auc(scored: NetworkScores, weights: ArrayLike) -> NDArray[np.float64]:
    """Return the AUC within networks for each set of weights (b, n), float64 (b,).

    A pair counts by the product of its weights.
    """
    weights = np.asarray(weights, dtype=np.float64)
    won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for members in scored.by_network():
        fast, slow = _by_score(scored.labels[members], scored.scores[members], weights[:, members])
        won += np.sum(fast * (np.cumsum(slow, axis=1) - slow / 2), axis=1)
        pairs += fast.sum(axis=1) * slow.sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def weighted_average_precision(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Return the average precision of finding the slow rotators, lowest scores first, for each set of weights.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    scores
        Higher is more likely fast; shape (n,).
    weights
        Weights of the galaxies, shape (b, n).

    Returns
    -------
    float64 (b,).
    """
    fast, slow = _by_score(labels, scores, weights)
    found, selected = np.cumsum(slow, axis=1), np.cumsum(slow + fast, axis=1)
    precision = np.divide(found, selected, out=np.zeros_like(found), where=selected > 0)
    return np.sum(slow * precision, axis=1) / slow.sum(axis=1)


def _by_score(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of the fast and of the slow galaxies at each distinct score, ascending; both (b, distinct scores)."""
    labels, weights = np.asarray(labels), np.asarray(weights, dtype=np.float64)
    order = np.argsort(scores, kind="stable")
    _, first = np.unique(np.asarray(scores)[order], return_index=True)
    is_fast = (labels[order] == 1).astype(np.float64)
    ordered = weights[:, order]
    return (
        np.add.reduceat(ordered * is_fast, first, axis=1),
        np.add.reduceat(ordered * (1 - is_fast), first, axis=1),
    )
