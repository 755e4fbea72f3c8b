"""Temperatures: the right one where it is known, the best one where it is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import log_loss

from rotator_assets.learning.calibration import HIGHEST, LOWEST, fit_temperature


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found(temperature):
    generator = np.random.default_rng(0)
    calibrated = generator.normal(0.5, 1.5, 200_000)
    labels = generator.random(200_000) < expit(calibrated)
    assert fit_temperature(labels, temperature * calibrated) == pytest.approx(temperature, rel=0.02)


def test_two_logits_have_a_closed_form():
    """All logits +-z, a share s of them right: the best temperature gives the probability s, z / T = logit(s)."""
    labels = np.repeat([1, 0], 50)
    logits = np.where(labels == 1, 2.0, -2.0)
    logits[::5] *= -1
    assert fit_temperature(labels, logits) == pytest.approx(2 / np.log(0.8 / 0.2), rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 8))
def test_no_other_temperature_is_better(seed, scale):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, 40)
    labels[:2] = [0, 1]
    logits = scale * (generator.normal(0, 1, 40) + labels - 0.5)
    found = fit_temperature(labels, logits)
    best = log_loss(labels, expit(logits / found))
    for other in np.geomspace(LOWEST, HIGHEST, 30):
        assert best <= log_loss(labels, expit(logits / other)) + 1e-6  # at a bound the search stops beside it


def test_the_order_of_galaxies_does_not_matter():
    generator = np.random.default_rng(1)
    labels, logits = generator.integers(0, 2, 60), generator.normal(0, 2, 60)
    assert fit_temperature(labels[::-1], logits[::-1]) == pytest.approx(fit_temperature(labels, logits), rel=1e-6)


def test_where_none_is_best_the_bound_is_taken():
    labels = np.array([0, 0, 1, 1])
    right = np.array([-1.0, -2.0, 1.0, 2.0])
    assert fit_temperature(labels, right) == pytest.approx(LOWEST, rel=1e-3)
    assert fit_temperature(labels, -right) == pytest.approx(HIGHEST, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "logits", "message"),
    [([0, 1], [0.0], "equally long"), ([], [], "equally long"), ([0, 1], [0.0, np.nan], "finite")],
)
def test_what_cannot_be_fitted_is_refused(labels, logits, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(labels, logits)
