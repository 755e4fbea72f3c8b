"""The synthetic TNG100 survey: idealised images as SKIRT makes them, and the tables that go with them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from rotator_assets.demo.marked import write_csv, write_fits_image, write_hdf5
from rotator_assets.demo.photometry import place
from rotator_assets.demo.population import draw_population, losses, measured
from rotator_assets.science.mock import SDSS_ARCSEC_PER_PIXEL, galaxy_seed

BANDS = "griz"
ZERO_POINTS = (2.40238e10, 2.3826e10, 1.59001e10, 2.66542e9)
"""Counts a second of AB magnitude 0 in g, r, i, z (V. Rodriguez-Gomez on the IllustrisTNG forum)."""

REDSHIFT = 0.0485236
PARSEC_PER_PIXEL = 388.6521247594941
"""Where the published images of snapshot 99 place the galaxies, and the side of a pixel there."""

IMAGE_HALF_MASS_RADII = 15.0
"""Side of an image."""
PROJECTED_TO_HALF_MASS_RADIUS = 0.75
"""Half-light radius on the sky by half-mass radius in space, of a spheroid (Wolf et al. 2010, MNRAS 406, 1220)."""
LOG_HALF_MASS_KPC, LOG_HALF_MASS_SLOPE, LOG_HALF_MASS_SCATTER = 0.53, 0.28, 0.09
"""log10 of half-mass radii in kpc at 10^10.3 h^-2 Msun: a shallow relation (Genel et al. 2018, MNRAS 474, 3976)."""
HALF_MASS_LIMITS_KPC = (2.4, 6.7)

SOFTENING_FWHM_ARCSEC = 0.75
"""TNG100 softens gravity at 0.74 kpc: its galaxies have no sharper cusp. 1 arcsec is 0.98 kpc here."""

LOSSES = {"image missing": 0.006, "not in lambda_r": 0.01, "morphs unreliable": 0.03}
"""What befalls galaxies in the files, one thing at most: fraction of the galaxies."""


def tng100_truth(n_galaxies: int, seed: int) -> pd.DataFrame:
    """The truth of every galaxy: ``population.draw_population`` with names, apparent sizes and magnitude, ``loss``."""
    rng = np.random.default_rng([seed, 2])
    galaxies = draw_population(n_galaxies, rng).drop(columns="log_angular_size")
    galaxies.insert(0, "galaxy_id", rng.choice(np.arange(1000, 600_000), n_galaxies, replace=False))
    log_half_mass = LOG_HALF_MASS_KPC + LOG_HALF_MASS_SLOPE * (galaxies["log_mass_h2_msun"] - 10.3)
    log_half_mass += rng.normal(0, LOG_HALF_MASS_SCATTER, n_galaxies)
    galaxies["half_mass_radius_kpc"] = np.clip(10**log_half_mass, *HALF_MASS_LIMITS_KPC)
    circularised_pc = 1000 * PROJECTED_TO_HALF_MASS_RADIUS * galaxies["half_mass_radius_kpc"]
    semi_major_pc = circularised_pc / np.sqrt(galaxies["axis_ratio"])
    galaxies = place(galaxies, REDSHIFT, semi_major_pc / PARSEC_PER_PIXEL * SDSS_ARCSEC_PER_PIXEL)
    return galaxies.assign(loss=losses(n_galaxies, LOSSES, rng))


def write_tng100_image(folder: Path, row: NamedTuple, seed: int) -> None:
    """``broadband_<subfind_id>.fits`` of a row of the truth table, if it has an image: noiseless counts a second."""
    from rotator_assets.demo.light import components_of, draw, spiral_arms

    if row.loss == "image missing":
        return
    size = round(IMAGE_HALF_MASS_RADII * row.half_mass_radius_kpc * 1000 / PARSEC_PER_PIXEL)
    arms = spiral_arms(row, np.random.default_rng(galaxy_seed("demo-tng100", str(row.galaxy_id), seed)))
    planes = [draw(components_of(row), arms, band, size, SOFTENING_FWHM_ARCSEC) for band in BANDS]
    counts = np.array(planes) * np.array(ZERO_POINTS)[:, None, None] / 1e9
    cards = [
        ("BUNIT", "counts/s/pixel", "Unit of the array values"),
        ("CDELT1", PARSEC_PER_PIXEL, "Coordinate increment along X-axis"),
        ("CTYPE1", "pc", "Physical units of the X-axis increment"),
        ("CDELT2", PARSEC_PER_PIXEL, "Coordinate increment along Y-axis"),
        ("CTYPE2", "pc", "Physical units of the Y-axis increment"),
        ("PIXSCALE", SDSS_ARCSEC_PER_PIXEL, "Pixel size in arcsec"),
        ("USE_Z", REDSHIFT, "Assumed redshift of the source"),
        *((f"FILTER{k}", f"sloan/sdss_{band}", f"Broadband filter index = {k}") for k, band in enumerate(BANDS)),
    ]
    write_fits_image(folder / f"broadband_{row.galaxy_id}.fits", counts.astype(np.float32), cards)


def write_tng100_tables(folder: Path, truth: pd.DataFrame, seed: int) -> None:
    """``morphologies_deeplearn.hdf5``, ``lambda_r.csv`` and ``morphs_i.hdf5``; one measurement of every galaxy."""
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
