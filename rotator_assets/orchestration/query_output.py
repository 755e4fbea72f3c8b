"""Output of query results as CSV or a table."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from rotator_assets.orchestration.terminal import print_table

_FLOATS = ("FLOAT", "DOUBLE")
_NUMBER_TYPE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BIGNUM")


def as_csv(relation: duckdb.DuckDBPyRelation, folder: Path | None = None) -> bytes:
    """Return a header line and comma-separated rows that end in a line feed, in UTF-8.

    NULL is an empty field, and an empty text is quoted so that it differs from NULL. DuckDB writes them to a file in
    ``folder``, else in the folder for temporary files.
    """
    with tempfile.NamedTemporaryFile(suffix=".csv", dir=folder) as file:
        relation.write_csv(file.name)
        return Path(file.name).read_bytes()


def print_answer(relation: duckdb.DuckDBPyRelation) -> None:
    """Print a table, or records where the terminal is too narrow for it; NULL is an empty cell."""
    types = [str(kind) for kind in relation.types]
    rows = _projected(relation, ["#{}" if kind in _FLOATS else "CAST(#{} AS VARCHAR)" for kind in types])
    numbers = [name for name, kind in zip(relation.columns, types, strict=True) if _NUMBER_TYPE.fullmatch(kind)]
    texts = [["" if value is None else _text(value) for value in row] for row in rows]
    print_table(relation.columns, texts, numbers=numbers)


def _projected(relation: duckdb.DuckDBPyRelation, expressions: Sequence[str]) -> list[tuple]:
    """Return the rows of these expressions; ``{}`` in each is the number of its column."""
    return relation.project(", ".join(e.format(n) for n, e in enumerate(expressions, start=1))).fetchall()


def _text(value: object) -> str:
    """Format a number with five decimals, or six digits below 1: precise enough for a position on the sky."""
    if not isinstance(value, float):
        return str(value)
    digits = 5 + len(f"{abs(value):.0f}") if abs(value) < 1e10 else 6
    return f"{value:.{digits}g}"
