r"""The spin parameter lambda_R and the boundaries between slow and fast rotators.

Conventions follow the MaNGA papers: R is the circular sky radius, the aperture is the half-light ellipse
(Graham et al. 2018, MNRAS 477, 4711).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

EMSELLEM_2011_FACTOR = 0.31
"""k in lambda_R < k sqrt(epsilon) for an aperture of one R_e (Emsellem et al. 2011, MNRAS 414, 888)."""


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


def is_slow_rotator(lambda_r: ArrayLike, ellipticity: ArrayLike, boundary: str = "emsellem2011") -> NDArray[np.bool_]:
    """True where lambda_R lies strictly below the threshold of that ellipticity; NaN in either gives False."""
    return np.asarray(lambda_r, dtype=np.float64) < spin_threshold(ellipticity, boundary)


def in_ellipse(
    x: ArrayLike, y: ArrayLike, r_eff_circular: float, ellipticity: float, position_angle_deg: float
) -> NDArray[np.bool_]:
    """Pixels inside the half-light ellipse of area pi r_eff_circular^2.

    ``x``, ``y`` and ``r_eff_circular`` in one unit (arcsec), measured from the centre; position angle in degrees as
    Graham et al. (2018) rotate it: theta = 90 - PA. The semi-major axis is r_eff_circular / sqrt(1 - epsilon).
    """
    theta = np.deg2rad(90.0 - position_angle_deg)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    along = x * np.cos(theta) - y * np.sin(theta)
    across = x * np.sin(theta) + y * np.cos(theta)
    return along**2 * (1 - ellipticity) + across**2 / (1 - ellipticity) < r_eff_circular**2


def lambda_r(flux: ArrayLike, radius: ArrayLike, velocity: ArrayLike, dispersion: ArrayLike) -> float:
    """Spin parameter sum(F R |V|) / sum(F R sqrt(V^2 + sigma^2)) (Emsellem et al. 2007, MNRAS 379, 401, eq. 6).

    One entry a pixel: flux in any linear unit, radius in any unit of length, velocity (systemic removed) and
    dispersion in km/s. NaN where there is no pixel or no flux-weighted motion.
    """
    weight = np.asarray(flux, dtype=np.float64) * np.asarray(radius, dtype=np.float64)
    velocity = np.asarray(velocity, dtype=np.float64)
    norm = np.sum(weight * np.hypot(velocity, np.asarray(dispersion, dtype=np.float64)))
    return float(np.sum(weight * np.abs(velocity)) / norm) if norm > 0 else float("nan")


def effective_dispersion(flux: ArrayLike, velocity: ArrayLike, dispersion: ArrayLike) -> float:
    """Flux-weighted second moment sqrt(sum F (V^2 + sigma^2) / sum F) in km/s, sigma_e where the pixels fill R_e."""
    flux = np.asarray(flux, dtype=np.float64)
    moment = np.asarray(velocity, dtype=np.float64) ** 2 + np.asarray(dispersion, dtype=np.float64) ** 2
    return float(np.sqrt(np.sum(flux * moment) / np.sum(flux)))


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
    valid = (s <= 1) & (n > 0.5) & (n < 6.5)
    return np.where(valid, corrected, observed)
