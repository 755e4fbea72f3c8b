"""Projected shapes and line-of-sight motions of galaxies with a given intrinsic shape and rotation.

Shapes are triaxial ellipsoids with axes 1 : p : q; an oblate galaxy has p = 1. Angles are in degrees. ``inclination``
is between the line of sight and the short axis (0 face-on, 90 edge-on). ``azimuth`` is the angle of the line of sight
around the short axis, from the long axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from rotator_assets.kinematics import spin

ALPHA = 0.15
"""alpha in the tensor virial theorem, set by the density profile and rotation curve (Binney 2005, MNRAS 363, 937)."""

KAPPA = 1.1
"""kappa in the relation between lambda_R and V/sigma (Emsellem et al. 2007, MNRAS 379, 401, appendix B)."""

RISE_R_EFF = 0.4
"""Scale radius of the rotation curves, which follow tanh, in half-light semi-major axes."""
DISPERSION_SLOPE = 0.4
"""Dispersions fall as (1 + m / R_e) to minus this power, with m the semi-major axis of an ellipse."""


def projected_axis_ratio(
    p: ArrayLike, q: ArrayLike, inclination_deg: ArrayLike, azimuth_deg: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Return the apparent axis ratio of an ellipsoid with axes 1 : p : q.

    Parameters
    ----------
    p, q
        Axis ratios in (0, 1].
    inclination_deg, azimuth_deg
        Direction of the line of sight in degrees.

    Returns
    -------
    float64 array
        b/a in (0, 1].

    References
    ----------
    Binney 1985, MNRAS 212, 767.
    """
    cos_i, sin_i = _cos_sin(inclination_deg)
    cos_a, sin_a = _cos_sin(azimuth_deg)
    p2, q2 = np.square(p), np.square(q)
    a = cos_i**2 / q2 * (sin_a**2 + cos_a**2 / p2) + sin_i**2 / p2
    b = cos_i * 2 * sin_a * cos_a * (1 - 1 / p2) / q2
    c = (sin_a**2 / p2 + cos_a**2) / q2
    root = np.hypot(a - c, b)
    return np.sqrt((a + c - root) / (a + c + root))


def v_over_sigma(intrinsic_ellipticity: ArrayLike, anisotropy: ArrayLike, inclination_deg: ArrayLike) -> NDArray:
    """Return V/sigma of an inclined oblate rotator from the tensor virial theorem.

    Edge-on it is (V/sigma)^2 = ((1 - delta) Omega - 1) / (alpha (1 - delta) Omega + 1), or 0 if that is negative. Omega
    is the ratio of the potential energy tensor's components along and across the disc. At other inclinations it is
    multiplied by sin i / sqrt(1 - delta cos^2 i).

    Parameters
    ----------
    intrinsic_ellipticity
        1 - q of the edge-on galaxy, in (0, 1).
    anisotropy
        delta = 1 - sigma_z^2 / sigma_x^2.
    inclination_deg
        Degrees; 90 is edge-on.

    Returns
    -------
    float64 array
        V/sigma.

    References
    ----------
    Binney 2005, MNRAS 363, 937, eq. 26; Cappellari et al. 2007, MNRAS 379, 418, sect. 4.
    """
    delta = np.asarray(anisotropy, dtype=np.float64)
    ordered = (1 - delta) * potential_ratio(intrinsic_ellipticity)
    edge_on = np.sqrt(np.maximum(ordered - 1, 0) / (ALPHA * ordered + 1))
    cos_i, sin_i = _cos_sin(inclination_deg)
    return edge_on * sin_i / np.sqrt(1 - delta * cos_i**2)


def potential_ratio(intrinsic_ellipticity: ArrayLike) -> NDArray[np.float64]:
    """Return Omega = W_xx / W_zz of an oblate spheroid (Binney & Tremaine 2008, sect. 2.5); 1 for a sphere."""
    q = 1 - np.asarray(intrinsic_ellipticity, dtype=np.float64)
    e = np.sqrt(1 - q**2)
    return 0.5 * (np.arcsin(e) - e * q) / (e * q - q**2 * np.arcsin(e))


def lambda_r_of(v_sigma: ArrayLike) -> NDArray[np.float64]:
    """Return lambda_R = kappa V/sigma / sqrt(1 + (kappa V/sigma)^2) of a regular rotator (see ``KAPPA``)."""
    scaled = KAPPA * np.asarray(v_sigma, dtype=np.float64)
    return scaled / np.hypot(1, scaled)


def effective_dispersion(log_mass_h2_msun: ArrayLike) -> NDArray[np.float64]:
    """Return the typical sigma_e in km/s for a stellar mass: the rms line-of-sight velocity within R_e."""
    return 10 ** (2.1 + 0.3 * (np.asarray(log_mass_h2_msun, dtype=np.float64) - 10.3))


def motions(along: ArrayLike, across: ArrayLike, axis_ratio: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the line-of-sight velocity and dispersion of a rotator, each without its scale.

    Velocities are those of circular motion in a thin disc. `scaled_motions` sets the scales.

    Parameters
    ----------
    along, across
        Positions along and across the major axis, in units of the half-light semi-major axis.
    axis_ratio
        Apparent axis ratio of the disc.

    Returns
    -------
    tuple of float64 arrays
        Velocity and dispersion in arbitrary units.
    """
    along, across = np.asarray(along, dtype=np.float64), np.asarray(across, dtype=np.float64)
    radius = np.hypot(along, across / axis_ratio)
    cos_azimuth = np.divide(along, radius, out=np.zeros_like(radius), where=radius > 0)
    return np.tanh(radius / RISE_R_EFF) * cos_azimuth, (1 + radius) ** -DISPERSION_SLOPE


def scaled_motions(
    motions: tuple[NDArray, NDArray],
    weights: tuple[NDArray, NDArray],
    inside: NDArray[np.bool_],
    lambda_r: float,
    sigma_e_km_s: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale velocities and dispersions to a given lambda_R and sigma_e inside the half-light ellipse.

    The ratio of their scales is found numerically; lambda_R increases from 0 to 1 with it.

    Parameters
    ----------
    motions
        Velocity and dispersion in any units, one entry per spaxel or particle.
    weights
        Flux and circular radius.
    inside
        True for entries inside the ellipse.
    lambda_r
        Required lambda_R.
    sigma_e_km_s
        Required second moment in km/s.

    Returns
    -------
    tuple of float64 arrays
        Velocity and dispersion in km/s.
    """
    velocity, dispersion = motions
    flux, radius = (weight[inside] for weight in weights)

    def excess(log_ratio: float) -> float:
        return spin.lambda_r(flux, radius, np.exp(log_ratio) * velocity[inside], dispersion[inside]) - lambda_r

    velocity = np.exp(brentq(excess, -12, 12)) * velocity
    scale = sigma_e_km_s / spin.effective_dispersion(flux, velocity[inside], dispersion[inside])
    return scale * velocity, scale * dispersion


def _cos_sin(degrees: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    radians = np.deg2rad(degrees)
    return np.cos(radians), np.sin(radians)
