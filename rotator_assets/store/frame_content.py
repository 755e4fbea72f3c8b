"""The content of a frame: its rows in SQL, as a table takes them, and its hash."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.store.columns import Table
from rotator_assets.store.rows import Rows

if TYPE_CHECKING:
    import duckdb

_HASHED_TOGETHER = 65_536
"""Rows that are hashed together, which limits the memory for any number of rows."""


def quoted(text: str) -> str:
    """Quote a text as an SQL literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def literal_path(path: str) -> str:
    """Escape a path so that as a glob pattern it matches only itself."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def rows_of(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame | Rows, schema: Table, folder: Path) -> str:
    """Return the SQL of the rows of a frame in the columns and types of a table.

    Gathered rows are moved part by part to files in ``folder``, which DuckDB reads in a stream.
    """
    if isinstance(frame, pd.DataFrame):
        if not frame.index.equals(pd.RangeIndex(len(frame))):
            frame = frame.reset_index(drop=True)  # a copy: DuckDB cannot read a reversed view
        connection.register("frame", _utf8(frame))
        return f"SELECT {_cast(frame, schema)} FROM frame"
    files = []
    for number, part in enumerate(frame.parts()):
        files.append(quoted(literal_path(str(folder / f"{number}.parquet"))))
        rows = rows_of(connection, part, schema, folder)
        connection.execute(f"COPY ({rows}) TO {files[-1]} (FORMAT parquet)")
    return f"SELECT * FROM read_parquet([{', '.join(files)}])"


def _cast(frame: pd.DataFrame, schema: Table) -> str:
    """Return the columns of a table in SQL, with NULL for NaN, which in SQL is a number greater than all others."""
    numbers = set(frame.select_dtypes(np.floating).columns)
    values = {c.name: f"""nullif("{c.name}", 'nan')""" if c.name in numbers else f'"{c.name}"' for c in schema.columns}
    return ", ".join(f'CAST({values[c.name]} AS {c.type}) AS "{c.name}"' for c in schema.columns)


def _utf8(frame: pd.DataFrame) -> pd.DataFrame:
    r"""Escape text that is not UTF-8, such as bytes of a file name: ``\udcff``."""
    escaped = {}
    for name, column in frame.select_dtypes("object").items():
        try:
            "".join(value for value in column if isinstance(value, str)).encode()
        except UnicodeEncodeError:
            escaped[name] = [
                value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
                for value in column
            ]
    return frame.assign(**escaped) if escaped else frame


def content_hash(frame: pd.DataFrame | Rows) -> str:
    """Return the hash of a frame's values and column names; the index does not count."""
    digest = hashlib.sha256("|".join(frame.columns).encode())
    for part in frame.parts() if isinstance(frame, Rows) else _parts(frame):
        digest.update(pd.util.hash_pandas_object(_utf8(part), index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def _parts(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame), _HASHED_TOGETHER):
        yield frame.iloc[start : start + _HASHED_TOGETHER]
