"""Write the images of both surveys: a galaxy of the truth table as seen by SDSS or rendered by SKIRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.bands import BANDS
from rotator_assets.imaging.mock import ELECTRONS_PER_NANOMAGGIE, galaxy_seed
from rotator_assets.imaging.photometric_units import SKIRT_ZERO_POINTS
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.synthetic.light import Component, Point, components_of, draw, spiral_arms
from rotator_assets.synthetic.marked import write_fits_image
from rotator_assets.synthetic.tng100_sample import PARSEC_PER_PIXEL, REDSHIFT

IMAGE_PX = 128
SMALL_IMAGE_PX = 96
"""Sides of MaNGA images in pixels; the second is too small for the largest crop."""

NEIGHBOURS = {"slow": 1.8, "fast": 1.2, "late": 1.0}
STARS = 1.5
"""Mean numbers of other galaxies and of stars in a field."""

SKIRT_BANDS = "griz"
ZERO_POINTS = (*SKIRT_ZERO_POINTS, 2.66542e9)
"""Counts per second of AB magnitude 0 in g, r, i, z (V. Rodriguez-Gomez on the IllustrisTNG forum)."""

IMAGE_HALF_MASS_RADII = 15.0
"""Side of an image in half-mass radii."""

SOFTENING_FWHM_ARCSEC = 1.0
"""TNG100 softens gravity at 0.74 kpc (Plummer), which blurs cusps by about 0.98 kpc, or this FWHM."""


def write_manga_image(folder: Path, row: Any, seed: int) -> None:
    """Write ``<plateifu>.fits`` for a row of the truth table, if it has an image.

    Parameters
    ----------
    folder
        Folder to write to.
    row
        Row of the truth table.
    seed
        Seed of the sample.
    """
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
        ("CRVAL1", row.ra_deg, "[deg]"),
        ("CRVAL2", row.dec_deg, "[deg]"),
        ("CRPIX1", middle, ""),
        ("CRPIX2", middle, ""),
        ("CDELT1", -scale, "[deg/pixel] east is left"),
        ("CDELT2", scale, "[deg/pixel] north is up"),
    ]
    write_fits_image(folder / f"{row.galaxy_id}.fits", pixels, cards)


def observe(row: Any, size_px: int, seed: int) -> NDArray[np.float32]:
    """Draw a galaxy in its field, with the seeing, photon noise and sky of its row.

    Parameters
    ----------
    row
        Row of the truth table.
    size_px
        Side of the image in pixels.
    seed
        Seed of the sample.

    Returns
    -------
    float32 array
        (3, y, x), nanomaggies per pixel.
    """
    field_rng = np.random.default_rng(galaxy_seed("demo-field", row.object_id, seed))
    neighbours, stars = _field(row, field_rng)
    components = [*components_of(row), *neighbours]
    points = [*spiral_arms(row, field_rng), *stars]
    noise_rng = np.random.default_rng([galaxy_seed("demo-manga", row.galaxy_id, seed), 1])
    light = draw(components, points, size_px, {band: getattr(row, f"psf_fwhm_{band}_arcsec") for band in BANDS})
    electrons = np.array(ELECTRONS_PER_NANOMAGGIE)[:, None, None]
    sky_sigma = np.array([getattr(row, f"sky_sigma_{band}_nmgy") for band in BANDS])[:, None, None]
    photons = noise_rng.poisson(light * electrons) / electrons
    return (photons + sky_sigma * noise_rng.standard_normal(light.shape)).astype(np.float32)


def _field(row: Any, rng: np.random.Generator) -> tuple[list[Component], list[Point]]:
    """Draw galaxies and stars around the galaxy, none on top of it.

    Slow rotators live in denser environments (Cappellari et al. 2011, MNRAS 416, 1680).
    """
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


def _around(row: Any, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a position in the field, in arcsec right of and above its middle, at least 1.5 half-light radii away."""
    half = IMAGE_PX / 2 * SDSS_ARCSEC_PER_PIXEL
    while np.hypot(*(place := rng.uniform(-half, half, 2))) < 1.5 * row.r_eff_arcsec:
        pass
    return float(place[0]), float(place[1])


def write_tng100_image(folder: Path, row: Any, seed: int) -> None:
    """Write ``broadband_<subfind_id>.fits`` for a row of the truth table, if it has an image.

    The image is noiseless, in counts per second.

    Parameters
    ----------
    folder
        Folder to write to.
    row
        Row of the truth table.
    seed
        Seed of the sample.
    """
    if row.loss == "image missing":
        return
    size = round(IMAGE_HALF_MASS_RADII * row.half_mass_radius_kpc * 1000 / PARSEC_PER_PIXEL)
    arms = spiral_arms(row, np.random.default_rng(galaxy_seed("demo-tng100", str(row.galaxy_id), seed)))
    light = draw(components_of(row), arms, size, dict.fromkeys(SKIRT_BANDS, SOFTENING_FWHM_ARCSEC))
    counts = light * np.array(ZERO_POINTS)[:, None, None] / 1e9
    cards = [
        ("BUNIT", "counts/s/pixel", "Unit of the array values"),
        ("CDELT1", PARSEC_PER_PIXEL, "Coordinate increment along X-axis"),
        ("CTYPE1", "pc", "Physical units of the X-axis increment"),
        ("CDELT2", PARSEC_PER_PIXEL, "Coordinate increment along Y-axis"),
        ("CTYPE2", "pc", "Physical units of the Y-axis increment"),
        ("PIXSCALE", SDSS_ARCSEC_PER_PIXEL, "Pixel size in arcsec"),
        ("USE_Z", REDSHIFT, "Assumed redshift of the source"),
        *((f"FILTER{k}", f"sloan/sdss_{band}", f"Broadband filter index = {k}") for k, band in enumerate(SKIRT_BANDS)),
    ]
    write_fits_image(folder / f"broadband_{row.galaxy_id}.fits", counts.astype(np.float32), cards)


IMAGE_WRITERS = {"manga": write_manga_image, "tng100": write_tng100_image}
"""By survey: the function that writes the image of one row of its truth table into a folder."""
