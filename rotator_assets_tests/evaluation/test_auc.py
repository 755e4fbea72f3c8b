"""AUCs, their intervals and tests against brute force, published formulas, simulations and scikit-learn."""

import math
from dataclasses import astuple, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from rotator_assets.evaluation.auc import (
    auc_difference,
    auc_interval,
    aucs_of_labelings,
    network_aucs,
    network_scatter,
    size_and_auc,
)
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.roc_curves import roc_curve_frame
from rotator_assets_tests.evaluation.simulated import Setting, cross_validation, labels_and_scores


def interval_of(labels, scores, level=0.95):
    return auc_interval(NetworkScores.single(labels, scores), level)


def difference_of(labels, scores_a, scores_b):
    return auc_difference(NetworkScores.single(labels, scores_a), NetworkScores.single(labels, scores_b))


def difference_of_samples(labels_a, scores_a, labels_b, scores_b):
    return auc_difference(
        NetworkScores.single(labels_a, scores_a), NetworkScores.single(labels_b, scores_b), paired=False
    )


def sample(n_slow, n_fast, shift, seed):
    generator = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [n_slow, n_fast])
    return labels, generator.normal(size=len(labels)) + shift * labels


def brute_force_delong(labels, *score_sets):
    """AUCs and covariance by the definition: all pairs of a slow and a fast galaxy (DeLong et al. 1988, eqs. 1-5)."""
    kernels = []
    for scores in score_sets:
        slow, fast = scores[labels == 0], scores[labels == 1]
        kernels.append((fast[:, None] > slow) + 0.5 * (fast[:, None] == slow))
    kernels = np.array(kernels)
    covariance = np.cov(kernels.mean(axis=2)) / kernels.shape[1] + np.cov(kernels.mean(axis=1)) / kernels.shape[2]
    return kernels.mean(axis=(1, 2)), np.atleast_2d(covariance)


@given(data=labels_and_scores(least=2))
def test_auc_and_variance_agree_with_all_pairs(data):
    labels, scores = data
    auc, covariance = brute_force_delong(labels, scores)
    interval = interval_of(labels, scores)
    assert interval.auc == pytest.approx(auc[0], abs=1e-12)
    assert interval.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert interval.error**2 == pytest.approx(covariance[0, 0], abs=1e-12)
    assert 0 <= interval.low <= interval.auc <= interval.high <= 1


@given(data=labels_and_scores(least=2), seed=st.integers(0, 99))
def test_paired_difference_agrees_with_all_pairs(data, seed):
    labels, scores = data
    other = np.random.default_rng(seed).normal(size=len(labels)).round(1)
    aucs, covariance = brute_force_delong(labels, scores, other)
    paired = difference_of(labels, scores, other)
    assert paired.difference == pytest.approx(aucs[0] - aucs[1], abs=1e-12)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if variance > 1e-9 and paired.low > -0.9 and paired.high < 0.9:
        assert (paired.high - paired.low) / 2 == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-5)
    assert 0 <= paired.p_value <= 1


@given(data=labels_and_scores())
def test_only_the_order_of_the_scores_matters(data):
    labels, scores = data
    auc = interval_of(labels, scores).auc
    assert interval_of(labels, np.exp(3 * scores) - 5).auc == pytest.approx(auc, abs=1e-12)
    assert interval_of(1 - labels, scores).auc == pytest.approx(1 - auc, abs=1e-12)


def test_standard_error_is_near_hanley_mcneil_and_bootstrap():
    labels, scores = sample(80, 160, 1.0, seed=3)
    interval = interval_of(labels, scores)
    auc = interval.auc
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    hanley_mcneil = (auc * (1 - auc) + 159 * (q1 - auc**2) + 79 * (q2 - auc**2)) / (80 * 160)
    assert interval.error == pytest.approx(np.sqrt(hanley_mcneil), rel=0.15)
    generator = np.random.default_rng(0)
    slow, fast = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    boot = []
    for _ in range(400):
        drawn_slow, drawn_fast = scores[generator.choice(slow, 80)], scores[generator.choice(fast, 160)]
        boot.append(np.mean(drawn_fast[:, None] > drawn_slow))
    assert interval.error == pytest.approx(np.std(boot), rel=0.15)
    assert (interval.low, interval.high) == pytest.approx(np.percentile(boot, [2.5, 97.5]), abs=0.02)


