"""A made-up training, and networks whose outputs name the galaxy and the fold."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.candidates.networks import NetworkOutputs
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.additional import AdditionalGalaxies
from rotator_assets.training.material import Material
from rotator_assets.training.targets import Answers

N_TESTED, N_MORE, N_OTHERS = 60, 30, 20
EVERY = N_TESTED + N_MORE + N_OTHERS
RECIPE = Recipe(name="x", folds=3, repeats=2, training_population="all")


@pytest.fixture
def galaxies():
    """Tested galaxies, additional ones, and some of no training; every tenth is another row of the first objects."""
    objects = np.array([f"o{k:03d}" for k in range(EVERY)])
    objects[::10] = objects[1::10]
    early = pd.array([k < N_TESTED for k in range(EVERY)], dtype="boolean")
    early[EVERY - 1] = pd.NA
    return pd.DataFrame({"galaxy_id": [f"g{k}" for k in range(EVERY)], "object_id": objects, "is_early_type": early})


@pytest.fixture
def material(galaxies):
    tested = galaxies.iloc[:N_TESTED].assign(rotator_type=(np.arange(N_TESTED) // 10 % 2).astype(np.int8))
    more = galaxies.iloc[N_TESTED : N_TESTED + N_MORE]
    additional = AdditionalGalaxies(
        rows=np.arange(N_TESTED, N_TESTED + N_MORE),
        labels=np.full(N_MORE, -1, np.int8),
        object_ids=more["object_id"].to_numpy(),
        galaxy_ids=more["galaxy_id"].to_numpy(),
        answers=Answers.unknown(N_MORE, RECIPE),
    )
    images = np.zeros((EVERY, 4, 4, 3), np.float32)
    rows, unknown = np.arange(N_TESTED), Answers.unknown(N_TESTED, RECIPE)
    return Material.of(images, rows, tested, unknown, RECIPE, additional, None)


def run(fold, rows):
    """Networks whose logits name the galaxy and the fold."""
    features = np.random.default_rng(fold).normal(size=(EVERY, 3))[rows]
    logits = np.column_stack([rows + 1000.0 * fold, -rows - 1000.0 * fold])
    return NetworkOutputs(rows[:, None] + 1000.0 * fold, logits, features)
