"""Convert the bands of an image from stored values to nanomaggies, with a record of missing pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.missing import Missing, missing_pixels


@dataclass(frozen=True)
class Plane:
    """One band, (ny, nx).

    Attributes
    ----------
    pixels
        Nanomaggies per pixel; NaN where missing. Saturated pixels keep their value, because a setting decides about
        them.
    missing
        Why pixels are missing (`missing.Missing`); None if none is.
    """

    pixels: NDArray[Any]
    missing: NDArray[np.uint8] | None


def calibrated(
    stored: NDArray[Any], nanomaggies: float, simulated: bool = False, weights: NDArray[Any] | None = None
) -> Plane:
    """Return one band in nanomaggies, with its missing pixels found by `missing.missing_pixels`.

    Parameters
    ----------
    stored
        Values of the file (ny, nx).
    nanomaggies
        Nanomaggies per unit of the stored values.
    simulated
        Whether the image is a simulation without noise.
    weights
        Inverse variances (ny, nx), or None.

    Returns
    -------
    Plane
        The calibrated band.
    """
    missing = missing_pixels(stored, simulated, weights)
    if missing is not None:
        stored = np.where((missing > 0) & (missing != Missing.SATURATED), np.nan, stored)
    return Plane(stored if nanomaggies == 1 else stored * np.float64(nanomaggies), missing)


def joined(planes: Sequence[Plane]) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Return the pixels of several bands, and why they are missing, both (ny, nx, bands); None if none is missing.

    In memory, pixels remain one band after the other: bands are interleaved in the crop alone, which takes less time.
    """
    pixels = np.moveaxis(np.stack([plane.pixels for plane in planes]).astype(np.float32, copy=False), 0, 2)
    if all(plane.missing is None for plane in planes):
        return pixels, None
    there = np.zeros(pixels.shape[:2], np.uint8)
    return pixels, np.stack([there if plane.missing is None else plane.missing for plane in planes], axis=2)
