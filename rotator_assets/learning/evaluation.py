"""How well scores tell fast from slow: ROC curves, AUC with intervals, thresholds and confusion counts.

Labels are 0 (slow) and 1 (fast), shape (n,); a higher score means more likely fast. NumPy, SciPy and scikit-learn only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import beta, norm, rankdata


@dataclass(frozen=True)
class AucInterval:
    """Area under the ROC curve with its confidence interval; ``variance`` is DeLong's (NaN with one galaxy a class)."""

    auc: float
    low: float
    high: float
    variance: float


@dataclass(frozen=True)
class AucDifference:
    """AUC of a minus AUC of b, its confidence interval, and the two-sided p-value of equality."""

    difference: float
    low: float
    high: float
    p_value: float


def delong_interval(labels: ArrayLike, scores: ArrayLike, level: float = 0.95) -> AucInterval:
    """AUC and its interval after DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44, 837).

    The interval is symmetric in logit(AUC), which keeps it inside (0, 1). Where the variance vanishes with an AUC of 0
    or 1 (perfect order) it says nothing; the interval is then that of Clopper & Pearson for as many trials as the
    smaller class has galaxies. The scores are taken as those of one fixed classifier: the spread between trainings is
    not in the interval.

    Raises ValueError unless both classes occur and all scores are finite.
    """
    aucs, covariance = _delong(labels, [scores])
    auc, variance = float(aucs[0]), float(covariance[0, 0])
    if np.isnan(variance):
        return AucInterval(auc, 0.0, 1.0, variance)
    if auc in (0.0, 1.0):
        trials = int(np.bincount(np.asarray(labels, dtype=int), minlength=2).min())
        low, high = _clopper_pearson(trials if auc else 0, trials, level)
        return AucInterval(auc, low, high, variance)
    half_width = _quantile(level) * np.sqrt(variance) / (auc * (1 - auc))
    low, high = expit(logit(auc) + np.array([-half_width, half_width]))
    return AucInterval(auc, float(low), float(high), variance)


def size_and_auc(labels: ArrayLike, scores: ArrayLike) -> dict[str, float | int]:
    """Numbers of galaxies and of slow ones, AUC and its interval, named as in every table: n_galaxies, n_slow, auc, ...

    Raises ValueError as `delong_interval` does.
    """
    auc = delong_interval(labels, scores)
    labels = np.asarray(labels)
    return {
        "n_galaxies": len(labels),
        "n_slow": int((labels == 0).sum()),
        "auc": auc.auc,
        "auc_low": auc.low,
        "auc_high": auc.high,
    }


def aucs_of_labelings(is_fast: NDArray[np.bool_], scores: ArrayLike) -> NDArray[np.float64]:
    """AUC of the same scores (m,) against each of b sets of labels (b, m), float64 (b,): Mann & Whitney by mid-ranks.

    NaN where a set has one class alone.
    """
    n_fast = is_fast.sum(axis=1)
    n_pairs = n_fast * (is_fast.shape[1] - n_fast)
    above = is_fast @ rankdata(scores) - n_fast * (n_fast + 1) / 2
    return np.divide(above, n_pairs, out=np.full(len(is_fast), np.nan), where=n_pairs > 0)


def delong_paired(labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, level: float = 0.95) -> AucDifference:
    """Do two scores of the same galaxies differ in AUC? DeLong's test for correlated ROC curves.

    Equal orders of the galaxies give a difference of 0 with p = 1. Raises ValueError as `delong_interval` does.
    """
    aucs, covariance = _delong(labels, [scores_a, scores_b])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return _difference(float(aucs[0] - aucs[1]), variance, level)


def delong_independent(
    labels_a: ArrayLike, scores_a: ArrayLike, labels_b: ArrayLike, scores_b: ArrayLike, level: float = 0.95
) -> AucDifference:
    """Do the AUCs of two samples that share no galaxy differ? Their DeLong variances add up.

    Raises ValueError as `delong_interval` does.
    """
    a, b = delong_interval(labels_a, scores_a), delong_interval(labels_b, scores_b)
    return _difference(a.auc - b.auc, a.variance + b.variance, level)


