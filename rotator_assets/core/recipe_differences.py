"""Recipes in few words: the settings in which they differ from another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rotator_assets.core.changes import leaves
from rotator_assets.core.recipes import STAGES, Recipe

_FEW = 2
"""Settings of a block with one value that are listed one by one; more of them are counted."""


def differing(recipe: Recipe, reference: Recipe) -> dict[str, Any]:
    """Return the settings of a recipe that differ from a reference, by dotted name."""
    known = dict(leaves(reference.settings(*STAGES)))
    return {name: value for name, value in leaves(recipe.settings(*STAGES)) if value != known[name]}


def differences(recipe: Recipe, reference: Recipe) -> list[str]:
    """Return the settings of a recipe that differ from a reference, as ``epochs: 80``."""
    return in_words(differing(recipe, reference))


def in_words(settings: Mapping[str, Any]) -> list[str]:
    """Return settings by dotted name as ``epochs: 80``.

    Settings of a block with the same value are counted: ``targets: 0.3 (15 settings)``.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for name, value in settings.items():
        block, dot, _ = name.rpartition(".")
        alike.setdefault((block if dot else name, shown(value)), []).append(name)
    lines = []
    for (block, value), names in alike.items():
        few = len(names) <= _FEW
        lines += [f"{name}: {value}" for name in names] if few else [f"{block}: {value} ({len(names)} settings)"]
    return lines


def shown(value: Any) -> str:
    """Return a value as YAML writes it."""
    return value if isinstance(value, str) else json.dumps(value)
