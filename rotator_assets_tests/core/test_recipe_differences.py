"""Recipes in few words."""

from rotator_assets.core.recipe_differences import differences, differing
from rotator_assets.core.recipe_fields import Targets
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import RECIPES_FILE, load_recipes

THESIS = load_recipes(RECIPES_FILE)["thesis"]


def test_equal_recipes_have_no_differences():
    assert differences(THESIS.model_copy(update={"name": "other"}), THESIS) == []


def test_settings_of_every_stage_are_compared():
    recipe = Recipe(name="a", epochs=80, test_time_averaging=True, attribution_steps=9, label="cappellari2016")
    assert differing(recipe, THESIS) == {
        "label": "cappellari2016", "epochs": 80, "test_time_averaging": True, "attribution_steps": 9
    }  # fmt: skip
    assert differences(recipe, THESIS) == [
        "label: cappellari2016", "epochs: 80", "test_time_averaging: true", "attribution_steps: 9"
    ]  # fmt: skip


def test_many_settings_of_a_block_with_one_value_are_counted():
    weights = {name: 0.3 for name in Targets.model_fields} | {"redshift": 0.1}
    recipe = Recipe(name="a", targets=Targets(**weights))
    assert differences(recipe, THESIS) == [f"targets: 0.3 ({len(weights) - 1} settings)", "targets.redshift: 0.1"]


def test_few_settings_of_a_block_are_listed():
    recipe = Recipe(name="a", targets=Targets(lambda_r=0.3, t_type=0.3))
    assert differences(recipe, THESIS) == ["targets.lambda_r: 0.3", "targets.t_type: 0.3"]
