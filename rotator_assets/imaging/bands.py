"""Find the planes of a FITS image that are g, r and i, from its header."""

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
"""Photometric systems that use the same letters for other bands than SDSS."""
_OF_ANOTHER_SYSTEM = re.compile(rf"\b(?:{'|'.join(_OTHER_SYSTEMS)})|\bF\d{{3}}[WLMNX]", re.IGNORECASE)
_OF_BANDS = re.compile("BAND|FILT")
_WORDS_OF_IMAGES = {"primary", "band", "filter", "image", "img", "sci", "science", "data", "flux", *_SURVEYS.split("|")}

_PIVOT_UM = {"g": 0.4702, "r": 0.6176, "i": 0.7490}
"""Pivot wavelengths of SDSS (Fukugita et al. 1996, AJ 111, 1748)."""
_PIVOT_TOLERANCE = 0.035
"""The g, r and i bands of Pan-STARRS, DES and HSC lie within this fraction of the SDSS ones; V, R_C and I_C do not."""


@lru_cache(maxsize=1024)
def band_letter(name: str) -> str | None:
    """Return the letter of a named band: ``r`` for ``R``, ``r'``, ``sloan/sdss_r``, ``HSC-R2`` or ``r.MP9601``.

    Return None if the name holds no letter of a band or several, and for Johnson, Cousins and Gaia bands.
    """
    words = re.findall(r"[a-z]+", name.casefold())
    letters = {match[1] for word in words if (match := _OF_A_SURVEY.fullmatch(word))}
    return letters.pop() if len(letters) == 1 and not set(_OTHER_SYSTEMS) & set(words) else None


def extension_band(name: str) -> str | None:
    """Return the letter of the band in an extension's name (``g``, ``SDSS_R``, ``IIMG``), or None.

    Masks and errors are also named after their band. Their names hold further words, so they give None.
    """
    name = re.sub(r"(?<=[a-z])im(g|age)$", "", name.casefold().strip())
    return band_letter(name) if is_image_name(name) else None


def is_image_name(name: str) -> bool:
    """Return whether an extension's name only says that it holds an image, of any band or survey."""
    words = {word for word in re.findall(r"[a-z]+", name.casefold()) if not _OF_A_SURVEY.fullmatch(word)}
    return words <= _WORDS_OF_IMAGES


def named_bands(keywords: Keywords, n_planes: int) -> dict[int, str]:
    """Return the names of the planes given in a header, by plane number; empty if it names none.

    The names come from ``BANDS`` (``gri``, or ``g,r,i``), from ``BAND0`` .. or ``FILTER0`` .. (``r``,
    ``sloan/sdss_r``), counted from 0 or 1, or from a list in ``FILTER`` or ``FILTERS``. Other keywords count if they
    name the band of every plane. Raises UnusableImage if two lists differ, or if a list is longer than the number of
    planes.
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
            raise UnusableImage(f"its header names the bands in two ways ({differ})")
    if max(names) >= n_planes:
        raise UnusableImage(f"its header names {max(names) + 1} bands ({_shown(names)}), it has {n_planes} planes")
    return names


def band_planes(
    names: dict[int, str], wavelengths_um: Sequence[float] | None, n_planes: int, unnamed: int
) -> list[int]:
    """Return the plane numbers of g, r and i.

    Names come first, then wavelengths, then the order of the first three of ``unnamed`` planes.

    Parameters
    ----------
    names
        Names of the planes by plane number; may be empty.
    wavelengths_um
        Wavelengths of the planes in micron, or None if unknown.
    n_planes
        Number of planes.
    unnamed
        Number of planes of an image whose order is known without names.

    Returns
    -------
    list of int
        Three plane numbers, in the order g, r, i.

    Raises
    ------
    UnusableImage
        If a band is missing or appears twice, if names and wavelengths disagree, or if neither is known and the image
        has another number of planes.
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
    there = _shown(names) if names else ", ".join(f"{value:.4g} micron" for value in (wavelengths_um or ())[:20])
    letters = {n: band_letter(name) for n, name in names.items()} if names else by_wavelength
    planes = {band: [n for n, letter in letters.items() if letter == band] for band in BANDS}
    if absent := [band for band in BANDS if not planes[band]]:
        raise UnusableImage(f"band {', '.join(absent)} is missing; the file has {there}")
    if twice := [band for band in BANDS if len(planes[band]) > 1]:
        raise UnusableImage(f"band {', '.join(twice)} appears twice in its header ({there})")
    chosen = [planes[band][0] for band in BANDS]
    if names and wavelengths_um is not None and any(by_wavelength.get(n) != letters[n] for n in chosen):
        shown = ", ".join(f"{wavelengths_um[n]:.4g}" for n in chosen)
        raise UnusableImage(f"its header names g, r, i at {shown} micron, which are other bands")
    return chosen


def check_band(keywords: Keywords, band: str) -> None:
    """Raise UnusableImage if the header of a single-band file names another band."""
    for key in filter(_OF_BANDS.search, keywords):
        name = text(keywords, key)
        if band_letter(name) not in (None, band) or _OF_ANOTHER_SYSTEM.search(name):
            raise UnusableImage(f"its header names the band {name} ({key}), not {band}")


def _listed(keywords: Keywords, n_planes: int) -> Iterable[dict[int, str]]:
    """Yield the names in BANDS and FILTERS, and in other keywords if they name the band of every plane.

    Other keywords may also name the filters of an instrument.
    """
    for key in dict.fromkeys(("BANDS", "FILTERS", *filter(_MAY_LIST.fullmatch, keywords))):
        value = keywords.get(key)
        names = _names(value.strip()) if isinstance(value, str) else []
        every = len(names) == n_planes and all(map(band_letter, names))
        if any(names) if key in ("BANDS", "FILTERS") else every:
            yield dict(enumerate(names))


def _names(listed: str) -> list[str]:
    """Split ``irg``, ``i/r/g``, ``i r g`` or ``SDSS i, SDSS r, SDSS g`` into names."""
    if _LETTERS_APART.fullmatch(listed):
        return re.findall(r"[a-z]", listed, re.IGNORECASE)
    entries = re.split(r"\s*[,;|]\s*" if re.search("[,;|]", listed) else r"\s+", listed)
    return list(entries[0]) if len(entries) == 1 and band_letter(entries[0]) is None else entries


def _numbered(keywords: Keywords, n_planes: int) -> Iterable[dict[int, str]]:
    """Yield the names in BAND0 .., then in FILTER0 .., if any of them is a band or there is one for every plane.

    Other numbered keywords count if each of them names a band. Cameras also use FILTER1 and FILTER2 for filter wheels.
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
    """Return the band of each plane whose wavelength is within 3.5 % of an SDSS pivot wavelength."""
    return {
        n: band
        for n, wavelength in enumerate(wavelengths_um)
        for band, pivot in _PIVOT_UM.items()
        if abs(wavelength / pivot - 1) <= _PIVOT_TOLERANCE
    }


def _shown(names: dict[int, str]) -> str:
    return ", ".join(names.values())
