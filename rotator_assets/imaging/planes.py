"""Bands of an image from the values stored in a file to nanomaggies, with what is missing of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.missing import Missing, missing_pixels


@dataclass(frozen=True)
class Plane:
    """One band in nanomaggies a pixel, NaN where it holds no measurement, and why (`missing.Missing`); both (ny, nx).

    Saturated pixels keep their value: whether they are missing is a setting.
    """

    pixels: NDArray
    missing: NDArray[np.uint8] | None


def calibrated(stored: NDArray, nanomaggies: float, simulated: bool = False, weights: NDArray | None = None) -> Plane:
    """A band of stored values (ny, nx), each worth ``nanomaggies``; see `missing.missing_pixels` for the rest."""
    missing = missing_pixels(stored, simulated, weights)
    if missing is not None:
        stored = np.where((missing > 0) & (missing != Missing.SATURATED), np.nan, stored)
    return Plane(stored if nanomaggies == 1 else stored * np.float64(nanomaggies), missing)


def joined(planes: Sequence[Plane]) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Pixels, and why they are missing, of several bands: (ny, nx, bands)."""
    pixels = np.stack([plane.pixels for plane in planes], axis=2).astype(np.float32, copy=False)
    if all(plane.missing is None for plane in planes):
        return pixels, None
    there = np.zeros(pixels.shape[:2], np.uint8)
    return pixels, np.stack([there if plane.missing is None else plane.missing for plane in planes], axis=2)
