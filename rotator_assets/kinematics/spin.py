r"""The spin parameter lambda_R and the boundaries between slow and fast rotators.

Conventions follow the MaNGA papers: R is the circular sky radius, the aperture is the half-light ellipse
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
"""What is a slow rotator, by the names of `spin_threshold`, in words."""


def spin_threshold(ellipticity: ArrayLike, boundary: str = "emsellem2011") -> NDArray[np.float64]:
    """Value of lambda_R below which a galaxy of this ellipticity is a slow rotator.

    ``emsellem2011``: 0.31 sqrt(epsilon). ``cappellari2016``: 0.08 + epsilon / 4 where epsilon < 0.4, and 0 (no slow
    rotators) at larger ellipticity (Cappellari 2016, ARA&A 54, 597, eq. 19).

    Parameters: ellipticity, dimensionless, 1 - b/a in [0, 1]; NaN gives NaN. Returns float64 of the same shape.
    Raises ValueError for an ellipticity outside [0, 1] or an unknown boundary.
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
    """Which of `BOUNDARIES` gives these thresholds (n,) at these ellipticities; None where none does, or n is 0.

    Thresholds go with the galaxies, so that nothing drawn or told of them can be by another boundary.
    """
    ellipticity, threshold = np.asarray(ellipticity, dtype=np.float64), np.asarray(threshold, dtype=np.float64)
    known = np.isfinite(ellipticity) & np.isfinite(threshold)
    for boundary in BOUNDARIES if known.any() else ():
        if np.allclose(spin_threshold(ellipticity[known], boundary), threshold[known], rtol=0, atol=1e-9):
            return boundary
    return None


def is_slow_rotator(lambda_r: ArrayLike, ellipticity: ArrayLike, boundary: str = "emsellem2011") -> NDArray[np.bool_]:
    """True where lambda_R lies strictly below the threshold of that ellipticity; NaN in either gives False."""
    return np.asarray(lambda_r, dtype=np.float64) < spin_threshold(ellipticity, boundary)


def in_ellipse(
    x: ArrayLike, y: ArrayLike, r_eff_circular: float, ellipticity: float, position_angle_deg: float
) -> NDArray[np.bool_]:
    """Pixels inside the half-light ellipse of area pi r_eff_circular^2.

    ``x``, ``y`` and ``r_eff_circular`` in one unit (arcsec), measured from the centre. **x grows to the west**, y to
    the north, as in an image with north up and east left; so the position angle, in degrees, is east of north, as
    Graham et al. (2018) rotate it: theta = 90 - PA. Offsets that grow to the east change sign first. The semi-major
    axis is r_eff_circular / sqrt(1 - epsilon).
    """
    along, across = _along_and_across(x, y, position_angle_deg)
    return along**2 * (1 - ellipticity) + across**2 / (1 - ellipticity) < r_eff_circular**2


def elliptical_radius(x: ArrayLike, y: ArrayLike, ellipticity: float, position_angle_deg: float) -> NDArray[np.float64]:
    """Semi-major axis of the ellipse through each pixel, in the unit of ``x`` and ``y``; axes as in ``in_ellipse``."""
    along, across = _along_and_across(x, y, position_angle_deg)
    return np.hypot(along, across / (1 - ellipticity))


def ellipse_coverage(n_pixels: int, pixel_area: float, semi_major: float, ellipticity: float) -> float:
    """Share in [0, 1] of the area pi a^2 (1 - epsilon) of an ellipse that its pixels fill.

    ``pixel_area`` in the square of the unit of ``semi_major``. Pixels count by their centres, so a whole ellipse gives
    1 within the noise of its edge, of which what exceeds 1 is cut off.
    """
    return float(min(1.0, n_pixels * pixel_area / (np.pi * semi_major**2 * (1 - ellipticity))))


def has_mirror(x: ArrayLike, y: ArrayLike, within: float) -> NDArray[np.bool_]:
    """True for the pixels (1-d ``x``, ``y`` from the centre) beside whose mirror point (-x, -y) another pixel lies.

    ``within``: largest distance from the mirror point, in the unit of x and y. The mean velocity of these pixels is
    free of rotation (any velocity field with V(-x, -y) = -V(x, y)), whatever part of the galaxy is not covered.
    """
    from scipy.spatial import cKDTree  # here, so that whoever needs a threshold need not wait for SciPy

    points = np.column_stack([x, y]).astype(np.float64)
    if not len(points):
        return np.zeros(0, dtype=bool)
    distance, _ = cKDTree(points).query(-points)
    return distance <= within


