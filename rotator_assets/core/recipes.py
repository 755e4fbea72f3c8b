"""Recipes: everything that decides how networks are trained, asked and explained, named in ``recipes.yaml``.

That includes what it is shown: population, bands, normalization, and (``mask_neighbours``) whether other sources in an
image are taken out of it first. The file has the study's own recipes under ``recipes`` and, under ``variants``, those
that ask what else could have been done; the two differ in nothing but that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rotator_assets.core.changes import changes
from rotator_assets.core.errors import InputError
from rotator_assets.core.yaml_files import YamlFile, read_yaml, unknown_key

RECIPES_FILE = Path(__file__).parents[1] / "recipes.yaml"
ENVIRONMENT_VARIABLE = "ROTATORS_RECIPES"

Normalization = Literal["max_all", "log", "max_g", "max_r", "none", "asinh", "zscale", "standard"]
Bands = Literal["gri", "g", "r", "i"]
Stage = Literal["training", "prediction", "attribution"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""What a recipe decides, one after the other: the networks; their logits; the maps that explain these."""


def _setting(stage: Stage, default: Any, *, introduced: Any, description: str | None = None, **bounds: float) -> Any:
    """A field of a recipe: the stage that it decides, and its value in every recipe of before there was such a field.

    ``introduced`` never changes, whatever becomes of ``default``: `Recipe.version` leaves out what has this value.
    """
    return Field(
        default, description=description, json_schema_extra={"stage": stage, "introduced": introduced}, **bounds
    )


_training = partial(_setting, "training")
_prediction = partial(_setting, "prediction")
_attribution = partial(_setting, "attribution")


