"""Where a galaxy stands in its image: one convention for everything that is measured, drawn or written about it.

Pixels are counted from 0 at the centre of the first, so the middle of n pixels is (n - 1) / 2, between two pixels where
n is even. Images are turned, mirrored and moved about the middle.

No pixel is resampled to bring a galaxy there, so each stands at a place of its own, within about a pixel of the middle.
It is where the file's celestial coordinates put the catalogue's position (in frames those of the r band), or the middle
of a file without any. Simulated images are made about the galaxy; in 2780 SDSS pictures of 80 pixels the light is
centred -0.15 and -0.39 (+- 0.01) pixels from the middle, with a scatter of 0.4. A crop takes whole pixels, so the
middle of an odd number of pixels is half a pixel beside that of an even crop. The place in the stored image is kept
beside it, in the columns ``galaxy_x_pixels`` and ``galaxy_y_pixels`` of table ``images``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal


def middle(n: int) -> float:
    """The middle of ``n`` pixels."""
    return (n - 1) / 2


def from_middle(galaxy: Mapping, axis: Literal["x", "y"], n: int) -> float:
    """A galaxy's place from the middle of the ``n`` pixels along an axis, by its row of a table; 0 where not known."""
    place = galaxy.get(f"galaxy_{axis}_pixels")
    return float(place) - middle(n) if place is not None and place == place else 0.0


def crop_start(n: int, size: int) -> int:
    """First of the ``size`` pixels that are kept of ``n``; negative where the image is padded.

    Pixel n // 2 becomes pixel size // 2, so that a crop of a crop is that of the whole.
    """
    return n // 2 - size // 2
