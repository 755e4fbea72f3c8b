"""What the contact sheet shows of the first candidates: images, attribution maps and half-light ellipses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.attribution.attribution_shape import Layers
from rotator_assets.attribution.several_networks import mean_attributions
from rotator_assets.core.recipes import Recipe
from rotator_assets.imaging.centre import from_middle

if TYPE_CHECKING:
    import keras

SHEET_COLUMNS, SHEET_ROWS = 3, 7


@dataclass(frozen=True)
class Sheet:
    """The galaxies of a contact sheet.

    Attributes
    ----------
    galaxies
        Rows of table ``candidates``, with image_unit, and r_eff_pixels, axis_ratio, angle_deg, galaxy_x_pixels and
        galaxy_y_pixels of the half-light ellipse.
    images
        Their images as stored, float32 (n, size, size, 3).
    maps
        Their attribution maps in logits, float32 (n, size, size, bands).
    """

    galaxies: pd.DataFrame
    images: NDArray[np.float32]
    maps: NDArray[np.float32]


def first_candidates(ranked: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``candidates`` that a sheet has room for: the first without measured kinematics."""
    return ranked[ranked["lambda_r"].isna()].head(SHEET_COLUMNS * SHEET_ROWS).reset_index(drop=True)


def blind_maps(
    galaxy_ids: pd.Series,
    images: NDArray[np.float32],
    predicted: pd.DataFrame,
    load: Callable[[int], keras.Model],
    recipe: Recipe,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Return the mean attribution map of each galaxy by the networks that predict it, which have not seen it.

    Parameters
    ----------
    galaxy_ids
        The galaxies.
    images
        Their raw fluxes in the same order, float32 (n, size, size, 3).
    predicted
        `BlindPredictions.outputs`: galaxy_id and fold of every prediction.
    load
        Loads the network of a fold, from images to the logit.
    recipe
        The recipe of the networks, with the settings for attributions.
    on_progress
        Called after each map of a network with the number of maps done and the total.

    Returns
    -------
    float32 (n, size, size, bands), in logits.
    """
    folds = predicted[predicted["galaxy_id"].isin(set(galaxy_ids))].groupby("fold")["galaxy_id"].agg(set)
    explains = np.array([galaxy_ids.isin(blind) for blind in folds], dtype=bool)
    told = None if on_progress is None else lambda done: on_progress(done, int(explains.sum()))
    return mean_attributions(map(load, folds.index), images, recipe, explains=explains, on_progress=told).maps


def with_ellipses(
    galaxies: pd.DataFrame, images: NDArray[np.float32], maps: NDArray[np.float32], recipe: Recipe
) -> pd.DataFrame:
    """Return galaxies with the axis ratio and the angle (from +x) of the half-light ellipse, NaN where unknown.

    Parameters
    ----------
    galaxies
        ellipticity, r_eff_pixels, galaxy_x_pixels and galaxy_y_pixels.
    images, maps
        Their images and attribution maps, float32 (n, size, size, 3) and (n, size, size, bands).
    recipe
        Bands whose sum is the light.
    """
    found = galaxies.assign(axis_ratio=1 - galaxies["ellipticity"].astype(float))
    size, angles = images.shape[1], np.empty(len(galaxies))
    for row, (image, values) in enumerate(zip(images, maps, strict=True)):
        galaxy = found.iloc[row]
        about = from_middle(galaxy, "x", size), from_middle(galaxy, "y", size)
        layers = Layers.of(values, image, recipe.band_indices)
        angles[row] = layers.ellipse(float(galaxy["r_eff_pixels"]), float(galaxy["axis_ratio"]), *about).angle_deg
    return found.assign(angle_deg=angles)
