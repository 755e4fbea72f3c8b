"""The expected calibration error by hand, by chance, and with an interval that covers the true one."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from rotator_assets.evaluation.calibration_error import calibration_error, calibration_errors

pytestmark = pytest.mark.slow


def test_error_by_hand():
    labels, probability = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.5, 0.8, 0.9]
    found = calibration_error(labels, probability, np.arange(6), n_bins=3, n=20)
    assert found.value == pytest.approx((2 * 0.15 + 2 * 0.05 + 2 * 0.15) / 6)


def test_weights_count_as_repeats():
    labels, probability = np.array([0, 1, 1, 0]), np.array([0.1, 0.2, 0.8, 0.9])
    errors = calibration_errors(labels, probability, [[1, 1, 1, 1], [2, 0, 1, 1]], n_bins=2)
    assert errors == pytest.approx([(abs(0.3 - 1) + abs(1.7 - 1)) / 4, (0.2 + abs(1.7 - 1)) / 4])


def test_chance_is_the_mean_deviation_of_a_binomial_fraction():
    probability = 0.3 + np.arange(1000) * 1e-9
    found = calibration_error(np.arange(1000) % 2, probability, np.arange(1000), n=1000)
    counts = np.arange(101)
    expected = np.sum(binom.pmf(counts, 100, 0.3) * np.abs(counts / 100 - 0.3))
    assert found.by_chance == pytest.approx(expected, rel=0.02)
    assert found.low > 0.1 and found.value == pytest.approx(0.2, abs=0.01)


def test_only_true_probabilities_are_calibrated():
    generator = np.random.default_rng(1)
    truth = generator.beta(2, 2, 20_000)
    labels = generator.random(20_000) < truth
    sharpened = truth**3 / (truth**3 + (1 - truth) ** 3)
    calibrated, overconfident = (calibration_error(labels, p, np.arange(20_000), n=50) for p in (truth, sharpened))
    assert calibrated.low == 0 and calibrated.value == pytest.approx(calibrated.by_chance, rel=0.6)
    assert overconfident.low > 0.1


def test_repeat_observations_are_resampled_together():
    generator = np.random.default_rng(4)
    logit = np.tile(generator.normal(size=300), 3)
    labels = np.tile(generator.random(300) < expit(logit[:300] + 0.7), 3)
    alone = calibration_error(labels[:300], expit(logit[:300]), np.arange(300), n=300)
    repeated = calibration_error(labels, expit(logit), np.tile(np.arange(300), 3), n=300)
    assert repeated.value == pytest.approx(alone.value)
    assert repeated.high - repeated.value == pytest.approx(alone.high - alone.value, rel=0.25)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_the_interval_covers_the_true_error(shift):
    """The logits of the true probabilities differ from the given ones by a constant, so the true error is known."""
    generator, trials = np.random.default_rng(3), 60
    covered = 0
    for seed in range(trials):
        logit = generator.normal(0, 1.5, 400)
        labels = generator.random(400) < expit(logit + shift)
        true_error = np.abs(expit(logit + shift) - expit(logit)).mean()
        found = calibration_error(labels, expit(logit), np.arange(400), n=150, seed=seed)
        covered += found.low <= true_error <= found.high
    assert covered >= binom.ppf(0.001, trials, 0.93)
