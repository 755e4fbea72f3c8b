"""Galaxy identifiers in every form that pandas, NumPy, astropy and spreadsheets write, each as one canonical text.

``3003.0``, ``np.int64(3003)`` and ``'3003`` all mean galaxy 3003, and ``b'NGC4365'`` means NGC4365. Anything else is
refused with its row, because an identifier read as different text would match no galaxy. Each survey's module defines
the `Form` of its identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np

from rotator_assets.core.frames import NONE

MISSING_WORDS = (
    *("", "nan", "-nan", "na", "n/a", "<na>", "#n/a", "nat", "null", "\\n", "none", "masked"),
    *("-", "--", "---", "..."),
)
"""Fields that mean a missing value, in any case."""

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"), "-")
_INVISIBLE = "\u200b\u200e\u200f\u2060\ufeff"
_QUOTE = "[\"'\u2018\u2019\u201c\u201d]"
_WRAPPED = re.compile(rf"(?:=|b)?{_QUOTE}(?P<quoted>.*){_QUOTE}|np\.\w+\((?P<called>.*)\)", re.DOTALL)
_WHOLE = re.compile(r"\+?[0-9.]{1,40}(?:[eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Form:
    """The form of a survey's identifiers: an ``example`` for messages, and the function ``canonical``.

    ``canonical`` returns the one way to write an identifier, or None for text that is not one. ``numeric``: columns of
    numbers are accepted.
    """

    example: str
    canonical: Callable[[str], str | None]
    numeric: bool


def unwrapped(text: str) -> str:
    """Return the text without surrounding blanks and without quotes, ``b''`` or ``np.str_('')`` around it."""
    while True:
        text = text.strip().strip(_INVISIBLE).strip()
        match = _WRAPPED.fullmatch(text)
        if match is None:
            return text.removeprefix("'")  # how a spreadsheet marks text
        text = match["quoted"] if match["quoted"] is not None else match["called"]


def whole_number(text: str) -> str | None:
    """Return the digits of a whole number written in any way, such as ``3003.0``; None for other text.

    Whole numbers written as floats are exact only up to 2^53; larger ones are refused.
    """
    if not _WHOLE.fullmatch(text):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if number != number.to_integral_value():
        return None
    written_as_float = not text.lstrip("+-").isdigit()
    return None if written_as_float and number > 2**53 else str(int(number))


NAME = Form("a name such as NGC4365", lambda text: text, numeric=True)
"""Any name; the form of surveys that define no other."""


def identifiers(values: np.ndarray, form: Form) -> np.ndarray:
    """Return the canonical text of each identifier, None where it is missing (empty, ``nan``, negative such as -999).

    ``values`` has shape (n,) and holds text, bytes or numbers. Raises ValueError with the first row that has another
    form, a fraction, or a float too large to be exact.
    """
    if values.dtype.kind in "fiu":
        return _of_numbers(values, form)
    if values.dtype.kind not in "USO":
        raise ValueError(f"holds {values.dtype.name} where {form.example} is expected")
    found = []
    for row, value in enumerate(values.tolist(), start=1):
        try:
            text = unwrapped(value.decode() if isinstance(value, bytes) else str(value))
        except UnicodeDecodeError:
            raise ValueError(f"holds bytes in row {row} that are no UTF-8 text") from None
        if is_missing(text):
            found.append(None)
            continue
        name = form.canonical(text.translate(_DASHES))
        if name is None:
            raise ValueError(f"holds '{shown(text)}' in row {row} where {form.example} is expected")
        found.append(name)
    return np.array(found, dtype=object)


def is_missing(text: str) -> bool:
    """Return True for a word that means missing, and for negative numbers."""
    return text.casefold() in MISSING_WORDS or re.fullmatch(r"-[0-9.]+", text) is not None


def shown(text: str) -> str:
    """Return text of a file as a message shows it: on one line, at most 40 characters."""
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return text if len(text) <= 40 else text[:37] + "..."


def _of_numbers(values: np.ndarray, form: Form) -> np.ndarray:
    if not form.numeric:
        raise ValueError(f"holds numbers where {form.example} is expected")
    known = values >= 0  # false for NaN
    if values.dtype.kind == "f":
        exact = 2.0 ** (np.finfo(values.dtype).nmant + 1)
        wrong = known & ((values % 1 != 0) | (values > exact))
        for row in np.flatnonzero(wrong)[:1]:
            why = f"; {values.dtype.name} keeps whole numbers up to {exact:.0f} alone" if values[row] > exact else ""
            raise ValueError(f"holds {values[row]} in row {row + 1} where {form.example} is expected{why}")
    numbers = np.where(known, values, 0)
    whole = numbers.astype(np.int64) if values.dtype.kind == "f" else numbers
    return np.where(known, whole.astype(str).astype(object), NONE)
