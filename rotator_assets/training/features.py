"""Properties of galaxies that classifiers without a network use: sets of columns, and gradient boosting."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage.observed_results import TABLES_OF_FUSION
from rotator_assets.lineage.reads import Reads
from rotator_assets.store.fields import MORPHOLOGY_PROBABILITIES

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

_OF_CATALOGUES = {
    "ellipticity": ("ellipticity",),
    "+ Sersic index": ("sersic_n",),
    "+ size, mass": ("r_eff_arcsec", "log_mass"),
}
_OF_IMAGES = {
    "+ colour": ("g_minus_i",),
    "+ Gini, M20, C, A": ("gini", "m20", "concentration", "asymmetry"),
}
STEPS = {**_OF_CATALOGUES, **_OF_IMAGES}
"""Columns that each nested feature set adds to the previous one."""
_TYPES_AND_DISTANCE = ("t_type", *MORPHOLOGY_PROBABILITIES, "redshift")
FUSED = {
    "catalogue": (*chain.from_iterable(_OF_CATALOGUES.values()), *_TYPES_AND_DISTANCE),
    "structure": tuple(chain.from_iterable(_OF_IMAGES.values())),
}
"""Columns that a fusion combines with the network, by set; the tables are `TABLES_OF_FUSION`."""


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
            known = reads.table(table, dataset).set_index("galaxy_id")
        except FileNotFoundError:
            raise InputError(f"fusion '{recipe.fusion}' needs table {table}; {again}") from None
        if missing := sorted(set(galaxy_ids) - set(known.index)):
            raise InputError(f"galaxy {missing[0]} is tested but not in table {table}; {again}")
        parts.append(known.loc[galaxy_ids, list(FUSED[name])].astype(float).reset_index(drop=True))
    return pd.concat(parts, axis=1)


def gradient_boosting(seed: int) -> HistGradientBoostingClassifier:
    """Return 100 trees of depth 3 with learning rate 0.05, which take missing values as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_depth=3,
        early_stopping=False,
        random_state=seed,
    )
