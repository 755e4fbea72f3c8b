"""Centre and half-light ellipse of a simulated galaxy's star particles, seen along the z axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CORE_FRACTION = 0.2
"""Fraction of the particles in the sphere whose mean is the centre. In a Hernquist sphere it reaches to a third of the
half-mass radius."""
SHRINKING = 0.9
SHRINKING_STEPS = 150
"""Upper limit, which shrinks the sphere to a few millionths of its first radius."""
SHAPE_TOLERANCE = 1e-4
"""The shape has converged if both components of its polarization change by less than this."""
SHAPE_ITERATIONS = 100


@dataclass(frozen=True)
class SkyEllipse:
    """An ellipse about the centre.

    Attributes
    ----------
    semi_major_kpc
        Semi-major axis in kpc.
    ellipticity
        1 - b/a.
    angle
        From +x towards +y, in radians.
    converged
        Whether the iteration of the shape converged.
    """

    semi_major_kpc: float
    ellipticity: float
    angle: float
    converged: bool = True

    def axes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return the coordinates along the major and the minor axis, in the unit of ``x`` and ``y``."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return x * cos + y * sin, y * cos - x * sin

    def radius(self, x: Array, y: Array) -> Array:
        """Return the semi-major axis of the concentric ellipse of this shape through each point."""
        along, across = self.axes(x, y)
        return np.hypot(along, across / (1 - self.ellipticity))


def wrapped(positions: Array, centre: Array, box_size: float) -> Array:
    """Return positions relative to a centre in a periodic box, each the nearest of its images.

    Parameters
    ----------
    positions
        (n, 3) in any unit of length.
    centre
        (3,) in the same unit.
    box_size
        Side of the box in the same unit.

    Returns
    -------
    array
        (n, 3), in [-box_size / 2, box_size / 2).
    """
    return (positions - centre + box_size / 2) % box_size - box_size / 2


def centre_of(positions: Array) -> Array:
    """Return the centre (3,) of particles at (n, 3): the mean in a sphere that shrinks onto the densest part.

    The sphere starts with all particles, moves to their mean and shrinks by a tenth (Power et al. 2003, MNRAS 338, 14).
    It stops when a fifth of the particles is left, because the mean of fewer would follow their noise, or when all
    remaining particles are in one place.
    """
    centre = positions.mean(axis=0)
    largest = np.linalg.norm(positions - centre, axis=1).max()
    for radius in largest * SHRINKING ** np.arange(1, SHRINKING_STEPS):
        inside = np.linalg.norm(positions - centre, axis=1) < radius
        if np.count_nonzero(inside) < max(CORE_FRACTION * len(positions), 1):
            break
        centre = positions[inside].mean(axis=0)
    return centre


def half_light_ellipse(x: Array, y: Array, flux: Array) -> SkyEllipse:
    """Return the ellipse that holds half of the flux and has the shape of the flux inside it.

    The shape is that of the second moments inside the ellipse: the axis ratio is the square root of the ratio of their
    eigenvalues, which is exact if all isophotes have the same shape. The semi-major axis is the flux-weighted median of
    the elliptical radii. Both are iterated from a circle.

    Parameters
    ----------
    x, y
        Positions in kpc from the centre, (n,).
    flux
        In any linear unit, (n,).

    Returns
    -------
    SkyEllipse
        ``converged`` is False if the shape still changes after 100 steps. A line of particles has ellipticity 1, within
        rounding.
    """
    ellipse = SkyEllipse(_half_light_radius(np.hypot(x, y), flux), 0.0, 0.0, converged=False)
    for _ in range(SHAPE_ITERATIONS):
        inside = ellipse.radius(x, y) <= ellipse.semi_major_kpc
        ellipticity, angle = _shape(x[inside], y[inside], flux[inside])
        turned = SkyEllipse(ellipse.semi_major_kpc, ellipticity, angle)
        moved = np.abs(_polarization(turned) - _polarization(ellipse)).max()
        semi_major = _half_light_radius(turned.radius(x, y), flux)
        ellipse = SkyEllipse(semi_major, ellipticity, angle, converged=bool(moved < SHAPE_TOLERANCE))
        if ellipse.converged:
            break
    return ellipse


def _half_light_radius(radius: Array, flux: Array) -> float:
    """Return the smallest of the radii that holds half of the flux."""
    order = np.argsort(radius, kind="stable")
    enclosed = np.cumsum(flux[order])
    return float(radius[order[np.searchsorted(enclosed, enclosed[-1] / 2)]])


def _shape(x: Array, y: Array, flux: Array) -> tuple[float, float]:
    """Return ellipticity and angle of the major axis from the flux-weighted second moments about the origin."""
    xx, yy, xy = np.sum(flux * x * x), np.sum(flux * y * y), np.sum(flux * x * y)
    spread = np.hypot(xx - yy, 2 * xy)
    axis_ratio = np.sqrt(max(xx + yy - spread, 0.0) / (xx + yy + spread)) if xx + yy > 0 else 1.0
    return float(1 - max(axis_ratio, 1e-6)), float(np.arctan2(2 * xy, xx - yy) / 2)


def _polarization(ellipse: SkyEllipse) -> Array:
    """Return the ellipticity as a vector of twice the angle, which is continuous for round galaxies."""
    return ellipse.ellipticity * np.array([np.cos(2 * ellipse.angle), np.sin(2 * ellipse.angle)])
