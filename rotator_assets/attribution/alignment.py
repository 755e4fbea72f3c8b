"""Stacks of galaxy images rotated to the major axis and scaled to R_e, the half-light semi-major axis.

Parts of a galaxy outside its image are left out of the mean; they do not count as zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotator_assets.attribution.attribution_shape import Ellipse
from rotator_assets.imaging.centre import middle

REACH_R_EFF = 3.0
CELLS = 61
"""Extent of the grid from the galaxy's centre along x and y, in R_e, and number of cells per side."""
_POINTS = 3
"""Sample points per side of a cell, so that no pixel is skipped where cells are wider than pixels."""


def aligned(values: NDArray[np.float64], ellipse: Ellipse) -> NDArray[np.float64]:
    """Resample images (ny, nx, k) to the grid (CELLS, CELLS, k), as densities per R_e^2.

    Integrals over area are conserved. Cells with a sample point outside the image are NaN, and so are all cells if the
    ellipse is unknown.
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
    """Element-wise mean and standard error of arrays that are added one by one (Welford 1962, Technometrics 4, 419).

    NaN is ignored. Only three arrays of this shape are kept.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = np.zeros(shape, dtype=np.int64)
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, values: NDArray[np.float64]) -> None:
        """Add one array of the same shape."""
        known = np.isfinite(values)
        self.count += known
        step = np.where(known, values - self._mean, 0.0)
        self._mean += step / np.maximum(self.count, 1)
        self._squares += step * np.where(known, values - self._mean, 0.0)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of the values added; NaN where there are none."""
        return np.where(self.count > 0, self._mean, np.nan)

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Standard error of the mean; NaN where there are fewer than two values."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.count > 1, np.sqrt(self._squares / (self.count - 1) / self.count), np.nan)
