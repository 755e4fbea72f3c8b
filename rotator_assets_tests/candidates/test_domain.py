"""A galaxy is in the domain if its features lie where those of the training part lie."""

import numpy as np
import pytest

from rotator_assets.candidates.domain import INSIDE, fit_domain

N_FEATURES = 20


@pytest.fixture
def features():
    """Correlated features of 3000 galaxies; two of them are the same, and one is always zero."""
    generator = np.random.default_rng(0)
    made = generator.normal(size=(3000, N_FEATURES)) @ generator.normal(size=(N_FEATURES, N_FEATURES))
    made[:, 1] = made[:, 0]
    made[:, 2] = 0.0
    return made


def test_the_stated_fraction_of_new_galaxies_is_inside(features):
    domain = fit_domain(features[:1000], features[1000:2000])
    assert np.mean(domain.distance(features[1000:2000]) <= 1) == pytest.approx(INSIDE, abs=0.002)
    assert np.mean(domain.distance(features[2000:]) <= 1) == pytest.approx(INSIDE, abs=0.01)


def test_other_galaxies_are_outside(features):
    domain = fit_domain(features[:1000], features[1000:])
    against_the_correlation = features.mean(axis=0) + np.where(np.arange(N_FEATURES) == 1, 10.0, 0.0)
    far = features.mean(axis=0) + 5 * features.std(axis=0) * np.sign(np.arange(N_FEATURES) % 2 - 0.5)
    assert (domain.distance(np.stack([against_the_correlation, far])) > 1).all()
    assert domain.distance(features.mean(axis=0)[None])[0] < 0.2


def test_units_of_the_features_do_not_matter(features):
    units = np.random.default_rng(1).uniform(0.01, 100, N_FEATURES)
    plain, scaled = (fit_domain(f[:1000], f[1000:2000]) for f in (features, features * units))
    np.testing.assert_allclose(scaled.distance(features[2000:] * units), plain.distance(features[2000:]), rtol=1e-6)


def test_features_that_are_all_zero_have_a_domain():
    nothing = np.zeros((30, 4))
    assert (fit_domain(nothing, nothing).distance(nothing) <= 1).all()
    assert fit_domain(nothing, nothing).distance(np.ones((1, 4)))[0] > 1
