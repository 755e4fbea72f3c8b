"""Position of a galaxy in its image: one convention for every measurement, figure and table.

Pixels are counted from 0 at the centre of the first pixel, so the middle of n pixels is (n - 1) / 2, which lies between
two pixels if n is even. Images are rotated, mirrored and shifted about the middle.

Images are not resampled to centre the galaxy, so each galaxy lies at its own position within about a pixel of the
middle. The position is where the celestial coordinates of the file put the catalogue's position (for frames, those of
the r band), or the middle of a file without coordinates. Simulated images are centred on the galaxy. In 2780 SDSS
pictures of 80 pixels the light is centred -0.15 and -0.39 (+- 0.01) pixels from the middle, with a scatter of 0.4. A
crop takes whole pixels, so the middle of an odd number of pixels lies half a pixel from that of an even crop. The
columns ``galaxy_x_pixels`` and ``galaxy_y_pixels`` of table ``images`` hold the position in the stored image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd


def middle(n: int) -> float:
    """Return the middle of ``n`` pixels, in pixels."""
    return (n - 1) / 2


def from_middle(galaxy: pd.Series | Mapping[str, Any], axis: Literal["x", "y"], n: int) -> float:
    """Return a galaxy's offset from the middle of an image along one axis, in pixels.

    Parameters
    ----------
    galaxy
        A table row with ``galaxy_x_pixels`` and ``galaxy_y_pixels``.
    axis
        ``x`` (columns) or ``y`` (rows).
    n
        Number of pixels along the axis.

    Returns
    -------
    float
        Offset in pixels; 0 if the position is unknown.
    """
    place = galaxy.get(f"galaxy_{axis}_pixels")
    return float(place) - middle(n) if place is not None and place == place else 0.0


def crop_start(n: int, size: int) -> int:
    """Return the first of the ``size`` pixels that are kept of ``n``; negative if the image is padded.

    Pixel n // 2 becomes pixel size // 2, so a crop of a crop equals a crop of the whole image.
    """
    return n // 2 - size // 2
