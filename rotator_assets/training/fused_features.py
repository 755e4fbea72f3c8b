"""The columns that a recipe with a fusion combines with its network, read from tables of the dataset."""

from __future__ import annotations

import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import SPIN, Recipe
from rotator_assets.galaxies.recipe_labels import with_recipe_labels
from rotator_assets.lineage.observed_results import TABLES_OF_FUSION
from rotator_assets.lineage.reads import Reads
from rotator_assets.training.features import FUSED


def fused_features(reads: Reads, dataset: str, galaxy_ids: pd.Series, recipe: Recipe) -> pd.DataFrame:
    """Return the columns that the recipe fuses, one row per galaxy in the given order, NaN where missing.

    Parameters
    ----------
    reads
        Reads the tables.
    dataset
        Key of the dataset.
    galaxy_ids
        The galaxies.
    recipe
        Gives the sets of columns.

    Raises
    ------
    InputError
        If a table does not exist or lacks a galaxy.
    """
    parts = []
    for name in recipe.fused_sets:
        table = TABLES_OF_FUSION[name]
        again = f"materialize {table} of {dataset} (`rotators run` does)"
        try:
            known = reads.table(table, dataset)
        except FileNotFoundError:
            raise InputError(f"fusion '{recipe.fusion}' needs table {table}; {again}") from None
        if name == SPIN:
            known = with_recipe_labels(known, recipe)
        known = known.set_index("galaxy_id")
        if missing := sorted(set(galaxy_ids) - set(known.index)):
            raise InputError(f"galaxy {missing[0]} is tested but not in table {table}; {again}")
        parts.append(known.loc[galaxy_ids, list(FUSED[name])].astype(float).reset_index(drop=True))
    return pd.concat(parts, axis=1)