def test_interval_has_its_nominal_coverage():
    truth = 0.9213503964748574  # of normal scores two standard deviations apart: Phi(sqrt 2)
    covered = [
        interval.low <= truth <= interval.high
        for interval in (interval_of(*sample(25, 50, 2.0, seed)) for seed in range(400))
    ]
    assert 0.92 <= np.mean(covered) <= 0.98


def test_perfect_order_has_an_interval():
    labels = np.repeat([0, 1], [5, 20])
    perfect = interval_of(labels, labels)
    assert perfect.auc == perfect.high == 1 and perfect.error == 0
    assert perfect.low == pytest.approx(0.025 ** (1 / 5))
    reverse = interval_of(labels, -labels)
    assert reverse.auc == reverse.low == 0 and reverse.high == pytest.approx(1 - perfect.low)
    constant = interval_of(labels, np.zeros(25))
    assert (constant.auc, constant.low, constant.high) == (0.5, 0.5, 0.5)


def test_one_galaxy_of_a_class_has_no_interval():
    single = interval_of([0, 1, 1], [0.2, 0.1, 0.3])
    assert (single.auc, single.low, single.high) == (0.5, 0.0, 1.0) and np.isnan(single.error)
    assert np.isnan(difference_of([0, 1, 1], [0, 1, 2], [0, 1, 2]).p_value)


def test_paired_test_detects_only_real_differences():
    labels, scores = sample(100, 200, 2.0, seed=5)
    noise = np.random.default_rng(1).normal(size=300)
    better = difference_of(labels, scores, scores + 2 * noise)
    assert better.difference > 0 and better.low > 0 and better.p_value < 1e-4
    same = difference_of(labels, scores, 2 * scores + 1)
    assert (same.difference, same.p_value) == (0, 1)
    p_values = []
    for seed in range(200):
        labels, scores = sample(40, 40, 1.0, seed)
        first, second = np.random.default_rng(seed + 1000).normal(size=(2, 80))
        p_values.append(difference_of(labels, scores + first, scores + second).p_value)
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.1


def test_independent_samples_add_their_variances():
    labels, scores = sample(80, 160, 1.0, seed=1)
    others, other_scores = sample(60, 90, 2.0, seed=2)
    a, b = interval_of(labels, scores), interval_of(others, other_scores)
    found = difference_of_samples(labels, scores, others, other_scores)
    assert found.difference == pytest.approx(a.auc - b.auc)
    assert found.high - found.low == pytest.approx(2 * 1.959964 * np.hypot(a.error, b.error))
    z = abs(a.auc - b.auc) / np.hypot(a.error, b.error)
    assert found.p_value == pytest.approx(math.erfc(z / math.sqrt(2)))
    p_values = [
        difference_of_samples(*sample(40, 40, 1.0, s), *sample(40, 40, 1.0, s + 1000)).p_value for s in range(200)
    ]
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.1


def test_independent_samples_of_one_galaxy_per_class_have_no_test():
    found = difference_of_samples([0, 1, 1], [0.2, 0.1, 0.3], *sample(40, 40, 1.0, 1))
    assert (found.low, found.high) == (-1, 1) and np.isnan(found.p_value)


@given(data=labels_and_scores())
def test_roc_curve_has_finite_thresholds(data):
    labels, scores = data
    frame = roc_curve_frame(NetworkScores.single(labels, scores))
    assert list(frame.columns) == ["false_positive_rate", "true_positive_rate", "threshold"]
    assert tuple(frame.iloc[0])[:2] == (0, 0) and tuple(frame.iloc[-1])[:2] == (1, 1)
    assert np.isfinite(frame).all(axis=None)
    area = trapezoid(frame.true_positive_rate, frame.false_positive_rate)
    assert area == pytest.approx(interval_of(labels, scores).auc)
    for row in frame.itertuples():
        called_fast = scores >= row.threshold
        assert row.true_positive_rate == pytest.approx(called_fast[labels == 1].mean())
        assert row.false_positive_rate == pytest.approx(called_fast[labels == 0].mean())


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0], [1, 2], "scored both"),
        ([0, 2], [1, 2], "labels must be 0"),
        ([0, 1], [1, np.nan], "finite"),
        ([0, 1], [1, 2, 3], "equally long"),
    ],
)
def test_unusable_scores_are_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        interval_of(labels, scores)


def test_aucs_of_many_labelings_agree_with_scikit_learn():
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 12, 40) / 12  # with ties
    labelings = generator.random((5, 40)) < 0.4
    scored = NetworkScores.single(labelings[0], scores)
    found = aucs_of_labelings(scored, np.vstack([labelings, np.ones((1, 40), bool)]))
    np.testing.assert_allclose(found[:5], [roc_auc_score(labels, scores) for labels in labelings])
    assert np.isnan(found[5])


