"""Calibration: slope and offset agree with known ones, or are the best ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from rotator_assets.evaluation.calibration_error import calibration_errors
from rotator_assets.evaluation.scores import brier_skill
from rotator_assets.training.calibration import HIGHEST_SLOPE, LOWEST_SLOPE, Calibration, fit_calibration


def expected_calibration_error(labels, probability):
    return calibration_errors(labels, probability, np.ones((1, len(labels))))[0]


def weighted_network(n, slow_share, distance, sharpness, seed=0):
    """Labels, logits of a network whose classes were weighted equally, and the true logits.

    Scores are normal, ``distance`` standard deviations apart, so the log likelihood ratio is known: a network that
    weighs both classes equally gives it, sharpened by overfitting; the truth adds the prior.
    """
    generator = np.random.default_rng(seed)
    labels = (generator.random(n) > slow_share).astype(int)
    ratio = distance * generator.normal(np.where(labels == 1, distance / 2, -distance / 2), 1)
    return labels, sharpness * ratio, ratio + logit(1 - slow_share)


@pytest.mark.parametrize("slow_share", [0.15, 0.26, 0.5])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_prior_and_sharpness_of_a_weighted_network_are_recovered(slow_share, sharpness):
    labels, logits, _ = weighted_network(200_000, slow_share, 1.1, sharpness)
    found = fit_calibration(labels, logits)
    assert found.slope == pytest.approx(1 / sharpness, rel=0.02)
    assert found.offset == pytest.approx(logit(1 - slow_share), abs=0.03)


@pytest.mark.parametrize("slow_share", [0.15, 0.26])
def test_a_small_validation_part_calibrates_a_weighted_network(slow_share):
    """Without calibration they are hardly better than the prevalence; a slope alone keeps their prior of one half."""
    checked, logits, true = weighted_network(100_000, slow_share, 1.1, 1.0, seed=1)
    raw, best = (expected_calibration_error(checked, expit(z)) for z in (logits, true))
    assert raw > 0.15 and brier_skill(checked, expit(logits)) < 0.02
    errors = []
    for seed in range(20):
        found = fit_calibration(*weighted_network(400, slow_share, 1.1, 1.0, seed=100 + seed)[:2])
        errors.append(expected_calibration_error(checked, expit(found(logits))))
        assert brier_skill(checked, expit(found(logits))) > 0.09
    assert np.median(errors) < 0.03 and best < 0.01


def test_the_fit_is_that_of_a_logistic_regression_on_platts_targets():
    """scikit-learn's regression, with each galaxy weighted by its target as fast and by the rest as slow."""
    from sklearn.linear_model import LogisticRegression

    labels, logits, _ = weighted_network(300, 0.3, 1.5, 2.0, seed=3)
    found = fit_calibration(labels, logits)
    n_fast, n_slow = labels.sum(), (labels == 0).sum()
    fast = np.where(labels == 1, (n_fast + 1) / (n_fast + 2), 1 / (n_slow + 2))
    twice = np.r_[logits, logits][:, None]
    expected = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        twice, np.repeat([1, 0], len(logits)), sample_weight=np.r_[fast, 1 - fast]
    )
    assert found.slope == pytest.approx(expected.coef_[0, 0], rel=1e-4)
    assert found.offset == pytest.approx(expected.intercept_[0], abs=1e-4)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 8), shift=st.floats(-20, 20))
def test_a_rescaled_network_gives_the_same_probabilities(seed, scale, shift):
    """Calibrated logits do not depend on the scale and offset of a network's logits."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, 60)
    labels[:2] = [0, 1]
    logits = generator.normal(0, 1, 60) + labels
    plain, rescaled = fit_calibration(labels, logits), fit_calibration(labels, scale * logits + shift)
    if LOWEST_SLOPE < rescaled.slope < HIGHEST_SLOPE and LOWEST_SLOPE < plain.slope < HIGHEST_SLOPE:
        np.testing.assert_allclose(rescaled(scale * logits + shift), plain(logits), atol=1e-4)


def test_the_order_of_galaxies_does_not_matter():
    generator = np.random.default_rng(1)
    labels, logits = generator.integers(0, 2, 60), generator.normal(0, 2, 60)
    one, other = fit_calibration(labels, logits), fit_calibration(labels[::-1], logits[::-1])
    assert (one.slope, one.offset) == pytest.approx((other.slope, other.offset), rel=1e-6)


def test_samples_in_perfect_order_have_finite_probabilities():
    labels = np.array([0, 0, 1, 1])
    right = np.array([-1.0, -2.0, 1.0, 2.0])
    sure = expit(fit_calibration(labels, right)(right))
    np.testing.assert_allclose(sure[[0, -1]], [1 / 4, 3 / 4], atol=0.1)  # Platt's targets for two of each class
    wrong = fit_calibration(labels, -right)
    assert wrong.slope == pytest.approx(LOWEST_SLOPE)
    assert np.all(np.diff(wrong(np.sort(right))) > 0)


def test_equal_logits_get_the_fraction_of_fast_rotators():
    labels = np.array([0, 1, 1, 1] * 50)
    found = fit_calibration(labels, np.full(200, 3.0))
    assert expit(found(3.0)) == pytest.approx(0.75, abs=0.01)


def test_a_calibration_is_linear_in_the_logit():
    np.testing.assert_array_equal(Calibration(2.0, -1.0)([0.0, 1.0, -2.0]), [-1.0, 1.0, -5.0])


@pytest.mark.parametrize(
    ("labels", "logits", "message"),
    [([0, 1], [0.0], "equally long"), ([], [], "equally long"), ([0, 1], [0.0, np.nan], "finite")],
)
def test_invalid_input_is_refused(labels, logits, message):
    with pytest.raises(ValueError, match=message):
        fit_calibration(labels, logits)
