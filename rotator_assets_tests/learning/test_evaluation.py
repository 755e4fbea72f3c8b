"""ROC statistics against brute force, published formulas, simulations and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score, roc_curve

from rotator_assets.learning.evaluation import (
    aucs_of_labelings,
    balanced_accuracy,
    confusion,
    delong_independent,
    delong_interval,
    delong_paired,
    fold_aucs,
    holm,
    roc_curve_frame,
    size_and_auc,
    wilson_interval,
    youden_threshold,
)

few = settings(max_examples=60, deadline=None)


@st.composite
def scored(draw, least=1):
    """Labels with both classes, and scores with many ties."""
    n_slow, n_fast = draw(st.integers(least, 12)), draw(st.integers(least, 12))
    labels = np.repeat([0, 1], [n_slow, n_fast])
    scores = draw(st.lists(st.integers(0, 9), min_size=len(labels), max_size=len(labels)))
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(labels))
    return labels[order], np.array(scores)[order] / 10


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


@few
@given(data=scored(least=2))
def test_auc_and_variance_are_those_of_all_pairs(data):
    labels, scores = data
    auc, covariance = brute_force_delong(labels, scores)
    interval = delong_interval(labels, scores)
    assert interval.auc == pytest.approx(auc[0], abs=1e-12)
    assert interval.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert interval.variance == pytest.approx(covariance[0, 0], abs=1e-12)
    assert 0 <= interval.low <= interval.auc <= interval.high <= 1


@few
@given(data=scored(least=2), seed=st.integers(0, 99))
def test_paired_difference_is_that_of_all_pairs(data, seed):
    labels, scores = data
    other = np.random.default_rng(seed).normal(size=len(labels)).round(1)
    aucs, covariance = brute_force_delong(labels, scores, other)
    paired = delong_paired(labels, scores, other)
    assert paired.difference == pytest.approx(aucs[0] - aucs[1], abs=1e-12)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if variance > 1e-9 and paired.low > -0.9 and paired.high < 0.9:
        assert (paired.high - paired.low) / 2 == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-5)
    assert 0 <= paired.p_value <= 1


@few
@given(data=scored())
def test_only_the_order_of_the_scores_matters_and_classes_mirror(data):
    labels, scores = data
    auc = delong_interval(labels, scores).auc
    assert delong_interval(labels, np.exp(3 * scores) - 5).auc == pytest.approx(auc, abs=1e-12)
    assert delong_interval(1 - labels, scores).auc == pytest.approx(1 - auc, abs=1e-12)


def test_standard_error_is_near_hanley_mcneil_and_bootstrap():
    labels, scores = sample(80, 160, 1.0, seed=3)
    interval = delong_interval(labels, scores)
    auc = interval.auc
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    hanley_mcneil = (auc * (1 - auc) + 159 * (q1 - auc**2) + 79 * (q2 - auc**2)) / (80 * 160)
    assert np.sqrt(interval.variance) == pytest.approx(np.sqrt(hanley_mcneil), rel=0.15)
    generator = np.random.default_rng(0)
    slow, fast = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    boot = []
    for _ in range(400):
        drawn = np.concatenate([generator.choice(slow, 80), generator.choice(fast, 160)])
        boot.append(roc_auc_score(labels[drawn], scores[drawn]))
    assert np.sqrt(interval.variance) == pytest.approx(np.std(boot), rel=0.15)
    assert (interval.low, interval.high) == pytest.approx(np.percentile(boot, [2.5, 97.5]), abs=0.02)


def test_interval_covers_the_truth_as_often_as_it_says():
    truth = 0.9213503964748574  # of normal scores two standard deviations apart: Phi(sqrt 2)
    covered = [
        interval.low <= truth <= interval.high
        for interval in (delong_interval(*sample(25, 50, 2.0, seed)) for seed in range(400))
    ]
    assert 0.92 <= np.mean(covered) <= 0.98


def test_perfect_order_keeps_an_honest_interval():
    labels = np.repeat([0, 1], [5, 20])
    perfect = delong_interval(labels, labels)
    assert perfect.auc == perfect.high == 1 and perfect.variance == 0
    assert perfect.low == pytest.approx(0.025 ** (1 / 5))
    reverse = delong_interval(labels, -labels)
    assert reverse.auc == reverse.low == 0 and reverse.high == pytest.approx(1 - perfect.low)
    constant = delong_interval(labels, np.zeros(25))
    assert (constant.auc, constant.low, constant.high) == (0.5, 0.5, 0.5)


def test_one_galaxy_of_a_class_has_no_interval():
    single = delong_interval([0, 1, 1], [0.2, 0.1, 0.3])
    assert (single.auc, single.low, single.high) == (0.5, 0.0, 1.0) and np.isnan(single.variance)
    assert np.isnan(delong_paired([0, 1, 1], [0, 1, 2], [0, 1, 2]).p_value)


def test_paired_test_sees_a_real_difference_and_no_other():
    labels, scores = sample(100, 200, 2.0, seed=5)
    noise = np.random.default_rng(1).normal(size=300)
    better = delong_paired(labels, scores, scores + 2 * noise)
    assert better.difference > 0 and better.low > 0 and better.p_value < 1e-4
    same = delong_paired(labels, scores, 2 * scores + 1)
    assert (same.difference, same.p_value) == (0, 1)
    p_values = []
    for seed in range(200):
        labels, scores = sample(40, 40, 1.0, seed)
        first, second = np.random.default_rng(seed + 1000).normal(size=(2, 80))
        p_values.append(delong_paired(labels, scores + first, scores + second).p_value)
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.1


def test_independent_samples_add_their_variances_and_keep_the_level():
    labels, scores = sample(80, 160, 1.0, seed=1)
    others, other_scores = sample(60, 90, 2.0, seed=2)
    a, b = delong_interval(labels, scores), delong_interval(others, other_scores)
    found = delong_independent(labels, scores, others, other_scores)
    assert found.difference == pytest.approx(a.auc - b.auc)
    assert found.high - found.low == pytest.approx(2 * 1.959964 * np.sqrt(a.variance + b.variance))
    z = abs(a.auc - b.auc) / np.sqrt(a.variance + b.variance)
    assert found.p_value == pytest.approx(math.erfc(z / math.sqrt(2)))
    p_values = [delong_independent(*sample(40, 40, 1.0, s), *sample(40, 40, 1.0, s + 1000)).p_value for s in range(200)]
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.1


def test_independent_samples_of_one_galaxy_a_class_have_no_test():
    found = delong_independent([0, 1, 1], [0.2, 0.1, 0.3], *sample(40, 40, 1.0, 1))
    assert (found.low, found.high) == (-1, 1) and np.isnan(found.p_value)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.04, np.nan, 0.01]), [0.04, np.nan, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.5]), [1, 1])
    assert holm([]).size == 0 and np.isnan(holm([np.nan])).all()


@few
@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_exactly_what_stepping_down_rejects(p_values):
    """Holm's own words: compare the k-th smallest with level / (m - k + 1), and stop at the first that is larger."""
    level, rejected = 0.05, set()
    for step, index in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[index] * (len(p_values) - step) > level:
            break
        rejected.add(int(index))
    adjusted = holm(p_values)
    assert set(np.flatnonzero(adjusted <= level)) == rejected
    assert (adjusted >= p_values).all() and (adjusted <= np.minimum(np.multiply(p_values, len(p_values)), 1)).all()


