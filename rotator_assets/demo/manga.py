"""The synthetic MaNGA survey: image cubes as SDSS would have taken them. Its tables are in ``manga_tables``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.demo.light import Component, Point, components_of, draw, spiral_arms
from rotator_assets.demo.marked import write_fits_image
from rotator_assets.demo.photometry import place
from rotator_assets.demo.population import draw_population, losses
from rotator_assets.science.mock import (
    ELECTRONS_PER_NANOMAGGIE,
    SDSS_ARCSEC_PER_PIXEL,
    draw_conditions,
    galaxy_seed,
)

BANDS = "gri"
IMAGE_PX = 128
SMALL_IMAGE_PX = 96
REPEAT_FRACTION = 0.02
"""Rows that observe a galaxy of an earlier row again (73 of 4672 in DR15)."""

LOG_REDSHIFT, LOG_REDSHIFT_SLOPE, LOG_REDSHIFT_SCATTER = -1.44, 0.35, 0.08
"""log10 of redshift at 10^10.2 h^-2 Msun: massive galaxies are observed farther away (Wake et al. 2017, AJ 154, 86)."""
REDSHIFT_LIMITS = (0.012, 0.145)

NEIGHBOURS = {"slow": 1.8, "fast": 1.2, "late": 1.0}
STARS = 1.5
"""Mean number of other galaxies and of stars in a field."""

FIRST_PLATE = 19001
"""MaNGA's plates end below 13000: no synthetic PLATE-IFU names a real observation."""
BUNDLES = {19: 2, 37: 4, 61: 4, 91: 2, 127: 5}
"""Fibres of an integral field unit, and how many of it a plate has (Bundy et al. 2015, ApJ 798, 7)."""
BUNDLE_DIAMETERS_ARCSEC = {19: 12.5, 37: 17.5, 61: 22.5, 91: 27.5, 127: 32.5}

LOSSES = {
    "image missing": 0.006,
    "image small": 0.004,
    "image with NaN": 0.004,
    "no TTYPE": 0.006,
    "PyMorph failed": 0.02,
    "not in drpall": 0.006,
    "not in DynPop": 0.012,
    "Lambda_Re zero": 0.004,
    "Lambda_Re NaN": 0.004,
}
"""What befalls rows, each row one thing at most: fraction of the rows, as often as in the published tables or more."""


def manga_truth(n_rows: int, seed: int) -> pd.DataFrame:
    """The truth of every row of the survey: galaxies, the last rows being repeat observations of some of them.

    Adds to ``population.draw_population``: names and sky position, distance, apparent sizes and magnitude, the seeing
    and depth of its image (SDSS, as ``science.mock`` draws them), and ``loss``, what befalls it in the files.
    """
    rng = np.random.default_rng([seed, 1])
    n_repeats = int(REPEAT_FRACTION * n_rows)
    n_distinct = n_rows - n_repeats
    galaxies = draw_population(n_distinct, rng)
    galaxies.insert(0, "object_id", [f"99-{1 + k:06d}" for k in range(n_distinct)])
    galaxies["ra_deg"] = rng.uniform(110, 260, n_distinct)
    galaxies["dec_deg"] = np.degrees(np.arcsin(rng.uniform(0, np.sin(np.deg2rad(60)), n_distinct)))
    log_redshift = LOG_REDSHIFT + LOG_REDSHIFT_SLOPE * (galaxies["log_mass_h2_msun"] - 10.2)
    log_redshift += rng.normal(0, LOG_REDSHIFT_SCATTER, n_distinct)
    redshift = np.clip(10**log_redshift, *REDSHIFT_LIMITS)
    galaxies = place(galaxies, redshift, 10 ** galaxies.pop("log_angular_size"))
    repeated = rng.choice(n_distinct, n_repeats, replace=False)
    truth = galaxies.iloc[[*range(n_distinct), *repeated]].reset_index(drop=True)
    truth.insert(0, "galaxy_id", _plate_ifus(truth["r_eff_arcsec"]))
    conditions = [draw_conditions(galaxy_seed("demo-manga", name, seed)) for name in truth["galaxy_id"]]
    for k, band in enumerate(BANDS):
        truth[f"psf_fwhm_{band}_arcsec"] = [c.psf_fwhm_arcsec[k] for c in conditions]
        truth[f"sky_sigma_{band}_nmgy"] = [c.sky_sigma_nmgy[k] for c in conditions]
    return truth.assign(loss=losses(n_rows, LOSSES, rng))


