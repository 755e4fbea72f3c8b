"""Rows as JSON, one record per line.

DuckDB converts values to text, because Python cannot represent all of them, such as infinite dates.
"""

from __future__ import annotations

import json
import re

import duckdb

from rotator_assets.core.errors import InputError

_STRING_OR_NOT_A_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)')


def as_json(relation: duckdb.DuckDBPyRelation) -> str:
    """Return a JSON list with one record per line; see `json_records`."""
    return json_list(json_records(relation))


def json_list(records: list[str]) -> str:
    """Return records as a JSON list with one record per line."""
    return "[" + ",\n".join(records) + "]\n"


def json_records(relation: duckdb.DuckDBPyRelation) -> list[str]:
    """Return each row as a JSON record.

    Numbers keep all their digits; NaN and infinities become null, also in nested values. Other types that JSON lacks
    (dates, blobs, intervals, keys of maps) become DuckDB's text for them. Raises InputError where two columns have the
    same name.
    """
    names = relation.columns
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(f"query: two columns are named '{repeated[0]}'; give one of them another name with AS")
    keys = [json.dumps(name, ensure_ascii=False) for name in names]
    rows = relation.project(", ".join(f"to_json(#{n})" for n in range(1, len(names) + 1))).fetchall()
    records = (", ".join(f"{key}: {json_value(text)}" for key, text in zip(keys, row, strict=True)) for row in rows)
    return [f"{{{record}}}" for record in records]


def json_value(text: str | None) -> str:
    """Return a value as DuckDB's ``to_json`` writes it, with null for numbers that JSON lacks."""
    if text is None:
        return "null"
    return _STRING_OR_NOT_A_NUMBER.sub(lambda found: found[0] if found[0].startswith('"') else "null", text)
