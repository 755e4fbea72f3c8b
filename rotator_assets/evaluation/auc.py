"""Areas under ROC curves within networks, with intervals and paired differences.

Networks of different folds differ in the scale and offset of their scores, so two galaxies are compared only if one
network scored both. The AUC is the fraction of such pairs of a slow and a fast rotator in which the fast one scores
higher: the cross-validated AUC of LeDell, Petersen & van der Laan (2015, EJS 9, 1583), with each network weighted by
its number of pairs. For one network it is the ordinary AUC, with DeLong's variance. The pooled AUC, over all pairs, is
lower because networks differ, and a test of pooled scores mistakes that for a difference between recipes.

Variances are sums over objects: the contributions of an object are summed over its repeat observations and over all
networks that scored it (Obuchowski 1997, Biometrics 53, 567), then squared. They therefore also hold for repeated
cross-validations, for paired scores, and for samples that share some objects or none. They include the scatter between
trainings that differs from galaxy to galaxy, but not differences in quality between whole networks, which
`network_scatter` gives. `benchmarks/auc_intervals.py` measures the coverage and the false rejections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from rotator_assets.evaluation.network_scores import NetworkScores, sizes

NO_PAIR = "labels must be 0 (slow) or 1 (fast), and a network must have scored both classes"


@dataclass(frozen=True)
class AucInterval:
    """AUC with its confidence interval and standard error (NaN if a class has only one object)."""

    auc: float
    low: float
    high: float
    error: float


@dataclass(frozen=True)
class AucDifference:
    """AUC of a minus AUC of b, its confidence interval, and the two-sided p-value of equality."""

    difference: float
    low: float
    high: float
    p_value: float


def auc_interval(scored: NetworkScores, level: float = 0.95) -> AucInterval:
    """Return the AUC within networks and its interval, which is symmetric in logit(AUC) and so stays inside (0, 1).

    For an AUC of 0 or 1 (perfect order) the variance vanishes and gives no interval. The interval is then that of
    Clopper & Pearson with the number of galaxies in the smaller class as the number of trials.

    Raises ValueError unless a network scored both classes.
    """
    auc, influence = _influence(scored)
    error = float(np.sqrt(np.sum(influence.to_numpy() ** 2)))
    if np.isnan(error):
        return AucInterval(auc, 0.0, 1.0, error)
    if auc in (0.0, 1.0):
        trials = min(scored.select(scored.labels == label).n_galaxies for label in (0, 1))
        return AucInterval(auc, *_clopper_pearson(trials if auc else 0, trials, level), error)
    half_width = _normal_quantile(level) * error / (auc * (1 - auc))
    low, high = scipy.special.expit(scipy.special.logit(auc) + np.array([-half_width, half_width]))
    return AucInterval(auc, float(low), float(high), error)


def auc_difference(a: NetworkScores, b: NetworkScores, *, paired: bool = True, level: float = 0.95) -> AucDifference:
    """Test whether two scores differ in AUC, by DeLong's test for correlated ROC curves within networks.

    Parameters
    ----------
    a, b
        The two scores. Their networks need not be the same.
    paired
        True: equal ``object_ids`` are the same object. False: the samples are independent.
    level
        Confidence level of the interval.

    Returns
    -------
    AucDifference
        A difference of 0 with p = 1 if the galaxies have the same order within each network. The interval is
        (-1, 1), and the p-value NaN, if a variance is unknown.

    Raises
    ------
    ValueError
        Unless a network of each scored both classes.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44, 837.
    """
    (auc_a, influence_a), (auc_b, influence_b) = _influence(a), _influence(b)
    difference = auc_a - auc_b
    if influence_a.isna().any() or influence_b.isna().any():
        return AucDifference(difference, -1.0, 1.0, float("nan"))
    deviation = influence_a.sub(influence_b, fill_value=0.0) if paired else pd.concat([influence_a, influence_b])
    error = float(np.sqrt(np.sum(deviation.to_numpy() ** 2)))
    p_value = 2 * scipy.stats.norm.sf(abs(difference) / error) if error > 0 else float(difference == 0)
    half_width = _normal_quantile(level) * error
    low, high = max(difference - half_width, -1.0), min(difference + half_width, 1.0)
    return AucDifference(difference, low, high, float(p_value))


def size_and_auc(scored: NetworkScores) -> dict[str, float | int]:
    """Return the columns n_galaxies, n_slow, auc, auc_low and auc_high that many tables share.

    Raises ValueError as `auc_interval` does.
    """
    found = auc_interval(scored)
    return {**sizes(scored), "auc": found.auc, "auc_low": found.low, "auc_high": found.high}


def size_and_auc_if_known(scored: NetworkScores) -> dict[str, float | int]:
    """Return `size_and_auc`, with NaN for the AUC if no network scored both classes."""
    if scored.has_pairs:
        return size_and_auc(scored)
    return {**sizes(scored), **dict.fromkeys(("auc", "auc_low", "auc_high"), float("nan"))}


def network_aucs(scored: NetworkScores) -> NDArray[np.float64]:
    """Return the AUC of each network that scored both classes, float64, in the order of the networks."""
    return np.array([auc_interval(scored.select(members)).auc for members in scored.by_network()])


def network_scatter(scored: NetworkScores) -> float:
    """Return the standard deviation of the AUC between networks in excess of sampling; at least 0.

    It is the square root of the variance of the networks' AUCs minus the mean of their own variances. With k networks
    its relative uncertainty is about 1 / sqrt(2 (k - 1)). NaN with fewer than two networks.
    """
    found = [auc_interval(scored.select(members)) for members in scored.by_network()]
    if len(found) < 2:
        return float("nan")
    excess = np.var([one.auc for one in found], ddof=1) - np.nanmean([one.error**2 for one in found])
    return float(np.sqrt(max(excess, 0.0)))


def aucs_of_labelings(
    scored: NetworkScores, is_fast: NDArray[np.bool_], labelled: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the AUC of the same scores with each of b sets of labels: Mann & Whitney's statistic.

    Parameters
    ----------
    scored
        The scores, n entries.
    is_fast
        The labels, (b, n).
    labelled
        Which galaxies each set has, (b, n); None: all.

    Returns
    -------
    float64 (b,); NaN for a set in which no network scored both classes.
    """
    won, pairs = np.zeros(len(is_fast)), np.zeros(len(is_fast))
    for network in np.unique(scored.networks):
        members = np.flatnonzero(scored.networks == network)
        members = members[np.argsort(scored.scores[members], kind="stable")]
        _, first = np.unique(scored.scores[members], return_index=True)
        fast = is_fast[:, members]
        slow = ~fast
        if labelled is not None:
            fast, slow = fast & labelled[:, members], slow & labelled[:, members]
        fast, slow = (np.add.reduceat(each, first, axis=1, dtype=np.float64) for each in (fast, slow))
        won += np.sum(fast * (np.cumsum(slow, axis=1) - slow / 2), axis=1)
        pairs += fast.sum(axis=1) * slow.sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(is_fast), np.nan), where=pairs > 0)


