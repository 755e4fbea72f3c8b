"""Output of query results as JSON, CSV or a table.

DuckDB converts values to text, because Python cannot represent all of them, such as infinite dates.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from rotator_assets.core.errors import InputError
from rotator_assets.orchestration.terminal import print_table

_STRING_OR_NOT_A_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)')
_FLOATS = ("FLOAT", "DOUBLE")
_NUMBER_TYPE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BIGNUM")


def as_json(relation: duckdb.DuckDBPyRelation) -> str:
    """Return a JSON list with one record per line.

    Numbers keep all their digits; NaN and infinities become null, also in nested values. Other types that JSON lacks
    (dates, blobs, intervals, keys of maps) become DuckDB's text for them. Raises InputError where two columns have the
    same name.
    """
    names = relation.columns
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(f"query: two columns are named '{repeated[0]}'; give one of them another name with AS")
    keys = [json.dumps(name, ensure_ascii=False) for name in names]
    rows = _projected(relation, ["to_json(#{})"] * len(names))
    records = (", ".join(f"{key}: {_json_value(text)}" for key, text in zip(keys, row, strict=True)) for row in rows)
    return "[" + ",\n".join(f"{{{record}}}" for record in records) + "]\n"


def as_csv(relation: duckdb.DuckDBPyRelation) -> bytes:
    """Return a header line and comma-separated rows that end in a line feed, in UTF-8.

    NULL is an empty field, and an empty text is quoted so that it differs from NULL.
    """
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
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


def _json_value(text: str | None) -> str:
    """Return a value as DuckDB's ``to_json`` writes it, with null for numbers that JSON lacks."""
    if text is None:
        return "null"
    return _STRING_OR_NOT_A_NUMBER.sub(lambda found: found[0] if found[0].startswith('"') else "null", text)


def _text(value: object) -> str:
    """Format a number with five decimals, or six digits below 1: precise enough for a position on the sky."""
    if not isinstance(value, float):
        return str(value)
    digits = 5 + len(f"{abs(value):.0f}") if abs(value) < 1e10 else 6
    return f"{value:.{digits}g}"
