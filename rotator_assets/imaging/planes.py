"""Convert the bands of an image from stored values to nanomaggies, with a record of missing pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.cropping import central
from rotator_assets.imaging.missing import Missing, missing_pixels, surely_complete


@dataclass(frozen=True)
class Planes:
    """Bands of one image, (n, ny, nx).

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
    stored: NDArray[Any],
    nanomaggies: Sequence[float],
    simulated: bool = False,
    weights: NDArray[Any] | None = None,
    crop_px: int | None = None,
) -> Planes:
    """Return bands in nanomaggies, with their missing pixels found by `missing.missing_pixels`.

    Parameters
    ----------
    stored
        Values of the file (n, ny, nx).
    nanomaggies
        Nanomaggies per unit of the stored values, of each band.
    simulated
        Whether the image is a simulation without noise.
    weights
        Inverse variances (n, ny, nx) or (ny, nx), or None.
    crop_px
        Side of the central crop, if pixels outside it do not matter; they may be missing then without a record.

    Returns
    -------
    Planes
        The calibrated bands.
    """
    missing = _missing(stored, simulated, weights, crop_px)
    if missing is not None:
        stored = np.where((missing > 0) & (missing != Missing.SATURATED), np.nan, stored)
    if any(factor != 1 for factor in nanomaggies):
        stored = stored * np.array(nanomaggies, np.float64)[:, None, None]
    return Planes(stored, missing)


def _missing(
    stored: NDArray[Any], simulated: bool, weights: NDArray[Any] | None, crop_px: int | None
) -> NDArray[np.uint8] | None:
    shape = stored.shape[1:]
    size = max(shape) if crop_px is None or crop_px > min(shape) else crop_px
    if weights is None and surely_complete(stored[None], simulated, central(shape, size))[0]:
        return None
    each = np.broadcast_to(weights, stored.shape) if weights is not None else [None] * len(stored)
    found = [missing_pixels(plane, simulated, weight) for plane, weight in zip(stored, each, strict=True)]
    if all(missing is None for missing in found):
        return None
    there = np.zeros(shape, np.uint8)
    return np.stack([there if missing is None else missing for missing in found])


def joined(planes: Sequence[Planes]) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Return the pixels of several bands, and why they are missing, both (ny, nx, bands); None if none is missing.

    In memory, pixels remain one band after the other: bands are interleaved in the crop alone, which takes less time.
    """
    pixels = planes[0].pixels if len(planes) == 1 else np.concatenate([part.pixels for part in planes])
    pixels = pixels.astype(np.float32, copy=False).transpose(1, 2, 0)
    if all(part.missing is None for part in planes):
        return pixels, None
    missing = [np.zeros(part.pixels.shape, np.uint8) if part.missing is None else part.missing for part in planes]
    return pixels, np.concatenate(missing).transpose(1, 2, 0)
