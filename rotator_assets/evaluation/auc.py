"""Areas under ROC curves of galaxies that several networks judged: intervals, paired differences, curves.

Networks of different folds differ in the scale and offset of their scores. Two galaxies are compared only where one
network judged both, so the AUC is the share of such pairs, of a slow and a fast rotator, in which the fast one scores
higher: the cross-validated AUC of LeDell, Petersen & van der Laan (2015, EJS 9, 1583), each network weighted by its
pairs. With one network it is the AUC, and its variance is DeLong's. The pooled AUC, of all pairs, is lower by what the
networks differ in, and a test of pooled scores mistakes that for a difference between recipes.

Variances are sums over objects: an object's own part of the deviation is summed over all networks that judged it and
over its repeat observations (Obuchowski 1997, Biometrics 53, 567), then squared. So they hold for repeats of a
cross-validation too, for paired scores, and for samples that share some objects or none. They contain the scatter
between trainings as far as it differs from galaxy to galaxy. They do not contain that networks may be good or bad as a
whole, which `network_scatter` gives. Coverage and false rejections: `benchmarks/auc_intervals.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import binomtest, norm, rankdata

from rotator_assets.core.statistics import checked_scores


@dataclass(frozen=True)
class Judged:
    """Scores of galaxies, one entry a galaxy and network that judged it; all of shape (n,).

    ``labels``: 0 slow, 1 fast. ``scores``: higher is more likely fast, on a scale of the network's own. ``networks``:
    which network gave the score. ``galaxy_ids``: observations; ``object_ids``: physical galaxies.
    """

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    networks: NDArray
    galaxy_ids: NDArray
    object_ids: NDArray

    @classmethod
    def of(cls, frame: pd.DataFrame, scores: ArrayLike | None = None) -> Judged:
        """Rows of ``repeat_predictions`` or ``predictions``; ``scores`` stand in for their ``probability_fast``.

        Raises ValueError unless labels are 0 or 1 and all scores finite.
        """
        columns = (frame[name].to_numpy() for name in ("fold", "galaxy_id", "object_id"))
        return cls._checked(frame["rotator_type"], frame["probability_fast"] if scores is None else scores, *columns)

    @classmethod
    def by_one(cls, labels: ArrayLike, scores: ArrayLike, object_ids: ArrayLike | None = None) -> Judged:
        """Scores on one scale for all galaxies, each taken for another object unless ``object_ids`` are given.

        Raises ValueError as `of` does.
        """
        galaxies = np.arange(len(np.asarray(labels)))
        objects = galaxies if object_ids is None else np.asarray(object_ids)
        return cls._checked(labels, scores, np.zeros(len(galaxies), dtype=np.int64), galaxies, objects)

    @classmethod
    def _checked(cls, labels: ArrayLike, scores: ArrayLike, *columns: NDArray) -> Judged:
        return cls(*checked_scores(labels, scores, both_classes=False), *columns)

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, chosen: NDArray) -> Judged:
        """Those entries that a mask or positions (of shape (k,)) choose."""
        return replace(self, **{name: values[chosen] for name, values in vars(self).items()})

    def labelled(self, labels: ArrayLike) -> Judged:
        """The same scores against other labels (n,)."""
        return self._checked(labels, self.scores, self.networks, self.galaxy_ids, self.object_ids)

    def members(self) -> Iterator[NDArray[np.int64]]:
        """Positions of each network's galaxies, of the networks that judged both classes."""
        _, number = np.unique(self.networks, return_inverse=True)
        order = np.argsort(number, kind="stable")
        for positions in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
            if len(np.unique(self.labels[positions])) == 2:
                yield positions

    @property
    def comparable(self) -> bool:
        """True where a network judged galaxies of both classes, so that there is an AUC."""
        return any(True for _ in self.members())


@dataclass(frozen=True)
class AucInterval:
    """AUC with its confidence interval and standard error (NaN where a class has one object)."""

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


def auc_interval(judged: Judged, level: float = 0.95) -> AucInterval:
    """AUC within networks, and its interval, which is symmetric in logit(AUC) and so stays inside (0, 1).

    Where the variance vanishes with an AUC of 0 or 1 (perfect order) it says nothing; the interval is then that of
    Clopper & Pearson for as many trials as the smaller class has galaxies.

    Raises ValueError unless a network judged both classes.
    """
    auc, influence = _influence(judged)
    error = float(np.sqrt(np.sum(influence.to_numpy() ** 2)))
    if np.isnan(error):
        return AucInterval(auc, 0.0, 1.0, error)
    if auc in (0.0, 1.0):
        trials = min(_n_galaxies(judged.select(judged.labels == label)) for label in (0, 1))
        return AucInterval(auc, *_clopper_pearson(trials if auc else 0, trials, level), error)
    half_width = _normal_quantile(level) * error / (auc * (1 - auc))
    low, high = expit(logit(auc) + np.array([-half_width, half_width]))
    return AucInterval(auc, float(low), float(high), error)


