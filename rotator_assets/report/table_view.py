"""Tables of the report: headings in words, a value and its interval in one column, digits that the error allows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.number_text import MISSING, p_number, with_interval
from rotator_assets.plots.style import numbers
from rotator_assets.store.columns import Column

MAX_ROWS = 200
"""Largest number of rows shown per table; the database has all of them."""
_SHORT = 32
"""Longest text that is not wrapped."""
Kind = Literal["number", "word", "text"]

_WORDS = {
    "auc": "AUC",
    "roc": "ROC",
    "ece": "ECE",
    "id": "ID",
    "ra": "RA",
    "dec": "Dec",
    "psf": "PSF",
    "fwhm": "FWHM",
    "p value adjusted": "p (Holm)",
    "p value": "p",
    "lambda r": "lambda_R",
    "r eff": "R_e",
    "t type": "T-Type",
    "sersic n": "Sersic index",
    "seconds": "time",
}
_P_VALUES = ("p_value", "p_value_adjusted")
_UNITS_IN_NAMES = re.compile(r" (arcsec|deg|pixels|nmgy)$")


@dataclass(frozen=True)
class ColumnView:
    """A column as shown: heading, its explanation, kind, the text of each cell, and the value that it sorts by."""

    heading: str
    meaning: str
    kind: Kind
    cells: list[str]
    keys: list[str]


def table_view(frame: pd.DataFrame, columns: Mapping[str, Column]) -> list[ColumnView]:
    """Return the columns of the first ``MAX_ROWS`` rows.

    A pair of columns ``..low..`` and ``..high..`` is merged into the number before it. Integers are written in full.
    Other numbers have the same number of decimals throughout a column, so that the largest has about four digits;
    those with an interval have the digits that it allows. Times are given to the minute. Missing values are a dash;
    columns without any value are left out.
    """
    shown, names = frame.iloc[:MAX_ROWS], [str(name) for name in frame.columns]
    views, position = [], 0
    while position < len(names):
        name, values = names[position], shown.iloc[:, position]
        meaning = columns.get(name)
        if _is_interval(names[position + 1 : position + 3]) and pd.api.types.is_numeric_dtype(values):
            ends = [numbers(shown, names[position + step]) for step in (1, 2)]
            texts, keys = _with_intervals(numbers(shown, name), *ends, signed=_is_difference(name))
            kind: Kind = "number"
            position += 3
        else:
            kind, texts, keys = _cells(name, values)
            position += 1
        if any(text not in ("", MISSING) for text in texts):
            views.append(ColumnView(heading(name, meaning), meaning.comment if meaning else "", kind, texts, keys))
    return views


def heading(name: str, column: Column | None = None) -> str:
    """Return the heading of a column in words, with its unit; names that are no identifiers stay as they are."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return name
    text = name.replace("_", " ").removeprefix("n ")
    unit = column.unit if column and column.unit not in ("", "dimensionless") else ""
    if unit:
        text = _UNITS_IN_NAMES.sub("", text)
    for words, better in _WORDS.items():
        text = re.sub(rf"\b{words}\b", better, text)
    return f"{text} ({unit})" if unit else text


def _is_interval(names: list[str]) -> bool:
    return len(names) == 2 and names[1] == re.sub("low", "high", names[0]) != names[0]


def _is_difference(name: str) -> bool:
    return any(word in name for word in ("difference", "gain", "added"))


def _with_intervals(
    values: NDArray[np.float64], lows: NDArray[np.float64], highs: NDArray[np.float64], *, signed: bool
) -> tuple[list[str], list[str]]:
    rows = list(zip(values, lows, highs, strict=True))
    texts = [with_interval(*row, signed=signed) if math.isfinite(row[0]) else MISSING for row in rows]
    return texts, [_key(value) for value, *_ in rows]


def _cells(name: str, values: pd.Series) -> tuple[Kind, list[str], list[str]]:
    """Return the kind, texts and sorting keys of a column."""
    if pd.api.types.is_bool_dtype(values):
        values = values.map({True: "yes", False: "no"})
    if pd.api.types.is_datetime64_any_dtype(values):
        texts = [MISSING if pd.isna(value) else f"{value:%Y-%m-%d %H:%M}" for value in values]
        return "word", texts, texts
    if not pd.api.types.is_numeric_dtype(values):
        texts = [MISSING if gone else str(value) for value, gone in zip(values, values.isna(), strict=True)]
        return "word" if all(len(text) <= _SHORT for text in texts) else "text", texts, texts
    floats = numbers(values.to_frame(name), name)
    if name.endswith(_P_VALUES):
        return "number", [p_number(value) for value in floats], [_key(value) for value in floats]
    known = [value for value in floats if math.isfinite(value)]
    largest = max((abs(value) for value in known), default=0.0)
    whole = all(value == round(value) for value in known)
    decimals = 0 if whole or largest >= 1000 else 1 if largest >= 100 else 2 if largest >= 10 else 3
    return "number", [_number(value, decimals) for value in floats], [_key(value) for value in floats]


def _number(value: float, decimals: int) -> str:
    if value != value:
        return MISSING
    if value and abs(value) < 0.5 * 10.0**-decimals:
        return f"{value:.1e}"
    return f"{value:.{decimals}f}"


def _key(value: float) -> str:
    """Return what a number is sorted by; missing values come last."""
    return "" if value != value else f"{value:.6g}"
