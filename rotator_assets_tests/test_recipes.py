"""Recipes: the named ones, versions that follow content, and a clear line for each mistake."""

import pytest

from rotator_assets.errors import InputError
from rotator_assets.recipes import Recipe, load_recipes, reduced

NAMED = ["thesis", "all-types", "log", "max-g", "max-r", "unnormalized", "asinh", "dropout", "r-band"]


def written(tmp_path, text):
    path = tmp_path / "recipes.yaml"
    path.write_text(text)
    return path


def test_the_named_recipes_are_there_and_differ_in_what_their_names_say():
    recipes = load_recipes()
    assert list(recipes)[: len(NAMED)] == NAMED
    thesis = recipes["thesis"]
    assert (thesis.population, thesis.normalization, thesis.bands, thesis.regularization) == (
        "early", "max_all", "gri", "batchnorm",
    )  # fmt: skip
    changed = {
        name: {k for k, v in recipe.model_dump().items() if v != thesis.model_dump()[k]} - {"name"}
        for name, recipe in recipes.items()
    }
    assert changed == {
        "thesis": set(),
        "all-types": {"population"},
        "log": {"normalization"},
        "max-g": {"normalization"},
        "max-r": {"normalization"},
        "unnormalized": {"normalization"},
        "asinh": {"normalization"},
        "dropout": {"regularization"},
        "r-band": {"bands"},
    }


def test_version_follows_content_not_name():
    assert Recipe(name="a").version == Recipe(name="b").version
    assert Recipe(name="a").version != Recipe(name="a", seed=1).version
    assert Recipe(name="a").version != Recipe(name="a", mask_neighbours=True).version


def test_neighbours_are_masked_where_the_file_says_so(tmp_path):
    recipes = load_recipes(written(tmp_path, "recipes: {a: {}, b: {mask_neighbours: true}}"))
    assert [recipe.mask_neighbours for recipe in recipes.values()] == [False, True]
    assert not any(recipe.mask_neighbours for recipe in load_recipes().values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipes: {log: {normalisation: log}}", "recipe 'log': normalisation: Extra inputs"),
        ("recipes: {log: {normalization: logarithm}}", "recipe 'log': normalization: Input should be"),
        ("recipes: {a: {epochs: 0}}", "recipe 'a': epochs:"),
        ("recipes: {a: {augmentation: {spin: 3}}}", "augmentation.spin"),
        ("recipes: {a: {mask_neighbours: perhaps}}", "recipe 'a': mask_neighbours:"),
        ("recipes: {a: {normalization: max_g, bands: r}}", "needs band g"),
        ("recipes: {a/b: {}}", "letters, digits and hyphens"),
        ("recipes: {a: [1]}", "expected a mapping of settings, got list"),
        ("recipes: {a: {}}\nextra: 1", "unknown key 'extra'"),
        ("[]", "expected a mapping 'recipes'"),
        ("recipes: {a: {epochs: 2", "is not valid YAML"),
        ("recipes: !!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, text, message):
    with pytest.raises(InputError) as error:
        load_recipes(written(tmp_path, text))
    assert message in str(error.value) and "recipes.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file_says_so(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_recipes(tmp_path / "recipes.yaml")


def test_reduced_never_asks_for_more():
    small = Recipe(name="a", folds=2, epochs=1, batch_size=4, attribution_steps=3)
    assert reduced(small, 128) == small
    for crop in (64, 128):
        for recipe in load_recipes().values():
            less = reduced(recipe, crop)
            assert less.folds <= recipe.folds and less.epochs <= recipe.epochs
            assert less.normalization == recipe.normalization and less.seed == recipe.seed
