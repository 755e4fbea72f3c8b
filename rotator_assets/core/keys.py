"""Keys of partitions: a dataset and a recipe make a training."""

from __future__ import annotations

WHOLE = "all"
"""Stands for the one partition of what has no partitions, in tables and where partitions are listed."""


def split_training_key(key: str) -> tuple[str, str]:
    """Dataset and recipe of a training's key (dimensions stand in the order of their names, joined by ``|``)."""
    dataset_key, recipe = key.split("|")
    return dataset_key, recipe