@few
@given(data=scored())
def test_roc_curve_runs_between_the_corners_with_finite_thresholds(data):
    labels, scores = data
    frame = roc_curve_frame(labels, scores)
    assert list(frame.columns) == ["false_positive_rate", "true_positive_rate", "threshold"]
    assert tuple(frame.iloc[0])[:2] == (0, 0) and tuple(frame.iloc[-1])[:2] == (1, 1)
    assert np.isfinite(frame).all(axis=None)
    area = trapezoid(frame.true_positive_rate, frame.false_positive_rate)
    assert area == pytest.approx(delong_interval(labels, scores).auc)
    for row in frame.itertuples():
        called_fast = scores >= row.threshold
        assert row.true_positive_rate == pytest.approx(called_fast[labels == 1].mean())
        assert row.false_positive_rate == pytest.approx(called_fast[labels == 0].mean())


@few
@given(data=scored())
def test_youden_threshold_is_the_best_between_two_scores(data):
    labels, scores = data
    threshold = youden_threshold(labels, scores)
    if len(set(scores)) == 1:
        assert threshold == scores[0]
        return
    assert threshold not in scores and scores.min() < threshold < scores.max()
    index = [np.mean(scores[labels == 1] >= cut) - np.mean(scores[labels == 0] >= cut) for cut in np.unique(scores)[1:]]
    reached = np.mean(scores[labels == 1] >= threshold) - np.mean(scores[labels == 0] >= threshold)
    assert reached == pytest.approx(max(index))
    false_positive_rate, true_positive_rate, _ = roc_curve(labels, scores)
    if max(index) >= 0:
        assert reached == pytest.approx(max(true_positive_rate - false_positive_rate))


