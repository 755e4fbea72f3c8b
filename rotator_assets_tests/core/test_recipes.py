"""Recipes: the named ones, versions that follow content, and one clear line per mistake."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from rotator_assets.attribution import integrated_gradients as attribution
from rotator_assets.attribution.baseline_images import baselines
from rotator_assets.core.errors import InputError
from rotator_assets.core.profiles import reduced
from rotator_assets.core.recipe_fields import setting
from rotator_assets.core.recipe_reference import recipe_reference
from rotator_assets.core.recipes import FAMILIES, STAGES, Recipe, varied
from rotator_assets.core.recipes_file import RECIPES_FILE, load_recipes, recipes_file, study_recipes
from rotator_assets.training import architectures

BY_SETTING = {
    "population": ["all-types"],
    "normalization": ["log", "max-g", "max-r", "unnormalized", "asinh", "zscale", "standard"],
    "regularization": ["dropout"],
    "bands": ["r-band", "g-band", "i-band"],
}
STUDY = ["thesis", *(name for names in BY_SETTING.values() for name in names)]
VARIANTS = {
    "split": ["holdout"],
    "repeats": ["repeated"],
    "imbalance": ["unweighted", "focal", "oversampled"],
    "architecture": ["small", "compact", "residual", "dihedral", "mobilenet"],
    "test_time_averaging": ["averaged"],
    "training_fraction": ["fraction-10", "fraction-20", "fraction-40", "fraction-70"],
    "label": ["cappellari2016"],
    "boundary_gap": ["clear-cut"],
}
ON_ANOTHER_SURVEY = {
    "tng-instead": ("tng100-noisy", "instead", 1.0),
    "noiseless-instead": ("tng100-noiseless", "instead", 1.0),
    "manga-instead": ("manga-observed", "instead", 1.0),
    "tng-before": ("tng100-noisy", "before", 1.0),
    "tng-before-10": ("tng100-noisy", "before", 0.1),
    "tng-before-30": ("tng100-noisy", "before", 0.3),
    "tng-beside": ("tng100-noisy", "beside", 1.0),
}
SEVERAL_SETTINGS = ["long", "ensemble", "targets", "every-galaxy", "self-supervised", "recommended"]
SEVERAL_SETTINGS += ["fusion", "fusion-all-types"]
SEVERAL_SETTINGS += [f"every-galaxy-{other}" for other in ("all-types", 10, 20, 40, 70)]
NAMED = [*STUDY, *(name for names in VARIANTS.values() for name in names), *SEVERAL_SETTINGS, *ON_ANOTHER_SURVEY]


@pytest.fixture(autouse=True)
def no_other_recipes_file(monkeypatch):
    monkeypatch.delenv("ROTATORS_RECIPES", raising=False)


def written(tmp_path, text):
    path = tmp_path / "recipes.yaml"
    path.write_text(text)
    return path


def test_the_named_recipes_differ_as_their_names_say():
    recipes = load_recipes()
    assert sorted(recipes) == sorted(NAMED)
    thesis = recipes["thesis"]
    assert (thesis.population, thesis.normalization, thesis.bands, thesis.regularization) == (
        "early", "max_all", "gri", "batchnorm",
    )  # fmt: skip
    families = {**BY_SETTING, **VARIANTS, "other_survey": ["tng-before"]}
    assert varied(recipes, "thesis") == {setting: ["thesis", *names] for setting, names in families.items()}
    assert study_recipes() == STUDY
    for name, settings in ON_ANOTHER_SURVEY.items():
        recipe = recipes[name]
        assert (recipe.other_survey, recipe.other_use, recipe.training_fraction) == settings
    shown = [recipes[name].normalization for name in BY_SETTING["normalization"]]
    assert shown == ["log", "max_g", "max_r", "none", "asinh", "zscale", "standard"]
    assert [recipes[name].bands for name in BY_SETTING["bands"]] == ["r", "g", "i"]


def test_the_recipe_reference_is_current():
    """If not: python -m rotator_assets.core.recipe_reference > docs/recipes.md"""
    document = Path(__file__).parents[2] / "docs" / "recipes.md"
    assert document.read_text(encoding="utf-8") == recipe_reference()


def test_pictures_of_comparisons_keep_their_names():
    assert FAMILIES == {
        "population": "population",
        "normalization": "normalization",
        "bands": "colour",
        "regularization": "regularization",
        "architecture": "architectures",
        "imbalance": "imbalance",
        "label": "label",
        "training_fraction": "training_fraction",
    }


def test_dropout_agrees_with_its_description():
    described = Recipe.model_fields["regularization"].description
    assert f"dropout of {architectures.DROPOUT_CONVOLUTION} after each convolution" in described
    assert f"{architectures.DROPOUT_DENSE} after the dense layer" in described


def test_every_quadrature_and_baseline_is_allowed():
    settings = Recipe.model_fields
    assert set(get_args(settings["attribution_method"].annotation)) == set(attribution.METHODS)
    for kind in get_args(settings["attribution_baseline"].annotation):
        assert baselines(np.zeros((1, 4, 4, 3), np.float32), [0], Recipe(name="a", attribution_baseline=kind)).ndim == 5
    default = Recipe(name="a")
    assert (default.attribution_method, default.attribution_baseline) == ("riemann_middle", "sky")


def test_recipes_are_compared_only_if_they_differ_in_one_setting():
    recipes = {
        "two": Recipe(name="two", bands="r", normalization="log"),
        "shifted": Recipe(name="shifted", augmentation={"shift": 0.1}),
        "plain": Recipe(name="plain"),
        "same": Recipe(name="same"),
        "turned": Recipe(name="turned", augmentation={"shift": 0.1, "rotation_deg": 0}),
        "r": Recipe(name="r", bands="r"),
    }
    assert varied(recipes, "plain") == {"augmentation.shift": ["plain", "shifted"], "bands": ["plain", "r"]}
    assert varied(recipes, "r") == {"normalization": ["r", "two"], "bands": ["r", "plain", "same"]}
    assert varied(recipes, "unknown") == {}
    assert varied({"plain": recipes["plain"]}, "plain") == {}


def test_the_variable_names_another_file(tmp_path, monkeypatch):
    assert recipes_file() == RECIPES_FILE
    monkeypatch.setenv("ROTATORS_RECIPES", "")
    assert recipes_file() == RECIPES_FILE
    path = written(tmp_path, "recipes: {mine: {bands: g}}")
    monkeypatch.chdir(tmp_path)
    for named in (str(path), "recipes.yaml"):
        monkeypatch.setenv("ROTATORS_RECIPES", named)
        assert recipes_file() == path
        assert list(load_recipes()) == study_recipes() == ["mine"]
    assert sorted(load_recipes(RECIPES_FILE)) == sorted(NAMED)
    path.unlink()
    with pytest.raises(InputError, match=r"cannot be read .*ROTATORS_RECIPES"):
        load_recipes()


def declared(model: type[BaseModel] = Recipe) -> dict[str, FieldInfo]:
    """Every setting of a recipe by its dotted name."""
    found = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= {f"{name}.{inner}": of_inner for inner, of_inner in declared(field.annotation).items()}
        elif name != "name":
            found[name] = field
    return found


TEXTS = {"other_survey": "tng100-noisy", "pretrained": "encoder.keras"}


def changed(setting: str) -> Recipe:
    """A recipe that differs from the default in one setting."""
    block, _, name = setting.rpartition(".")
    field = declared()[setting]
    choices = get_args(field.annotation)
    if setting in TEXTS:
        value = TEXTS[setting]
    elif choices:
        value = next(choice for choice in choices if choice != field.default)
    elif isinstance(field.default, bool):
        value = not field.default
    else:
        value = field.default + 1 if isinstance(field.default, int) else 0.9 * field.default or 0.1
    return Recipe.model_validate({"name": "a", **({block: {name: value}} if block else {name: value})})


def versions(recipe: Recipe) -> dict[str, str]:
    return {stage: recipe.version(stage) for stage in STAGES}


def test_every_setting_is_declared_completely():
    for name, field in declared().items():
        assert set(field.json_schema_extra) == {"stage", "introduced", "picture"}, name
        assert field.description, name
        assert field.json_schema_extra["stage"] in STAGES, name
    assert {name for name in declared() if name.startswith("attribution_")} == {
        name for name, field in declared().items() if field.json_schema_extra["stage"] == "attribution"
    }


def test_each_setting_changes_the_version_of_its_stage_and_no_other():
    before = versions(Recipe(name="a"))
    assert before == versions(Recipe(name="b"))
    for name, field in declared().items():
        after = versions(changed(name))
        assert [s for s in STAGES if after[s] != before[s]] == [field.json_schema_extra["stage"]], name
    everything = {changed(name).version(*STAGES) for name in declared()}
    assert len(everything) == len(declared())


def test_versions_are_pinned():
    """Results are stored under them: a version that changes here makes all results stale."""
    recipes = load_recipes()
    assert versions(recipes["thesis"]) == dict.fromkeys(STAGES, "44136fa355b3678a")
    assert recipes["log"].version("training") == "ad46cbeb30c10d4d"
    assert recipes["averaged"].version("prediction") == "9d254da496bb05e0"


class Longer(Recipe):
    """The recipes of a later version, with one more setting and another default."""

    warmup_epochs: int = setting("training", 0, introduced=0, description="epochs of rising learning rate")
    epochs: int = setting("training", 30, introduced=20, description="largest number of epochs")


def test_a_new_setting_changes_no_version_until_it_is_used():
    now, later = Recipe(name="a", bands="r", epochs=40), Longer(name="a", bands="r", epochs=40)
    assert versions(later) == versions(now)
    assert versions(Longer(name="a", bands="r", epochs=40, warmup_epochs=0)) == versions(now)
    used = versions(Longer(name="a", bands="r", epochs=40, warmup_epochs=3))
    assert [stage for stage in STAGES if used[stage] != versions(now)[stage]] == ["training"]


def test_another_default_changes_only_the_versions_that_rely_on_it():
    assert Longer(name="a").version("training") == Recipe(name="a", epochs=30).version("training")
    assert Longer(name="a", epochs=20).version("training") == Recipe(name="a").version("training")


def test_stored_recipes_keep_the_values_of_their_time():
    kept = Recipe(name="a", bands="r", augmentation={"shift": 0.2}).model_dump(mode="json")
    del kept["augmentation"]["zoom"]
    recipe = Longer.kept({name: value for name, value in kept.items() if name not in ("epochs", "seed")})
    assert (recipe.epochs, recipe.warmup_epochs, recipe.seed, recipe.augmentation.zoom) == (20, 0, 2020, 0.1)
    assert recipe.version("training") == Recipe(name="a", bands="r", augmentation={"shift": 0.2}).version("training")
    with pytest.raises(ValidationError):
        Recipe.kept({**kept, "warmup_epochs": 3})


def test_settings_of_a_stage_are_taken_from_another_recipe():
    trained, now = Recipe(name="a", bands="r"), Recipe(name="b", bands="g", attribution_steps=9, epochs=3)
    explained = trained.with_settings_of(now, "attribution")
    assert (explained.name, explained.bands, explained.epochs, explained.attribution_steps) == ("a", "r", 20, 9)


def test_neighbours_are_masked_if_the_file_says_so(tmp_path):
    recipes = load_recipes(written(tmp_path, "recipes: {a: {}, b: {mask_neighbours: true}}"))
    assert [recipe.mask_neighbours for recipe in recipes.values()] == [False, True]
    assert not any(recipe.mask_neighbours for recipe in load_recipes().values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "recipes: {log: {normalisation: log}}",
            "recipe 'log': normalisation: unknown key; did you mean 'normalization'?",
        ),
        (
            "recipes: {a: {colour: r}}",
            "recipe 'a': colour: unknown key; the keys are population, training_",
        ),
        ("recipes: {a: {1: r}}", "line 1: the key 1 is not text"),
        ('recipes: {a: {"two\\nlines": r}}', "holds characters that cannot be printed"),
        ("recipes: {a: {augmentation: {shfit: 3}}}", "augmentation.shfit: unknown key; did you mean 'shift'?"),
        ("recipes: {a: {augmentation: 3}}", "recipe 'a': augmentation: Input should be"),
        ("recipes: {a: {name: b}}", "recipe 'a': name: is not a setting"),
        ("recipes: {a: {}, a: {bands: r}}", "'a' appears twice"),
        ("recipes: {a: {epochs: 2, epochs: 3}}", "'epochs' appears twice"),
        ("recipes: {a: {epochs: 2020-13-45}}", "2020-13-45 may be a date"),
        ("recipes: {a: {epochs: 010}}", "010 may not be a decimal number"),
        ("recipes:\n  a:\n    epochs: '20'", "line 3: recipe 'a': epochs: Input should be a valid integer"),
        ("recipes: {a: {epochs: 3.0}}", "recipe 'a': epochs: Input should be a valid integer"),
        ("recipes: {a: {epochs: true}}", "recipe 'a': epochs: Input should be a valid integer"),
        ("recipes: {a: {mask_neighbours: 1}}", "recipe 'a': mask_neighbours: Input should be a valid boolean"),
        ("[" * 3000, "is not valid YAML"),
        ("recipes: {a: {learning_rate: .inf}}", ".inf is not a finite number"),
        ("recipes: {a: {learning_rate: .nan}}", ".nan is not a finite number"),
        ("recipes: {log: {normalization: logarithm}}", "recipe 'log': normalization: Input should be"),
        ("recipes: {a: {epochs: 0}}", "recipe 'a': epochs:"),
        ("recipes: {a: {augmentation: {spin: 3}}}", "augmentation.spin: unknown key; the keys are shift, rotation_deg"),
        ("recipes: {a: {mask_neighbours: perhaps}}", "recipe 'a': mask_neighbours:"),
        ("recipes: {a: {normalization: max_g, bands: r}}", "needs band g"),
        ("recipes: {a/b: {}}", "letters, digits and hyphens"),
        ('recipes: {"a\\nb": {}}', "holds characters that cannot be printed"),
        ("recipes: {a: [1]}", "expected a mapping of settings, got list"),
        ("recipes: {a: {}}\nextra: 1", "unknown key 'extra'"),
        ("recipes: {a: {class_weights: true}}", "recipe 'a': class_weights: unknown key"),
        ("recipes: {a: {}}\nvariants: {b: {bands: q}}", "recipe 'b': bands: Input should be"),
        ("recipes: {a: {}}\nvariants: {b/c: {}}", "letters, digits and hyphens"),
        ("recipes: {a: {}}\nvariants: {a: {bands: r}}", "recipe 'a' is under 'recipes' and under 'variants'"),
        ("recipes: {a: {}}\nvariants: [b]", "expected a mapping 'variants'"),
        ("variants: {a: {}}", "expected a mapping 'recipes'"),
        ("recipes: {a: {training_fraction: 0}}", "recipe 'a': training_fraction:"),
        ("recipes: {a: {repeats: 0}}", "recipe 'a': repeats:"),
        ("recipes: {a: {attribution_method: simpson}}", "recipe 'a': attribution_method: Input should be"),
        ("recipes: {a: {attribution_baseline: black}}", "recipe 'a': attribution_baseline: Input should be"),
        ("recipes: {a: {label: emsellem}}", "recipe 'a': label: Input should be"),
        ("recipes: {a: {architecture: resnet}}", "recipe 'a': architecture: Input should be"),
        ("[]", "expected a mapping 'recipes'"),
        ("recipes: {a: {epochs: 2", "is not valid YAML"),
        ("recipes: !!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_errors_are_one_line(tmp_path, text, message):
    with pytest.raises(InputError) as error:
        load_recipes(written(tmp_path, text))
    assert message in str(error.value) and "recipes.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_block_may_be_shared_and_changed(tmp_path):
    text = "recipes: {a: &a {epochs: 3, bands: r}, b: {<<: *a, epochs: 4}}"
    recipes = load_recipes(written(tmp_path, text))
    assert [(recipe.epochs, recipe.bands) for recipe in recipes.values()] == [(3, "r"), (4, "r")]


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_recipes(tmp_path / "recipes.yaml")


def test_networks_are_counted():
    assert Recipe(name="a", folds=5).networks == 5
    assert Recipe(name="a", folds=5, repeats=3).networks == 15
    assert Recipe(name="a", folds=5, repeats=3, split="holdout").networks == 3


def test_reduced_recipes_are_never_larger():
    small = Recipe(name="a", folds=2, epochs=1, batch_size=4, attribution_steps=3, attribution_doublings=0)
    assert reduced(small, 128) == small
    for crop in (64, 128):
        for recipe in load_recipes().values():
            less = reduced(recipe, crop)
            assert less.folds <= recipe.folds and less.epochs <= recipe.epochs and less.repeats == 1
            assert less.normalization == recipe.normalization and less.seed == recipe.seed
            assert less.attribution_method == recipe.attribution_method
            assert less.attribution_baseline == recipe.attribution_baseline


@pytest.mark.parametrize(
    "changes", [{"split": "holdout"}, {"folds": 2}, {"other_survey": "tng100-noisy", "other_use": "instead"}]
)
def test_a_fusion_needs_networks_without_two_folds(changes):
    with pytest.raises(ValidationError, match="needs a cross-validation of the survey's own galaxies in"):
        Recipe(name="any", fusion="catalogue", **changes)
    assert Recipe(name="any", **changes).inner_networks == 0


def test_a_fusion_with_spin_needs_a_predicted_lambda_r():
    with pytest.raises(ValidationError, match="give lambda_r_interval a weight"):
        Recipe(name="any", fusion="spin+catalogue")
    assert Recipe(name="any", fusion="spin+catalogue", lambda_r_interval=0.1).fused_sets == ("spin", "catalogue")


def test_a_fusion_has_one_network_more_for_each_pair_of_folds():
    recipe = load_recipes()["fusion"]
    assert (recipe.networks, recipe.inner_networks, recipe.fused_sets) == (5, 10, ("spin", "catalogue", "structure"))
    quick = reduced(recipe.model_copy(update={"repeats": 3}), 64)
    assert (quick.folds, quick.networks, quick.inner_networks) == (3, 3, 3)
    recommended = load_recipes()["recommended"].model_dump()
    changed = {name for name, value in recipe.model_dump().items() if value != recommended[name]}
    assert changed == {"name", "fusion", "members", "epochs"}