def test_size_and_auc_are_named_as_in_the_tables():
    labels, scores = sample(30, 50, 1.0, 4)
    auc = interval_of(labels, scores)
    described = {"n_galaxies": 80, "n_slow": 30, "auc": auc.auc, "auc_low": auc.low, "auc_high": auc.high}
    assert size_and_auc(NetworkScores.single(labels, scores)) == described


def scores_by(networks, labels, scores, object_ids=None):
    frame = pd.DataFrame({"rotator_type": labels, "probability_fast": scores, "fold": networks})
    galaxies = np.arange(len(frame))
    return NetworkScores.of(frame.assign(galaxy_id=galaxies, object_id=galaxies if object_ids is None else object_ids))


@given(data=labels_and_scores(least=2), seed=st.integers(0, 99))
def test_only_pairs_within_one_network_count(data, seed):
    """AUC by a loop over pairs, which is the area of the curve; the scales of the networks do not matter."""
    labels, scores = data
    generator = np.random.default_rng(seed)
    networks = generator.integers(0, 3, len(labels))
    pairs = [
        (scores[fast] > scores[slow]) + 0.5 * (scores[fast] == scores[slow])
        for slow in np.flatnonzero(labels == 0)
        for fast in np.flatnonzero(labels == 1)
        if networks[slow] == networks[fast]
    ]
    scored = scores_by(networks, labels, scores)
    assert scored.has_pairs == bool(pairs)
    if not pairs:
        with pytest.raises(ValueError, match="scored both"):
            auc_interval(scored)
        return
    found = auc_interval(scored)
    assert found.auc == pytest.approx(np.mean(pairs))
    curve = roc_curve_frame(scored)
    assert trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(found.auc)
    assert (np.diff(curve.false_positive_rate) >= 0).all() and (np.diff(curve.true_positive_rate) >= -1e-12).all()
    assert (np.diff(curve.threshold) <= 1e-12).all() and np.isfinite(curve.threshold).all()
    rescaled = replace(scored, scores=np.array([1.0, 20.0, 0.1])[networks] * scored.scores + 50 * networks)
    assert astuple(auc_interval(rescaled)) == pytest.approx(astuple(found), nan_ok=True)
    assert auc_difference(scored, rescaled).difference == 0


def test_variances_of_disjoint_networks_add_up():
    labels, scores = sample(60, 90, 1.0, seed=2)
    networks = np.arange(150) % 3
    found, parts, pairs = auc_interval(scores_by(networks, labels, scores)), [], []
    for number in range(3):
        chosen = networks == number
        parts.append(interval_of(labels[chosen], scores[chosen]))
        pairs.append(np.sum(labels[chosen] == 0) * np.sum(labels[chosen] == 1))
    weights = np.array(pairs) / np.sum(pairs)
    assert found.auc == pytest.approx(np.dot(weights, [part.auc for part in parts]))
    assert found.error**2 == pytest.approx(np.dot(weights**2, [part.error**2 for part in parts]))


def test_scales_of_networks_do_not_matter():
    labels = np.tile([0, 1], 6)
    folds = np.repeat([0, 1, 2], 4)
    scores = labels + 10.0 * folds  # perfect in each fold, on other scales
    scored = scores_by(folds, labels, scores)
    np.testing.assert_array_equal(network_aucs(scored), [1, 1, 1])
    assert auc_interval(scored).auc == 1 and interval_of(labels, scores).auc < 0.8
    pooled, within = roc_curve_frame(NetworkScores.single(labels, scores)), roc_curve_frame(scored)
    assert len(pooled) > len(within) == 3


def test_repeated_scores_do_not_narrow_the_interval():
    """Neither does an object observed twice; treated as different galaxies they would narrow it."""
    labels, scores = sample(40, 60, 1.0, seed=4)
    once = auc_interval(NetworkScores.single(labels, scores))
    twice = scores_by(np.repeat([0, 1], 100), np.tile(labels, 2), np.tile(scores, 2), np.tile(np.arange(100), 2))
    twice = replace(twice, galaxy_ids=twice.object_ids)
    again = auc_interval(twice)
    assert (again.auc, again.error, again.low) == pytest.approx((once.auc, once.error, once.low))
    assert size_and_auc(twice)["n_galaxies"] == 100
    others = auc_interval(replace(twice, object_ids=np.arange(200)))
    assert others.error == pytest.approx(once.error / np.sqrt(2))


