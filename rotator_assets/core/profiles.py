"""Profiles: a recipe as it is, or its quick form for synthetic galaxies."""

from __future__ import annotations

from rotator_assets.core.recipes import FEWEST_FOLDS_OF_FUSION, Recipe


def reduced(recipe: Recipe, crop_px: int) -> Recipe:
    """Return the recipe with the smaller numbers of folds, repeats, epochs and quadrature points of the quick profile.

    Larger crops are reduced further, so that every training of a synthetic root takes about as long.
    """
    large = crop_px > 64
    return recipe.model_copy(
        update={
            "folds": min(recipe.folds, FEWEST_FOLDS_OF_FUSION if recipe.fuses else 2),
            "repeats": 1,
            "members": min(recipe.members, 2),
            "epochs": min(recipe.epochs, 4 if large else 10),
            "frozen_epochs": min(recipe.frozen_epochs, 2),
            **({} if recipe.pretraining == "none" else {"pretraining_epochs": min(recipe.pretraining_epochs, 2)}),
            "batch_size": min(recipe.batch_size, 16),
            "attribution_steps": min(recipe.attribution_steps, 3 if large else 5),
            "attribution_doublings": min(recipe.attribution_doublings, 0 if large else 1),
        }
    )


def effective_recipe(recipe: Recipe, crop_px: int, profile: str, synthetic: bool) -> tuple[Recipe, str]:
    """Return the recipe to train and the name of its profile, ``full`` or ``quick``.

    Parameters
    ----------
    recipe
        The recipe of the recipes file.
    crop_px
        Side of the dataset's images, pixels.
    profile
        The profile in the settings: ``full``, ``quick``, or ``auto`` (quick for synthetic galaxies).
    synthetic
        True if the dataset's galaxies are synthetic.

    Returns
    -------
    The recipe itself with ``full``, or its `reduced` form with ``quick``.
    """
    quick = profile == "quick" or (profile == "auto" and synthetic)
    return (reduced(recipe, crop_px), "quick") if quick else (recipe, "full")
