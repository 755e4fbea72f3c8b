"""The learning curve recovers a known power law, and reports if the data do not constrain it."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from rotator_assets.robustness.learning_curve.power_law import fit_learning_curve

A, B, C = 0.9, 0.06, 0.5
N = np.array([50, 100, 200, 400, 800, 1600, 3200.0])


def planted(n, noise=0.0, seed=0):
    truth = A - B * (n / N.max()) ** -C
    return truth + noise * np.random.default_rng(seed).normal(size=len(n))


def test_an_exact_power_law_is_recovered():
    fit = fit_learning_curve(N, planted(N), np.full(len(N), 0.002), replicates=50)
    assert (fit.a, fit.b, fit.c) == pytest.approx((A, B, C), abs=3e-4)
    assert fit.chi_squared == pytest.approx(0, abs=1e-4) and fit.n_largest == 3200
    assert fit.at([3200, 320_000]) == pytest.approx([A - B, A - B / 10], abs=1e-4)
    assert fit.at(3200).shape == ()


def test_the_fit_and_its_covariance_agree_with_scipy():
    auc, error = planted(N, 0.003, 1), np.linspace(0.006, 0.003, len(N))
    fit = fit_learning_curve(N, auc, error, replicates=10)
    best, covariance = curve_fit(
        lambda n, a, b, c: a - b * (n / N.max()) ** -c, N, auc, (0.8, 0.05, 0.6), error, absolute_sigma=True
    )
    assert (fit.a, fit.b, fit.c) == pytest.approx(best, abs=3e-4)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=0.02)


def test_planted_parameters_are_recovered_within_their_errors():
    error = 0.003
    fits = [fit_learning_curve(N, planted(N, error, s), np.full(len(N), error), replicates=20) for s in range(60)]
    for index, truth in enumerate((A, B, C)):
        pulls = np.array([((f.a, f.b, f.c)[index] - truth) / np.sqrt(f.covariance[index, index]) for f in fits])
        assert abs(np.median(pulls)) < 0.5 and 0.6 < np.mean(np.abs(pulls) < 1.96) <= 1
    assert 0.6 < np.mean([f.chi_squared for f in fits]) / (len(N) - 3) < 1.4


def test_the_extrapolation_covers_the_truth_and_widens():
    truth, error = A - B * 0.1**0.5, 0.004
    covered = []
    for seed in range(40):
        fit = fit_learning_curve(N, planted(N, error, seed), np.full(len(N), error), replicates=100, seed=seed)
        low, high = fit.interval(10 * N.max())
        covered.append(low <= truth <= high)
    assert np.mean(covered) >= 0.85
    low, high = fit.interval([N.max(), 10 * N.max(), 100 * N.max()])
    assert (np.diff(high - low) > 0).all()


def test_few_or_noisy_trainings_do_not_constrain_the_asymptote():
    n = N[:3]
    three = fit_learning_curve(n, planted(n), np.full(3, 0.002), replicates=100)
    assert not three.constrained
    noisy = fit_learning_curve(N[:4], [0.62, 0.66, 0.70, 0.74], np.full(4, 0.02), replicates=300)
    low, high = noisy.interval(100 * N[3])
    assert not noisy.constrained and high - low > 0.15
    assert fit_learning_curve(N, planted(N), np.full(len(N), 0.001), replicates=100).constrained


def test_a_flat_curve_predicts_no_gain():
    fit = fit_learning_curve(N, np.full(len(N), 0.75), np.full(len(N), 0.001), replicates=200)
    low, high = fit.interval(100 * N.max())
    assert low == pytest.approx(0.75, abs=0.01) and high < 0.80


def test_predictions_stay_within_the_range_of_an_auc():
    steep = fit_learning_curve(N[:4], [0.55, 0.65, 0.75, 0.85], np.full(4, 0.03), replicates=100)
    low, high = steep.interval(1e9)
    assert 0.5 <= low <= high <= 1


def test_equal_seeds_give_equal_intervals():
    fits = [fit_learning_curve(N, planted(N), np.full(len(N), 0.01), replicates=20, seed=s) for s in (1, 1, 2)]
    assert fits[0].interval(1e5) == fits[1].interval(1e5) != fits[2].interval(1e5)


@pytest.mark.parametrize(
    ("n", "auc", "error", "message"),
    [
        ([1, 2], [0.6, 0.7], [0.1, 0.1], "at least 3"),
        ([1, 2, 2], [0.6, 0.7, 0.7], [0.1, 0.1, 0.1], "at least 3"),
        ([1, 2, 3], [0.6, 0.7, np.nan], [0.1, 0.1, 0.1], "finite"),
        ([1, 2, 3], [0.6, 0.7, 0.7], [0.1, 0.1, 0], "positive"),
        ([1, 2, 3], [0.6, 0.7], [0.1, 0.1, 0.1], "equally long"),
    ],
)
def test_invalid_input_is_refused(n, auc, error, message):
    with pytest.raises(ValueError, match=message):
        fit_learning_curve(n, auc, error)
