"""Fluxes of synthetic galaxies in g, r, i, z, and the distances that make them apparent."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

HUBBLE_DISTANCE_MPC_H = 2997.92458
DECELERATION = -0.55
"""q_0 of a flat universe with Omega_m = 0.3."""

G_R_PER_REDSHIFT = 1.2
"""Reddening of g - r with redshift: the K correction of an old population, nearby."""

ARM_LIGHT = 0.25
"""Fraction of a late type's r-band disc light in its spiral arms."""
ARM_G_R = -0.15
"""Their g - r relative to the disc's."""


def nanomaggies(mag_r: ArrayLike, g_r: ArrayLike, band: str) -> NDArray[np.float64]:
    """Flux in a band (AB magnitude 22.5 - 2.5 log10 f): r - i and i - z follow g - r as they do in nearby galaxies."""
    mag_r, g_r = np.asarray(mag_r, dtype=np.float64), np.asarray(g_r, dtype=np.float64)
    r_i, i_z = 0.10 + 0.36 * g_r, 0.05 + 0.28 * g_r
    return 10 ** (0.4 * (22.5 - mag_r - {"g": g_r, "r": 0.0, "i": -r_i, "z": -r_i - i_z}[band]))


def total_flux(galaxies, band: str) -> NDArray[np.float64]:
    """Nanomaggies of bulge, disc and arms together; of the truth table, or one row of it."""
    bulge = nanomaggies(galaxies.mag_r, galaxies.bulge_g_r, band)
    disc = nanomaggies(galaxies.mag_r, galaxies.disc_g_r, band)
    arms = nanomaggies(galaxies.mag_r, galaxies.disc_g_r + ARM_G_R, band)
    in_arms = np.where(galaxies.is_early_type, 0.0, ARM_LIGHT)
    share = np.asarray(galaxies.bulge_to_total_r)
    return share * bulge + (1 - share) * ((1 - in_arms) * disc + in_arms * arms)


def angular_diameter_distance(redshift: ArrayLike) -> NDArray[np.float64]:
    """Mpc/h at low redshift, to second order: (c / H0) z (1 - (3 + q0) z / 2)."""
    redshift = np.asarray(redshift, dtype=np.float64)
    return HUBBLE_DISTANCE_MPC_H * redshift * (1 - (3 + DECELERATION) / 2 * redshift)


def place(galaxies: pd.DataFrame, redshift: ArrayLike, r_eff_arcsec: ArrayLike) -> pd.DataFrame:
    """Galaxies of ``population`` at a redshift and of an apparent half-light semi-major axis: what an image needs.

    Adds ``redshift``, ``mag_r``, ``r_eff_arcsec``, ``bulge_r_eff_arcsec`` and ``disc_r_eff_arcsec``; reddens colours.
    """
    placed = galaxies.assign(redshift=redshift, r_eff_arcsec=r_eff_arcsec)
    luminosity_distance = angular_diameter_distance(placed["redshift"]) * (1 + placed["redshift"]) ** 2
    placed["mag_r"] = placed["abs_mag_r"] + 5 * np.log10(luminosity_distance * 1e5)  # in units of 10 pc
    for component in ("bulge", "disc"):
        placed[f"{component}_r_eff_arcsec"] = placed.pop(f"{component}_size") * placed["r_eff_arcsec"]
        placed[f"{component}_g_r"] += G_R_PER_REDSHIFT * placed["redshift"]
    return placed