def _difference(difference: float, variance: float, level: float) -> AucDifference:
    """Normal interval and test of a difference; an interval of everything where the variance is not known."""
    if np.isnan(variance):
        return AucDifference(difference, -1.0, 1.0, float("nan"))
    error = float(np.sqrt(max(variance, 0.0)))
    p_value = 2 * norm.sf(abs(difference) / error) if error > 0 else float(difference == 0)
    half_width = _quantile(level) * error
    return AucDifference(
        difference, max(difference - half_width, -1.0), min(difference + half_width, 1.0), float(p_value)
    )


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


def roc_curve_frame(labels: ArrayLike, scores: ArrayLike) -> pd.DataFrame:
    """Corners of the ROC curve from (0, 0) to (1, 1): false_positive_rate, true_positive_rate, threshold.

    A galaxy is called fast where score >= threshold. All thresholds are finite: that of (0, 0), which calls no galaxy
    fast, is the next number above the largest score.
    """
    from sklearn.metrics import roc_curve

    labels, scores = checked_scores(labels, scores)
    false_positive_rate, true_positive_rate, threshold = roc_curve(labels, scores)
    threshold[0] = np.nextafter(scores.max(), np.inf)
    return pd.DataFrame(
        {
            "false_positive_rate": false_positive_rate,
            "true_positive_rate": true_positive_rate,
            "threshold": threshold,
        }
    )


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
    z, share = _quantile(level), successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # The ends of the range are exact where the share is one of them, whatever the rounding of the sums.
    low = float(centre - half_width) if successes > 0 else 0.0
    return low, float(centre + half_width) if successes < n else 1.0


def fold_aucs(labels: ArrayLike, scores: ArrayLike, folds: ArrayLike) -> NDArray[np.float64]:
    """AUC of every fold by itself, float64, in the order of the fold numbers.

    The networks of different folds need not agree in scale, and their pooled AUC suffers from it; the mean of these
    does not.
    """
    labels, scores = checked_scores(labels, scores)
    folds = np.asarray(folds)
    return np.array([_delong(labels[folds == fold], [scores[folds == fold]])[0][0] for fold in np.unique(folds)])


def _delong(labels: ArrayLike, score_sets: list[ArrayLike]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUCs (k,) and their covariance (k, k) by mid-ranks (Sun & Xu 2014, IEEE Signal Process. Lett. 21, 1389).

    With T the mid-rank of a galaxy among all and T' that within its class, a fast galaxy outranks the share
    (T - T') / n_slow of the slow ones, and a slow galaxy is outranked by 1 - (T - T') / n_fast of the fast ones. The
    mean of either is the AUC; the covariances of both, over their class sizes, add up to its covariance.
    """
    over_slow, under_fast = [], []
    for scores in score_sets:
        checked, values = checked_scores(labels, scores)
        is_fast = checked == 1
        ranks = rankdata(values)
        over_slow.append((ranks[is_fast] - rankdata(values[is_fast])) / np.sum(~is_fast))
        under_fast.append(1 - (ranks[~is_fast] - rankdata(values[~is_fast])) / np.sum(is_fast))
    covariance = np.zeros((len(score_sets), len(score_sets)))
    for shares in (np.array(over_slow), np.array(under_fast)):
        n = shares.shape[1]
        covariance += np.atleast_2d(np.cov(shares)) / n if n > 1 else np.nan
    return np.mean(over_slow, axis=1), covariance


def checked_scores(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Both as arrays of one length, int8 and float64.

    Raises ValueError unless both classes occur and all scores are finite.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels and scores must be one-dimensional and equally long: {labels.shape}, {scores.shape}")
    if not np.array_equal(np.unique(labels), (0, 1)):
        raise ValueError("labels must be 0 (slow) or 1 (fast), and both must occur")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return labels.astype(np.int8), scores


def _quantile(level: float) -> float:
    """Standard deviations of a normal distribution on either side of its mean that hold the share ``level``."""
    return float(norm.ppf((1 + level) / 2))


def _clopper_pearson(successes: int, n: int, level: float) -> tuple[float, float]:
    """Exact confidence interval of a share (Clopper & Pearson 1934, Biometrika 26, 404)."""
    tail = (1 - level) / 2
    low = beta.ppf(tail, successes, n - successes + 1) if successes else 0.0
    high = beta.ppf(1 - tail, successes + 1, n - successes) if successes < n else 1.0
    return float(low), float(high)
