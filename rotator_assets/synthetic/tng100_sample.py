"""The synthetic TNG100 survey: the truth of its galaxies, and its tables.

`galaxy_images` writes its images and `particle_cutouts` its star particles.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.synthetic.marked import write_csv, write_hdf5
from rotator_assets.synthetic.photometry import place
from rotator_assets.synthetic.population import draw_population, losses, measured, with_kinematics

REDSHIFT = 0.0485236
PARSEC_PER_PIXEL = 388.6521247594941
"""Scale of the published images of snapshot 99 at their redshift."""

PROJECTED_TO_HALF_MASS_RADIUS = 0.75
"""Projected half-light radius relative to the half-mass radius of a spheroid (Wolf et al. 2010, MNRAS 406, 1220)."""
LOG_HALF_MASS_KPC, LOG_HALF_MASS_SLOPE, LOG_HALF_MASS_SCATTER = 0.53, 0.28, 0.09
"""log10 of half-mass radii in kpc at 10^10.3 h^-2 Msun: a shallow relation (Genel et al. 2018, MNRAS 474, 3976)."""
HALF_MASS_LIMITS_KPC = (2.4, 6.7)

BOX_CKPC_H = 75_000.0
"""Side of the periodic box in comoving kpc/h."""
POSITION = ["box_x_ckpc_h", "box_y_ckpc_h", "box_z_ckpc_h"]
EDGE_CKPC_H = 0.5
"""Distance from the edge of the box that leaves half of a galaxy on its other side."""

LOSSES = {"image missing": 0.006, "not in lambda_r": 0.01, "morphs unreliable": 0.03}
"""Fraction of the galaxies with each defect in the files, at most one per galaxy."""


def tng100_truth(n_galaxies: int, seed: int) -> pd.DataFrame:
    """Return the truth of every galaxy.

    Adds to `population.draw_population`: names, apparent sizes and magnitude, ``loss`` (the defect in the files),
    ``has_kinematics`` (whether there are star particles) and the position in the simulated box. The first galaxy with
    star particles lies across the edge of the box.
    """
    rng = np.random.default_rng([seed, 2])
    galaxies = draw_population(n_galaxies, rng).drop(columns="log_angular_size")
    galaxies.insert(0, "galaxy_id", rng.choice(np.arange(1000, 600_000), n_galaxies, replace=False))
    log_half_mass = LOG_HALF_MASS_KPC + LOG_HALF_MASS_SLOPE * (galaxies["log_mass_h2_msun"] - 10.3)
    log_half_mass += rng.normal(0, LOG_HALF_MASS_SCATTER, n_galaxies)
    galaxies["half_mass_radius_kpc"] = np.clip(10**log_half_mass, *HALF_MASS_LIMITS_KPC)
    circularised_pc = 1000 * PROJECTED_TO_HALF_MASS_RADIUS * galaxies["half_mass_radius_kpc"]
    semi_major_pc = circularised_pc / np.sqrt(galaxies["axis_ratio"])
    galaxies = place(galaxies, REDSHIFT, semi_major_pc / PARSEC_PER_PIXEL * SDSS_ARCSEC_PER_PIXEL)
    galaxies = galaxies.assign(loss=losses(n_galaxies, LOSSES, rng))
    galaxies = galaxies.assign(has_kinematics=with_kinematics(galaxies, rng))
    galaxies[POSITION] = rng.uniform(0, BOX_CKPC_H, (n_galaxies, 3))
    galaxies.loc[galaxies["has_kinematics"].idxmax(), POSITION[0]] = EDGE_CKPC_H
    return galaxies


def write_tng100_tables(folder: Path, truth: pd.DataFrame, seed: int) -> None:
    """Write ``morphologies_deeplearn.hdf5``, ``lambda_r.csv`` and ``morphs_i.hdf5``, with one measurement per galaxy.

    Parameters
    ----------
    folder
        Folder to write to.
    truth
        Truth table of the survey.
    seed
        Seed of the sample.
    """
    rng = np.random.default_rng([seed, 20])
    n = len(truth)
    names = truth["galaxy_id"].to_numpy()
    late = ~truth["is_early_type"].to_numpy()
    types = {
        "SubhaloID": names,
        "P_Late": np.where(late, rng.beta(6, 1.5, n) * 0.5 + 0.5, rng.beta(1.5, 6, n) * 0.5),
        "P_S0": np.clip(1.2 - truth["bulge_to_total_r"] + rng.normal(0, 0.15, n), 0, 1),
        "P_Sab": np.clip(2 * truth["bulge_to_total_r"] + rng.normal(0.2, 0.15, n), 0, 1),
    }
    write_hdf5(folder / "morphologies_deeplearn.hdf5", types, group="Snapshot_99")

    fits = measured(truth, rng)
    kinematics = fits[["lambda_r", "lambda_r_error", "ellipticity"]]
    kinematics.insert(0, "subfind_id", names)
    write_csv(folder / "lambda_r.csv", kinematics[truth["loss"] != "not in lambda_r"].sort_values("subfind_id"))

    by_name = np.argsort(names)
    unreliable = (truth["loss"] == "morphs unreliable").to_numpy()
    r_half_px = fits["r_eff_arcsec"] / SDSS_ARCSEC_PER_PIXEL
    theta = np.deg2rad((90 + truth["position_angle_deg"]) % 180)
    statmorph = {
        "subfind_id": names,
        "flag": unreliable.astype(np.int64),
        "flag_sersic": unreliable.astype(np.int64),
        "sn_per_pixel": np.where(unreliable, 1.5, rng.uniform(4, 12, n)),
        "sersic_n": fits["sersic_n"],
        "sersic_rhalf": r_half_px,
        "sersic_ellip": fits["ellipticity"],
        "sersic_theta": theta,
        "rhalf_ellip": 0.95 * r_half_px,
        "elongation_asymmetry": 1 / (1 - fits["ellipticity"]),
        "ellipticity_asymmetry": fits["ellipticity"],
        "orientation_asymmetry": theta,
    }
    write_hdf5(folder / "morphs_i.hdf5", {name: np.asarray(values)[by_name] for name, values in statmorph.items()})