@dataclass(frozen=True)
class _ClassMembers:
    """Positions of one network's galaxies of one class, the size of the other class, and the network's AUC."""

    positions: NDArray[np.int64]
    n_others: int
    auc: float


def _influence(scored: NetworkScores) -> tuple[float, pd.Series]:
    """AUC and the contribution of each object to its deviation.

    The squares of the contributions add up to the variance; they are NaN if it is unknown. Take a network with m slow
    and n fast rotators, out of N pairs in all networks. A fast rotator that outranks the fraction V of the slow ones
    contributes m (V - AUC) / N, and a slow one that is outranked by the fraction V of the fast ones n (V - AUC) / N,
    with the AUC of that network, times sqrt(n / (n - 1)) (or m), as the AUC is itself the mean of V. Sun & Xu (2014,
    IEEE Signal Process. Lett. 21, 1389) give V by mid-ranks. If a class has one member in a network, V is taken
    relative to the AUC of all networks.
    """
    fractions = np.zeros(len(scored))
    parts: list[_ClassMembers] = []
    for members in scored.by_network():
        is_fast = scored.labels[members] == 1
        ranks = scipy.stats.rankdata(scored.scores[members])
        fast, slow = members[is_fast], members[~is_fast]
        fractions[fast] = (ranks[is_fast] - scipy.stats.rankdata(scored.scores[fast])) / len(slow)
        fractions[slow] = 1 - (ranks[~is_fast] - scipy.stats.rankdata(scored.scores[slow])) / len(fast)
        auc = float(fractions[fast].mean())
        parts += [_ClassMembers(fast, len(slow), auc), _ClassMembers(slow, len(fast), auc)]
    if not parts:
        raise ValueError(NO_PAIR)
    pairs = np.array([len(part.positions) * part.n_others for part in parts])
    overall = float(np.average([part.auc for part in parts], weights=pairs))
    deviation = np.zeros(len(scored))
    for part in parts:
        n = len(part.positions)
        of_class = fractions[part.positions]
        spread = (of_class - part.auc) * np.sqrt(n / (n - 1)) if n > 1 else of_class - overall
        deviation[part.positions] = spread * part.n_others / (pairs.sum() / 2)
    counted = np.sort(np.concatenate([part.positions for part in parts]))
    kept = scored.select(counted)
    by_object = pd.Series(deviation[counted]).groupby(kept.object_ids).sum()
    if min(len(np.unique(kept.object_ids[kept.labels == label])) for label in (0, 1)) < 2:
        by_object[:] = np.nan
    return overall, by_object


def _clopper_pearson(successes: int, n: int, level: float) -> tuple[float, float]:
    """Exact confidence interval of a fraction (Clopper & Pearson 1934, Biometrika 26, 404)."""
    interval = scipy.stats.binomtest(successes, n).proportion_ci(level, method="exact")
    return float(interval.low), float(interval.high)


def _normal_quantile(level: float) -> float:
    """Half width, in standard deviations, of the central interval of a normal distribution that holds ``level``."""
    return float(scipy.stats.norm.ppf((1 + level) / 2))