def auc_difference(a: Judged, b: Judged, *, paired: bool = True, level: float = 0.95) -> AucDifference:
    """Do two scores differ in AUC? DeLong's test for correlated ROC curves, within networks.

    ``paired``: equal ``object_ids`` in both are the same object; False: the samples are independent. The networks of
    the two need not be the same. Equal orders of the galaxies within each network give a difference of 0 with p = 1;
    the interval is everything where a variance is not known. Raises ValueError as `auc_interval` does.
    """
    (auc_a, influence_a), (auc_b, influence_b) = _influence(a), _influence(b)
    difference = auc_a - auc_b
    if influence_a.isna().any() or influence_b.isna().any():
        return AucDifference(difference, -1.0, 1.0, float("nan"))
    deviation = influence_a.sub(influence_b, fill_value=0.0) if paired else pd.concat([influence_a, influence_b])
    error = float(np.sqrt(np.sum(deviation.to_numpy() ** 2)))
    p_value = 2 * norm.sf(abs(difference) / error) if error > 0 else float(difference == 0)
    half_width = _normal_quantile(level) * error
    low, high = max(difference - half_width, -1.0), min(difference + half_width, 1.0)
    return AucDifference(difference, low, high, float(p_value))


def size_and_auc(judged: Judged) -> dict[str, float | int]:
    """Numbers of galaxies and of slow ones, AUC and its interval, named as in every table: n_galaxies, n_slow, auc, ...

    Raises ValueError as `auc_interval` does.
    """
    found = auc_interval(judged)
    return {**sizes(judged), "auc": found.auc, "auc_low": found.low, "auc_high": found.high}


def sizes(judged: Judged) -> dict[str, int]:
    """Numbers of galaxies and of slow ones; a galaxy counts once, however many networks judged it."""
    return {"n_galaxies": _n_galaxies(judged), "n_slow": _n_galaxies(judged.select(judged.labels == 0))}


def network_aucs(judged: Judged) -> NDArray[np.float64]:
    """AUC of every network by itself, float64, in the order of the networks; of those that judged both classes."""
    return np.array([auc_interval(judged.select(members)).auc for members in judged.members()])


def network_scatter(judged: Judged) -> float:
    """Standard deviation of the AUC between networks beyond what the sampling of their galaxies gives; 0 at least.

    The variance of their AUCs less the mean of their own variances. It is rough: with k networks by about the share
    1 / sqrt(2 (k - 1)). NaN with fewer than two networks.
    """
    found = [auc_interval(judged.select(members)) for members in judged.members()]
    if len(found) < 2:
        return float("nan")
    excess = np.var([one.auc for one in found], ddof=1) - np.nanmean([one.error**2 for one in found])
    return float(np.sqrt(max(excess, 0.0)))


def aucs_of_labelings(judged: Judged, is_fast: NDArray[np.bool_]) -> NDArray[np.float64]:
    """AUC of the same scores (n,) against each of b sets of labels (b, n), float64 (b,): Mann & Whitney by mid-ranks.

    NaN where in a set no network judged both classes.
    """
    won, pairs = np.zeros(len(is_fast)), np.zeros(len(is_fast))
    for network in np.unique(judged.networks):
        members = judged.networks == network
        fast = is_fast[:, members]
        n_fast = fast.sum(axis=1)
        won += fast @ rankdata(judged.scores[members]) - n_fast * (n_fast + 1) / 2
        pairs += n_fast * (fast.shape[1] - n_fast)
    return np.divide(won, pairs, out=np.full(len(is_fast), np.nan), where=pairs > 0)


def roc_curve_frame(judged: Judged) -> pd.DataFrame:
    """Corners of the ROC curve from (0, 0) to (1, 1): false_positive_rate, true_positive_rate, threshold.

    At each false-positive rate, the mean of the networks' true-positive rates, weighted by their pairs ("vertical
    averaging", Fawcett 2006, Pattern Recognit. Lett. 27, 861): its area is the AUC. ``threshold`` is the same mean of
    the scores at and above which each network calls a galaxy fast. All thresholds are finite: that of (0, 0), which
    calls no galaxy fast, is the next number above the largest score. Raises ValueError as `auc_interval` does.
    """
    curves, weights = zip(*_curves(judged), strict=True) if judged.comparable else ((), ())
    if not curves:
        raise ValueError(_NO_PAIR)
    shares = np.array(weights) / np.sum(weights)
    rates = np.unique(np.concatenate([false_positive for false_positive, _, _ in curves]))
    both = [np.tensordot(shares, [side(curve, rates) for curve in curves], axes=1) for side in (_from, _to)]
    points = np.stack(both, axis=1).reshape(-1, 2)  # both ends of what is steep, at each rate
    frame = pd.DataFrame(points, columns=["true_positive_rate", "threshold"])
    frame.insert(0, "false_positive_rate", np.repeat(rates, 2))
    return frame.drop_duplicates(["false_positive_rate", "true_positive_rate"], ignore_index=True)


