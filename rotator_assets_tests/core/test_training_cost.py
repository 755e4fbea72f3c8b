"""The rough cost of trainings: passes of images through networks, and the sizes of these."""

import pytest

from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import RECIPES_FILE, load_recipes
from rotator_assets.core.training_cost import COSTS, PARAMETERS, VICREG_COST, image_passes, network_bytes, relative_cost

RECIPES = load_recipes(RECIPES_FILE)
THESIS = RECIPES["thesis"]


def test_passes_of_the_study_are_networks_times_epochs_times_training_galaxies():
    assert image_passes(THESIS, 1000, n_tested=300) == 5 * 20 * 0.8 * 300
    assert image_passes(THESIS, 1000) == image_passes(THESIS, 1000, n_tested=300)


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({"population": "all"}, 2),
        ({"training_population": "all"}, 1 / 0.3),
        ({"training_fraction": 0.1}, 0.1),
        ({"epochs": 60}, 3),
        ({"repeats": 3}, 3),
        ({"members": 2}, 2),
        ({"split": "holdout"}, 1 / 5),
        ({"folds": 10}, 2 * 0.9 / 0.8),
        ({"architecture": "small"}, COSTS["small"]),
        ({"fusion": "catalogue"}, (5 + 10) / 5),  # one network more for each pair of folds
        ({"other_survey": "tng100-noisy", "other_use": "instead"}, 1 / (5 * 0.8)),
        ({"other_survey": "tng100-noisy", "other_use": "beside"}, 1 + 1 / 0.8),
        ({"other_survey": "tng100-noisy", "other_use": "before"}, 1 + 1 / (5 * 0.8)),
        ({"pretraining": "vicreg", "pretraining_epochs": 20}, 1 + VICREG_COST),
        ({"test_time_averaging": True}, 1),
    ],
)
def test_each_setting_multiplies_the_cost(settings, factor):
    assert relative_cost(Recipe(name="a", **settings), THESIS) == pytest.approx(factor)


def test_every_recipe_has_a_cost():
    assert min(relative_cost(recipe, THESIS) for recipe in RECIPES.values()) > 0


@pytest.mark.parametrize("architecture", PARAMETERS)
def test_the_sizes_of_networks_are_those_of_the_networks(architecture):
    from rotator_assets.training.network import build_network

    recipe = Recipe(name="a", architecture=architecture)
    network = build_network(recipe, 64)
    assert PARAMETERS[architecture] == pytest.approx(network.count_params(), rel=0.05)
    assert network_bytes(recipe, 64) == pytest.approx(4 * 5 * network.count_params(), rel=0.05)


def test_only_the_network_of_the_study_grows_with_the_crop():
    assert network_bytes(THESIS, 128) == 4 * network_bytes(THESIS, 64)
    assert network_bytes(RECIPES["small"], 128) == network_bytes(RECIPES["small"], 64)


def test_every_architecture_has_a_cost_and_a_size():
    allowed = Recipe.model_fields["architecture"].annotation.__args__
    assert set(COSTS) == set(PARAMETERS) == set(allowed)
