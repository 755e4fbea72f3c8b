"""Flux units of FITS images: spellings that convert exactly, and those that are refused with a reason."""

import re

import numpy as np
import pytest
from astropy import constants, units

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.photometric_units import nanomaggies_per_unit

SIDE_ARCSEC = 0.396
SIDE_SR = (SIDE_ARCSEC * np.pi / 180 / 3600) ** 2
JY = 1 / 3.631e-6


def factor(bunit, **keywords):
    return nanomaggies_per_unit({"BUNIT": bunit} | keywords, "g", SIDE_ARCSEC)


@pytest.mark.parametrize(
    "name",
    [
        *("nanomaggy", "nanomaggies", "nanomaggie", "Nanomaggies", "NANOMAGGIES", "nmgy", "nMgy", "nmaggy", " nmgy "),
        *("nanomaggies/pixel", "nanomaggies per pixel", "nmgy/pix", "nanomaggy / pixel", "nanomaggy pixel-1"),
        *("1e-9 maggy", "1E-9 maggies", "10**-9 maggies", "10^-9 mgy", "10^(-9) Mgy", "10-9 mgy", "1.0e-09*maggy"),
        *("3.631e-6 Jy", "3.631 uJy", "3.631uJy/pixel"),
    ],
)
def test_nanomaggies_by_any_name(name):
    assert factor(name) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "nanomaggies"),
    [
        ("maggies", 1e9),
        ("Jy", JY),
        ("JY", JY),
        ("Jansky", JY),
        ("Jy/pixel", JY),
        ("mJy", 1e-3 * JY),
        ("uJy", 1e-6 * JY),
        ("microJy", 1e-6 * JY),
        ("µJy", 1e-6 * JY),
        ("nJy", 1e-9 * JY),
        ("10 nJy", 1e-8 * JY),
        ("MJy/sr", 1e6 * SIDE_SR * JY),
        ("MJy sr^-1", 1e6 * SIDE_SR * JY),
        ("MJy.sr-1", 1e6 * SIDE_SR * JY),
        ("uJy/arcsec2", 1e-6 * SIDE_ARCSEC**2 * JY),
        ("nanomaggies/arcsec**2", SIDE_ARCSEC**2),
        ("erg/s/cm2/Hz", 1e23 * JY),
        ("erg s-1 cm-2 Hz-1", 1e23 * JY),
        ("1e-23 ERG/S/CM^2/HZ", JY),
        ("W/m2/Hz", 1e26 * JY),
    ],
)
def test_fluxes_are_converted_exactly(name, nanomaggies):
    assert factor(name) == pytest.approx(nanomaggies, rel=1e-9)


def test_a_flux_a_wavelength_needs_the_pivot_wavelength():
    """F_nu = F_lambda lambda^2 / c."""
    per_hertz = 1e-17 * 4702.5 * 4702.5 / constants.c.to_value("angstrom / s")  # erg / s / cm2 / Hz
    expected = per_hertz * 1e23 * JY
    assert factor("1e-17 erg/s/cm2/A", PHOTPLAM=4702.5) == pytest.approx(expected, rel=1e-9)
    by_plane = nanomaggies_per_unit({"BUNIT": "W/m2/micron/arcsec2"}, "g", SIDE_ARCSEC, wavelength_um=0.47025)
    flux = (1 * units.Unit("W/(m2 micron)") * SIDE_ARCSEC**2).to("erg/(s cm2 Angstrom)").value
    assert by_plane == pytest.approx(expected * flux * 1e17, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Jy/beam", "area of its beam is not read"),
        ("erg/s/cm2/A", "the pivot wavelength of its band (PHOTPLAM, in angstroms) is unknown"),
        ("counts", "no zero point (MAGZERO, FLUXMAG0) gives the brightness of one count"),
        ("ADU", "no zero point"),
        ("e-/s", "no zero point"),
        ("ELECTRONS/S", "no zero point"),
        ("1", "no zero point"),
        ("mag", "magnitudes cannot represent fluxes below 0"),
        ("mag/arcsec2", "magnitudes cannot represent fluxes below 0"),
        ("mag(AB)", "which is not a known unit of flux"),
        ("MJY/SR", "which is not a known unit of flux"),  # mJy or MJy
        ("normalized", "which is not a known unit of flux"),
        ("K", "cannot be converted to nanomaggies exactly"),
        ("Jy s", "cannot be converted to nanomaggies exactly"),
        ("MJy/sr/pixel", "cannot be converted to nanomaggies exactly"),
    ],
)
def test_units_that_are_refused(name, words):
    with pytest.raises(UnusableImage, match=re.escape(f"BUNIT is '{name}'") + ".*" + re.escape(words)):
        factor(name)


