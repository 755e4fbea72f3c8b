"""Reads and checks ``recipes.yaml``, which names the recipes.

The study's own recipes stand under ``recipes``, others under ``variants``; the two differ in nothing else.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ValidationError

from rotator_assets.core.declarations import block
from rotator_assets.core.environment import RECIPES_VARIABLE as ENVIRONMENT_VARIABLE
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.yaml_files import YamlFile, first_bytes, parse_yaml, unknown_key

RECIPES_FILE = Path(__file__).parents[1] / "recipes.yaml"


def recipes_file() -> Path:
    """Return the file that ``ROTATORS_RECIPES`` names, or the one of the package if the variable is not set."""
    return Path(os.environ.get(ENVIRONMENT_VARIABLE) or RECIPES_FILE).expanduser().absolute()


def load_recipes(path: Path | None = None) -> dict[str, Recipe]:
    """Return every recipe of the file (default: `recipes_file`) by name, those under ``recipes`` first.

    Raises InputError naming the file, the line, the recipe and the key: what `parse_yaml` refuses, unknown keys, values
    of another type (``"20"`` is no number, ``1`` no truth value) or out of range, a name that is not letters, digits
    and hyphens, a name in both places.
    """
    path = path or recipes_file()
    return dict(_recipes(path, _content(path)))


def study_recipes(path: Path | None = None) -> list[str]:
    """Return the names of the study's own recipes, under ``recipes``. Raises InputError if the file is malformed."""
    path = path or recipes_file()
    return list(_groups(parse_yaml(path, _content(path)))["recipes"])


@lru_cache(maxsize=4)
def _recipes(path: Path, content: bytes) -> dict[str, Recipe]:
    """Return the recipes of a file with this content. Each observation of the inputs asks for them."""
    file = parse_yaml(path, content)
    groups = _groups(file)
    return {name: _recipe(file, group, name, values) for group in groups for name, values in groups[group].items()}


def _recipe(file: YamlFile, group: str, name: str, values: object) -> Recipe:
    """One recipe of the file; raises InputError if it is not valid."""
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


def _content(path: Path) -> bytes:
    try:
        return first_bytes(path)
    except OSError as error:
        remedy = f"restore it, or let {ENVIRONMENT_VARIABLE} name another recipes file"
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None


def _groups(file: YamlFile) -> dict[str, dict[str, object]]:
    """Contents of the file under ``recipes`` and ``variants``, by these names."""
    content = file.content
    if not isinstance(content, dict) or not isinstance(content.get("recipes"), dict) or not content["recipes"]:
        raise InputError(f"{file.path}: expected a mapping 'recipes' of recipe names to settings")
    if unknown := sorted(set(content) - {"recipes", "variants"}):
        raise InputError(f"{file.where(unknown[0])}: unknown key {unknown[0]!r} next to 'recipes' and 'variants'")
    groups = {"recipes": content["recipes"], "variants": content.get("variants", {})}
    if not isinstance(groups["variants"], dict):
        raise InputError(f"{file.path}: expected a mapping 'variants' of recipe names to settings")
    for name in groups["recipes"]:
        if name in groups["variants"]:
            where = file.where("variants", name)
            raise InputError(f"{where}: recipe '{name}' is under 'recipes' and under 'variants'; rename one")
    return groups


def _mistake(error: ValidationError) -> str:
    """Describe the first mistake of a recipe in one line; name the nearest known key for an unknown one."""
    first = error.errors()[0]
    *outer, key = map(str, first["loc"] or ("",))
    if first["type"] in ("extra_forbidden", "invalid_key"):
        model: type[BaseModel] = Recipe
        for field in outer:
            model = block(model.model_fields[field]) or model
        known = [name for name in model.model_fields if name != "name"]
        what = unknown_key(key, known)
    else:
        what = first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in first["loc"])
    return " ".join(f"{where}: {what}".removeprefix(": ").split())
