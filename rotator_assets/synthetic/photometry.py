"""Fluxes of synthetic galaxies in g, r, i, z, and their distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

HUBBLE_DISTANCE_MPC_H = 2997.92458
DECELERATION = -0.55
"""q_0 of a flat universe with Omega_m = 0.3."""

G_R_PER_REDSHIFT = 1.2
"""Reddening of g - r with redshift: the K-correction of an old population at low redshift."""

ARM_LIGHT = 0.25
"""Fraction of a late type's r-band disc light in its spiral arms."""
ARM_G_R = -0.15
"""Colour g - r of the arms relative to the disc."""


def nanomaggies(mag_r: ArrayLike, g_r: ArrayLike, band: str) -> NDArray[np.float64]:
    """Return the flux in a band; r - i and i - z follow g - r as in nearby galaxies.

    Parameters
    ----------
    mag_r
        AB magnitude in r.
    g_r
        Colour g - r.
    band
        g, r, i or z.

    Returns
    -------
    float64 array
        Nanomaggies (AB magnitude 22.5 - 2.5 log10 f).
    """
    mag_r, g_r = np.asarray(mag_r, dtype=np.float64), np.asarray(g_r, dtype=np.float64)
    r_i, i_z = 0.10 + 0.36 * g_r, 0.05 + 0.28 * g_r
    return 10 ** (0.4 * (22.5 - mag_r - {"g": g_r, "r": 0.0, "i": -r_i, "z": -r_i - i_z}[band]))


def total_flux(galaxies: Any, band: str) -> NDArray[np.float64]:
    """Return the total flux of bulge, disc and arms in nanomaggies, for the truth table or one row of it."""
    bulge = nanomaggies(galaxies.mag_r, galaxies.bulge_g_r, band)
    disc = nanomaggies(galaxies.mag_r, galaxies.disc_g_r, band)
    arms = nanomaggies(galaxies.mag_r, galaxies.disc_g_r + ARM_G_R, band)
    in_arms = np.where(galaxies.is_early_type, 0.0, ARM_LIGHT)
    bulge_fraction = np.asarray(galaxies.bulge_to_total_r)
    return bulge_fraction * bulge + (1 - bulge_fraction) * ((1 - in_arms) * disc + in_arms * arms)


def angular_diameter_distance(redshift: ArrayLike) -> NDArray[np.float64]:
    """Return the angular-diameter distance in Mpc/h to second order in redshift: (c / H0) z (1 - (3 + q0) z / 2)."""
    redshift = np.asarray(redshift, dtype=np.float64)
    return HUBBLE_DISTANCE_MPC_H * redshift * (1 - (3 + DECELERATION) / 2 * redshift)


Values = pd.Series | NDArray[np.float64] | float
"""One value per galaxy, or one for all."""


def place(galaxies: pd.DataFrame, redshift: Values, r_eff_arcsec: Values) -> pd.DataFrame:
    """Place galaxies of `population` at a redshift and with an apparent size, as needed to draw them.

    Adds ``redshift``, ``mag_r``, ``r_eff_arcsec``, ``bulge_r_eff_arcsec`` and ``disc_r_eff_arcsec``, and reddens
    colours.

    Parameters
    ----------
    galaxies
        Table from `population.draw_population`.
    redshift
        Redshift of each galaxy.
    r_eff_arcsec
        Half-light semi-major axis in arcsec.

    Returns
    -------
    DataFrame
        A new table.
    """
    placed = galaxies.assign(redshift=redshift, r_eff_arcsec=r_eff_arcsec)
    luminosity_distance = angular_diameter_distance(placed["redshift"]) * (1 + placed["redshift"]) ** 2
    placed["mag_r"] = placed["abs_mag_r"] + 5 * np.log10(luminosity_distance * 1e5)  # in units of 10 pc
    for component in ("bulge", "disc"):
        placed[f"{component}_r_eff_arcsec"] = placed.pop(f"{component}_size") * placed["r_eff_arcsec"]
        placed[f"{component}_g_r"] += G_R_PER_REDSHIFT * placed["redshift"]
    return placed
