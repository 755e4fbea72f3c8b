"""statmorph's structure parameters, several times faster and equal to the last bit.

statmorph evaluates apertures and rotations hundreds of times per image, and most of the time goes into preparing them:
the overlap of an aperture with the pixels is calculated again for each sum, and a rotation is composed of three
transformations. The methods below replace those that take the time. They make the same floating-point operations in the
same order, so results are identical to those of statmorph 0.7.2; a test compares them. Only the quantities used
are computed. With photutils 3.1.1 or later, statmorph 0.7.3 divides fluxes by the whole area of an aperture, also where
it is masked or beyond the image; here it is the area that was summed.

This module imports statmorph, so it is imported where an image is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from photutils.geometry import circular_overlap_grid, elliptical_overlap_grid
from scipy.optimize import brentq
from skimage.transform import ProjectiveTransform, warp
from statmorph import SourceMorphology

QUANTITIES = ("gini", "m20", "concentration", "asymmetry", "sn_per_pixel")
_GRID_POINTS = 100
"""Number of radii at which statmorph looks for a change of sign before it solves for the root."""
_TURN = np.array([[math.cos(math.pi), -math.sin(math.pi), 0], [math.sin(math.pi), math.cos(math.pi), 0], [0, 0, 1]])
_UNDECIDED_PX = 1e-9
"""Distance in pixels from the middle between two pixels within which rounding decides which of them is nearest."""


class Structure(SourceMorphology):
    """statmorph's measurement of one segment; only ``QUANTITIES`` and what they need."""

    def _calculate_morphology(self) -> None:
        for name in QUANTITIES:
            getattr(self, name)

    @property
    def elongation_asymmetry(self) -> float:
        """Never quite 1: of a circle that is given as an ellipse, photutils' areas can be NaN."""
        return max(super().elongation_asymmetry, 1 + 1e-6)

    @cached_property
    def _slice_skybox(self) -> tuple[slice, slice]:
        """Return the first square without sources, in the order of rows and columns; ever smaller ones are tried."""
        occupied = self._segmap.data[self._slice_stamp] != 0
        if self._mask is not None:
            occupied = occupied | self._mask[self._slice_stamp]
        total = np.pad(np.cumsum(np.cumsum(occupied, axis=0), axis=1), ((1, 0), (1, 0)))
        size = self._skybox_size
        while size >= 2:
            within = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
            empty = within[:-1, :-1] == 0  # statmorph leaves out the last row and column
            if empty.any():
                row, column = map(int, np.unravel_index(np.argmax(empty), empty.shape))
                return slice(row, row + size), slice(column, column + size)
            size //= 2
        self.flag = 2
        return slice(0, 0), slice(0, 0)

    def _petrosian_function_circ(self, r: float, center: NDArray[np.float64]) -> float:
        """Return the mean flux on a circle over that within it, less eta."""
        half = 0.5 * self._annulus_width
        return self._petrosian(self._circle(center, r + half, r - half), self._circle(center, r))

    def _petrosian_function_ellip(
        self, a: float, center: NDArray[np.float64], elongation: float, theta: float
    ) -> float:
        """Return the mean flux on an ellipse of semi-major axis ``a`` over that within it, less eta."""
        inner, outer = (a + sign * 0.5 * self._annulus_width for sign in (-1, 1))
        ring = self._ellipse(center, outer, outer / elongation, theta, inner)
        return self._petrosian(ring, self._ellipse(center, a, a / elongation, theta))

    def _petrosian(self, ring: _Aperture, whole: _Aperture) -> float:
        on, within = (np.abs(self._mean_flux(aperture)) for aperture in (ring, whole))
        if within == 0:
            self.flag = 2
            return float(on != 0) - self._eta
        return on / within - self._eta

    def _mean_flux(self, aperture: _Aperture) -> float:
        """Return the mean flux within an aperture, without masked pixels; 0 if there are no others."""
        flux, area = aperture.sum(self._cutout_stamp_maskzeroed), aperture.area(self._mask_stamp)
        return flux / area if area else 0.0

    def _asymmetry_function(self, center: NDArray[np.float64], image: NDArray[np.float64], kind: str) -> float:
        """Return the asymmetry about a point (x, y): Lotz et al. (2004), eq. 10."""
        if kind != "cas":
            return super()._asymmetry_function(center, image, kind)
        (ny, nx), (x, y) = image.shape, center
        if x < 0 or x >= nx or y < 0 or y >= ny:
            self.flag = max(self.flag, 1)
            return 100.0  # the minimizer turns back
        half_turn = _half_turn(center)
        turned, mask = warp(image, half_turn), self._mask_stamp
        if mask.any():
            mask = mask | _turned(mask, half_turn)
            image, turned = np.where(~mask, image, 0.0), np.where(~mask, turned, 0.0)
        aperture = self._circle(center, self._petro_extent_cas * self._rpetro_circ_centroid)
        light, difference = aperture.sum(np.abs(image)), aperture.sum(np.abs(turned - image))
        if light == 0.0:
            self.flag = max(self.flag, 1)
            return 100.0
        if self._sky_asymmetry == -99.0:  # there is no sky
            return difference / light
        return (difference - aperture.area(mask) * self._sky_asymmetry) / light

    def _radius_at_fraction_of_total_cas(self, fraction: float) -> float:
        """Return the radius of the circle with this fraction of the light; -99 if it is not defined."""
        largest = self._petro_extent_cas * self.rpetro_circ
        total = self._light_within(largest)
        if total <= 0:
            self.flag = 2
        if total == 0:
            return largest
        total = np.abs(total)

        def excess(radius: float) -> float:
            return (np.abs(self._light_within(radius)) / total if radius else 0.0) - fraction

        radii = np.linspace(0.0, largest, num=_GRID_POINTS)
        beyond = next((number for number, radius in enumerate(radii) if excess(radius) > 0), None)
        if beyond is None:
            raise AssertionError("the curve of growth does not reach this fraction of the light")
        radius = brentq(excess, radii[beyond - 1], radii[beyond], xtol=1e-6)
        if np.isnan(radius) or radius <= 0.0:
            self.flag = 2
            return -99.0
        return radius

    def _light_within(self, radius: float) -> float:
        """Return the flux within a circle about the centre of asymmetry; each is summed once."""
        if radius not in self._lights:
            self._lights[radius] = self._circle(self._asymmetry_center, radius).sum(self._cutout_stamp_maskzeroed)
        return self._lights[radius]

    @cached_property
    def _lights(self) -> dict[float, float]:
        return {}

    def _circle(self, center: NDArray[np.float64], radius: float, inner: float | None = None) -> _Aperture:
        """Return a circle, or a ring with an ``inner`` radius."""

        def overlap(radius: float, *grid: float) -> NDArray[np.float64]:
            return circular_overlap_grid(*grid, radius, 1, 1)

        return _Aperture(self._mask_stamp.shape, center, (radius, radius), overlap, radius, inner)

    def _ellipse(
        self, center: NDArray[np.float64], a: float, b: float, theta: float, inner: float | None = None
    ) -> _Aperture:
        """Return an ellipse, or a ring whose inner ellipse has the semi-major axis ``inner`` and the same shape."""

        def overlap(axis: float, *grid: float) -> NDArray[np.float64]:
            return elliptical_overlap_grid(*grid, axis, b if axis == a else b * axis / a, theta, 1, 1)

        cosine, sine = np.cos(theta), np.sin(theta)
        extents = np.sqrt((a * cosine) ** 2 + (b * -sine) ** 2), np.sqrt((a * sine) ** 2 + (b * cosine) ** 2)
        return _Aperture(self._mask_stamp.shape, center, extents, overlap, a, inner)