def lambda_r(flux: ArrayLike, radius: ArrayLike, velocity: ArrayLike, dispersion: ArrayLike) -> float:
    """Spin parameter sum(F R |V|) / sum(F R sqrt(V^2 + sigma^2)) (Emsellem et al. 2007, MNRAS 379, 401, eq. 6).

    One entry a pixel: flux in any linear unit, radius in any unit of length, velocity (systemic removed) and
    dispersion in km/s. NaN where there is no pixel or no flux-weighted motion.
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
    r"""Standard deviation of ``lambda_r``, propagated to first order from independent errors of V and sigma^2.

    Arguments as in ``lambda_r``, with the standard deviations of V in km/s and of sigma^2 in (km/s)^2: 2 sigma_obs
    times the error of the observed dispersion, which stays finite where a corrected dispersion comes close to zero.
    With w = F R, m = sqrt(V^2 + sigma^2) and D = sum w m::

        d lambda / d V       = w (sign V - lambda V / m) / D
        d lambda / d sigma^2 = - lambda w / (2 m D)

    Flux and radius are taken as exact. First order holds where |V| exceeds its error in the pixels that count: noise
    about V = 0 also raises lambda_R itself, which no error bar tells. NaN where lambda_R is not defined.
    """
    velocity = np.asarray(velocity, dtype=np.float64)
    weight = np.asarray(flux, dtype=np.float64) * np.asarray(radius, dtype=np.float64)
    motion = np.hypot(velocity, np.asarray(dispersion, dtype=np.float64))
    norm = np.sum(weight * motion)
    if not norm > 0:
        return float("nan")
    spin = np.sum(weight * np.abs(velocity)) / norm
    motion = np.where(motion > 0, motion, np.inf)  # a pixel at rest, without dispersion, adds nothing
    by_velocity = weight * (np.sign(velocity) - spin * velocity / motion) * np.asarray(velocity_error)
    by_dispersion = weight * spin / (2 * motion) * np.asarray(dispersion_squared_error)
    return float(np.sqrt(np.sum(by_velocity**2 + by_dispersion**2)) / norm)


def corrected_dispersion(observed: ArrayLike, instrumental: ArrayLike) -> NDArray[np.float64]:
    """sqrt(observed^2 - instrumental^2) in km/s, and 0 where the instrumental dispersion is the larger.

    Pixels are kept at zero because leaving them out would favour large dispersions (Westfall et al. 2019, AJ 158, 231).
    """
    difference = np.asarray(observed, dtype=np.float64) ** 2 - np.asarray(instrumental, dtype=np.float64) ** 2
    return np.sqrt(np.maximum(difference, 0.0))


def effective_dispersion(flux: ArrayLike, velocity: ArrayLike, dispersion: ArrayLike) -> float:
    """Flux-weighted second moment sqrt(sum F (V^2 + sigma^2) / sum F) in km/s, sigma_e where the pixels fill R_e."""
    flux = np.asarray(flux, dtype=np.float64)
    moment = np.asarray(velocity, dtype=np.float64) ** 2 + np.asarray(dispersion, dtype=np.float64) ** 2
    return float(np.sqrt(np.sum(flux * moment) / np.sum(flux)))


def beam_correction_valid(
    sersic_n: ArrayLike, sigma_psf_arcsec: ArrayLike, semi_major_arcsec: ArrayLike
) -> NDArray[np.bool_]:
    """True where Graham et al. (2018), eq. 5, may be used: 0.5 < n < 6.5 and sigma_PSF <= a; NaN gives False."""
    n = np.asarray(sersic_n, dtype=np.float64)
    s = np.asarray(sigma_psf_arcsec, dtype=np.float64) / np.asarray(semi_major_arcsec, dtype=np.float64)
    return (s <= 1) & (n > 0.5) & (n < 6.5)


def beam_corrected_lambda_r(
    lambda_r_observed: ArrayLike, sersic_n: ArrayLike, sigma_psf_arcsec: ArrayLike, semi_major_arcsec: ArrayLike
) -> NDArray[np.float64]:
    """lambda_R freed of seeing: Graham et al. (2018), eq. 5, for regular rotators.

    With s = sigma_PSF / a: lambda (1 + 0.26 (n - 2) s) (1 + (s / 0.47)^1.76)^0.84. Outside its range of validity
    (s <= 1, 0.5 < n < 6.5) the observed value is returned unchanged.
    """
    observed = np.asarray(lambda_r_observed, dtype=np.float64)
    n = np.asarray(sersic_n, dtype=np.float64)
    s = np.asarray(sigma_psf_arcsec, dtype=np.float64) / np.asarray(semi_major_arcsec, dtype=np.float64)
    corrected = observed * (1 + (n - 2) * 0.26 * s) * (1 + (s / 0.47) ** 1.76) ** 0.84
    return np.where(beam_correction_valid(sersic_n, sigma_psf_arcsec, semi_major_arcsec), corrected, observed)


def _along_and_across(
    x: ArrayLike, y: ArrayLike, position_angle_deg: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates along the major and the minor axis; x to the west, y to the north."""
    theta = np.deg2rad(90.0 - position_angle_deg)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return x * np.cos(theta) - y * np.sin(theta), x * np.sin(theta) + y * np.cos(theta)
