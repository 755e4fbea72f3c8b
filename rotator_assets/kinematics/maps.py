"""Measure lambda_R on MaNGA's stellar maps (``manga-<plate>-<ifu>-MAPS-<daptype>.fits.gz``, DR15 to DR17).

The definition is that of Graham et al. (2018, MNRAS 477, 4711): flux-weighted, with the circular radius on the sky,
inside the half-light ellipse. A spaxel is excluded if its velocity or dispersion is masked or not finite, if it belongs
to no bin, or if it has no light. The spaxels of one bin share a single measurement.

Every problem with a file is raised as an ``UnusableKinematics`` with the file's name and the reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.compressed import uncompressed_name
from rotator_assets.core.errors import RefusedKinematics, UnusableKinematics
from rotator_assets.core.files import walk_files
from rotator_assets.core.fits_files import SYNTHETIC_KEYWORD
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.imaging.psf import FWHM_PER_SIGMA
from rotator_assets.kinematics import spin
from rotator_assets.kinematics.dap_files import LAYOUTS, DapMaps, naming, read_maps
from rotator_assets.kinematics.kinemetry import kinemetry
from rotator_assets.kinematics.measured import DEFAULT_KINEMATICS, NAN, HalfLightEllipse, Measurement

APERTURES = ("photometry", "header")
"""Sources of the half-light ellipse; the first is the default."""
BINNINGS = ("HYB10", "VOR10", "SPX")
"""First part of a DAPTYPE, in order of preference. The stellar kinematics of HYB10 and VOR10 are the same, in Voronoi
bins of S/N 10; those of single spaxels are noisier."""
FULL_COVERAGE = 0.85
"""Apertures with less coverage get a note (Graham et al. 2018)."""
MIN_BINS = 10
"""With fewer bins inside the ellipse, lambda_R is dominated by their noise."""
MIN_MIRRORED = 10
"""Number of spaxels with a counterpart across the centre needed to separate the systemic velocity from rotation."""
CORRELATION_ARCSEC = 1.92 * 0.5
"""Errors of spaxels are correlated as a Gaussian of their distance with this standard deviation, 1.92 spaxels (Westfall
et al. 2019, AJ 158, 231, sect. 6.2)."""
CRITICAL = 1 << 30
"""Bit of MANGA_DAPQUAL and MANGA_DRP3QUAL for galaxies that should not be used."""
QUALITY = ("DAPQUAL", "DRP3QUAL")
MANY_ZERO_DISPERSIONS = 0.5
"""Above this fraction of dispersions below the instrumental correction, lambda_R depends mainly on that correction."""

_FILE_NAME = re.compile(r"manga-(?P<id>\d+-\d+)-maps-(?P<daptype>[^.]+)\.fits")
"""In lower case, without the ending of a compression."""


def find_maps(folder: Path) -> dict[str, Path]:
    """Find MAPS files anywhere below a folder; return their paths by PLATE-IFU, sorted, empty without such a folder.

    Of several files for one galaxy, HYB10 comes before VOR10 before single spaxels (``BINNINGS``). Then follow the
    order of ``LAYOUTS`` and their ``daptypes`` (MASTARSSP before MASTARHC2, DR17 before DR15), and the name.
    """
    found: dict[str, tuple[int, int, str, Path]] = {}
    for path in walk_files(folder):
        if match := _FILE_NAME.fullmatch(uncompressed_name(path.name)):
            candidate = (*_rank(match["daptype"].upper()), path.name, path)
            found[match["id"]] = min(candidate, found.get(match["id"], candidate))
    return {galaxy_id: candidate[-1] for galaxy_id, candidate in sorted(found.items())}


def measure_maps(
    path: Path,
    ellipse: HalfLightEllipse,
    settings: KinematicsSettings = DEFAULT_KINEMATICS,
) -> Measurement:
    """Measure lambda_R of one galaxy inside its half-light ellipse.

    The aperture is ``ellipse``, or the header's (REFF, ECOOELL, ECOOPA: elliptical Petrosian photometry of the
    NASA-Sloan Atlas; REFF is the semi-major axis). The settings choose which comes first. The other provides missing
    values, with a note. For high Sersic indices the Petrosian radius holds less than half of the light (0.7 R_e for n =
    4; Graham et al. 2005, AJ 130, 1535).

    The correction for seeing (Graham et al. 2018, eq. 5) applies to galaxies whose velocity map is that of a regular
    rotator (`kinemetry.kinemetry`), to all, or to none. Like Graham et al., it uses the Sersic index of the NASA-Sloan
    Atlas, or that of the photometry with a note, and the header's RFWHM.

    The systemic velocity is the flux-weighted mean of the spaxels in the aperture whose counterpart across the centre
    is also usable. With complete coverage this is the mean of all. With incomplete coverage the mean of all would
    include rotation: for a disc with a quarter of its ellipse masked on one side, a quarter of its rotation speed,
    which changes lambda_R by 6 per cent. ``lambda_r_error`` is propagated to first order from the errors of the bins,
    assumed to be independent, and scaled by the correction for seeing. It does not include errors of the ellipse, of
    the systemic velocity or of the correction.

    Parameters
    ----------
    path
        MAPS file in any compression.
    ellipse
        Half-light ellipse from the catalogues.
    settings
        Aperture, correction for seeing and least coverage.

    Returns
    -------
    Measurement
        lambda_R and the quantities behind it.

    Raises
    ------
    UnusableKinematics
        With the file's name and the reason; RefusedKinematics if the coverage is too low.
    ValueError
        If the aperture of the settings is that of another survey.
    """
    aperture = settings.aperture or APERTURES[0]
    if aperture not in APERTURES:
        raise ValueError(f"unknown aperture '{aperture}': use {' or '.join(APERTURES)}")
    maps = read_maps(path)
    with naming(path):
        _check_identity(path, maps.header)
        notes = [f"{key} CRITICAL" for key in QUALITY if (_mask(maps.header, key) or 0) & CRITICAL]
        chosen, source = _choose_ellipse(maps.header, ellipse, aperture, notes)
        return _measure(maps, chosen, source, settings, notes)


def _measure(
    maps: DapMaps, ellipse: HalfLightEllipse, source: str, settings: KinematicsSettings, notes: list[str]
) -> Measurement:
    a, ellipticity = ellipse.semi_major_arcsec, ellipse.ellipticity
    angle = 0.0 if math.isnan(ellipse.position_angle_deg) else ellipse.position_angle_deg
    west, north = -maps.east_arcsec, maps.north_arcsec
    inside = maps.usable & spin.in_ellipse(west, north, a * math.sqrt(1 - ellipticity), ellipticity, angle)
    west, north, flux, velocity = west[inside], north[inside], maps.flux[inside], maps.velocity[inside]
    _, first, bin_of = np.unique(maps.bin_id[inside], return_index=True, return_inverse=True)
    if len(first) < MIN_BINS:
        within = f"the half-light ellipse (semi-major axis {a:.3g} arcsec)"
        raise UnusableKinematics(f"{len(first)} usable bins inside {within}, at least {MIN_BINS} are needed")
    spaxel_area = _spaxel_area(maps.east_arcsec, maps.north_arcsec)
    coverage = spin.ellipse_coverage(len(flux), spaxel_area, a, ellipticity)
    if coverage < settings.min_coverage:
        needed = f"{settings.min_coverage:.0%} are needed"
        raise RefusedKinematics(f"data cover {coverage:.0%} of the half-light ellipse, {needed}")
    if coverage < FULL_COVERAGE:
        notes.append(f"data cover {coverage:.0%} of the half-light ellipse, below {FULL_COVERAGE:.0%}")

    systemic = _systemic_velocity(west, north, flux, velocity, math.sqrt(spaxel_area / 2), notes)
    velocity = velocity[first] - systemic
    observed, instrumental = maps.observed_dispersion[inside][first], maps.instrumental_dispersion[inside][first]
    dispersion = spin.corrected_dispersion(observed, instrumental)
    # A bin counts by the sum of F R over its spaxels inside the ellipse, given here as flux at unit radius.
    weight = np.bincount(bin_of, flux * np.hypot(west, north))
    elliptical_weight = np.bincount(bin_of, flux * spin.elliptical_radius(west, north, ellipticity, angle))
    lambda_r = spin.lambda_r(weight, 1.0, velocity, dispersion)
    if math.isnan(lambda_r):
        raise UnusableKinematics("no motion inside the half-light ellipse: velocities and dispersions are all zero")
    velocity_error = _filled(maps.velocity_error[inside][first])
    squared_error = np.where(dispersion > 0, 2 * observed * _filled(maps.observed_dispersion_error[inside][first]), 0.0)
    zero_fraction = float(np.mean(instrumental >= observed))
    if zero_fraction > MANY_ZERO_DISPERSIONS:
        notes.append(f"{zero_fraction:.0%} of the dispersions lie below the instrumental correction")
    error = spin.lambda_r_error(weight, 1.0, velocity, dispersion, velocity_error, squared_error)
    if math.isnan(error):
        notes.append("the file gives no errors")

    light = np.bincount(bin_of, flux)
    centre_west, centre_north = (np.bincount(bin_of, flux * offset) / light for offset in (west, north))
    map_kind = kinemetry(centre_west, centre_north, light, velocity, velocity_error, ellipticity, CORRELATION_ARCSEC)
    psf_fwhm = _number(maps.header, "RFWHM", above=0.0)
    sersic_n = _sersic_n(ellipse, notes)
    factor, reason = _beam_factor(sersic_n, psf_fwhm, a)
    rule = settings.beam_correction
    if rule == "regular_rotators" and not reason and not map_kind.regular:
        uncertain = map_kind.regular is None
        reason = f"{'uncertain whether' if uncertain else 'not'} a regular rotator ({map_kind.reason})"
    corrected = rule != "none" and not reason
    if rule != "none" and reason:
        notes.append(f"not corrected for seeing: {reason}")
    if corrected and lambda_r * factor > 1:
        notes.append("corrected lambda_R is larger than 1")
    return Measurement(
        lambda_r=lambda_r * (factor if corrected else 1.0),
        lambda_r_error=error * (factor if corrected else 1.0),
        lambda_r_observed=lambda_r,
        lambda_r_elliptical=spin.lambda_r(elliptical_weight, 1.0, velocity, dispersion),
        beam_correction="graham2018" if corrected else "none",
        ellipticity=ellipticity,
        position_angle_deg=ellipse.position_angle_deg,
        r_eff_arcsec=a,
        sersic_n=sersic_n,
        psf_fwhm_arcsec=psf_fwhm,
        sigma_e_km_s=spin.effective_dispersion(light, velocity, dispersion),
        systemic_velocity_km_s=systemic,
        n_pixels=len(flux),
        n_bins=len(first),
        coverage=coverage,
        zero_dispersion_fraction=zero_fraction,
        n_particles=0,
        lambda_r_floor=NAN,
        lambda_r_limit=NAN,
        drp3qual=_mask(maps.header, "DRP3QUAL"),
        dapqual=_mask(maps.header, "DAPQUAL"),
        release=maps.release,
        note="; ".join(notes),
        synthetic=maps.header.get(SYNTHETIC_KEYWORD) is True,
        aperture=source,
        regular_rotator=map_kind.regular,
        k5_over_k1=map_kind.k5_over_k1,
        k5_over_k1_error=map_kind.k5_over_k1_error,
        beam_factor=factor,
    )


def _choose_ellipse(
    header: Mapping[str, Any], ellipse: HalfLightEllipse, aperture: str, notes: list[str]
) -> tuple[HalfLightEllipse, str]:
    """Return the aperture and the source of its radius.

    Each value comes from the preferred source if it is valid there, else from the other.
    """
    of_header = _number(header, "REFF"), _number(header, "ECOOELL"), _number(header, "ECOOPA")
    of_photometry = ellipse.semi_major_arcsec, ellipse.ellipticity, ellipse.position_angle_deg
    if aperture == "header":
        preferred, substitute, other = of_header, of_photometry, "photometry"
    else:
        preferred, substitute, other = of_photometry, of_header, "header"
    names = ("half-light radius", "ellipticity", "position angle")
    valid = (lambda a: 0 < a < math.inf, lambda e: 0 <= e < 1, lambda pa: -360 <= pa <= 360)
    chosen: list[float] = []
    for name, is_valid, value, second in zip(names, valid, preferred, substitute, strict=True):
        if is_valid(value):
            chosen.append(value)
        elif is_valid(second):
            chosen.append(second)
            notes.append(f"{name} from the {other}")
        elif name == "position angle" and chosen[1] == 0:
            chosen.append(NAN)
        else:
            raise UnusableKinematics(f"no {name}: neither the header nor the photometry has a valid one")
    source = aperture if chosen[0] == preferred[0] else other
    return replace(
        ellipse, semi_major_arcsec=chosen[0], ellipticity=chosen[1], position_angle_deg=chosen[2] % 180.0
    ), source


def _systemic_velocity(
    west: NDArray[np.float64],
    north: NDArray[np.float64],
    flux: NDArray[np.float64],
    velocity: NDArray[np.float64],
    within_arcsec: float,
    notes: list[str],
) -> float:
    """Return the mean velocity of the spaxels with a mirror image, or of all, with a note, if hardly any has one."""
    counted = spin.has_mirror(west, north, within_arcsec)
    if np.count_nonzero(counted) < MIN_MIRRORED:
        counted = np.ones(len(flux), dtype=bool)
        notes.append("systemic velocity from one side of the galaxy")
    return float(np.average(velocity[counted], weights=flux[counted]))


def _sersic_n(ellipse: HalfLightEllipse, notes: list[str]) -> float:
    """Return the Sersic index for the correction for seeing: that of the NASA-Sloan Atlas if it has one."""
    if math.isnan(ellipse.nsa_sersic_n) and not math.isnan(ellipse.sersic_n):
        notes.append("Sersic index of PyMorph: the NASA-Sloan Atlas has none")
        return ellipse.sersic_n
    return ellipse.nsa_sersic_n


def _beam_factor(sersic_n: float, psf_fwhm_arcsec: float, semi_major_arcsec: float) -> tuple[float, str]:
    """Return the factor of the correction for seeing and an empty reason, or NaN and the reason why it is unknown."""
    sigma_psf = psf_fwhm_arcsec / FWHM_PER_SIGMA
    if spin.beam_correction_valid(sersic_n, sigma_psf, semi_major_arcsec):
        return float(spin.beam_corrected_lambda_r(1.0, sersic_n, sigma_psf, semi_major_arcsec)), ""
    if math.isnan(psf_fwhm_arcsec):
        return NAN, "the header has no PSF width (RFWHM)"
    if sigma_psf > semi_major_arcsec:
        return NAN, f"the PSF is wider than the galaxy (s = {sigma_psf / semi_major_arcsec:.2f})"
    if math.isnan(sersic_n):
        return NAN, "no Sersic index"
    return NAN, f"Sersic index {sersic_n:.3g} is not between 0.5 and 6.5"


def _check_identity(path: Path, header: Mapping[str, Any]) -> None:
    named, held = _FILE_NAME.fullmatch(uncompressed_name(path.name)), str(header.get("PLATEIFU", "")).strip()
    if named and held and held != named["id"]:
        raise UnusableKinematics(f"holds galaxy {held} by its header: rename or replace the file")


def _mask(header: Mapping[str, Any], key: str) -> int | None:
    """Return a quality mask of the header; None if it has none."""
    value = _number(header, key)
    return int(value) if math.isfinite(value) and value >= 0 else None


def _rank(daptype: str) -> tuple[int, int]:
    """Return the position of a DAPTYPE in the order of preference; unknown ones are last."""
    binning = daptype.split("-")[0]
    known = [name for layout in LAYOUTS for name in layout.daptypes]
    return (
        BINNINGS.index(binning) if binning in BINNINGS else len(BINNINGS),
        known.index(daptype) if daptype in known else len(known),
    )


def _number(header: Mapping[str, Any], key: str, above: float = -math.inf, missing: float = NAN) -> float:
    """Return a finite number of the header that is greater than ``above``, else ``missing``."""
    value = header.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return missing
    return float(value) if above < value < math.inf else missing


def _filled(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the errors, with missing ones (such as for a dispersion at the bound of its fit) set to the median."""
    known = np.isfinite(errors)
    return np.where(known, errors, np.median(errors[known]) if known.any() else NAN)


def _spaxel_area(east: NDArray[np.float64], north: NDArray[np.float64]) -> float:
    """Return the area of a spaxel in arcsec^2: the determinant of the steps along columns and rows."""
    (east_by_row, east_by_column), (north_by_row, north_by_column) = np.gradient(east), np.gradient(north)
    area = np.abs(east_by_row * north_by_column - east_by_column * north_by_row)
    area = area[np.isfinite(area) & (area > 0)]
    if not area.size:
        raise UnusableKinematics("the coordinates of the spaxels do not form a grid")
    return float(np.median(area))
