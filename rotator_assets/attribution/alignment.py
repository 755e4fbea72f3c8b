"""Images of galaxies laid over each other: turned so that the major axis lies along x, scaled to R_e, averaged.

R_e is the half-light semi-major axis. What an image does not show of a galaxy is missing from the mean, never zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotator_assets.attribution.attribution_shape import Ellipse
from rotator_assets.imaging.centre import middle

REACH_R_EFF = 3.0
CELLS = 61
"""The grid reaches this far from the galaxy's place, along x and along y, in this many cells a side."""
_POINTS = 3
"""Points a side at which each cell is looked up, so that cells wider than a pixel miss none."""


def aligned(values: NDArray[np.float64], ellipse: Ellipse) -> NDArray[np.float64]:
    """Images (ny, nx, k) on the grid, (CELLS, CELLS, k): their unit per R_e^2, so that sums over area are conserved.

    NaN in cells of which a point looked up lies beyond the image's edge, and everywhere where the ellipse is not known.
    """
    from scipy.ndimage import map_coordinates

    ny, nx, k = values.shape
    if ellipse.unknown is not None:
        return np.full((CELLS, CELLS, k), np.nan)
    step = 2 * REACH_R_EFF / (CELLS * _POINTS)
    ticks = (np.arange(CELLS * _POINTS) - (CELLS * _POINTS - 1) / 2) * step * ellipse.r_eff_pixels
    along, across = np.meshgrid(ticks, ticks)
    angle = np.radians(ellipse.angle_deg)
    x = middle(nx) + ellipse.x + along * np.cos(angle) - across * np.sin(angle)
    y = middle(ny) + ellipse.y + along * np.sin(angle) + across * np.cos(angle)
    seen = (x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5)
    planes = [
        np.where(seen, map_coordinates(values[..., plane], (y, x), order=1, mode="nearest"), np.nan)
        for plane in range(k)
    ]
    density = np.stack(planes, axis=-1) * ellipse.r_eff_pixels**2
    return density.reshape(CELLS, _POINTS, CELLS, _POINTS, k).mean(axis=(1, 3))


class RunningMean:
    """Mean and standard error, element by element, of arrays of one shape given one after another.

    NaN is left out. Nothing but three arrays is kept (Welford 1962, Technometrics 4, 419).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = np.zeros(shape, dtype=np.int64)
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, values: NDArray[np.float64]) -> None:
        known = np.isfinite(values)
        self.count += known
        step = np.where(known, values - self._mean, 0.0)
        self._mean += step / np.maximum(self.count, 1)
        self._squares += step * np.where(known, values - self._mean, 0.0)

    @property
    def mean(self) -> NDArray[np.float64]:
        """NaN where nothing was given."""
        return np.where(self.count > 0, self._mean, np.nan)

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Of the mean; NaN where fewer than two values were given."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.count > 1, np.sqrt(self._squares / (self.count - 1) / self.count), np.nan)
