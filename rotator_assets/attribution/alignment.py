"""Stacks of galaxy images rotated to the major axis and scaled to R_e, the half-light semi-major axis.

Parts of a galaxy outside its image are left out of the mean; they do not count as zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.attribution.attribution_shape import Ellipse
from rotator_assets.imaging.centre import middle

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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
    ny, nx, k = values.shape
    if ellipse.unknown is not None:
        return np.full((CELLS, CELLS, k), np.nan)
    means = _cell_means((ny, nx), ellipse) @ values.reshape(-1, k)
    return means.reshape(CELLS, CELLS, k) * ellipse.r_eff_pixels**2


def _cell_means(shape: tuple[int, int], ellipse: Ellipse) -> csr_array:
    """Return the matrix (cells, pixels) of means over the sample points of a cell, each interpolated bilinearly.

    It is the same for all images of a galaxy. Between the outermost pixel centres and the edge, values are constant.
    """
    from scipy.sparse import csr_array

    ny, nx = shape
    step = 2 * REACH_R_EFF / (CELLS * _POINTS)
    along = (np.arange(CELLS * _POINTS) - (CELLS * _POINTS - 1) / 2) * step * ellipse.r_eff_pixels
    across, angle = along[:, None], np.radians(ellipse.angle_deg)
    x = middle(nx) + ellipse.x + along * np.cos(angle) - across * np.sin(angle)
    y = middle(ny) + ellipse.y + along * np.sin(angle) + across * np.cos(angle)
    seen = (x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5)
    x, y = x.clip(0, nx - 1), y.clip(0, ny - 1)
    column, row = np.minimum(x.astype(np.int32), nx - 2), np.minimum(y.astype(np.int32), ny - 2)
    right, up, first = x - column, y - row, row * nx + column
    weights = np.stack([(1 - up) * (1 - right), (1 - up) * right, up * (1 - right), up * right], axis=-1)
    weights[~seen] = np.nan
    pixels = np.stack([first, first + 1, first + nx, first + nx + 1], axis=-1)
    per_cell = 4 * _POINTS**2
    by_cell = [part.reshape(CELLS, _POINTS, CELLS, _POINTS, 4).swapaxes(1, 2).ravel() for part in (weights, pixels)]
    ends = np.arange(0, weights.size + 1, per_cell, dtype=np.int32)
    return csr_array((by_cell[0] / _POINTS**2, by_cell[1], ends), shape=(CELLS**2, ny * nx))


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