_NO_PAIR = "labels must be 0 (slow) or 1 (fast), and a network must have judged both"


def _influence(judged: Judged) -> tuple[float, pd.Series]:
    """AUC, and each object's part of its deviation: their squares add up to its variance; NaN where that is unknown.

    In a network with m slow and n fast rotators, of N pairs in all, a fast one that outranks the share V of the slow
    ones has the part m (V - AUC) / N, and a slow one that is outranked by the share V of the fast ones n (V - AUC) / N,
    with the AUC of that network, times sqrt(n / (n - 1)) (or m), as the AUC is the mean of the V themselves (Sun & Xu
    2014, IEEE Signal Process. Lett. 21, 1389, give V by mid-ranks). Of a class with one member in a network, V stands
    about the AUC of all networks.
    """
    shares = np.zeros(len(judged))
    parts: list[tuple[NDArray[np.int64], int, float]] = []
    for members in judged.members():
        is_fast = judged.labels[members] == 1
        ranks = rankdata(judged.scores[members])
        fast, slow = members[is_fast], members[~is_fast]
        shares[fast] = (ranks[is_fast] - rankdata(judged.scores[fast])) / len(slow)
        shares[slow] = 1 - (ranks[~is_fast] - rankdata(judged.scores[slow])) / len(fast)
        auc = float(shares[fast].mean())
        parts += [(fast, len(slow), auc), (slow, len(fast), auc)]
    if not parts:
        raise ValueError(_NO_PAIR)
    pairs = np.array([len(members) * others for members, others, _ in parts])
    overall = float(np.average([auc for *_, auc in parts], weights=pairs))
    deviation = np.zeros(len(judged))
    for members, others, auc in parts:
        n = len(members)
        spread = (shares[members] - auc) * np.sqrt(n / (n - 1)) if n > 1 else shares[members] - overall
        deviation[members] = spread * others / (pairs.sum() / 2)
    judging = np.sort(np.concatenate([members for members, *_ in parts]))
    kept = judged.select(judging)
    by_object = pd.Series(deviation[judging]).groupby(kept.object_ids).sum()
    if min(len(np.unique(kept.object_ids[kept.labels == label])) for label in (0, 1)) < 2:
        by_object[:] = np.nan
    return overall, by_object


Corners = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""False-positive rates, ascending, with true-positive rates and thresholds."""


def _curves(judged: Judged) -> Iterator[tuple[Corners, int]]:
    """Each network's ROC curve, and the number of its pairs."""
    from sklearn.metrics import roc_curve

    for members in judged.members():
        labels, scores = judged.labels[members], judged.scores[members]
        false_positive, true_positive, threshold = roc_curve(labels, scores, drop_intermediate=False)
        threshold[0] = np.nextafter(scores.max(), np.inf)
        n_fast = int(labels.sum())
        yield (false_positive, true_positive, threshold), n_fast * (len(labels) - n_fast)


def _from(curve: Corners, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """True-positive rate and threshold (k, 2) where the curve arrives at these false-positive rates."""
    return _at(curve, rates, np.searchsorted(curve[0], rates, side="left"))


def _to(curve: Corners, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same where the curve leaves them: higher where it is steep there."""
    return _at(curve, rates, np.searchsorted(curve[0], rates, side="right") - 1)


def _at(curve: Corners, rates: NDArray[np.float64], corner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values at the corner of this number where it has the rate, else on the line between its neighbours."""
    false_positive, *values = curve
    exact = false_positive[corner] == rates
    return np.stack([np.where(exact, v[corner], np.interp(rates, false_positive, v)) for v in values], axis=1)


def _n_galaxies(judged: Judged) -> int:
    return len(pd.unique(judged.galaxy_ids))


def _clopper_pearson(successes: int, n: int, level: float) -> tuple[float, float]:
    """Exact confidence interval of a fraction (Clopper & Pearson 1934, Biometrika 26, 404)."""
    interval = binomtest(successes, n).proportion_ci(level, method="exact")
    return float(interval.low), float(interval.high)


def _normal_quantile(level: float) -> float:
    """Half width, in standard deviations, of the central interval of a normal distribution that holds ``level``."""
    return float(norm.ppf((1 + level) / 2))
