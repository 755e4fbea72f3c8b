"""Plain FITS images, read without astropy: one primary HDU of 32-bit floats, as cut-outs of galaxies usually are.

This takes a tenth of the time. A file is read here only if every card of its header follows the standard to the letter
and nothing in the file needs interpretation. All others are left to astropy (`fits_images.read_fits`), which also
finds the reason why a file cannot be used; a test compares the two readers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.fits_files import BLOCK_BYTES

_CARD_BYTES = 80
_MAX_HEADER_BYTES = 8 * BLOCK_BYTES
_END = b"END".ljust(_CARD_BYTES)
_SIMPLE = b"SIMPLE  =                    T"
_CARD = re.compile(
    r"(?=.{8}= )(?P<key>[A-Z0-9_-]{1,8}) *= +"
    r"(?:'(?P<text>[^'&]*)'|(?P<flag>[TF])|(?P<whole>[+-]?\d{1,18})|(?P<real>[+-]?\d+\.\d*(?:E[+-]?\d{1,2})?))"
    r" *(?:/.*)?"
)
_REMARK = re.compile(r"(?P<key>COMMENT |HISTORY |        )(?P<text>.*)")
_INTERPRETED = re.compile(
    r"BSCALE|BZERO|BLANK|EXT(NAME|VER|LEVEL)|GROUPS|[PG]COUNT|Z(IMAGE|TABLE|SIMPLE|TENSION)|XTENSION"
)
"""Keywords that change the meaning of the values or of the file."""
_RECORD = re.compile(r".*: ")
"""Text in which astropy looks for a record (``AXIS.1: 2``)."""
_POSITION = (b"CRVAL1  = ", b"CRVAL2  = ")


@dataclass(frozen=True, eq=False)
class PlainHeader:
    """A header apart from the position of the galaxy, which differs from file to file.

    Attributes
    ----------
    shape
        (ny, nx) or (n, ny, nx).
    keywords
        All keywords but ``CRVAL1`` and ``CRVAL2``, as `keywords.own_keywords` returns them.
    """

    shape: tuple[int, ...]
    keywords: dict[str, object]

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class PlainImage:
    """The content of a plain file.

    Attributes
    ----------
    stored
        Values as in the file, big-endian float32 (ny, nx) or (n, ny, nx).
    header
        The same object for files that differ only in their position.
    position
        ``CRVAL1`` and ``CRVAL2``, if the header has them.
    """

    stored: NDArray[np.float32]
    header: PlainHeader
    position: dict[str, object]


def read_plain(content: IO[bytes], max_values: int) -> PlainImage | None:
    """Return the image of an open file at its beginning; None if it is not plain, or has more values."""
    start = content.read(_MAX_HEADER_BYTES)
    end = start.find(_END)
    if not start.startswith(_SIMPLE) or end < 0 or end % _CARD_BYTES:
        return None
    header_bytes = -(-(end + _CARD_BYTES) // BLOCK_BYTES) * BLOCK_BYTES
    if start[end + _CARD_BYTES : header_bytes].strip(b" ") or len(start) < header_bytes:
        return None
    common, cards = _apart(start[:end])
    header, position = _header(common), _keywords(cards)
    if header is None or position is None or header.size > max_values:
        return None
    n_bytes = header_bytes + 4 * header.size
    content.seek(0)
    stored = content.read(n_bytes + BLOCK_BYTES)  # copies nothing of a file in memory that is read to its end
    if not n_bytes <= len(stored) <= n_bytes + -n_bytes % BLOCK_BYTES:
        return None
    return PlainImage(np.frombuffer(stored, ">f4", header.size, header_bytes).reshape(header.shape), header, position)


def _apart(header: bytes) -> tuple[bytes, list[bytes]]:
    """Return the cards of a header, joined, without those of the position, and these."""
    cards = []
    for key in _POSITION:
        place = -1
        while (place := header.find(key, place + 1)) >= 0:
            if place % _CARD_BYTES == 0:
                cards.append(header[place : place + _CARD_BYTES])
                header = header[:place] + header[place + _CARD_BYTES :]
                place -= 1
    return header, cards


@lru_cache(maxsize=64)
def _header(cards: bytes) -> PlainHeader | None:
    """Return the header in these cards, joined; None if it is not plain."""
    keywords = _keywords([cards[place : place + _CARD_BYTES] for place in range(0, len(cards), _CARD_BYTES)])
    if keywords is None or any(map(_INTERPRETED.match, keywords)):
        return None
    n_axes = keywords.get("NAXIS")
    if keywords.get("BITPIX") != -32 or n_axes not in (2, 3):
        return None
    first = ["SIMPLE", "BITPIX", "NAXIS", *(f"NAXIS{axis}" for axis in range(1, n_axes + 1))]
    sides = [keywords.get(key) for key in first[3:]]
    if list(keywords)[: len(first)] != first or not all(type(side) is int and side > 0 for side in sides):
        return None
    return PlainHeader(tuple(side for side in sides[::-1] if isinstance(side, int)), keywords)


def _keywords(cards: list[bytes]) -> dict[str, object] | None:
    """Return keywords and values; None if any card is not in the simplest format, or a keyword appears twice."""
    values: dict[str, object] = {}
    for card in cards:
        image = card.decode("latin-1")
        if not (image.isascii() and image.isprintable()):
            return None
        if remark := _REMARK.fullmatch(image):
            values.setdefault(remark["key"].strip(), remark["text"].rstrip())
            continue
        match = _CARD.fullmatch(image)
        if match is None or match["key"] in values or _RECORD.match(match["text"] or ""):
            return None
        values[match["key"]] = _value(match)
    return values


def _value(match: re.Match[str]) -> object:
    if match["text"] is not None:
        return match["text"].rstrip()
    if match["flag"]:
        return match["flag"] == "T"
    return int(match["whole"]) if match["whole"] else float(match["real"])
