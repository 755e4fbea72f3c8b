"""What is predicted and what is measured of each galaxy, side by side, and the populations that are assessed."""

from __future__ import annotations

import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.galaxies.recipe_labels import with_recipe_labels

EARLY, LATE, ALL = "early types", "late types", "all types"
PROBABILITIES = ("probability_fast", "probability_fast_calibrated")
MEASURED = (
    *("ra", "dec", "is_early_type", "rotator_type"),
    *("lambda_r", "lambda_r_error", "ellipticity", "spin_threshold"),
)
"""Columns of ``imaged_galaxies`` that are joined with the predictions."""


def galaxy_results(
    every: pd.DataFrame, predictions: pd.DataFrame, imaged_galaxies: pd.DataFrame, recipe: Recipe
) -> pd.DataFrame:
    """Return the predictions of each galaxy with its measured values.

    Parameters
    ----------
    every
        Rows of ``galaxy_predictions`` of one training.
    predictions
        Rows of ``predictions`` of this training, whose probabilities, which a fusion changes, tested galaxies have.
    imaged_galaxies
        Table ``imaged_galaxies`` of the dataset.
    recipe
        The trained recipe, whose boundary gives ``spin_threshold`` and ``rotator_type``.

    Returns
    -------
    The rows of ``every`` in their order, with the columns `MEASURED`; rotator_type is missing without a label.

    Raises
    ------
    InputError
        If a galaxy has no image any more.
    """
    measured = with_recipe_labels(imaged_galaxies, recipe)[["galaxy_id", *MEASURED]]
    if missing := sorted(set(every["galaxy_id"]) - set(measured["galaxy_id"])):
        raise InputError(
            f"galaxy {missing[0]} has a prediction but no image; materialize rotator_classifier and predictions again "
            "(`rotators run` does)"
        )
    tested = predictions.set_index("galaxy_id")
    probabilities = {name: every["galaxy_id"].map(tested[name]).fillna(every[name]) for name in PROBABILITIES}
    return every.assign(**probabilities).merge(measured, on="galaxy_id", how="left", validate="one_to_one")


def populations(galaxies: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the galaxies with a label by population: early types, late types, and all types where that is more.

    ``galaxies``: columns rotator_type and is_early_type. Populations without a galaxy are left out.
    """
    labelled = galaxies[galaxies["rotator_type"].notna()]
    early = labelled["is_early_type"].astype("boolean")
    parts = {EARLY: labelled[early.fillna(False)], LATE: labelled[(~early).fillna(False)]}
    if max(map(len, parts.values())) < len(labelled):
        parts[ALL] = labelled
    return {name: rows for name, rows in parts.items() if len(rows)}