def test_youden_threshold_by_hand():
    assert youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)
    neighbours = [0.5, np.nextafter(0.5, 1)]
    assert neighbours[0] < youden_threshold([0, 1], neighbours) <= neighbours[1]


def test_confusion_and_balanced_accuracy():
    labels, predicted = [0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 0]
    np.testing.assert_array_equal(confusion(labels, predicted), [[2, 1], [1, 3]])
    assert balanced_accuracy(labels, predicted) == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert np.isnan(balanced_accuracy([1, 1], [1, 0]))


@few
@given(n=st.integers(1, 200), share=st.floats(0, 1), level=st.sampled_from([0.68, 0.95]))
def test_wilson_interval_is_that_of_scipy(n, share, level):
    successes = round(share * n)
    low, high = wilson_interval(successes, n, level)
    expected = binomtest(successes, n).proportion_ci(level, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("n", range(1, 200, 7))
def test_wilson_interval_holds_the_share_at_its_ends(n):
    assert wilson_interval(0, n)[0] == 0 and wilson_interval(n, n)[1] == 1


def test_wilson_interval_of_nothing():
    assert wilson_interval(0, 0) == (0, 1)


def test_fold_aucs_do_not_mix_the_folds():
    labels = np.tile([0, 1], 6)
    folds = np.repeat([0, 1, 2], 4)
    scores = labels + 10.0 * folds  # perfect in each fold, on other scales
    np.testing.assert_array_equal(fold_aucs(labels, scores, folds), [1, 1, 1])
    assert delong_interval(labels, scores).auc < 0.8


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0], [1, 2], "both must occur"),
        ([0, 2], [1, 2], "labels must be 0"),
        ([0, 1], [1, np.nan], "finite"),
        ([0, 1], [1, 2, 3], "equally long"),
    ],
)
def test_unusable_scores_are_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        delong_interval(labels, scores)


def test_aucs_of_many_labelings_are_scikit_learns_and_nan_with_one_class():
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 12, 40) / 12  # with ties
    labelings = generator.random((5, 40)) < 0.4
    found = aucs_of_labelings(np.vstack([labelings, np.ones((1, 40), bool)]), scores)
    np.testing.assert_allclose(found[:5], [roc_auc_score(labels, scores) for labels in labelings])
    assert np.isnan(found[5])


def test_a_sample_is_described_by_the_names_of_the_tables():
    labels, scores = sample(30, 50, 1.0, 4)
    auc = delong_interval(labels, scores)
    described = {"n_galaxies": 80, "n_slow": 30, "auc": auc.auc, "auc_low": auc.low, "auc_high": auc.high}
    assert size_and_auc(labels, scores) == described
