"""Which planes of a FITS image are g, r and i, by what its header says of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.keywords import Keywords, text

BANDS = "gri"

_LETTERS = "ubgvrizyjhk"
_NUMBERED = re.compile(r"([A-Z]+)[_-]?(\d{1,3})")
_NAMES_OF_BANDS = ("BAND", "FILTER", "FILT")
_MAY_LIST = re.compile(r".*(BAND|FILT).*[A-Z]|BAND|EXTNAME")
_SURVEYS = "sdss|sloan|decam|des|hsc|lsst|ps|pogs|panstarrs|megacam|cfht"
_OF_A_SURVEY = re.compile(rf"(?:{_SURVEYS})?([{_LETTERS}])(?:p|prime|band|mag)?")
_LETTERS_APART = re.compile(rf"[{_LETTERS}](?:\W+[{_LETTERS}])+", re.IGNORECASE)
_OTHER_SYSTEMS = ("johnson", "cousins", "bessel", "bessell", "gaia", "kron", "vega")
"""Systems whose letters stand for other bands than those of SDSS."""
_OF_ANOTHER_SYSTEM = re.compile(rf"\b(?:{'|'.join(_OTHER_SYSTEMS)})|\bF\d{{3}}[WLMNX]", re.IGNORECASE)
_OF_BANDS = re.compile("BAND|FILT")
_WORDS_OF_IMAGES = {"primary", "band", "filter", "image", "img", "sci", "science", "data", "flux", *_SURVEYS.split("|")}

_PIVOT_UM = {"g": 0.4702, "r": 0.6176, "i": 0.7490}
"""Pivot wavelengths of SDSS (Fukugita et al. 1996, AJ 111, 1748)."""
_PIVOT_TOLERANCE = 0.035
"""As far apart as the g, r and i of Pan-STARRS, DES and HSC lie from them; V, R_C and I_C are farther."""


@lru_cache(maxsize=1024)
def band_letter(name: str) -> str | None:
    """The letter of a band by its name: ``r`` of ``R``, ``r'``, ``sloan/sdss_r``, ``HSC-R2`` or ``r.MP9601``.

    None where the name has no letter of a band or several, and for Johnson, Cousins and Gaia bands.
    """
    words = re.findall(r"[a-z]+", name.casefold())
    letters = {match[1] for word in words if (match := _OF_A_SURVEY.fullmatch(word))}
    return letters.pop() if len(letters) == 1 and not set(_OTHER_SYSTEMS) & set(words) else None


def extension_band(name: str) -> str | None:
    """The letter of a band by the name of the extension that holds its image (``g``, ``SDSS_R``, ``IIMG``), else None.

    Masks and errors are named by their band too; their names say more than that.
    """
    name = re.sub(r"(?<=[a-z])im(g|age)$", "", name.casefold().strip())
    return band_letter(name) if is_image_name(name) else None


def is_image_name(name: str) -> bool:
    """Whether an extension's name says no more than that it holds an image, of some band or survey."""
    words = {word for word in re.findall(r"[a-z]+", name.casefold()) if not _OF_A_SURVEY.fullmatch(word)}
    return words <= _WORDS_OF_IMAGES


def named_bands(keywords: Keywords, n_planes: int) -> dict[int, str]:
    """The name of each plane that the header names, by the plane's number; empty where it names none.

    From ``BANDS`` (``gri``, or ``g,r,i``), ``BAND0`` .. or ``FILTER0`` .. (``r``, ``sloan/sdss_r``), counted from 0 or
    1, or a list in ``FILTER`` or ``FILTERS``; from other keywords where they name the band of every plane. Raises
    UnusableImage where two of them differ, and where they name more bands than there are planes.
    """
    found = [*_listed(keywords, n_planes), *_numbered(keywords, n_planes)]
    if not found:
        for key in ("FILTER", "BAND"):
            if n_planes > 1 and band_letter(only := text(keywords, key)):
                raise UnusableImage(f"its header names one band, {only} ({key}), for {n_planes} planes")
        return {}
    names = found[0]
    for others in found[1:]:
        shared = names.keys() & others.keys()
        if any(band_letter(others[n]) not in (None, band_letter(names[n])) for n in shared):
            differ = f"{_shown(names)}; {_shown(others)}"
            raise UnusableImage(f"its header names the bands in two ways that differ ({differ})")
    if max(names) >= n_planes:
        raise UnusableImage(f"its header names {max(names) + 1} bands ({_shown(names)}), it has {n_planes} planes")
    return names


