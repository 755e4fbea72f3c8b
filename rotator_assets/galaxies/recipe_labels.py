"""Labels of a training's galaxies by the boundary of its recipe.

Tables of galaxies are labelled by the boundary of the settings. Everything that joins them with a training (its sample,
its predictions, the robustness checks) takes labels and thresholds from here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.galaxies.matching import hides_slow_rotation
from rotator_assets.kinematics.spin import is_slow_rotator, spin_threshold


def labelled_by(galaxies: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return rows of ``labeled_images`` with ``spin_threshold`` and ``rotator_type`` by the recipe's boundary.

    Rows are unchanged if the recipe uses the boundary of the settings.
    """
    if recipe.label == "settings":
        return galaxies
    lambda_r, ellipticity = (galaxies[name].to_numpy(float) for name in ("lambda_r", "ellipticity"))
    return galaxies.assign(
        spin_threshold=spin_threshold(ellipticity, recipe.label),
        rotator_type=np.where(is_slow_rotator(lambda_r, ellipticity, recipe.label), 0, 1).astype(np.int8),
    )


def with_recipe_labels(galaxies: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return rows of ``imaged_galaxies`` with ``spin_threshold`` and ``rotator_type`` by the recipe.

    ``rotator_type`` (Int8) is missing without a label: unmeasured, or closer to the boundary than the recipe's gap.
    """
    known = galaxies["rotator_type"].notna()
    if recipe.label != "settings":
        galaxies = labelled_by(galaxies, recipe)
        known &= ~hides_slow_rotation(galaxies)
    if recipe.boundary_gap > 0:
        known &= (galaxies["lambda_r"] - galaxies["spin_threshold"]).abs() >= recipe.boundary_gap
    return galaxies.assign(rotator_type=galaxies["rotator_type"].astype("Int8").where(known))


def with_galaxies(predictions: pd.DataFrame, labeled_images: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Join predictions with the properties of their galaxies.

    Parameters
    ----------
    predictions : DataFrame
        Predictions, with ``galaxy_id``; a galaxy may have several.
    labeled_images : DataFrame
        Table ``labeled_images`` of the dataset.
    recipe : Recipe
        The trained recipe, whose boundary gives ``spin_threshold``.

    Returns
    -------
    DataFrame
        The predictions in their order, with the columns of ``labeled_images``.

    Raises
    ------
    InputError
        A galaxy is no longer labelled.
    """
    known = labelled_by(labeled_images, recipe)
    known = known.drop(columns=["dataset", "object_id", "rotator_type", "synthetic"], errors="ignore")
    if missing := sorted(set(predictions["galaxy_id"]) - set(known["galaxy_id"])):
        raise InputError(
            f"galaxy {missing[0]} has a prediction but no longer a label or image; materialize rotator_classifier "
            "and predictions again (`rotators run` does)"
        )
    return predictions.merge(known, on="galaxy_id", how="left", validate="many_to_one")
