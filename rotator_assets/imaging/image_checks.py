"""Check that an image shows the galaxy, at the expected scale, with pixels that a network can learn from.

Each check raises UnusableImage with the reason. A limit of None skips its check.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.bands import BANDS
from rotator_assets.imaging.centre import middle
from rotator_assets.imaging.images import GalaxyImage
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL

MAX_OFFSET_PX = 1.0
SCALE_TOLERANCE = 0.02
MAX_WHITE_FRACTION = 0.01
"""Largest fraction of white pixels (255 in all three bands) in a colour picture. None of the 2786 SDSS cut-outs used to
set this limit has a white pixel: the SDSS stretch keeps colours, so white means a picture stretched too far, or a
star."""


def check_matches(
    image: GalaxyImage,
    ra: float | None,
    dec: float | None,
    arcsec_per_pixel: float | None = SDSS_ARCSEC_PER_PIXEL,
    max_offset_px: float | None = MAX_OFFSET_PX,
) -> tuple[float, float] | None:
    """Check that the galaxy is in the middle of the image and that pixels have the expected side within 2 %.

    The middle is anything within half a pixel of the geometric centre along each axis. This covers the common
    conventions: pixel n // 2, the corner between the two central pixels, or CRPIX of n / 2. The position is not checked
    if it is unknown or the file has no celestial coordinates, nor is the scale if the file does not give it.

    Parameters
    ----------
    image
        The image as read.
    ra, dec
        Catalogue position in degrees; None or NaN if unknown.
    arcsec_per_pixel
        Expected side of a pixel in arcsec; None skips the check.
    max_offset_px
        Largest offset beyond half a pixel, in pixels; None skips the check.

    Returns
    -------
    tuple of float, or None
        Place of the galaxy (see `pixel_of`).

    Raises
    ------
    UnusableImage
        If a check fails.
    """
    check_scale(image.arcsec_per_pixel, arcsec_per_pixel)
    place = pixel_of(image, ra, dec)
    if max_offset_px is not None and place is not None:
        offset = offset_px(image.pixels.shape, *place)
        if offset > max_offset_px:
            where = f"{np.ceil(offset):.0f} pixels off the centre" if np.isfinite(offset) else "far outside the image"
            raise UnusableImage(f"the galaxy is {where}, by the file's celestial coordinates")
    return place


def check_scale(scale: float | None, arcsec_per_pixel: float | None) -> None:
    """Raise UnusableImage if the side of a pixel in arcsec differs from the expected one by more than 2 %."""
    if arcsec_per_pixel is not None and scale is not None and not abs(scale / arcsec_per_pixel - 1) <= SCALE_TOLERANCE:
        raise UnusableImage(f"pixels of {scale:.3f} arcsec, {arcsec_per_pixel:g} arcsec are needed")


def pixel_of(image: GalaxyImage, ra: float | None, dec: float | None) -> tuple[float, float] | None:
    """Return column and row of a position in degrees, NaN far from the image; None without position or coordinates."""
    if image.coordinates is None or ra is None or dec is None or not (np.isfinite(ra) and np.isfinite(dec)):
        return None
    x, y = image.coordinates.pixel(ra, dec)
    return float(x), float(y)


def offset_px(shape: tuple[int, ...], x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Return the distance of places (columns, rows) from the middle of an image (ny, nx, ...); infinite if not finite.

    The distance is in pixels, beyond half a pixel along each axis.
    """
    beyond = [np.maximum(np.abs(np.subtract(p, middle(n))) - 0.5, 0.0) for p, n in ((x, shape[1]), (y, shape[0]))]
    offset = np.hypot(*beyond)
    return np.where(np.isnan(offset), np.inf, offset)


def check_usable(pixels: NDArray[np.float32]) -> None:
    """Raise UnusableImage if pixels, usually a crop, have the wrong shape, are not finite, or have a constant band."""
    if pixels.ndim != 3 or pixels.shape[2] != len(BANDS) or pixels.size == 0:
        raise UnusableImage(f"image has shape {pixels.shape}, (ny, nx, 3) is needed")
    if not np.isfinite(pixels).all():
        invalid = int(np.count_nonzero(~np.isfinite(pixels)))
        raise UnusableImage(f"{invalid} of {pixels.size} values in the crop are NaN or infinite")
    for n in np.flatnonzero(pixels[0, 0] == pixels[-1, -1]):
        band, plane = BANDS[n], pixels[..., n]
        if plane.min() == plane.max():
            value = "all zero" if plane.max() == 0 else f"constant ({plane.max():g})"
            raise UnusableImage(f"band {band} is {value} in the crop")


def check_not_white(pixels: NDArray[np.float32], max_white_fraction: float = MAX_WHITE_FRACTION) -> None:
    """Raise UnusableImage if a larger fraction of a colour picture (ny, nx, 3) is white: it is saturated."""
    is_white = pixels >= 1
    white = float(np.mean(is_white[..., 0] & is_white[..., 1] & is_white[..., 2]))
    if white > max_white_fraction:
        raise UnusableImage(f"saturated: {white:.1%} of the picture is white")