def band_planes(
    names: dict[int, str], wavelengths_um: Sequence[float] | None, n_planes: int, unnamed: int
) -> list[int]:
    """The planes of g, r and i, by their names, else by their wavelengths, else the first three of ``unnamed``.

    ``unnamed``: how many planes an image has that needs no names, as their order is known. Raises UnusableImage where
    a band is missing or stands twice, where names and wavelengths differ, and where neither is there and the number of
    planes is another.
    """
    by_wavelength = _by_wavelength(wavelengths_um) if wavelengths_um is not None else {}
    if not names and wavelengths_um is None:
        if n_planes < len(BANDS):
            raise UnusableImage(f"has {n_planes} planes, three bands are needed")
        if n_planes not in (len(BANDS), unnamed):
            raise UnusableImage(
                f"has {n_planes} planes and its header does not name their bands (BANDS); three alone need no names"
            )
        return [0, 1, 2]
    there = _shown(names) if names else ", ".join(f"{value:.4g} micron" for value in wavelengths_um[:20])
    letters = {n: band_letter(name) for n, name in names.items()} if names else by_wavelength
    planes = {band: [n for n, letter in letters.items() if letter == band] for band in BANDS}
    if absent := [band for band in BANDS if not planes[band]]:
        raise UnusableImage(f"band {', '.join(absent)} is missing; the file has {there}")
    if twice := [band for band in BANDS if len(planes[band]) > 1]:
        raise UnusableImage(f"band {', '.join(twice)} stands twice in its header ({there})")
    chosen = [planes[band][0] for band in BANDS]
    if names and wavelengths_um is not None and any(by_wavelength.get(n) != letters[n] for n in chosen):
        shown = ", ".join(f"{wavelengths_um[n]:.4g}" for n in chosen)
        raise UnusableImage(f"its header names g, r, i at {shown} micron, which are other bands")
    return chosen


def check_band(keywords: Keywords, band: str) -> None:
    """Raises UnusableImage where the header of a file of one band names another."""
    for key in filter(_OF_BANDS.search, keywords):
        name = text(keywords, key)
        if band_letter(name) not in (None, band) or _OF_ANOTHER_SYSTEM.search(name):
            raise UnusableImage(f"its header names the band {name} ({key}), not {band}")


def _listed(keywords: Keywords, n_planes: int) -> Iterable[dict[int, str]]:
    """The names in BANDS and FILTERS, and in other keywords, which may mean an instrument's filter, of every plane."""
    for key in dict.fromkeys(("BANDS", "FILTERS", *filter(_MAY_LIST.fullmatch, keywords))):
        value = keywords.get(key)
        names = _names(value.strip()) if isinstance(value, str) else []
        every = len(names) == n_planes and all(map(band_letter, names))
        if any(names) if key in ("BANDS", "FILTERS") else every:
            yield dict(enumerate(names))


def _names(listed: str) -> list[str]:
    """``irg``, ``i/r/g``, ``i r g`` or ``SDSS i, SDSS r, SDSS g``, one by one."""
    if _LETTERS_APART.fullmatch(listed):
        return re.findall(r"[a-z]", listed, re.IGNORECASE)
    entries = re.split(r"\s*[,;|]\s*" if re.search("[,;|]", listed) else r"\s+", listed)
    return list(entries[0]) if len(entries) == 1 and band_letter(entries[0]) is None else entries


def _numbered(keywords: Keywords, n_planes: int) -> Iterable[dict[int, str]]:
    """The names of BAND0 .., then of FILTER0 .., where any is that of a band or they are as many as the planes.

    Of other numbered keywords where each is that of a band. A camera has FILTER1 and FILTER2, its wheels, too.
    """
    families: dict[str, dict[int, str]] = {family: {} for family in _NAMES_OF_BANDS}
    for key, value in keywords.items():
        if isinstance(value, str) and value.strip() and (match := _NUMBERED.fullmatch(key)):
            families.setdefault(match[1], {})[int(match[2])] = value.strip()
    for family, numbers in families.items():
        letters = [band_letter(name) for name in numbers.values()]
        complete = len(numbers) == n_planes > 1
        if (any(letters) or complete) if family in _NAMES_OF_BANDS else (complete and all(letters)):
            first = 0 if 0 in numbers else 1
            yield {n - first: name for n, name in sorted(numbers.items())}


def _by_wavelength(wavelengths_um: Sequence[float]) -> dict[int, str]:
    """The band whose SDSS pivot wavelength a plane's is within 3.5 %."""
    return {
        n: band
        for n, wavelength in enumerate(wavelengths_um)
        for band, pivot in _PIVOT_UM.items()
        if abs(wavelength / pivot - 1) <= _PIVOT_TOLERANCE
    }


def _shown(names: dict[int, str]) -> str:
    return ", ".join(names.values())
