"""Rows of a table gathered one by one, in the types of its columns and little memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rotator_assets.store.columns import Table, dtypes

_TOGETHER = 4096


class Rows:
    """Gathers rows; a column that a row lacks is NULL."""

    def __init__(self, table: Table) -> None:
        self._types = dtypes(table.columns)
        self._frames: list[pd.DataFrame] = []
        self._rows: list[Mapping[str, Any]] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row: values by the name of their column."""
        self._rows.append(row)
        if len(self._rows) == _TOGETHER:
            self._gather()

    def frame(self) -> pd.DataFrame:
        """Return all rows with the columns of the table."""
        self._gather()
        return pd.concat(self._frames, ignore_index=True)

    def _gather(self) -> None:
        """Turn the last rows, dicts of Python objects, into columns."""
        columns = {
            name: pd.Series([row.get(name) for row in self._rows], dtype=dtype) for name, dtype in self._types.items()
        }
        self._frames.append(pd.DataFrame(columns))
        self._rows = []
