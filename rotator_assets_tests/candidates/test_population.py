"""The features of a network say which galaxies are early types."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.candidates.population import LEAST_PER_TYPE, fit_early_types, known_types


def test_types_are_recovered_and_unknown_ones_are_not_learned_from():
    generator = np.random.default_rng(0)
    early = np.repeat([0.0, 1.0], 200)
    features = generator.normal(size=(400, 5)) + 4 * early[:, None] * np.eye(5)[0]
    known = fit_early_types(early, features)
    assert np.mean((known.probability_early(features) > 0.5) == early) > 0.95
    misleading = np.concatenate([early, np.full(100, np.nan)]), np.concatenate([features, np.full((100, 5), 50.0)])
    again = fit_early_types(*misleading)
    np.testing.assert_array_equal(again.probability_early(features), known.probability_early(features))


@pytest.mark.parametrize("n_late", [0, LEAST_PER_TYPE - 1])
def test_networks_that_know_one_type_alone_predict_none(n_late):
    early = np.concatenate([np.ones(50), np.zeros(n_late)])
    assert fit_early_types(early, np.ones((len(early), 3))) is None


def test_a_type_is_known_only_where_the_catalogues_say_it():
    rows = {
        "early": (True, -2.0, np.nan, 0.3),
        "late": (False, 4.0, np.nan, 0.3),
        "by p_late": (True, np.nan, 0.1, 0.3),
        "nothing": (False, np.nan, np.nan, 0.3),
        "early without axis ratio": (False, -2.0, 0.1, np.nan),
    }
    galaxies = pd.DataFrame(rows.values(), rows.keys(), ["is_early_type", "t_type", "p_late", "ellipticity"])
    known = known_types(galaxies)
    assert known[["early", "late", "by p_late"]].tolist() == [True, False, True]
    assert known[["nothing", "early without axis ratio"]].isna().all()
