r"""Intrinsic shape and rotation of a galaxy as seen from any side.

Shapes are triaxial ellipsoids with axes 1 : p : q; an oblate galaxy has p = 1. Angles in degrees: ``inclination`` is
between the line of sight and the short axis (0 face-on, 90 edge-on), ``azimuth`` is the line of sight's angle around
the short axis, from the long one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.15
"""Rotation curve and profile constant of the tensor virial theorem (Binney 2005, MNRAS 363, 937)."""

KAPPA = 1.1
"""lambda_R against V/sigma (Emsellem et al. 2007, MNRAS 379, 401, appendix B)."""


def projected_axis_ratio(
    p: ArrayLike, q: ArrayLike, inclination_deg: ArrayLike, azimuth_deg: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Apparent axis ratio of an ellipsoid with axes 1 : p : q (Binney 1985, MNRAS 212, 767)."""
    cos_i, sin_i = _cos_sin(inclination_deg)
    cos_a, sin_a = _cos_sin(azimuth_deg)
    p2, q2 = np.square(p), np.square(q)
    a = cos_i**2 / q2 * (sin_a**2 + cos_a**2 / p2) + sin_i**2 / p2
    b = cos_i * 2 * sin_a * cos_a * (1 - 1 / p2) / q2
    c = (sin_a**2 / p2 + cos_a**2) / q2
    root = np.hypot(a - c, b)
    return np.sqrt((a + c - root) / (a + c + root))


def v_over_sigma(intrinsic_ellipticity: ArrayLike, anisotropy: ArrayLike, inclination_deg: ArrayLike) -> NDArray:
    """V/sigma of an oblate rotator by the tensor virial theorem, seen at an inclination.

    Edge-on: (V/sigma)^2 = ((1 - delta) Omega - 1) / (alpha (1 - delta) Omega + 1) (Binney 2005, eq. 26), with Omega the
    ratio of the potential energy tensor's components along and across the disc; 0 where it would be negative.
    Otherwise times sin i / sqrt(1 - delta cos^2 i) (Cappellari et al. 2007, MNRAS 379, 418, sect. 4).

    Parameters: ellipticity 1 - q of the edge-on galaxy, in (0, 1); delta = 1 - sigma_z^2 / sigma_x^2; degrees.
    """
    delta = np.asarray(anisotropy, dtype=np.float64)
    ordered = (1 - delta) * potential_ratio(intrinsic_ellipticity)
    edge_on = np.sqrt(np.maximum(ordered - 1, 0) / (ALPHA * ordered + 1))
    cos_i, sin_i = _cos_sin(inclination_deg)
    return edge_on * sin_i / np.sqrt(1 - delta * cos_i**2)


def potential_ratio(intrinsic_ellipticity: ArrayLike) -> NDArray[np.float64]:
    """Omega = W_xx / W_zz of an oblate spheroid (Binney & Tremaine 2008, sect. 2.5); 1 for a sphere."""
    q = 1 - np.asarray(intrinsic_ellipticity, dtype=np.float64)
    e = np.sqrt(1 - q**2)
    return 0.5 * (np.arcsin(e) - e * q) / (e * q - q**2 * np.arcsin(e))


def lambda_r_of(v_sigma: ArrayLike) -> NDArray[np.float64]:
    """lambda_R of a regular rotator: kappa V/sigma / sqrt(1 + (kappa V/sigma)^2) (Emsellem et al. 2007, app. B)."""
    scaled = KAPPA * np.asarray(v_sigma, dtype=np.float64)
    return scaled / np.hypot(1, scaled)


def _cos_sin(degrees: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    radians = np.deg2rad(degrees)
    return np.cos(radians), np.sin(radians)
