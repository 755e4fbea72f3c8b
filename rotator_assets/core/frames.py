"""Read data frames whose values have a type that the stubs of pandas do not know: they allow any scalar everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

NONE = np.array(None, dtype=object)
"""None as an operand of ``np.where``."""


def rows_of(frame: pd.DataFrame) -> Iterable[Any]:
    """Return the rows as named tuples, the first field being the index."""
    return frame.itertuples()


def row_at(frame: pd.DataFrame, label: Any) -> Any:
    """Return the only row with this label, as a series."""
    return frame.loc[label]


def parts_of(frame: pd.DataFrame, by: str | list[str], *, sort: bool = True) -> Iterable[tuple[Any, pd.DataFrame]]:
    """Return the values of one or more columns, each with its rows, in ascending order or that of appearance."""
    return frame.groupby(by, sort=sort)