def test_networks_of_two_trainings_need_not_be_the_same():
    """Another split of the same scores differs only in its pairs."""
    labels, scores = sample(200, 400, 1.0, seed=5)
    one, other = (scores_by(np.random.default_rng(s).integers(0, 5, 600), labels, scores) for s in (1, 2))
    found = auc_difference(one, other)
    assert abs(found.difference) < 0.02 and found.p_value > 0.05
    unpaired = auc_difference(one, other, paired=False)
    assert found.high - found.low < 0.5 * (unpaired.high - unpaired.low)


def test_an_unknown_variance_gives_an_unknown_difference():
    labels, scores = sample(30, 30, 1.0, seed=6)
    one_slow = NetworkScores.single(labels, scores).select(np.arange(29, 60))
    found = auc_difference(NetworkScores.single(labels, scores), one_slow)
    assert (found.low, found.high) == (-1, 1) and np.isnan(found.p_value)


def test_a_network_with_one_galaxy_of_a_class_still_counts():
    labels = np.array([0, 1, 1, 1, 0, 0, 0, 1])
    scored = scores_by(np.repeat([0, 1], 4), labels, [0.2, 0.1, 0.3, 0.4, 0.1, 0.4, 0.2, 0.3])
    found = auc_interval(scored)
    assert found.auc == pytest.approx(4 / 6) and 0 < found.low < found.auc < found.high < 1 and found.error > 0


def test_network_scatter_exceeds_sampling():
    generator = np.random.default_rng(7)
    labels = np.tile(np.repeat([0, 1], 300), 12)
    networks = np.repeat(np.arange(12), 600)
    noise = generator.normal(size=len(labels))
    quality = np.repeat(generator.normal(1, 0.3, 12), 600)
    same, different = (scores_by(networks, labels, noise + q * labels) for q in (1.0, quality))
    assert network_scatter(same) < 0.01
    # The AUC of normal scores d apart is Phi(d / sqrt 2), so it scatters by 0.22 times as much as d at d = 1.
    assert network_scatter(different) == pytest.approx(0.22 * 0.3, rel=0.35)
    assert np.isnan(network_scatter(NetworkScores.single(labels, noise)))


OFFSETS = {"offset": 1.0, "slope": 0.3}
RUNS = 200


@pytest.mark.slow
@pytest.mark.parametrize(("folds", "repeats"), [(2, 1), (5, 3)])
@pytest.mark.parametrize("aucs", [(0.77, 0.77), (0.80, 0.74)])
def test_intervals_and_tests_have_their_nominal_rates(folds, repeats, aucs):
    """Networks differ in zero point and scale; the benchmark has more cases. Limits are those of 200 draws."""
    generator = np.random.default_rng(0)
    setting = Setting(folds=folds, repeats=repeats, aucs=aucs, **OFFSETS)
    low, high = binom.ppf([0.002, 0.998], RUNS, [0.93, 0.97])
    covered = differences = rejected = pooled_covered = 0
    for _ in range(RUNS):
        one, other = cross_validation(setting, generator)
        interval, pooled = auc_interval(one.within), auc_interval(one.pooled)
        change = auc_difference(one.within, other.within)
        covered += interval.low <= aucs[0] <= interval.high
        pooled_covered += pooled.low <= aucs[0] <= pooled.high
        differences += change.low <= aucs[0] - aucs[1] <= change.high
        rejected += change.p_value < 0.05
    assert low <= covered <= high and low <= differences <= high
    if aucs[0] == aucs[1]:
        assert RUNS - high <= rejected <= RUNS - low
    if repeats == 1:
        assert pooled_covered < low  # all pairs of raw scores do not do


@pytest.mark.slow
def test_equal_classifiers_of_different_scale_are_equal():
    """Pooled scores differ significantly far more often than the level of 5 % allows."""
    generator = np.random.default_rng(1)
    shifts = np.array([0.0, 2.5, 0.0, 2.5, 0.0])
    within = pooled = 0
    for _ in range(RUNS):
        one, other = cross_validation(Setting(n=240, n_slow=80), generator)
        shifted = replace(other.within, scores=other.within.scores + shifts[other.within.networks])
        order = np.argsort(shifted.galaxy_ids)
        together = NetworkScores.single(shifted.labels[order], shifted.scores[order])
        within += auc_difference(one.within, shifted).p_value < 0.05
        pooled += auc_difference(one.pooled, together).p_value < 0.05
    assert within <= binom.ppf(0.998, RUNS, 0.07) < pooled
