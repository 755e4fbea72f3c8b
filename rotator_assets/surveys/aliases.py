"""Published columns under common names: the spellings of each, and the values that it can have.

Spellings differ between releases and copies of a catalogue: ``TTYPE`` in DR15 is ``T-Type`` in DR17, and ``MANGA-ID``
in the morphology table is ``MANGA_ID`` in PyMorph's. Case does not matter. The first spelling that a file has is used.
Each survey's module adds the columns of its own catalogues to `COMMON`.

A number outside the range of its column is missing. Catalogues mark missing values with -999, -99, 99.99, 1e20,
infinity and more; none of these is a valid axis ratio or redshift, so ranges do not need to list them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError
from rotator_assets.surveys.identifiers import NAME, Form

LAMBDA_R_RANGE = (0.0, 1.5)
"""By its definition lambda_R is at most 1. Corrections for seeing (Graham et al. 2018) move some values above."""


@dataclass(frozen=True)
class Column:
    """A published column: what it holds, its range and its spellings, the preferred first.

    Numbers lie between ``low`` and ``high``, both included unless ``positive`` excludes ``low``. ``form`` is the form
    of identifiers. Numbers are converted to ``unit`` (empty: without unit) if it is not None and the file gives a unit,
    or ``given_unit`` does in its place.
    """

    kind: Literal["identifier", "text", "number", "whole"]
    spellings: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf
    positive: bool = False
    form: Form = NAME
    unit: str | None = None
    given_unit: str = ""

    def holds(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return True for each number in the range, False for NaN and infinity."""
        above = numbers > self.low if self.positive else numbers >= self.low
        return above & (numbers <= self.high) & np.isfinite(numbers)

    @property
    def range(self) -> str:
        """The range in words: ``[0, 1.5]``, ``(0, 1]``."""
        return f"{'(' if self.positive else '['}{self.low:g}, {self.high:g}]"


Columns = Mapping[str, Column]
"""Published columns by common name."""


def identifier(form: Form, *spellings: str) -> Column:
    """Describe a column of galaxy identifiers."""
    return Column("identifier", spellings, form=form)


def text(*spellings: str) -> Column:
    """Describe a column of text."""
    return Column("text", spellings)


def whole(*spellings: str, low: float = 0, high: float = 2**62) -> Column:
    """Describe a column of whole numbers."""
    return Column("whole", spellings, low, high)


def number(*spellings: str, low: float, high: float) -> Column:
    """Describe a column of numbers within a range, its ends included."""
    return Column("number", spellings, low, high)


def positive(*spellings: str, high: float) -> Column:
    """Describe a column of numbers above 0, up to ``high``."""
    return Column("number", spellings, 0.0, high, positive=True)


COMMON: dict[str, Column] = {
    "galaxy_id": identifier(NAME, "galaxy_id", "name"),
    "ra": number("RA", low=0, high=360),
    "dec": number("DEC", low=-90, high=90),
    "redshift": number("Z", "redshift", low=-0.1, high=20),
    "t_type": number("TTYPE", "T-Type", "T_Type", low=-20, high=20),
    "p_late": number("P_Late", "P_LTG", low=0, high=1),
    "p_s0": number("P_S0", low=0, high=1),
    "p_edge_on": number("P_EDGE_ON", low=0, high=1),
    "p_bar": number("P_BAR_GZ2", low=0, high=1),
    "p_merger": number("P_MERG", low=0, high=1),
    "p_bulge": number("P_BULGE", low=0, high=1),
    "p_cigar": number("P_CIGAR", low=0, high=1),
    "lambda_r": number("lambda_r", "lambda_re", low=LAMBDA_R_RANGE[0], high=LAMBDA_R_RANGE[1]),
    "lambda_r_error": number("lambda_r_error", "lambda_r_err", "e_lambda_r", "e_lambda_re", low=0, high=10),
    "ellipticity": number("ellipticity", "epsilon", low=0, high=1),
}
"""Columns that every survey may have, by common name. Units are those of ``store.fields``."""


def resolve(
    file: str,
    available: Iterable[str],
    required: Sequence[str],
    optional: Sequence[str],
    columns: Columns = COMMON,
    *,
    one_spelling: bool = False,
) -> dict[str, str]:
    """Return the file's own name of each requested column that it has, by common name.

    Parameters
    ----------
    file : str
        Name of the file, for error messages.
    available : iterable of str
        Names of the file's columns.
    required, optional : sequence of str
        Common names of the requested columns.
    columns : mapping of str to Column
        Spellings of every column.
    one_spelling : bool
        Refuse a column under two of its spellings: in a user's own table it is not clear which one counts.

    Returns
    -------
    dict of str to str
        Published name by common name.

    Raises
    ------
    InputError
        A required column is missing, or a name occurs twice.
    """
    available = list(available)
    by_folded_name: dict[str, list[str]] = {}
    for name in available:
        by_folded_name.setdefault(name.strip().casefold(), []).append(name)
    found = {}
    for common in (*required, *optional):
        spellings = columns[common].spellings
        matches = [by_folded_name[s.casefold()] for s in spellings if s.casefold() in by_folded_name]
        there = [name for names in (matches if one_spelling else matches[:1]) for name in names]
        if len(there) > 1:
            raise InputError(f"{file}: has {len(there)} columns for {common} ({', '.join(there)}): keep one of them")
        if there:
            found[common] = there[0]
        elif common in required:
            shown = ", ".join(available[:40]) + (", ..." if len(available) > 40 else "")
            raise InputError(
                f"{file}: has no column for {common} (looked for {', '.join(spellings)}, in any case); it has: {shown}"
            )
    return found