class _Aperture:
    """The pixels of an image that an aperture overlaps, with the fraction of each that lies inside, as in photutils."""

    def __init__(
        self,
        shape: tuple[int, int],
        center: NDArray[np.float64],
        extents: tuple[float, float],
        overlap: Callable[..., NDArray[np.float64]],
        outer: float,
        inner: float | None,
    ) -> None:
        """Calculate the fractions.

        Parameters
        ----------
        shape
            Of the image, (ny, nx).
        center
            (x, y).
        extents
            Half the width and half the height of the box around the aperture.
        overlap
            Function of a size and of the edges and the numbers of pixels of a grid: fractions within that size.
        outer, inner
            The outer and the inner size, in pixels; None: there is no hole.
        """
        places = [float(place) for place in center]
        first = [math.floor(place - extent + 0.5) for place, extent in zip(places, extents, strict=True)]
        end = [math.ceil(place + extent + 0.5) for place, extent in zip(places, extents, strict=True)]
        edges = [
            edge - 0.5 - place
            for place, pair in zip(places, zip(first, end, strict=True), strict=True)
            for edge in pair
        ]
        grid = *edges, end[0] - first[0], end[1] - first[1]
        self._fractions = overlap(outer, *grid)
        if inner is not None:
            self._fractions -= overlap(inner, *grid)
        limits = list(zip(first[::-1], end[::-1], shape, strict=True))  # of rows and of columns
        self._there = all(low < n and high > 0 for low, high, n in limits)
        self._pixels = tuple(slice(max(low, 0), min(high, n)) for low, high, n in limits)
        self._part = tuple(slice(max(-low, 0), min(high, n) - low) for low, high, n in limits)
        self._inside = self._fractions[self._part] > 0

    def sum(self, image: NDArray[np.float64]) -> float:
        """Return the sum of an image over the aperture; NaN outside the image."""
        if not self._there:
            return np.nan
        return (image[self._pixels] * self._fractions[self._part])[self._inside].sum()

    def area(self, mask: NDArray[np.bool_]) -> float:
        """Return the area of the aperture without masked pixels; NaN outside the image."""
        if not self._there:
            return np.nan
        fractions = self._fractions.copy()[self._part]  # NumPy adds a part of an array in another order than a copy
        fractions[mask[self._pixels]] = 0.0
        return np.sum(fractions)


def _half_turn(center: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix of a half turn about a point (x, y), as `skimage.transform.rotate` composes it."""
    x, y = center
    matrix = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]) @ (_TURN @ np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]]))
    matrix[2] = 0, 0, 1
    return matrix


def _turned(mask: NDArray[np.bool_], half_turn: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return a mask after a half turn: each pixel is the nearest one of the mask, and False beyond its edges.

    The matrix differs from an exact half turn by rounding, about 1e-16 per pixel. It matters only if two pixels are
    equally near; such cases are left to scikit-image.
    """
    ends = half_turn[1::-1, 2]  # where row 0 and column 0 come to lie
    if np.any(np.abs(ends % 1 - 0.5) < _UNDECIDED_PX):
        return warp(mask, ProjectiveTransform(half_turn)) >= 0.5
    to, source = [], []
    for end, n in zip(ends, mask.shape, strict=True):
        first, last = max(round(end) - n + 1, 0), min(round(end), n - 1)
        to.append(slice(first, last + 1))
        source.append(slice(round(end) - last, round(end) - first + 1))
    turned = np.zeros_like(mask)
    turned[tuple(to)] = mask[tuple(source)][::-1, ::-1]
    return turned
