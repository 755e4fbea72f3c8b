"""What an image must show to be the galaxy's, at the scale and within the range that the network learns from.

Each check raises UnusableImage with the reason; each limit set to None (or each check not called) is a check left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.bands import BANDS
from rotator_assets.imaging.centre import middle
from rotator_assets.imaging.images import GalaxyImage
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL

MAX_OFFSET_PX = 1.0
SCALE_TOLERANCE = 0.02
MAX_WHITE_FRACTION = 0.01
"""Largest share of white pixels (255 in all three bands) in a colour picture. Not one pixel of the 2786 SDSS cut-outs
this was measured on is white: the stretch keeps colours, so white is a picture stretched too far, or a star."""


def check_matches(
    image: GalaxyImage,
    ra: float | None,
    dec: float | None,
    arcsec_per_pixel: float | None = SDSS_ARCSEC_PER_PIXEL,
    max_offset_px: float | None = MAX_OFFSET_PX,
) -> None:
    """The galaxy at ``ra``, ``dec`` (degrees) is in the middle, and pixels have the expected side within 2 %.

    The middle is anything from half a pixel before to half a pixel behind the geometric centre of each axis, which
    covers the conventions there are (pixel n // 2, the corner between the two central pixels, or CRPIX of n / 2).
    What the file does not tell is not checked: the position where it has no celestial coordinates, the scale where it
    has none. A position that is not known (None, NaN) is not checked either. Raises UnusableImage.
    """
    scale = image.arcsec_per_pixel
    if arcsec_per_pixel is not None and scale is not None and not abs(scale / arcsec_per_pixel - 1) <= SCALE_TOLERANCE:
        raise UnusableImage(f"pixels of {scale:.3f} arcsec, {arcsec_per_pixel:g} arcsec are needed")
    known = image.coordinates is not None and ra is not None and dec is not None and np.isfinite([ra, dec]).all()
    if max_offset_px is not None and known:
        offset = offset_px(image, ra, dec)
        if offset > max_offset_px:
            where = f"{np.ceil(offset):.0f} pixels off the centre" if np.isfinite(offset) else "far outside the image"
            raise UnusableImage(f"the galaxy is {where}, by the file's celestial coordinates")


def offset_px(image: GalaxyImage, ra: float, dec: float) -> float:
    """How far a position lies from the middle of an image with coordinates, beyond half a pixel along each axis.

    Infinite where it is far from the image on the sky.
    """
    ny, nx = image.pixels.shape[:2]
    x, y = image.coordinates.pixel(ra, dec)
    beyond = [max(abs(float(p) - middle(n)) - 0.5, 0.0) for p, n in ((x, nx), (y, ny))]
    return float(np.hypot(*beyond)) if np.isfinite([x, y]).all() else np.inf


def check_usable(pixels: NDArray[np.float32]) -> None:
    """Raises UnusableImage where the pixels (usually a crop) cannot be learnt from: shape, NaN, zero or constant."""
    if pixels.ndim != 3 or pixels.shape[2] != len(BANDS) or pixels.size == 0:
        raise UnusableImage(f"image has shape {pixels.shape}, (ny, nx, 3) is needed")
    invalid = int(np.count_nonzero(~np.isfinite(pixels)))
    if invalid:
        raise UnusableImage(f"{invalid} of {pixels.size} values in the crop are NaN or infinite")
    for band, plane in zip(BANDS, np.moveaxis(pixels, 2, 0), strict=True):
        if plane.min() == plane.max():
            value = "all zero" if plane.max() == 0 else f"constant ({plane.max():g})"
            raise UnusableImage(f"band {band} is {value} in the crop")


def check_not_white(pixels: NDArray[np.float32], max_white_fraction: float = MAX_WHITE_FRACTION) -> None:
    """Raises UnusableImage where more of a colour picture's pixels (ny, nx, 3) are white: it is saturated."""
    white = float(np.mean((pixels >= 1).all(axis=2)))
    if white > max_white_fraction:
        raise UnusableImage(f"saturated: {white:.1%} of the picture is white")