class Augmentation(BaseModel):
    """Random transformations of training images, drawn afresh for every image and epoch; never used in testing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    shift: float = _training(
        0.05, introduced=0.05, ge=0, le=0.5, description="largest shift along each axis, fraction of the side"
    )
    rotation_deg: float = _training(180.0, introduced=180.0, ge=0, le=180, description="largest rotation, degrees")
    flip: bool = _training(True, introduced=True, description="mirror each axis with probability one half")
    flattening: float = _training(
        0.1, introduced=0.1, ge=0, lt=0.9, description="largest squeeze of one axis, fraction"
    )
    zoom: float = _training(0.1, introduced=0.1, ge=0, lt=0.9, description="largest change of scale, fraction")


class Recipe(BaseModel):
    """One named training, how its networks predict, and how they are explained.

    Each field but the name decides one of these stages. A stage has a version, which changes where a field that
    decides it does: what was trained stays as it is when its attributions are to be computed otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    population: Literal["early", "all"] = _training("early", introduced="early")
    normalization: Normalization = _training(
        "max_all", introduced="max_all", description="equations: science/normalization.py"
    )
    bands: Bands = _training("gri", introduced="gri")
    regularization: Literal["batchnorm", "dropout"] = _training(
        "batchnorm",
        introduced="batchnorm",
        description="batch normalization, or dropout of 0.25 after each convolution and 0.5 after the dense layer",
    )
    architecture: Literal["thesis", "small", "residual", "dihedral", "mobilenet"] = _training(
        "thesis", introduced="thesis", description="layers: learning/architectures.py"
    )
    mask_neighbours: bool = _training(
        False,
        introduced=False,
        description="replace other sources in an image by its opposite side, in training and in testing",
    )
    augmentation: Augmentation = Augmentation()
    imbalance: Literal["weights", "focal", "oversample", "none"] = _training(
        "weights",
        introduced="weights",
        description="what makes up for unequal classes: weights inverse to their frequency in training, those with the "
        "focal loss, drawing the rarer class again, or nothing",
    )
    label: Literal["settings", "emsellem2011", "cappellari2016"] = _training(
        "settings",
        introduced="settings",
        description="boundary between slow and fast; settings: that of the data root's settings.yaml",
    )
    boundary_gap: float = _training(
        0.0,
        introduced=0.0,
        ge=0,
        lt=1,
        description="leave out galaxies whose lambda_R is closer than this to the boundary",
    )
    other_survey: str | None = _training(
        None,
        introduced=None,
        description="survey and noise, such as tng100-noisy, whose galaxies of the same crop train too",
    )
    other_use: Literal["before", "beside", "instead"] = _training(
        "before",
        introduced="before",
        description="the other survey's galaxies train a first network, from whose weights the others start; join each "
        "training part; or alone train the network that is tested",
    )
    epochs: int = _training(20, introduced=20, ge=1, le=10_000)
    patience: int = _training(
        8, introduced=8, ge=1, description="epochs without a better validation loss before stopping"
    )
    split: Literal["kfold", "holdout"] = _training(
        "kfold",
        introduced="kfold",
        description="test every galaxy in one of the folds, or a fifth of them by one network (80/20)",
    )
    folds: int = _training(5, introduced=5, ge=2, le=50)
    repeats: int = _training(
        1, introduced=1, ge=1, le=100, description="trainings with other splits and other initial weights"
    )
    training_fraction: float = _training(
        1.0, introduced=1.0, gt=0, le=1, description="share of the training part of each fold that is used, by object"
    )
    validation_fraction: float = _training(
        0.15, introduced=0.15, gt=0, lt=0.5, description="share of the training part, by object"
    )
    batch_size: int = _training(64, introduced=64, ge=1)
    learning_rate: float = _training(3e-4, introduced=3e-4, gt=0, allow_inf_nan=False)
    test_time_averaging: bool = _prediction(
        False, introduced=False, description="predict the mean logit of an image's eight turned and mirrored copies"
    )
    attribution_steps: int = _attribution(
        50, introduced=50, ge=2, description="points of the integrated-gradients quadrature at first"
    )
    attribution_doublings: int = _attribution(
        4,
        introduced=4,
        ge=0,
        le=8,
        description="how often these are doubled, at most, for an image whose map misses 5 % of the logit",
    )
    attribution_method: Literal["riemann_middle", "gausslegendre", "riemann_left", "riemann_right"] = _attribution(
        "riemann_middle", introduced="riemann_middle", description="rule of that quadrature, by its name in alibi"
    )
    attribution_baseline: Literal["sky", "blurred", "noise"] = _attribution(
        "sky",
        introduced="sky",
        description="what an image is compared with: empty sky, itself strongly blurred, or several skies with its own "
        "noise (learning/baseline_images.py)",
    )
    seed: int = _training(2020, introduced=2020, ge=0)

    @model_validator(mode="after")
    def _normalizing_band_is_used(self) -> Recipe:
        needed = {"max_g": "g", "max_r": "r"}.get(self.normalization)
        if needed and needed not in self.bands:
            raise ValueError(f"normalization '{self.normalization}' needs band {needed}, bands are '{self.bands}'")
        return self

    @property
    def band_indices(self) -> tuple[int, ...]:
        """Positions of the recipe's bands in the stored g, r, i order."""
        return tuple("gri".index(band) for band in self.bands)

    @property
    def networks(self) -> int:
        """Networks that are tested: one a fold and repeat; one a repeat with a part held out, or trained on others."""
        alone = self.split == "holdout" or (self.other_survey is not None and self.other_use == "instead")
        return self.repeats * (1 if alone else self.folds)

    def settings(self, *stages: Stage) -> dict[str, Any]:
        """The settings that decide these stages, by name, blocks as mappings; as JSON may hold them."""
        return _settings_of(self, stages)

    def version(self, *stages: Stage) -> str:
        """Hash of what decides these stages: equal versions, equal results. The recipe's name does not count.

        Nor does a setting with the value that it was introduced with, so that a new one changes no version.
        """
        content = json.dumps(_settings_of(self, stages, changed_alone=True), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def with_settings_of(self, other: Recipe, *stages: Stage) -> Recipe:
        """This recipe, with the settings that decide these stages as in another."""
        return self.model_copy(update={name: getattr(other, name) for name in other.settings(*stages)})

    @classmethod
    def kept(cls, content: Mapping[str, Any]) -> Recipe:
        """The recipe of a ``model_dump`` that was kept, maybe by an earlier version of this project.

        What was no setting then has the value it was introduced with, whatever the default is now. Raises
        pydantic.ValidationError where there is a setting that is no more, or a value that is no longer allowed.
        """
        return cls.model_validate(_completed(cls, content))


def _settings_of(model: BaseModel, stages: Collection[Stage], changed_alone: bool = False) -> dict[str, Any]:
    """Settings of a recipe, or of a block of it, that decide the stages; all, or those not as they were introduced."""
    found = {}
    for name, field in type(model).model_fields.items():
        value, known = getattr(model, name), field.json_schema_extra
        if isinstance(value, BaseModel):
            if block := _settings_of(value, stages, changed_alone):
                found[name] = block
        elif known and known["stage"] in stages and (value != known["introduced"] or not changed_alone):
            found[name] = value
    return found


def _completed(model: type[BaseModel], content: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were kept, with those that were none then as they were introduced."""
    completed = dict(content)
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            completed[name] = _completed(field.annotation, content.get(name, {}))
        elif field.json_schema_extra:
            completed.setdefault(name, field.json_schema_extra["introduced"])
    return completed


def kept_settings(content: Mapping[str, Any], *stages: Stage) -> dict[str, Any]:
    """Those of the settings that were kept, maybe by an earlier version, that decide the stages or are none any more.

    What was no setting then is there with the value it was introduced with.
    """
    elsewhere = Recipe(name="any").settings(*(stage for stage in STAGES if stage not in stages))
    return {name: value for name, value in _completed(Recipe, content).items() if name not in elsewhere}


def recipes_file() -> Path:
    """The file that ``ROTATORS_RECIPES`` names, else the one that comes with the package."""
    return Path(os.environ.get(ENVIRONMENT_VARIABLE) or RECIPES_FILE).expanduser().absolute()


def load_recipes(path: Path | None = None) -> dict[str, Recipe]:
    """Every recipe of the file (default: `recipes_file`) by name: those under ``recipes``, then those of ``variants``.

    Raises InputError naming the file, the line, the recipe and the key: what `read_yaml` refuses, unknown keys, values
    of another type (``"20"`` is no number, ``1`` no truth value) or out of range, a name that is not letters, digits
    and hyphens, a name in both places.
    """
    file = _read(path or recipes_file())
    groups = _groups(file)
    return {name: _recipe(file, group, name, values) for group in groups for name, values in groups[group].items()}


def study_recipes(path: Path | None = None) -> list[str]:
    """Names of the study's own recipes, those under ``recipes``. Raises InputError where the file is not one."""
    return list(_groups(_read(path or recipes_file()))["recipes"])


def _recipe(file: YamlFile, group: str, name: str, values: object) -> Recipe:
    """One recipe of the file, checked."""
    here = file.where(group, name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
        raise InputError(f"{here}: recipe name {name!r} may hold only letters, digits and hyphens")
    if values is not None and not isinstance(values, dict):
        raise InputError(f"{here}: recipe '{name}': expected a mapping of settings, got {type(values).__name__}")
    if "name" in (values or {}):
        raise InputError(f"{here}: recipe '{name}': name: is not a setting, the recipe is named by its key")
    try:
        return Recipe.model_validate({**(values or {}), "name": name})
    except ValidationError as error:
        place = file.where(group, name, *error.errors()[0]["loc"])
        raise InputError(f"{place}: recipe '{name}': {_mistake(error)}") from None


def _read(path: Path) -> YamlFile:
    try:
        return read_yaml(path)
    except OSError as error:
        remedy = f"restore it, or let {ENVIRONMENT_VARIABLE} name another recipes file"
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None


def _groups(file: YamlFile) -> dict[str, dict[str, object]]:
    """What stands under ``recipes`` and ``variants`` in the file, by these names."""
    content = file.content
    if not isinstance(content, dict) or not isinstance(content.get("recipes"), dict) or not content["recipes"]:
        raise InputError(f"{file.path}: expected a mapping 'recipes' of recipe names to settings")
    if unknown := sorted(set(content) - {"recipes", "variants"}):
        raise InputError(f"{file.where(unknown[0])}: unknown key {unknown[0]!r} beside 'recipes' and 'variants'")
    groups = {"recipes": content["recipes"], "variants": content.get("variants", {})}
    if not isinstance(groups["variants"], dict):
        raise InputError(f"{file.path}: expected a mapping 'variants' of recipe names to settings")
    for name in groups["recipes"]:
        if name in groups["variants"]:
            where = file.where("variants", name)
            raise InputError(f"{where}: recipe '{name}' stands under 'recipes' and under 'variants'; rename one")
    return groups


def _mistake(error: ValidationError) -> str:
    """The first mistake of a recipe in one line: key, what is wrong, the nearest key where it is unknown."""
    first = error.errors()[0]
    *outer, key = first["loc"] or ("",)
    if first["type"] in ("extra_forbidden", "invalid_key"):
        model: type[BaseModel] = Recipe
        for field in outer:
            model = model.model_fields[field].annotation
        known = [name for name in model.model_fields if name != "name"]
        what = unknown_key(key, known)
    else:
        what = first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in first["loc"])
    return " ".join(f"{where}: {what}".removeprefix(": ").split())


def varied(recipes: Mapping[str, Recipe], reference: str) -> dict[str, list[str]]:
    """Names of recipes that differ from the reference in one setting of training or prediction alone, by that setting.

    Each list begins with the reference and goes on in the order of ``recipes``: what one comparison of the study shows,
    such as ``{"bands": ["thesis", "r-band"]}``. Settings of a block are named ``augmentation.shift``. Recipes that
    differ in several settings, or in none, are in no list; without the reference there are no lists.
    """
    groups: dict[str, list[str]] = {}
    if reference not in recipes:
        return groups
    contents = {name: recipe.settings("training", "prediction") for name, recipe in recipes.items()}
    for name, content in contents.items():
        differing = changes(contents[reference], content)
        if len(differing) == 1:
            groups.setdefault(differing[0].split(":")[0], [reference]).append(name)
    return groups


def reduced(recipe: Recipe, crop_px: int) -> Recipe:
    """The recipe with the fewer folds, repeats, epochs and quadrature points of the quick profile.

    Larger crops are reduced further, so that every training of a synthetic root takes about as long.
    """
    large = crop_px > 64
    return recipe.model_copy(
        update={
            "folds": min(recipe.folds, 2),
            "repeats": 1,
            "epochs": min(recipe.epochs, 4 if large else 10),
            "batch_size": min(recipe.batch_size, 16),
            "attribution_steps": min(recipe.attribution_steps, 3 if large else 5),
            "attribution_doublings": min(recipe.attribution_doublings, 0 if large else 1),
        }
    )


def effective_recipe(recipe: Recipe, crop_px: int, profile: str, synthetic: bool) -> tuple[Recipe, str]:
    """The recipe to train and its profile: as it stands, or reduced where the profile of the settings says so."""
    quick = profile == "quick" or (profile == "auto" and synthetic)
    return (reduced(recipe, crop_px), "quick") if quick else (recipe, "full")
