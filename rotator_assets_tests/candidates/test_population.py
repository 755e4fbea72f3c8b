"""Early and other types are told apart by the features of a network."""

import numpy as np
import pytest

from rotator_assets.candidates.population import LEAST_PER_TYPE, fit_population


def test_types_are_recovered_and_unknown_ones_are_not_learned_from():
    generator = np.random.default_rng(0)
    early = np.repeat([0.0, 1.0], 200)
    features = generator.normal(size=(400, 5)) + 4 * early[:, None] * np.eye(5)[0]
    known = fit_population(early, features)
    assert np.mean((known(features) > 0.5) == early) > 0.95
    misleading = np.concatenate([early, np.full(100, np.nan)]), np.concatenate([features, np.full((100, 5), 50.0)])
    np.testing.assert_array_equal(fit_population(*misleading)(features), known(features))


@pytest.mark.parametrize("n_late", [0, LEAST_PER_TYPE - 1])
def test_networks_that_know_one_type_alone_predict_none(n_late):
    early = np.concatenate([np.ones(50), np.zeros(n_late)])
    assert np.isnan(fit_population(early, np.ones((len(early), 3)))(np.ones((7, 3)))).all()
