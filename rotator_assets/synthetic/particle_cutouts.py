"""Star particles of synthetic galaxies, in cut-outs like those of the IllustrisTNG server for snapshot 99.

Each galaxy is a rotator with the Sersic profile, shape, size, light and mass of the truth, seen along the z axis, with
+y as north and -x as east. There are fewer and heavier particles than in TNG100, where such galaxies have 10^4 to 10^5.
Their motions reproduce the true lambda_R in the limit of many particles. With few particles, the measured value
scatters and slow rotation may be hidden (`particles.lambda_r_limit`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.mock import galaxy_seed
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.synthetic.marked import write_hdf5
from rotator_assets.synthetic.motions import effective_dispersion, motions, scaled_motions
from rotator_assets.synthetic.profiles import radius_enclosing
from rotator_assets.synthetic.tng100_sample import BOX_CKPC_H, PARSEC_PER_PIXEL, POSITION

HUBBLE = 0.6774
"""h of the simulation: H0 in 100 km/s/Mpc. Comoving kpc equal kpc at snapshot 99, whose scale factor is 1."""
KPC_PER_ARCSEC = PARSEC_PER_PIXEL / 1000 / SDSS_ARCSEC_PER_PIXEL

N_PARTICLES = (3000, 6000)
LOG_MASSES = (9.3, 11.3)
"""log10 masses in h^-2 Msun of galaxies with these numbers of particles, with linear interpolation in between."""
N_WIND = 100
"""Outflowing gas, which the simulation stores among the stars with a formation time of 0 or less."""
WIND_KM_S = 400.0
BULK_KM_S = 250.0
"""Scatter of a galaxy's velocity in the box, in each direction."""
MASS_SCATTER = 0.15
"""Standard deviation of the logarithm of particle masses, before they are scaled to the galaxy's mass."""
COLOURS = {"U": 2.2, "B": 1.2, "V": 0.35, "K": -2.7, "g": 0.75, "r": 0.0, "i": -0.37, "z": -0.63}
"""Magnitude relative to r of an old population; U, B, V and K are Vega magnitudes, the others AB."""
LIGHT_SCATTER_MAG = 0.2
"""Scatter of mass-to-light ratios with age and metallicity."""

COORDINATE_STEP, VELOCITY_STEP, MAGNITUDE_STEP = 2.0**-6, 2.0**-4, 2.0**-7
"""Values are rounded to these steps (ckpc/h, km/s, mag), because noise in further bits would not compress."""


def write_cutout(folder: Path, row: Any, seed: int) -> None:
    """Write ``cutout_<subfind_id>.hdf5`` for a row of the truth table.

    Parameters
    ----------
    folder
        Folder to write to.
    row
        Row of the truth table.
    seed
        Seed of the sample.
    """
    rng = np.random.default_rng(galaxy_seed("demo-cutout", str(row.galaxy_id), seed))
    stars, wind = _stars(row, rng), _wind(row, rng)
    particles = {name: np.concatenate([stars[name], wind[name]]) for name in stars}
    centre, bulk = np.array([getattr(row, name) for name in POSITION]), rng.normal(0, BULK_KM_S, 3)
    positions = _rounded(centre + particles["Coordinates"] * HUBBLE, COORDINATE_STEP)
    particles["Coordinates"] = positions % BOX_CKPC_H
    particles["Velocities"] = _rounded(bulk + particles["Velocities"], VELOCITY_STEP).astype(np.float32)
    particles["GFM_StellarPhotometrics"] = _rounded(particles["GFM_StellarPhotometrics"], MAGNITUDE_STEP)
    for name in ("Masses", "GFM_StellarFormationTime", "GFM_StellarPhotometrics"):
        particles[name] = particles[name].astype(np.float32)
    header = {
        "BoxSize": BOX_CKPC_H,
        "HubbleParam": HUBBLE,
        "Time": 1.0,
        "Redshift": 0.0,
        "NumPart_ThisFile": np.array([0, 0, 0, 0, len(positions), 0], dtype=np.int32),
    }
    write_hdf5(folder / f"cutout_{row.galaxy_id}.hdf5", particles, "PartType4", header=header, compressed=True)