def _plate_ifus(r_eff_arcsec: pd.Series) -> list[str]:
    """A PLATE-IFU for every row: the smallest bundle that reaches 1.5 R_e, the next free one of its kind."""
    taken = dict.fromkeys(BUNDLES, 0)
    names = []
    for r_eff in r_eff_arcsec:
        reaching = [fibres for fibres, diameter in BUNDLE_DIAMETERS_ARCSEC.items() if diameter >= 3 * r_eff]
        fibres = min(reaching, default=max(BUNDLES))
        plate, unit = divmod(taken[fibres], BUNDLES[fibres])
        taken[fibres] += 1
        names.append(f"{FIRST_PLATE + plate}-{fibres}{unit + 1:02d}")
    return names


def write_manga_image(folder: Path, row: NamedTuple, seed: int) -> None:
    """``<plateifu>.fits`` of a row of the truth table, if it has an image."""
    if row.loss == "image missing":
        return
    size = SMALL_IMAGE_PX if row.loss == "image small" else IMAGE_PX
    pixels = observe(row, size, seed)
    if row.loss == "image with NaN":
        pixels[:, size // 2 :, : size // 2] = np.nan  # the edge of a frame
    scale = SDSS_ARCSEC_PER_PIXEL / 3600
    middle = (size + 1) / 2
    cards = [
        ("BANDS", BANDS, "bands along NAXIS3"),
        ("BUNIT", "nanomaggy", "AB magnitude = 22.5 - 2.5 log10(flux)"),
        ("CTYPE1", "RA---TAN", ""),
        ("CTYPE2", "DEC--TAN", ""),
        ("CRVAL1", round(row.ra_deg, 6), "[deg]"),
        ("CRVAL2", round(row.dec_deg, 6), "[deg]"),
        ("CRPIX1", middle, ""),
        ("CRPIX2", middle, ""),
        ("CD1_1", -scale, "[deg/pixel] east is left"),
        ("CD1_2", 0.0, ""),
        ("CD2_1", 0.0, ""),
        ("CD2_2", scale, "[deg/pixel] north is up"),
    ]
    write_fits_image(folder / f"{row.galaxy_id}.fits", pixels, cards)


def observe(row: NamedTuple, size_px: int, seed: int) -> NDArray[np.float32]:
    """The galaxy in its field, with the seeing, photon noise and sky of its row: (3, y, x) nanomaggies a pixel."""
    field_rng = np.random.default_rng(galaxy_seed("demo-field", row.object_id, seed))
    neighbours, stars = _field(row, field_rng)
    components = [*components_of(row), *neighbours]
    points = [*spiral_arms(row, field_rng), *stars]
    noise_rng = np.random.default_rng([galaxy_seed("demo-manga", row.galaxy_id, seed), 1])
    planes = []
    for band, electrons in zip(BANDS, ELECTRONS_PER_NANOMAGGIE, strict=True):
        light = draw(components, points, band, size_px, getattr(row, f"psf_fwhm_{band}_arcsec"))
        photons = noise_rng.poisson(np.maximum(light, 0) * electrons) / electrons
        sky = noise_rng.normal(0, getattr(row, f"sky_sigma_{band}_nmgy"), light.shape)
        planes.append(photons + sky)
    return np.array(planes, dtype=np.float32)


def _field(row: NamedTuple, rng: np.random.Generator) -> tuple[list[Component], list[Point]]:
    """Galaxies and stars around the galaxy, none on top of it. Slow rotators live in denser places
    (Cappellari et al. 2011, MNRAS 416, 1680)."""
    neighbours = [
        Component(
            mag_r=rng.triangular(17.5, 21.5, 21.5),
            g_r=rng.normal(0.85, 0.15),
            r_eff_arcsec=rng.uniform(0.6, 1.8),
            sersic_n=1.0,
            axis_ratio=rng.uniform(0.35, 0.95),
            position_angle_deg=rng.uniform(0, 180),
            offset_arcsec=_around(row, rng),
        )
        for _ in range(rng.poisson(NEIGHBOURS[row.family]))
    ]
    stars = [
        Point(_around(row, rng), sigma_arcsec=0.0, mag_r=rng.triangular(16.5, 21.0, 21.5), g_r=rng.uniform(0.3, 1.4))
        for _ in range(rng.poisson(STARS))
    ]
    return neighbours, stars


def _around(row: NamedTuple, rng: np.random.Generator) -> tuple[float, float]:
    """A place in the field, arcsec right of and above its middle, at least 1.5 half-light radii away."""
    half = IMAGE_PX / 2 * SDSS_ARCSEC_PER_PIXEL
    while np.hypot(*(place := rng.uniform(-half, half, 2))) < 1.5 * row.r_eff_arcsec:
        pass
    return float(place[0]), float(place[1])