def test_a_surface_brightness_needs_the_size_of_a_pixel():
    with pytest.raises(UnusableImage, match="BUNIT is 'MJy/sr', and the size of its pixels is unknown"):
        nanomaggies_per_unit({"BUNIT": "MJy/sr"}, "r", None)


@pytest.mark.parametrize(
    "keywords",
    [
        {"BUNIT": "ADU", "MAGZERO": 25.0},
        {"BUNIT": "counts", "MAGZPT": "25.0"},
        {"BUNIT": "electrons/s", "ZP": 25, "EXPTIME": 54.0},
        {"BUNIT": "DN", "PHOTZP": 25.0, "EXPTIME": 1.0, "MAGSYS": "AB"},
        {"BUNIT": "ADU", "MAGZP_G": 25.0, "MAGZP_R": 24.0},
        {"BUNIT": "ADU", "MAGZERO": 24.0, "MAGZEROG": 25.0},
        {"BUNIT": "counts", "FLUXMAG0": 1e10, "EXPTIME": 54.0},
        {"MAGZERO": 25.0},
        {"FLUXMAG0": 1e10},
    ],
)
def test_counts_with_a_zero_point(keywords):
    """A tenth of a nanomaggy: AB magnitude 25, or 1e10 counts of magnitude 0."""
    assert nanomaggies_per_unit(keywords, "g", None) == pytest.approx(0.1, rel=1e-9)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"BUNIT": "ADU", "MAGZERO": 25.0, "EXPTIME": 54.0}, "one count or to one count per second"),
        ({"BUNIT": "ADU", "MAGZERO": 25.0, "MAGZPT": 24.0}, "different zero points (MAGZERO = 25, MAGZPT = 24)"),
        ({"BUNIT": "ADU", "MAGZERO": 25.0, "MAGSYS": "VEGAMAG"}, "zero point is of the system VEGAMAG (MAGSYS)"),
        ({"BUNIT": "ADU", "MAGZERO": "unknown"}, "MAGZERO is 'unknown' in its header, a number is needed"),
        ({"BUNIT": "nanomaggy", "MAGZERO": 30.0}, "implies the AB zero point 22.50, but the header's zero point is 30"),
        ({"FLUXMAG0": -1.0}, "FLUXMAG0 is -1"),
        ({"SOFTBIAS": 1000}, "names no unit (BUNIT), and SOFTBIAS in its header shows that it is in counts"),
        *(
            ({key: 25.0}, f"{key} in its header shows that it is in counts")
            for key in ("SIMAGZP", "FPA.ZP", "MAGZERO1")
        ),
        ({"ZPT_R": 25.0}, "ZPT_R in its header shows that it is in counts"),
        ({"BUNIT": "ADU", "MAGZERO": 0.0}, "BUNIT is 'ADU', and its header's zero point, 0, is not one of counts"),
        ({"MAGZPT": -99.0}, "zero point, -99, is not one of counts"),
        ({"BSOFTEN": 1.2, "BUNIT": "DN", "MAGZERO": 25.0}, "holds asinh counts (BSOFTEN"),
    ],
)
def test_zero_points_that_are_refused(keywords, words):
    with pytest.raises(UnusableImage, match=re.escape(words)):
        nanomaggies_per_unit(keywords, "g", SIDE_ARCSEC)


def test_a_zero_point_that_agrees_with_the_unit():
    assert factor("nJy", MAGZERO=31.4) == pytest.approx(1e-9 * JY)
    assert factor("nanomaggy", MAGZERO=22.5, EXPTIME=54.0) == 1
    assert factor("maggies", MAGZERO=0.0) == pytest.approx(1e9)
    assert nanomaggies_per_unit({}, "g", None) == 1
