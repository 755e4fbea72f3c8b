"""Partitions by survey, dataset and recipe, and the mappings between them."""

from __future__ import annotations

import warnings

import dagster as dg

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import DATASETS, Dataset


def dataset(key: str) -> Dataset:
    """Return the dataset of a key. Raises InputError with the existing keys for an unknown one."""
    if key not in DATASETS:
        raise InputError(f"there is no dataset '{key}'; the datasets are: {', '.join(DATASETS)}")
    return DATASETS[key]


def other_dataset(recipe: Recipe, own: str) -> str:
    """Return the key of the dataset that a recipe with ``other_survey`` also trains on, with the same crop as its own.

    Raises InputError where there is no such dataset, or where it belongs to the survey that is tested.
    """
    key = f"{recipe.other_survey}-{DATASETS[own].crop_px}"
    if key not in DATASETS:
        known = ", ".join(dict.fromkeys(f"{d.survey}-{d.noise}" for d in DATASETS.values()))
        raise InputError(
            f"recipe '{recipe.name}': other_survey: there is no '{recipe.other_survey}'; there are: {known}"
        )
    if DATASETS[key].survey == DATASETS[own].survey:
        raise InputError(
            f"recipe '{recipe.name}' trains on {recipe.other_survey} and is meant for another survey than that of {own}"
        )
    return key


survey_partitions = dg.StaticPartitionsDefinition(list(SURVEYS))
dataset_partitions = dg.StaticPartitionsDefinition(list(DATASETS))
recipe_partitions = dg.StaticPartitionsDefinition(list(load_recipes()))
training_partitions = dg.MultiPartitionsDefinition({"dataset": dataset_partitions, "recipe": recipe_partitions})

survey_to_dataset = dg.StaticPartitionMapping(
    {survey: [key for key, d in DATASETS.items() if d.survey == survey] for survey in SURVEYS}
)
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*MultiToSingleDimensionPartitionMapping")
dataset_to_training = dg.MultiToSingleDimensionPartitionMapping("dataset")
recipe_to_training = dg.MultiToSingleDimensionPartitionMapping("recipe")


def training_key(dataset_key: str, recipe: str) -> dg.MultiPartitionKey:
    """Return the partition key of a training."""
    return dg.MultiPartitionKey({"dataset": dataset_key, "recipe": recipe})
