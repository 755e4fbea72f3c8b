"""Stellar maps of synthetic galaxies, like those of MaNGA's data analysis pipeline for DR15.

Each galaxy is a rotator with the Sersic profile, shape and lambda_R of the truth. Seeing is not simulated. Instead, the
motions have the lambda_R that seeing would leave (Graham et al. 2018, MNRAS 477, 4711, eq. 5). The pipeline is that of
Westfall et al. (2019, AJ 158, 231). Arrays have one entry for each spaxel covered by fibres. Files hold maps (ny, nx),
with the first row in the south and the first column in the east.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.mock import galaxy_seed
from rotator_assets.imaging.psf import FWHM_PER_SIGMA
from rotator_assets.kinematics import spin
from rotator_assets.synthetic.manga_sample import BUNDLE_DIAMETERS_ARCSEC
from rotator_assets.synthetic.marked import write_fits_maps
from rotator_assets.synthetic.motions import effective_dispersion, motions, scaled_motions
from rotator_assets.synthetic.photometry import total_flux
from rotator_assets.synthetic.profiles import surface_brightness

DAPTYPE = "HYB10-GAU-MILESHC"
SPAXEL_ARCSEC = 0.5
PSF_FWHM_ARCSEC = 2.5
"""PSF of reconstructed cubes in r."""
SPEED_OF_LIGHT_KM_S = 299_792.458
FLUX_OF_NANOMAGGY = 0.28
"""One nanomaggy in 1e-17 erg/s/cm^2/Angstrom at 6231 Angstrom: 3.631e-29 erg/s/cm^2/Hz times c over the wavelength
squared."""

SN_AT_R_EFF = 8.0
"""Signal-to-noise ratio of a spaxel at the half-light radius; elsewhere it scales as the square root of the light."""
BIN_SN = 10.0
"""Bins have 1, 4 or 16 spaxels: the smallest that reaches this ratio, else 16."""
RELATIVE_ERROR = 0.4
"""Errors of velocity and dispersion are this times the observed dispersion over the signal-to-noise ratio of the
bin."""
INSTRUMENTAL_KM_S = 40.0
"""Instrumental part of the observed dispersion, in quadrature."""
SYSTEMIC_KM_S = 15.0
"""Scatter of systemic velocities about the input redshift."""

NO_COVERAGE = 1 << 0 | 1 << 30
"""NOCOV and DONOTUSE of MANGA_DAPPIXMASK, for spaxels without fibres."""


class Spaxels(NamedTuple):
    """The spaxels covered by fibres.

    Attributes
    ----------
    side
        Side of the grid in spaxels.
    row, column
        Position in the grid.
    east, north
        Offset from the galaxy's centre in arcsec.
    along, across
        Offset along and across the galaxy's major axis in arcsec.
    """

    side: int
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    east: NDArray[np.float64]
    north: NDArray[np.float64]
    along: NDArray[np.float64]
    across: NDArray[np.float64]

    def image(self, values: NDArray, elsewhere: float = 0) -> NDArray:
        """Return a map of one value per spaxel."""
        image = np.full((self.side, self.side), elsewhere, dtype=values.dtype)
        image[self.row, self.column] = values
        return image


class StellarMaps(NamedTuple):
    """Measurements in every spaxel; those of one bin share a velocity and a dispersion.

    Attributes
    ----------
    flux
        In 1e-17 erg/s/cm^2/Angstrom.
    sn
        Signal-to-noise ratio of the flux.
    bins
        Bin numbers from 0.
    velocity, dispersion, error
        In km/s; the dispersion as observed, including the instrument, and the error of both.
    """

    flux: NDArray[np.float64]
    sn: NDArray[np.float64]
    bins: NDArray[np.int64]
    velocity: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    error: NDArray[np.float64]


def write_maps(folder: Path, row: Any, seed: int) -> None:
    """Write ``manga-<plateifu>-MAPS-HYB10-GAU-MILESHC.fits.gz`` for a row of the truth table.

    Parameters
    ----------
    folder
        Folder to write to.
    row
        Row of the truth table.
    seed
        Seed of the sample.
    """
    spaxels = covered_spaxels(row)
    maps = observe(row, spaxels, np.random.default_rng(galaxy_seed("demo-maps", row.galaxy_id, seed)))
    path = folder / f"manga-{row.galaxy_id}-MAPS-{DAPTYPE}.fits.gz"
    write_fits_maps(path, _cards(row), _extensions(row, spaxels, maps))


def observe(row: Any, spaxels: Spaxels, rng: np.random.Generator) -> StellarMaps:
    """Draw a galaxy's light and motions, with the noise of every bin and a systemic velocity.

    Parameters
    ----------
    row
        Row of the truth table.
    spaxels
        The spaxels covered by fibres.
    rng
        Source of random numbers.

    Returns
    -------
    StellarMaps
        The measurements.
    """
    brightness = light(row, spaxels)
    inside = np.hypot(spaxels.along, spaxels.across / row.axis_ratio) < row.r_eff_arcsec
    total = FLUX_OF_NANOMAGGY * float(total_flux(row, "r"))
    flux = total / 2 * brightness / brightness[inside].sum()
    sn = SN_AT_R_EFF * np.sqrt(brightness)
    bins = adaptive_blocks(spaxels, sn)

    places = spaxels.along / row.r_eff_arcsec, spaxels.across / row.r_eff_arcsec
    in_bins = [np.bincount(bins, flux * m) / np.bincount(bins, flux) for m in motions(*places, row.axis_ratio)]
    velocity, dispersion = scaled_motions(
        (in_bins[0][bins], in_bins[1][bins]),
        (flux, np.hypot(spaxels.east, spaxels.north)),
        inside,
        seen_lambda_r(row),
        float(effective_dispersion(row.log_mass_h2_msun)),
    )
    observed = np.hypot(dispersion, INSTRUMENTAL_KM_S)
    error = RELATIVE_ERROR * observed / np.sqrt(np.bincount(bins, sn**2))[bins]
    noise = rng.standard_normal((2, bins.max() + 1))[:, bins] * error
    systemic = rng.normal(0, SYSTEMIC_KM_S)
    return StellarMaps(flux, sn, bins, velocity + noise[0] + systemic, np.maximum(observed + noise[1], 1.0), error)


def covered_spaxels(row: Any) -> Spaxels:
    """Return the spaxels of a hexagonal fibre bundle about the galaxy, with two of its corners in the east and west."""
    radius = BUNDLE_DIAMETERS_ARCSEC[int(row.galaxy_id.split("-")[1][:-2])] / 2
    side = 2 * int(radius / SPAXEL_ARCSEC) + 3
    east, north = _grid(side)
    across_sides = [np.abs(north * np.cos(turn) + east * np.sin(turn)) for turn in np.deg2rad([0, 60, 120])]
    rows, columns = np.nonzero(np.max(across_sides, axis=0) <= radius * np.cos(np.pi / 6))
    east, north = east[rows, columns], north[rows, columns]
    return Spaxels(side, rows, columns, east, north, *_along_and_across(row, east, north))


def _grid(side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return arcsec east and north of the middle of a grid of spaxels."""
    steps = np.asarray((np.arange(side) - side // 2) * SPAXEL_ARCSEC, dtype=np.float64)
    west, north = np.meshgrid(steps, steps)
    return -west, north


def _along_and_across(row: Any, east: NDArray, north: NDArray) -> tuple[NDArray, NDArray]:
    """Return coordinates along and across the galaxy's major axis."""
    angle = np.deg2rad(row.position_angle_deg)
    return east * np.sin(angle) + north * np.cos(angle), east * np.cos(angle) - north * np.sin(angle)


def light(row: Any, spaxels: Spaxels) -> NDArray[np.float64]:
    """Return the galaxy's Sersic profile relative to its value at R_e; its cusp is as wide as the seeing."""
    radius = np.hypot(spaxels.along, spaxels.across / row.axis_ratio)
    blurred = np.hypot(radius, PSF_FWHM_ARCSEC / FWHM_PER_SIGMA)
    return surface_brightness(blurred, row.r_eff_arcsec, row.sersic_n)


def seen_lambda_r(row: Any) -> float:
    """Return the truth's lambda_R before correction for seeing."""
    sigma_psf = PSF_FWHM_ARCSEC / FWHM_PER_SIGMA
    return float(row.lambda_r / spin.beam_corrected_lambda_r(1.0, row.sersic_n, sigma_psf, row.r_eff_arcsec))


def adaptive_blocks(spaxels: Spaxels, sn: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return bin numbers from 0: square blocks of 1, 2 or 4 spaxels a side, or the part not covered by smaller ones.

    Signal-to-noise ratios add in quadrature. The smallest block that has ``BIN_SN`` is used, else the largest.
    """
    blocks = {side: spaxels.row // side * spaxels.side + spaxels.column // side for side in (1, 2, 4)}
    reached = [np.sqrt(np.bincount(block, sn**2))[block] >= BIN_SN for block in (blocks[1], blocks[2])]
    sides = np.select(reached, [1, 2], 4)
    numbers = np.select([sides == side for side in blocks], list(blocks.values()))
    return np.unique(numbers * 8 + sides, return_inverse=True)[1]


def _cards(row: Any) -> list[tuple]:
    widths = {"GFWHM": 1.01, "RFWHM": 1.0, "IFWHM": 0.985, "ZFWHM": 0.975}
    return [
        ("PLATEIFU", row.galaxy_id),
        ("MANGAID", row.object_id),
        ("OBJRA", row.ra_deg),
        ("OBJDEC", row.dec_deg),
        ("DAPTYPE", DAPTYPE),
        ("VERSDRP3", "v2_4_3"),
        ("VERSDAP", "2.2.1"),
        ("SCINPVEL", SPEED_OF_LIGHT_KM_S * row.redshift, "[km/s] input velocity, c z"),
        ("ECOOPA", row.position_angle_deg, "[deg] position angle, east of north"),
        ("ECOOELL", row.ellipticity, "1 - b/a"),
        ("REFF", row.r_eff_arcsec, "[arcsec] half-light semi-major axis"),
        *((key, PSF_FWHM_ARCSEC * width, "[arcsec] reconstructed PSF") for key, width in widths.items()),
        ("DAPQUAL", 0),
        ("DRP3QUAL", 0),
    ]


def _extensions(row: Any, spaxels: Spaxels, maps: StellarMaps) -> dict[str, tuple[NDArray, list[tuple]]]:
    """Return maps by name of extension; no emission lines are drawn, so three channels of BINID are empty."""
    east, north = _grid(spaxels.side)
    along, across = _along_and_across(row, east, north)
    radius, azimuth = np.hypot(along, across / row.axis_ratio), np.degrees(np.arctan2(across / row.axis_ratio, along))
    bins = spaxels.image(maps.bins, -1)
    mask = spaxels.image(np.zeros_like(maps.bins), NO_COVERAGE)
    extensions: dict[str, tuple[NDArray, list[tuple]]] = {
        "SPX_SKYCOO": (np.stack([east, north]), [("BUNIT", "arcsec")]),
        "SPX_ELLCOO": (np.stack([radius, radius / row.r_eff_arcsec, azimuth % 360]), []),
        "SPX_MFLUX": (spaxels.image(maps.flux), [("BUNIT", "1E-17 erg/s/cm^2/ang/spaxel")]),
        "SPX_SNR": (spaxels.image(maps.sn), []),
        "BINID": (np.stack([bins, bins, *3 * [np.full_like(bins, -1)]]), []),
    }
    for name, values in (("STELLAR_VEL", maps.velocity), ("STELLAR_SIGMA", maps.dispersion)):
        cards = [("BUNIT", "km/s"), ("ERRDATA", f"{name}_IVAR"), ("QUALDATA", f"{name}_MASK")]
        extensions[name] = spaxels.image(values), cards
        extensions[f"{name}_IVAR"] = spaxels.image(maps.error**-2.0), [("BUNIT", "(km/s)^{-2}")]
        extensions[f"{name}_MASK"] = mask, []
    instrumental = np.full(len(maps.bins), INSTRUMENTAL_KM_S)
    extensions["STELLAR_SIGMACORR"] = spaxels.image(instrumental), [("BUNIT", "km/s")]
    return extensions
