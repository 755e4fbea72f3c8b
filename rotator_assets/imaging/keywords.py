"""Keywords of a FITS image: its own and, for an image in an extension, those of the primary header."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from rotator_assets.core.errors import UnusableImage

_OF_ONE_HEADER = re.compile(
    r"SIMPLE|XTENSION|EXTEND|EXT(NAME|VER|LEVEL)|BITPIX|NAXIS\d*|[PG]COUNT|TFIELDS|BSCALE|BZERO|BLANK|DATAMIN|DATAMAX"
    r"|CHECKSUM|DATASUM|INHERIT|COMMENT|HISTORY|"
)
_COORDINATES = re.compile(r"C(TYPE|RVAL|RPIX|DELT|UNIT|ROTA)\d|(CD|PC|PV)\d_\d+|L(ON|AT)POLE|WCSAXES|RADESYS|EQUINOX")
_READ_ONCE = re.compile(
    r"BUNIT|(BAND|FILTER)(S|\d*)|(MAGZ|ZEROP|ZP|PHOTZP|FLUXMAG).*|PIXSCALE|C(TYPE|RVAL|RPIX|DELT|UNIT)\d|(CD|PC)\d_\d"
)
"""Keywords that must not appear twice with different values, because no rule says which one is valid."""

Keywords = Mapping[str, Any]


def own_keywords(header: Any) -> dict[str, object]:
    """Return the keywords of one header, as astropy repairs them if they break the rules of FITS.

    Keywords that cannot be repaired are left out. Raises UnusableImage if one that is read here cannot be repaired, or
    appears twice with different values.
    """
    from astropy.io import fits

    values: dict[str, object] = {}
    for card in header.cards:
        key = card.keyword
        try:
            value = _value(card)
        except (fits.VerifyError, ValueError):
            if _READ_ONCE.fullmatch(key):
                raise UnusableImage(f"{key} cannot be read in its header") from None
            continue
        if isinstance(value, fits.card.Undefined):
            continue
        if key in values and values[key] != value and _READ_ONCE.fullmatch(key):
            raise UnusableImage(f"its header has {key} twice, {values[key]} and {value}; leave one of them")
        values.setdefault(key, value)
    return values


def _value(card: Any) -> Any:
    """Return a card's value, repaired if it breaks the rules of FITS.

    Raises VerifyError or ValueError if that fails.
    """
    from astropy.io import fits

    try:
        return card.value
    except fits.VerifyError:
        card.verify("silentfix")
        return card.value


def inherited(own: Keywords, primary: Keywords) -> Keywords:
    """Return the keywords of an extension: its own, then those of the primary header unless ``INHERIT`` is F.

    Keywords that describe the array itself are never inherited. Coordinates are inherited only if the extension has
    none.
    """
    if own.get("INHERIT") is False:
        return own
    placed = any(_COORDINATES.fullmatch(key) for key in own)
    above = {
        key: value
        for key, value in primary.items()
        if not _OF_ONE_HEADER.fullmatch(key) and not (placed and _COORDINATES.fullmatch(key))
    }
    return above | dict(own)


def text(keywords: Keywords, key: str) -> str:
    """Return a value as text without surrounding blanks; empty if the keyword is absent."""
    return str(keywords.get(key, "")).strip()


def number(keywords: Keywords, key: str) -> float | None:
    """Return a value as a finite number, even if it is quoted; None if the keyword is absent.

    Raises UnusableImage if it is not a finite number.
    """
    if text(keywords, key) == "":
        return None
    value = keywords[key]
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise UnusableImage(f"{key} is {value!r} in its header, a number is needed")
    return found
