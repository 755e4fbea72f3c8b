"""Convert the flux unit of a FITS file to nanomaggies per pixel, if the conversion is exact.

1 nanomaggy is 3.631e-6 Jy, an AB magnitude of 22.5. Units are parsed and converted by ``astropy.units``. The table
below holds spellings that astropy does not know.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.bands import BANDS
from rotator_assets.imaging.keywords import Keywords, number, text

NANOMAGGY_JY = 3.631e-6
NANOMAGGY_MAG = 22.5

SKIRT_ZERO_POINTS = (2.40238e10, 2.3826e10, 1.59001e10)
"""Counts per second of a source of AB magnitude 0 in g, r, i in the published TNG images (SKIRT; Rodriguez-Gomez et al.
2019, MNRAS 483, 4140; values from its author on the IllustrisTNG forum)."""
NANOMAGGIES_PER_SKIRT_COUNT = tuple(1e9 / zero_point for zero_point in SKIRT_ZERO_POINTS)
"""Nanomaggies (m = 22.5 - 2.5 log10 f) of one count per second in g, r, i."""

_SPELLINGS = {
    spelling: unit
    for unit, spellings in {
        "nmgy": "nanomaggy nanomaggies nanomaggie nmaggy nmaggies nmgy nmgys",
        "mgy": "maggy maggies maggie mgy",
        "Jy": "jy jansky janskys janskies",
        "mJy": "millijansky millijanskys millijy",
        "uJy": "ujy µjy μjy mujy microjansky microjanskys microjy",
        "nJy": "njy nanojansky nanojanskys nanojy",
        "MJy": "megajansky megajanskys megajy",
        "erg": "erg ergs",
        "s": "s sec secs second seconds",
        "cm": "cm",
        "Hz": "hz hertz",
        "Angstrom": "a aa å angstrom angstroms ang",
        "micron": "um µm μm micron microns micrometer micrometers",
        "pix": "pix pixel pixels px",
        "arcsec": "arcsec arcsecs arcsecond arcseconds asec",
        "arcmin": "arcmin arcmins arcminute arcminutes",
        "deg": "deg degree degrees",
        "rad": "rad radian radians",
        "sr": "sr ster steradian steradians",
        "ct": "ct cts count counts dn dns adu adus",
        "electron": "e electron electrons",
        "photon": "photon photons",
    }.items()
    for spelling in spellings.split()
}
"""Lower-case words of unit strings and their spelling in ``astropy.units``. Other words are left unchanged, so ``MJy``
is a megajansky and ``mJy`` a millijansky. ``MJY`` could be either and is not a unit."""

_SCALE = re.compile(r"10\s*(?:\*\*|\^)?\s*\(?([-+]\d+)\)?|10\s*(?:\*\*|\^)\s*(\d+)|(\d*\.?\d+(?:[eE][-+]?\d+)?)")
"""A number in front of a unit: ``10**-9``, ``10^(-9)``, ``10-9`` (FITS allows all of them), ``1e-9``."""

_ZERO_POINTS = (
    *("MAGZERO", "MAGZPT", "MAGZP", "MAG_ZP", "MAGZEROP", "PHOTZP", "PHOTZPT"),
    *("ZEROPNT", "ZEROPT", "ZEROPOIN", "ZP", "ZPT", "ZPTMAG", "ABZP"),
)
"""Keywords of the AB magnitude of one unit of the image, or of one band if its letter is appended (``MAGZP_G``,
``ZPG``). The FITS standard has none; SExtractor, SWarp, IRAF and survey pipelines write these."""
_LIKE_A_ZERO_POINT = re.compile(r"MAGZ|MAG_?0|ZERO[-_ ]?P|ZPT?[GRI\d]?(_|$)|FL(X|UX)SCALE")
_ZERO_POINT_RANGE = (0.0, 60.0)
"""Range of zero points of counts. Programs write 0, -99 or 99 if they know none."""
_MAGNITUDE_SYSTEMS = ("MAGSYS", "ZPSYS", "PHOTSYS", "MAGTYPE")
_EXPOSURES = ("EXPTIME", "EXPOSURE", "TEXPTIME")
_SAME_MAG = 0.005
_COUNTS_ALONE = ("SOFTBIAS", "FLUX20", "PHOTFLAM", "PHOTFNU")
"""Keywords that only occur in images in counts (SDSS before DR8, HST)."""


@lru_cache(maxsize=256)
def parse_unit(name: str):
    """Return the ``astropy.units.Unit`` of a string in common spellings; None if it is not a unit."""
    from astropy import units

    name = re.sub(r"\s+per\s+", "/", name.strip(), flags=re.IGNORECASE)
    scale = 1.0
    if leading := _SCALE.match(name):
        scale = 10.0 ** int(leading[1] or leading[2]) if leading[3] is None else float(leading[3])
        name = name[leading.end() :].lstrip(" *")
    name = re.sub(r"\be-(?=$|[\s/*.])", "electron", name)
    name = re.sub(r"\bcps\b", "ct/s", name, flags=re.IGNORECASE)
    name = re.sub(r"[^\W\d_]+", lambda word: _SPELLINGS.get(word[0].casefold(), word[0]), name)
    if name.count("/") > 1 and "(" not in name:
        first, *others = name.split("/")
        name = f"{first}/({' '.join(others)})"  # FITS discourages several slashes, and astropy warns about them
    try:
        unit = units.Unit(name)
    except (ValueError, TypeError):
        return None
    return units.Unit(scale * unit) if isinstance(unit, units.UnitBase) else None  # mag(AB) is not a linear unit


@lru_cache(maxsize=1024)
def _nanomaggies(name: str, arcsec_per_pixel: float | None, wavelength_um: float | None) -> float | None:
    """Return nanomaggies per pixel in one flux unit; None if it is not one, or if a required quantity is unknown."""
    from astropy import units

    unit = parse_unit(name)
    if unit is None or unit == units.nmgy:
        return None if unit is None else 1.0
    at_wavelength = units.spectral_density(wavelength_um * units.micron) if wavelength_um is not None else []
    areas = [1, units.pix]
    if arcsec_per_pixel is not None:
        areas.append((arcsec_per_pixel * units.arcsec) ** 2)
    for area in areas:
        flux = 1 * unit * area
        for way in (units.zero_point_flux(NANOMAGGY_JY * 1e9 * units.Jy), at_wavelength):
            try:
                return float(flux.to_value(units.Jy, way)) / NANOMAGGY_JY
            except units.UnitConversionError:
                continue
    return None


@lru_cache(maxsize=256)
def _counts(name: str) -> str | None:
    """Return ``counts`` or ``counts per second`` for such a unit, per pixel or not; None for others."""
    from astropy import units

    unit = parse_unit(name)
    if unit is None:
        return None
    for count in (units.ct, units.electron, units.photon, units.dimensionless_unscaled):
        for per in (units.dimensionless_unscaled, units.pix):
            rest = unit * per / count
            if rest == units.dimensionless_unscaled:
                return "counts"
            if rest * units.s == units.dimensionless_unscaled:
                return "counts per second"
    return None


def nanomaggies_per_unit(
    keywords: Keywords, band: str, arcsec_per_pixel: float | None, wavelength_um: float | None = None
) -> float:
    """Return nanomaggies per pixel in one unit of a band's image.

    Fluxes (Jy, maggies, erg/s/cm2/Hz and so on, with any prefix) are converted directly. Surface brightnesses (MJy/sr)
    use the area of a pixel, and fluxes per wavelength (erg/s/cm2/A) the pivot wavelength, from ``PHOTPLAM`` in
    angstroms or ``wavelength_um``. Counts need a zero point (``MAGZERO`` and so on, in AB magnitudes, or ``FLUXMAG0``,
    the counts of magnitude 0).

    Parameters
    ----------
    keywords
        Header of the image.
    band
        Letter of the band.
    arcsec_per_pixel
        Side of a pixel in arcsec; None if unknown.
    wavelength_um
        Pivot wavelength in micron; None if unknown.

    Returns
    -------
    float
        Nanomaggies per pixel; 1 if the file names neither a unit nor a zero point.

    Raises
    ------
    UnusableImage
        If no exact conversion is known, or if the unit and the zero point disagree.
    """
    if "BSOFTEN" in keywords:
        raise UnusableImage("holds asinh counts (BSOFTEN, BOFFSET in its header); convert it to nanomaggies")
    name = text(keywords, "BUNIT")
    zero_point = _zero_point(keywords, band)
    if name == "":
        return _of_an_unnamed_unit(keywords, zero_point)
    if counts := _counts(name):
        return _of_counts(keywords, zero_point, counts, name)
    if (pivot := number(keywords, "PHOTPLAM")) is not None:
        wavelength_um = pivot * 1e-4
    factor = _nanomaggies(name, arcsec_per_pixel, wavelength_um)
    if factor is None:
        raise UnusableImage(f"BUNIT is '{name}'{_lacking(name)}; nanomaggy, Jy, MJy/sr and the like are needed")
    if zero_point is not None and abs(zero_point - _zero_point_of(factor)) > _SAME_MAG:
        raise UnusableImage(
            f"BUNIT '{name}' implies the AB zero point {_zero_point_of(factor):.2f}, but the header's zero point is "
            f"{zero_point:g}; keep only the valid one"
        )
    return factor


def is_counts_per_second(keywords: Keywords) -> bool:
    """Return whether an image is in counts per second, or names no unit, and has no zero point."""
    name = text(keywords, "BUNIT")
    counts = _counts(name) if name else "counts per second"
    return counts == "counts per second" and all(_zero_point(keywords, band) is None for band in BANDS)


def check_skirt_bands(names: Iterable[str]) -> None:
    """Raise UnusableImage if counts belong to bands other than those with known zero points (SDSS)."""
    if other := [name for name in names if len(band := name.strip()) > 1 and "sdss" not in band.casefold()]:
        raise UnusableImage(f"is in counts per second of {', '.join(other)}; zero points are only known for SDSS bands")


def _lacking(name: str) -> str:
    """Return why a unit cannot be converted, as the end of a sentence."""
    from astropy import units

    unit = parse_unit(name)
    if unit is None:
        return ", which is not a known unit of flux"
    if _nanomaggies(name, 1.0, None) is not None:
        return ", and the size of its pixels is unknown"
    if _nanomaggies(name, 1.0, 0.5) is not None:
        return ", a flux per wavelength, and the pivot wavelength of its band (PHOTPLAM, in angstroms) is unknown"
    if units.beam in unit.bases:
        return ", and the area of its beam is not read"
    if units.mag in unit.bases:
        return ", and magnitudes cannot represent fluxes below 0"
    return ", which cannot be converted to nanomaggies exactly"


def _of_an_unnamed_unit(keywords: Keywords, zero_point: float | None) -> float:
    if zero_point is not None:
        return _of_counts(keywords, zero_point, "counts", "")
    if other := [key for key in keywords if key in _COUNTS_ALONE or _LIKE_A_ZERO_POINT.search(key)]:
        raise UnusableImage(f"names no unit (BUNIT), and {other[0]} in its header shows that it is in counts")
    if (number(keywords, "BITPIX") or 0) > 0 and number(keywords, "BSCALE") in (None, 1.0):
        raise UnusableImage("names no unit (BUNIT), and whole numbers are counts, not nanomaggies")
    return 1.0


def _of_counts(keywords: Keywords, zero_point: float | None, counts: str, name: str) -> float:
    given = f"BUNIT is '{name}'" if name else "names no unit (BUNIT)"
    if zero_point is None:
        raise UnusableImage(f"{given}, and no zero point (MAGZERO, FLUXMAG0) gives the brightness of one count")
    if not _ZERO_POINT_RANGE[0] < zero_point < _ZERO_POINT_RANGE[1]:
        raise UnusableImage(f"{given}, and its header's zero point, {zero_point:g}, is not one of counts")
    exposures = [number(keywords, key) for key in _EXPOSURES]
    timed = counts == "counts" and any(seconds not in (None, 0.0, 1.0) for seconds in exposures)
    if timed and "FLUXMAG0" not in keywords and abs(zero_point - NANOMAGGY_MAG) > _SAME_MAG:
        raise UnusableImage(
            f"{given} and its header has an exposure time and the zero point {zero_point:g}, which may refer to one "
            "count or to one count per second; convert it to nanomaggies"
        )
    return 10.0 ** (0.4 * (NANOMAGGY_MAG - zero_point))


def _zero_point(keywords: Keywords, band: str) -> float | None:
    """Return the AB magnitude of one unit of the image; None if there is none. Raises UnusableImage if two differ."""
    found = {}
    for base in _ZERO_POINTS:
        of_band = [key for key in (f"{base}_{band.upper()}", f"{base}{band.upper()}") if key in keywords]
        for key in of_band or [base]:
            if (magnitude := number(keywords, key)) is not None:
                found[key] = magnitude
    if (counts := number(keywords, "FLUXMAG0")) is not None:
        if counts <= 0:
            raise UnusableImage(f"FLUXMAG0 is {counts:g} in its header, a number above 0 is needed")
        found["FLUXMAG0"] = 2.5 * math.log10(counts)
    if not found:
        return None
    if max(found.values()) - min(found.values()) > _SAME_MAG:
        values = ", ".join(f"{key} = {value:g}" for key, value in found.items())
        raise UnusableImage(f"its header has different zero points ({values}); keep only the valid one")
    for key in _MAGNITUDE_SYSTEMS:
        if (system := text(keywords, key)) and not re.match("ab", system, re.IGNORECASE):
            raise UnusableImage(f"its zero point is of the system {system} ({key}), AB is needed")
    return next(iter(found.values()))


def _zero_point_of(factor: float) -> float:
    return NANOMAGGY_MAG - 2.5 * math.log10(factor)
