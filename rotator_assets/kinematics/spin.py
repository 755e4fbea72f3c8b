"""The spin parameter lambda_R and the boundaries between slow and fast rotators.

Conventions follow the MaNGA papers: R is the circular radius on the sky, and the aperture is the half-light ellipse
(Graham et al. 2018, MNRAS 477, 4711).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

EMSELLEM_2011_FACTOR = 0.31
"""k in lambda_R < k sqrt(epsilon) for an aperture of one R_e (Emsellem et al. 2011, MNRAS 414, 888)."""

BOUNDARIES = {
    "emsellem2011": "lambda_R < 0.31 sqrt(epsilon) (Emsellem et al. 2011)",
    "cappellari2016": "lambda_R < 0.08 + epsilon/4 and epsilon < 0.4 (Cappellari 2016)",
}
"""Definitions of a slow rotator in words, by the names used in `spin_threshold`."""


def spin_threshold(ellipticity: ArrayLike, boundary: str = "emsellem2011") -> NDArray[np.float64]:
    """Return the lambda_R below which a galaxy of this ellipticity is a slow rotator.

    ``emsellem2011``: 0.31 sqrt(epsilon). ``cappellari2016``: 0.08 + epsilon / 4 for epsilon < 0.4, and 0 (no slow
    rotators) at larger ellipticity (Cappellari 2016, ARA&A 54, 597, eq. 19). Ellipticities are 1 - b/a in [0, 1]; NaN
    gives NaN. The result is float64 of the same shape. Raises ValueError for an ellipticity outside [0, 1] or an
    unknown boundary.
    """
    epsilon = np.asarray(ellipticity, dtype=np.float64)
    if np.any((epsilon < 0) | (epsilon > 1)):
        raise ValueError("ellipticity must lie in [0, 1]")
    if boundary == "emsellem2011":
        return EMSELLEM_2011_FACTOR * np.sqrt(epsilon)
    if boundary == "cappellari2016":
        return np.where(np.isnan(epsilon), np.nan, np.where(epsilon < 0.4, 0.08 + epsilon / 4.0, 0.0))
    raise ValueError(f"unknown boundary '{boundary}': use emsellem2011 or cappellari2016")


def boundary_of(ellipticity: ArrayLike, threshold: ArrayLike) -> str | None:
    """Return the boundary that gives these thresholds (n,) at these ellipticities; None if none does, or n is 0.

    Thresholds are stored with the galaxies. Figures and texts derive the boundary from them, so they cannot name
    another.
    """
    ellipticity, threshold = np.asarray(ellipticity, dtype=np.float64), np.asarray(threshold, dtype=np.float64)
    known = np.isfinite(ellipticity) & np.isfinite(threshold)
    for boundary in BOUNDARIES if known.any() else ():
        if np.allclose(spin_threshold(ellipticity[known], boundary), threshold[known], rtol=0, atol=1e-9):
            return boundary
    return None


def is_slow_rotator(lambda_r: ArrayLike, ellipticity: ArrayLike, boundary: str = "emsellem2011") -> NDArray[np.bool_]:
    """Return True where lambda_R is strictly below the threshold for the ellipticity; NaN in either gives False.

    Parameters
    ----------
    lambda_r
        Spin parameter, dimensionless.
    ellipticity
        1 - b/a in [0, 1], broadcast with ``lambda_r``.
    boundary
        A name in `BOUNDARIES`.

    Returns
    -------
    bool array
        True for slow rotators.

    Raises
    ------
    ValueError
        As for `spin_threshold`.
    """
    return np.asarray(lambda_r, dtype=np.float64) < spin_threshold(ellipticity, boundary)


def in_ellipse(
    x: ArrayLike, y: ArrayLike, r_eff_circular: float, ellipticity: float, position_angle_deg: float
) -> NDArray[np.bool_]:
    """Return the pixels inside the half-light ellipse of area pi r_eff_circular^2.

    The semi-major axis is r_eff_circular / sqrt(1 - epsilon). Graham et al. (2018) rotate the ellipse by theta = 90 -
    PA.

    Parameters
    ----------
    x, y
        Offsets from the centre, in the unit of ``r_eff_circular``. **x grows to the west**, y to the north, as in an
        image with north up and east left. The sign of offsets that grow to the east must be changed first.
    r_eff_circular
        Circularized half-light radius.
    ellipticity
        1 - b/a.
    position_angle_deg
        Degrees east of north.

    Returns
    -------
    bool array
        True inside the ellipse.
    """
    along, across = _along_and_across(x, y, position_angle_deg)
    return along**2 * (1 - ellipticity) + across**2 / (1 - ellipticity) < r_eff_circular**2


def elliptical_radius(x: ArrayLike, y: ArrayLike, ellipticity: float, position_angle_deg: float) -> NDArray[np.float64]:
    """Return the semi-major axis of the ellipse through each pixel.

    Parameters
    ----------
    x, y
        Offsets from the centre, with axes as in `in_ellipse`.
    ellipticity
        1 - b/a.
    position_angle_deg
        Degrees east of north.

    Returns
    -------
    float64 array
        In the unit of ``x`` and ``y``.
    """
    along, across = _along_and_across(x, y, position_angle_deg)
    return np.hypot(along, across / (1 - ellipticity))


def ellipse_coverage(n_pixels: int, pixel_area: float, semi_major: float, ellipticity: float) -> float:
    """Return the fraction of the area pi a^2 (1 - epsilon) of an ellipse that is covered by pixels, in [0, 1].

    Pixels count by their centres, so a fully covered ellipse gives 1 within the noise of its edge; larger values are
    set to 1.

    Parameters
    ----------
    n_pixels
        Number of pixels whose centres are inside.
    pixel_area
        Area of a pixel, in the square of the unit of ``semi_major``.
    semi_major
        Semi-major axis a.
    ellipticity
        1 - b/a.

    Returns
    -------
    float
        Fraction in [0, 1].
    """
    return float(min(1.0, n_pixels * pixel_area / (np.pi * semi_major**2 * (1 - ellipticity))))


def has_mirror(x: ArrayLike, y: ArrayLike, within: float) -> NDArray[np.bool_]:
    """Return True for pixels with another pixel near their mirror point (-x, -y).

    Rotation cancels in the mean velocity of these pixels if V(-x, -y) = -V(x, y), even if only part of the galaxy is
    covered.

    Parameters
    ----------
    x, y
        Offsets from the centre, (n,).
    within
        Largest distance from the mirror point, in the unit of ``x`` and ``y``.

    Returns
    -------
    bool array
        (n,).
    """
    from scipy.spatial import cKDTree  # imported here, because thresholds do not need SciPy

    points = np.column_stack([x, y]).astype(np.float64)
    if not len(points):
        return np.zeros(0, dtype=bool)
    distance, _ = cKDTree(points).query(-points)
    return distance <= within


def lambda_r(flux: ArrayLike, radius: ArrayLike, velocity: ArrayLike, dispersion: ArrayLike) -> float:
    """Return the spin parameter ``sum(F R |V|) / sum(F R sqrt(V^2 + sigma^2))``.

    Parameters
    ----------
    flux
        Flux per pixel in any linear unit, (n,).
    radius
        Radius in any unit of length.
    velocity
        Velocity in km/s, relative to the systemic velocity.
    dispersion
        Velocity dispersion in km/s.

    Returns
    -------
    float
        lambda_R in [0, 1]; NaN without pixels or without flux-weighted motion.

    References
    ----------
    Emsellem et al. 2007, MNRAS 379, 401, eq. 6.
    """
    weight = np.asarray(flux, dtype=np.float64) * np.asarray(radius, dtype=np.float64)
    velocity = np.asarray(velocity, dtype=np.float64)
    norm = np.sum(weight * np.hypot(velocity, np.asarray(dispersion, dtype=np.float64)))
    return float(np.sum(weight * np.abs(velocity)) / norm) if norm > 0 else float("nan")


def lambda_r_error(
    flux: ArrayLike,
    radius: ArrayLike,
    velocity: ArrayLike,
    dispersion: ArrayLike,
    velocity_error: ArrayLike,
    dispersion_squared_error: ArrayLike,
) -> float:
    """Return the standard deviation of `lambda_r`, propagated to first order from independent errors of V and sigma^2.

    With w = F R, m = sqrt(V^2 + sigma^2) and D = sum w m::

        d lambda / d V       = w (sign V - lambda V / m) / D
        d lambda / d sigma^2 = - lambda w / (2 m D)

    Flux and radius are taken as exact. First order is valid if ``|V|`` exceeds its error in the pixels that count.
    Noise about V = 0 also raises lambda_R itself, which an error bar does not show.

    Parameters
    ----------
    flux, radius, velocity, dispersion
        As in `lambda_r`, (n,).
    velocity_error
        Standard deviation of V in km/s.
    dispersion_squared_error
        Standard deviation of sigma^2 in (km/s)^2: 2 sigma_obs times the error of the observed dispersion. It stays
        finite if the corrected dispersion is close to zero.

    Returns
    -------
    float
        NaN if lambda_R is not defined.
    """
    velocity = np.asarray(velocity, dtype=np.float64)
    weight = np.asarray(flux, dtype=np.float64) * np.asarray(radius, dtype=np.float64)
    motion = np.hypot(velocity, np.asarray(dispersion, dtype=np.float64))
    norm = np.sum(weight * motion)
    if not norm > 0:
        return float("nan")
    spin = np.sum(weight * np.abs(velocity)) / norm
    motion = np.where(motion > 0, motion, np.inf)  # pixels without any motion do not contribute
    by_velocity = weight * (np.sign(velocity) - spin * velocity / motion) * np.asarray(velocity_error)
    by_dispersion = weight * spin / (2 * motion) * np.asarray(dispersion_squared_error)
    return float(np.sqrt(np.sum(by_velocity**2 + by_dispersion**2)) / norm)


def corrected_dispersion(observed: ArrayLike, instrumental: ArrayLike) -> NDArray[np.float64]:
    """Return sqrt(observed^2 - instrumental^2) in km/s, and 0 where the instrumental dispersion is larger.

    Such pixels are kept at zero, because excluding them would favour large dispersions (Westfall et al. 2019, AJ 158,
    231).
    """
    difference = np.asarray(observed, dtype=np.float64) ** 2 - np.asarray(instrumental, dtype=np.float64) ** 2
    return np.sqrt(np.maximum(difference, 0.0))


def effective_dispersion(flux: ArrayLike, velocity: ArrayLike, dispersion: ArrayLike) -> float:
    """Return the flux-weighted second moment sqrt(sum F (V^2 + sigma^2) / sum F); sigma_e if the pixels fill R_e.

    Parameters
    ----------
    flux
        Flux per pixel in any linear unit, (n,).
    velocity
        Velocity in km/s, relative to the systemic velocity.
    dispersion
        Velocity dispersion in km/s.

    Returns
    -------
    float
        In km/s.
    """
    flux = np.asarray(flux, dtype=np.float64)
    moment = np.asarray(velocity, dtype=np.float64) ** 2 + np.asarray(dispersion, dtype=np.float64) ** 2
    return float(np.sqrt(np.sum(flux * moment) / np.sum(flux)))


def beam_correction_valid(
    sersic_n: ArrayLike, sigma_psf_arcsec: ArrayLike, semi_major_arcsec: ArrayLike
) -> NDArray[np.bool_]:
    """Return True where Graham et al. (2018), eq. 5, is valid: 0.5 < n < 6.5 and sigma_PSF <= a.

    Parameters
    ----------
    sersic_n
        Sersic index.
    sigma_psf_arcsec
        Standard deviation of the PSF in arcsec.
    semi_major_arcsec
        Half-light semi-major axis in arcsec.

    Returns
    -------
    bool array
        NaN in any argument gives False.
    """
    n = np.asarray(sersic_n, dtype=np.float64)
    s = np.asarray(sigma_psf_arcsec, dtype=np.float64) / np.asarray(semi_major_arcsec, dtype=np.float64)
    return (s <= 1) & (n > 0.5) & (n < 6.5)


def beam_corrected_lambda_r(
    lambda_r_observed: ArrayLike, sersic_n: ArrayLike, sigma_psf_arcsec: ArrayLike, semi_major_arcsec: ArrayLike
) -> NDArray[np.float64]:
    """Return lambda_R corrected for seeing, for regular rotators.

    With s = sigma_PSF / a the result is lambda (1 + 0.26 (n - 2) s) (1 + (s / 0.47)^1.76)^0.84.

    Parameters
    ----------
    lambda_r_observed
        Observed lambda_R.
    sersic_n, sigma_psf_arcsec, semi_major_arcsec
        As in `beam_correction_valid`.

    Returns
    -------
    float64 array
        Corrected lambda_R; the observed value outside the range of validity (s <= 1, 0.5 < n < 6.5).

    References
    ----------
    Graham et al. 2018, MNRAS 477, 4711, eq. 5.
    """
    observed = np.asarray(lambda_r_observed, dtype=np.float64)
    n = np.asarray(sersic_n, dtype=np.float64)
    s = np.asarray(sigma_psf_arcsec, dtype=np.float64) / np.asarray(semi_major_arcsec, dtype=np.float64)
    corrected = observed * (1 + (n - 2) * 0.26 * s) * (1 + (s / 0.47) ** 1.76) ** 0.84
    return np.where(beam_correction_valid(sersic_n, sigma_psf_arcsec, semi_major_arcsec), corrected, observed)


def _along_and_across(
    x: ArrayLike, y: ArrayLike, position_angle_deg: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the coordinates along the major and the minor axis; x points west, y north."""
    theta = np.deg2rad(90.0 - position_angle_deg)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return x * np.cos(theta) - y * np.sin(theta), x * np.sin(theta) + y * np.cos(theta)
