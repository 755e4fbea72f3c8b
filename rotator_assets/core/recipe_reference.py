"""Writes the reference of the recipe settings, ``docs/recipes.md``, from the fields of `Recipe`.

``python -m rotator_assets.core.recipe_reference > docs/recipes.md`` writes it again.
"""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rotator_assets.core.declarations import block, declared
from rotator_assets.core.recipe_differences import differing, shown
from rotator_assets.core.recipes import STAGES, Recipe
from rotator_assets.core.recipes_file import RECIPES_FILE, load_recipes

_HEADINGS = {
    "training": "Training",
    "prediction": "Prediction",
    "attribution": "Attribution",
}
_LIMITS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
_TYPES: dict[Any, str] = {bool: "`true`, `false`", int: "integer", float: "number", str | None: "text or `null`"}
_INTRODUCTION = """# Recipe settings

<!-- Written from rotator_assets/core/recipes.py: python -m rotator_assets.core.recipe_reference > docs/recipes.md -->

A recipe in `recipes.yaml` lists the settings that differ from the defaults below. Changing a training setting makes the
networks and everything made with them stale; changing a prediction setting, the predictions and everything made with
them; changing an attribution setting, only the attributions and the sheet of candidates, which shows some of them. The
last column names the figure of the report that compares the recipes that differ from `thesis` in this setting alone.
"""


def recipe_reference() -> str:
    """Return the reference in Markdown: one table of settings per stage, and the recipes of the package."""
    settings = _settings(Recipe)
    parts = [_INTRODUCTION]
    for stage in STAGES:
        rows = [_row(name, field) for name, field in settings.items() if declared(field)["stage"] == stage]
        parts.append(_table(_HEADINGS[stage], ("setting", "values", "default", "meaning", "figure"), rows))
    rows = [(f"`{name}`", _differences(recipe)) for name, recipe in load_recipes(RECIPES_FILE).items()]
    parts.append(_table("Recipes of the package", ("recipe", "differs from the defaults in"), rows))
    return "\n".join(parts)


def _settings(model: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """Find the fields that are settings, by their dotted names."""
    found = {}
    for name, field in model.model_fields.items():
        if model_of_block := block(field):
            found |= _settings(model_of_block, f"{prefix}{name}.")
        elif declared(field):
            found[f"{prefix}{name}"] = field
    return found


def _row(name: str, field: FieldInfo) -> tuple[str, ...]:
    picture = declared(field)["picture"]
    return (
        f"`{name}`",
        _values(field),
        f"`{shown(field.default)}`",
        field.description or "",
        f"`{picture}`" if picture else "",
    )


def _values(field: FieldInfo) -> str:
    """List the values that a setting may have."""
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    limits = [
        text.format(f"{getattr(limit, name):,g}".replace(",", " "))
        for name, text in _LIMITS.items()
        for limit in field.metadata
        if hasattr(limit, name)
    ]
    return ", ".join([_TYPES[field.annotation], *limits])


def _differences(recipe: Recipe) -> str:
    """List the settings of a recipe that differ from the defaults."""
    changed = differing(recipe, Recipe(name="defaults")).items()
    return ", ".join(f"`{name}: {shown(value)}`" for name, value in changed) or "nothing"


def _table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", _line(header), _line(["---"] * len(header)), *map(_line, rows), ""]
    return "\n".join(lines)


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(recipe_reference(), end="")
