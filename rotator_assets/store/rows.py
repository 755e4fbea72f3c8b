"""Rows of a table gathered one by one, in the types of its columns; they wait in a temporary file."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from rotator_assets.store.columns import Table, dtypes

_TOGETHER = 4096


class Rows:
    """Gathers rows; a column that a row lacks is NULL. Memory holds 4096 rows, whatever their number."""

    def __init__(self, table: Table) -> None:
        self._types = dtypes(table.columns)
        self._common: dict[str, Any] = {}
        self._rows: list[Mapping[str, Any]] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the rows are; it has no name
        self._starts: list[int] = []
        self._written = 0

    @property
    def columns(self) -> list[str]:
        """Names of the columns in order."""
        return list(self._types)

    def __len__(self) -> int:
        return self._written + len(self._rows)

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row: values by the name of their column."""
        self._rows.append(row)
        if len(self._rows) == _TOGETHER:
            self._write()

    def set(self, **values: Any) -> None:
        """Give each of these columns one value in all rows."""
        self._common |= values

    def parts(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Iterate over the rows in their order, some thousand at a time, with all columns or these."""
        if self._rows or not self._starts:
            self._write()
        for start in self._starts:
            self._file.seek(start)
            yield pickle.load(self._file).assign(**self._common)[list(columns or self.columns)]

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return all rows with all columns of the table, or with these."""
        return pd.concat(self.parts(columns), ignore_index=True)

    def _write(self) -> None:
        """Turn the last rows, dicts of Python objects, into columns, and move these to the file."""
        columns = {
            name: pd.Series([row.get(name) for row in self._rows], dtype=dtype) for name, dtype in self._types.items()
        }
        self._starts.append(self._file.seek(0, os.SEEK_END))
        pickle.dump(pd.DataFrame(columns), self._file)
        self._written += len(self._rows)
        self._rows = []
