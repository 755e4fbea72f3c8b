"""Recipes: everything that decides how a network is trained, named in ``recipes.yaml`` and validated here.

That includes what it is shown: population, bands, normalization, and (``mask_neighbours``) whether other sources in an
image are taken out of it first.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rotator_assets.errors import InputError

RECIPES_FILE = Path(__file__).with_name("recipes.yaml")

Normalization = Literal["max_all", "log", "max_g", "max_r", "none", "asinh"]
Bands = Literal["gri", "g", "r", "i"]


class Augmentation(BaseModel):
    """Random transformations of training images, drawn afresh for every image and epoch; never used in testing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shift: float = Field(0.05, ge=0, le=0.5, description="largest shift along each axis, fraction of the side")
    rotation_deg: float = Field(180.0, ge=0, le=180, description="largest rotation, degrees")
    flip: bool = Field(True, description="mirror each axis with probability one half")
    flattening: float = Field(0.1, ge=0, lt=0.9, description="largest squeeze of one axis, fraction")
    zoom: float = Field(0.1, ge=0, lt=0.9, description="largest change of scale, fraction")


class Recipe(BaseModel):
    """One named training. Two recipes with equal content train equal networks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    population: Literal["early", "all"] = "early"
    normalization: Normalization = "max_all"
    bands: Bands = "gri"
    regularization: Literal["batchnorm", "dropout"] = "batchnorm"
    architecture: Literal["thesis"] = "thesis"
    mask_neighbours: bool = Field(
        False, description="replace other sources in an image by its opposite side, in training and in testing"
    )
    augmentation: Augmentation = Augmentation()
    class_weights: bool = Field(True, description="weigh classes by the inverse of their frequency in training")
    epochs: int = Field(20, ge=1, le=10_000)
    patience: int = Field(8, ge=1, description="epochs without a better validation loss before stopping")
    folds: int = Field(5, ge=2, le=50)
    validation_fraction: float = Field(0.15, gt=0, lt=0.5, description="share of the training part, by object")
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(3e-4, gt=0)
    attribution_steps: int = Field(50, ge=2, description="points of the integrated-gradients quadrature")
    seed: int = Field(2020, ge=0)

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
    def version(self) -> str:
        """Hash of all that decides the result (the name does not): equal versions train equal networks."""
        content = json.dumps(self.model_dump(exclude={"name"}), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def load_recipes(path: Path | None = None) -> dict[str, Recipe]:
    """Every recipe of the file by name, in the file's order.

    Raises InputError naming the file, the recipe and the key: unknown keys, values out of range, a name that is not
    letters, digits and hyphens.
    """
    path = path or RECIPES_FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); restore the recipes file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not isinstance(content.get("recipes"), dict) or not content["recipes"]:
        raise InputError(f"{path}: expected a mapping 'recipes' of recipe names to settings")
    if unknown := set(content) - {"recipes"}:
        raise InputError(f"{path}: unknown key '{sorted(map(str, unknown))[0]}' beside 'recipes'")
    recipes = {}
    for name, values in content["recipes"].items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
            raise InputError(f"{path}: recipe name '{name}' may hold only letters, digits and hyphens")
        if values is not None and not isinstance(values, dict):
            raise InputError(f"{path}: recipe '{name}': expected a mapping of settings, got {type(values).__name__}")
        try:
            recipes[name] = Recipe(**{**(values or {}), "name": name})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{path}: recipe '{name}'{f': {where}' if where else ''}: {first['msg']}") from None
    return recipes


def reduced(recipe: Recipe, crop_px: int) -> Recipe:
    """The recipe with the fewer folds, epochs and quadrature points of the quick profile.

    Larger crops are reduced further, so that every training of a synthetic root takes about as long.
    """
    large = crop_px > 64
    return recipe.model_copy(
        update={
            "folds": min(recipe.folds, 2),
            "epochs": min(recipe.epochs, 6 if large else 14),
            "batch_size": min(recipe.batch_size, 16),
            "attribution_steps": min(recipe.attribution_steps, 8 if large else 10),
        }
    )
