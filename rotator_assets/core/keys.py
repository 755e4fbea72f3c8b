"""Partition keys. A training is the combination of a dataset and a recipe."""

from __future__ import annotations

WHOLE = "all"
"""Partition key of tables and assets without partitions."""


def split_training_key(key: str) -> tuple[str, str]:
    """Return the dataset and the recipe of a training's key, ``dataset|recipe``."""
    dataset_key, recipe = key.split("|")
    return dataset_key, recipe
