"""Iterate over data frames; the type stubs of pandas give every row and group the type of any scalar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd


def rows_of(frame: pd.DataFrame) -> Iterable[Any]:
    """Return the rows as named tuples, the first field being the index."""
    return frame.itertuples()


def parts_of(frame: pd.DataFrame, column: str) -> Iterable[tuple[Any, pd.DataFrame]]:
    """Return the values of a column in ascending order, each with its rows."""
    return frame.groupby(column)
