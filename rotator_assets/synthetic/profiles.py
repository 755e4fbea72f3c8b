"""Growth curves of Sersic profiles, alone and as bulge and disc together.

Radii of elliptical components are circularized, R = a sqrt(q): the ellipse has the area of a circle of that radius.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincinv

DISC_SERSIC_N = 1.0
"""Discs are exponential."""

_INDICES = np.linspace(0.5, 8.0, 151)
_RADII = np.geomspace(1e-4, 1e3, 701)
_CONCENTRATIONS = (gammaincinv(2 * _INDICES, 0.8) / gammaincinv(2 * _INDICES, 0.2)) ** _INDICES
"""R_80 / R_20 of the indices above."""


def enclosed_fraction(radius: ArrayLike, r_eff: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Return the fraction of a Sersic profile's light within a radius.

    Parameters
    ----------
    radius
        In the unit of ``r_eff``.
    r_eff
        Half-light radius.
    n
        Sersic index.

    Returns
    -------
    float64 array
        Fraction in [0, 1].

    References
    ----------
    Graham & Driver 2005, PASA 22, 118, eq. 2.
    """
    n = np.asarray(n, dtype=np.float64)
    b = gammaincinv(2 * n, 0.5)
    return gammainc(2 * n, b * (np.asarray(radius, dtype=np.float64) / np.asarray(r_eff)) ** (1 / n))


def radius_enclosing(fraction: ArrayLike, r_eff: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Return the radius that encloses a fraction of a Sersic profile's light.

    Parameters
    ----------
    fraction
        In [0, 1).
    r_eff
        Half-light radius.
    n
        Sersic index.

    Returns
    -------
    float64 array
        In the unit of ``r_eff``.
    """
    n = np.asarray(n, dtype=np.float64)
    return r_eff * (gammaincinv(2 * n, fraction) / gammaincinv(2 * n, 0.5)) ** n


def surface_brightness(radius: ArrayLike, r_eff: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Return the surface brightness of a Sersic profile relative to that at r_eff.

    Parameters
    ----------
    radius
        In the unit of ``r_eff``.
    r_eff
        Half-light radius.
    n
        Sersic index.

    Returns
    -------
    float64 array
        Relative to the value at ``r_eff``.

    References
    ----------
    Graham & Driver 2005, PASA 22, 118, eq. 1.
    """
    n = np.asarray(n, dtype=np.float64)
    b = gammaincinv(2 * n, 0.5)
    return np.exp(-b * ((np.asarray(radius, dtype=np.float64) / np.asarray(r_eff)) ** (1 / n) - 1))


def bulge_and_disc(bulge_to_total: float, bulge_r_eff: float, bulge_n: float, disc_r_eff: float) -> tuple[float, float]:
    """Return the half-light radius of bulge and disc together, and their common Sersic index.

    The index is that of the Sersic profile with the same R_80 / R_20.

    Parameters
    ----------
    bulge_to_total
        Bulge fraction of the light.
    bulge_r_eff, disc_r_eff
        Circularized half-light radii in one unit.
    bulge_n
        Sersic index of the bulge.

    Returns
    -------
    tuple of float
        Half-light radius in the same unit, and the index, limited to 0.5 to 8 like those of fits.
    """
    radii = _RADII * max(bulge_r_eff, disc_r_eff)
    light = bulge_to_total * enclosed_fraction(radii, bulge_r_eff, bulge_n)
    light += (1 - bulge_to_total) * enclosed_fraction(radii, disc_r_eff, DISC_SERSIC_N)
    r_20, r_50, r_80 = np.exp(np.interp((0.2, 0.5, 0.8), light, np.log(radii)))
    return float(r_50), float(np.interp(r_80 / r_20, _CONCENTRATIONS, _INDICES))