def _stars(row: Any, rng: np.random.Generator) -> dict[str, NDArray]:
    """Return columns of ``PartType4``, with positions in kpc and velocities in km/s relative to the galaxy."""
    n = round(np.interp(row.log_mass_h2_msun, LOG_MASSES, N_PARTICLES))
    masses = rng.lognormal(0, MASS_SCATTER, n)
    masses *= 10 ** (row.log_mass_h2_msun - 10) / HUBBLE / masses.sum()
    flux = masses * 10 ** (-0.4 * rng.normal(0, LIGHT_SCATTER_MAG, n))
    magnitude_r = row.abs_mag_r + 5 * np.log10(HUBBLE) - 2.5 * np.log10(flux / flux.sum())
    along, across, depth = places(row, n, rng)
    velocity, dispersion = line_of_sight_motions(row, along, across, flux)
    velocities = dispersion[:, None] * rng.standard_normal((n, 3))
    velocities[:, 2] += velocity
    angle = np.deg2rad(90 + row.position_angle_deg)
    x, y = along * np.cos(angle) - across * np.sin(angle), along * np.sin(angle) + across * np.cos(angle)
    return {
        "Coordinates": np.column_stack([x, y, depth]),
        "Velocities": velocities,
        "Masses": masses,
        "GFM_StellarFormationTime": rng.uniform(0.15, 0.7, n),
        "GFM_StellarPhotometrics": magnitude_r[:, None] + np.array(list(COLOURS.values())),
    }


def places(row: Any, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw positions in kpc along and across the major axis and in depth, (3, n); depth and width are equal.

    Parameters
    ----------
    row
        Row of the truth table.
    n
        Number of particles.
    rng
        Source of random numbers.

    Returns
    -------
    float64 array
        (3, n), in kpc.
    """
    semi_major_kpc = row.r_eff_arcsec * KPC_PER_ARCSEC
    radius = radius_enclosing(rng.random(n), semi_major_kpc, row.sersic_n)
    azimuth = rng.uniform(0, 2 * np.pi, n)
    across = row.axis_ratio * radius
    return np.array([radius * np.cos(azimuth), across * np.sin(azimuth), across * np.sin(rng.uniform(0, 2 * np.pi, n))])


def line_of_sight_motions(
    row: Any, along: NDArray, across: NDArray, flux: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean velocity and dispersion at the position of every particle.

    Parameters
    ----------
    row
        Row of the truth table.
    along, across
        Positions along and across the major axis in kpc, (n,).
    flux
        Flux of the particles, (n,).

    Returns
    -------
    tuple of float64 arrays
        Velocity and dispersion in km/s, (n,).
    """
    semi_major_kpc = row.r_eff_arcsec * KPC_PER_ARCSEC
    inside = np.hypot(along, across / row.axis_ratio) < semi_major_kpc
    unscaled = motions(along / semi_major_kpc, across / semi_major_kpc, row.axis_ratio)
    sigma_e = float(effective_dispersion(row.log_mass_h2_msun))
    return scaled_motions(unscaled, (flux, np.hypot(along, across)), inside, row.lambda_r, sigma_e)


def _wind(row: Any, rng: np.random.Generator) -> dict[str, NDArray]:
    """Return the same columns for wind particles, which are far out, fast and without stars."""
    n = N_WIND
    reach_kpc = 3 * row.r_eff_arcsec * KPC_PER_ARCSEC
    return {
        "Coordinates": rng.normal(0, reach_kpc, (n, 3)),
        "Velocities": rng.normal(0, WIND_KM_S, (n, 3)),
        "Masses": np.full(n, 1e-4),
        "GFM_StellarFormationTime": -rng.uniform(0, 0.05, n),
        "GFM_StellarPhotometrics": np.zeros((n, len(COLOURS))),
    }


def _rounded(values: NDArray, step: float) -> NDArray:
    return step * np.round(values / step)
