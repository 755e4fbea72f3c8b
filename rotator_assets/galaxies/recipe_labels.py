"""Labels of a training's galaxies: the one place where its recipe's own boundary comes in.

Tables of galaxies are labelled by the boundary of the settings. Whatever joins them with a training (its sample, its
predictions and every question asked of these) takes labels and thresholds from here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.kinematics.spin import is_slow_rotator, spin_threshold


def labelled_by(galaxies: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The same rows with ``spin_threshold`` and ``rotator_type`` (0 slow, 1 fast) by the recipe's boundary.

    ``galaxies``: rows of ``labeled_images``, which stay as they are where the recipe has no boundary of its own.
    """
    if recipe.label == "settings":
        return galaxies
    lambda_r, ellipticity = (galaxies[name].to_numpy(float) for name in ("lambda_r", "ellipticity"))
    return galaxies.assign(
        spin_threshold=spin_threshold(ellipticity, recipe.label),
        rotator_type=np.where(is_slow_rotator(lambda_r, ellipticity, recipe.label), 0, 1).astype(np.int8),
    )


def with_galaxies(predictions: pd.DataFrame, labeled_images: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Predictions with what is known of each galaxy, in the predictions' order; a galaxy may have several.

    ``spin_threshold`` is by the boundary of ``recipe``, which was trained. Raises InputError where a galaxy is not
    among the labelled ones any more.
    """
    known = labelled_by(labeled_images, recipe)
    known = known.drop(columns=["dataset", "object_id", "rotator_type", "synthetic"], errors="ignore")
    if missing := sorted(set(predictions["galaxy_id"]) - set(known["galaxy_id"])):
        raise InputError(
            f"galaxy {missing[0]} has a prediction but no label or image any more; materialize rotator_classifier "
            "and predictions again (`rotators run` does)"
        )
    return predictions.merge(known, on="galaxy_id", how="left", validate="many_to_one")
