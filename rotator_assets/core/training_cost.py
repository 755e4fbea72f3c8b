"""Rough cost of trainings: how many images pass through networks, and how large these are.

The numbers below are rough: they serve to compare recipes, and to estimate times where none were measured.
"""

from __future__ import annotations

from rotator_assets.core.recipes import Recipe

TESTED = {"early": 0.3, "all": 0.6}
"""Labelled galaxies of a population as a fraction of the galaxies with an image (MaNGA DR15: 840 and 1615 of 2786)."""
COSTS = {"thesis": 1.0, "small": 0.45, "compact": 1.05, "residual": 0.9, "dihedral": 2.5, "mobilenet": 1.7}
"""Time per image of 64 x 64 pixels of each architecture, relative to that of the study (two cores, bfloat16)."""
ENCODER_COST = 2.0
"""The same for a pretrained encoder."""
VICREG_COST = 1.9
"""Time per image of self-supervised training, relative to training: two views of each image."""
PARAMETERS = {
    "thesis": 2_200_000,
    "small": 79_000,
    "compact": 210_000,
    "residual": 170_000,
    "dihedral": 79_000,
    "mobilenet": 930_000,
}
"""Number of parameters of a network for images of 64 pixels."""
ENCODER_PARAMETERS = 1_500_000
_HELD_OUT = 0.2
"""Fraction of the galaxies that ``split: holdout`` tests."""


def image_passes(recipe: Recipe, n_images: float, n_tested: float | None = None) -> float:
    """Return the number of passes of an image through a network of the study's size during a training.

    Early stopping is not counted.

    Parameters
    ----------
    recipe
        The recipe.
    n_images
        Galaxies with an image, also of the other survey of a recipe that trains on one.
    n_tested
        Labelled galaxies of the recipe's population; by default a typical fraction of ``n_images``.

    Returns
    -------
    float
        Networks times epochs times images, weighted by the cost of the architecture.
    """
    own = TESTED[recipe.population] * n_images if n_tested is None else n_tested
    other = 0.0 if recipe.other_survey is None else own
    if recipe.training_population == "all":
        own = n_images
    own *= recipe.training_fraction * (1 - (_HELD_OUT if recipe.split == "holdout" else 1 / recipe.folds))
    images = {"before": own, "beside": own + other, "instead": other}[recipe.other_use]
    n_networks = (recipe.networks + recipe.inner_networks) * recipe.members
    passes = n_networks * recipe.epochs * images
    if recipe.other_use == "before":
        passes += recipe.epochs * other
    if recipe.pretraining != "none":
        passes += recipe.networks * recipe.pretraining_epochs * own * VICREG_COST
    return passes * network_cost(recipe)


def network_cost(recipe: Recipe) -> float:
    """Return the time per image of a recipe's network, relative to that of the study."""
    return ENCODER_COST if recipe.pretrained else COSTS[recipe.architecture]


def relative_cost(recipe: Recipe, reference: Recipe) -> float:
    """Return the rough time of a training relative to that of another recipe on the same dataset."""
    return image_passes(recipe, 1.0) / image_passes(reference, 1.0)


def network_bytes(recipe: Recipe, crop_px: int) -> float:
    """Return the rough size of the files of all networks of a training. Only the study's grows with the crop."""
    n_parameters = ENCODER_PARAMETERS if recipe.pretrained else PARAMETERS[recipe.architecture]
    if recipe.architecture == "thesis" and not recipe.pretrained:
        n_parameters *= (crop_px / 64) ** 2
    return 4.0 * n_parameters * recipe.networks * recipe.members
