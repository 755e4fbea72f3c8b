"""Rows as an astropy table, with the units and descriptions of the declared columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from rotator_assets.store.columns import Column
from rotator_assets.store.descriptions import Description
from rotator_assets.store.json_text import json_value

if TYPE_CHECKING:
    from astropy import table as astropy_table
    from astropy.units import UnitBase

_NUMBERS = {
    # Neither FITS nor VOTable has integers of every size and sign.
    **{"TINYINT": "SMALLINT", "UTINYINT": "SMALLINT", "SMALLINT": "SMALLINT", "USMALLINT": "INTEGER"},
    **{"INTEGER": "INTEGER", "UINTEGER": "BIGINT", "BIGINT": "BIGINT"},
    **{"FLOAT": "FLOAT", "DOUBLE": "DOUBLE", "BOOLEAN": "BOOLEAN"},
}
_LONG_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM")
_TEXT = "CAST(#{} AS VARCHAR)"
"""A column as text, by its number; a BIGNUM that does not fit stops DuckDB 2.0 in a cast to BIGINT."""
_NESTED = re.compile(r".*\]|(STRUCT|MAP|UNION|TUPLE)\b.*|JSON|VARIANT", re.S)
_UNITS = {"bytes": "byte", "degrees": "deg", "pixels": "pixel", "arcsec per pixel": "arcsec/pixel"}
"""Standard names of the units that the project spells out."""


def to_astropy(relation: duckdb.DuckDBPyRelation, description: Description) -> astropy_table.Table:
    """Return the rows as an astropy table.

    NULL is masked. Integers have 16, 32 or 64 bits, or are text where a value needs more; decimals are doubles; dates
    and times are text in ISO 8601; lists and other nested values are JSON; other types are DuckDB's text for them.
    """
    from astropy.table import Table

    relation = with_storable_integers(relation)
    kinds = [str(kind) for kind in relation.types]
    stored = ", ".join(f"{_stored(kind, f'#{n}')} AS c{n}" for n, kind in enumerate(kinds, start=1))
    values = relation.project(stored).fetchnumpy().values()
    columns = [
        _column(name, _converted(kind, np.ma.asarray(array)), description.columns)
        for name, kind, array in zip(relation.columns, kinds, values, strict=True)
    ]
    return Table(columns, meta=_about(description))


def with_storable_integers(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return the rows with integers of unusual sizes as BIGINT where every value of a column fits, else as text."""
    numbers = [n for n, kind in enumerate(relation.types, start=1) if str(kind) in _LONG_INTEGERS]
    if not numbers:
        return relation
    fits = (f"count(#{n}) = count(TRY_CAST({_TEXT.format(n)} AS BIGINT))" for n in numbers)
    kinds = dict(zip(numbers, relation.aggregate(", ".join(fits)).fetchall()[0], strict=True))
    stored = []
    for n, name in enumerate(relation.columns, start=1):
        text = _TEXT.format(n) if n in kinds else f"#{n}"
        stored.append(f"{f'CAST({text} AS BIGINT)' if kinds.get(n) else text} AS {_identifier(name)}")
    return relation.project(", ".join(stored))


def _identifier(name: str) -> str:
    """Quote the name of a column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def _about(description: Description) -> dict[str, Any]:
    """Return what a file says of the whole table."""
    remark = "Made from synthetic galaxies, not observations." if description.synthetic else ""
    about: dict[str, Any] = {
        "name": description.name,
        "description": f"{description.comment} {remark}".strip(),
        "creator": f"rotator-assets {version('rotator-assets')}",
    }
    return about | ({"synthetic": True} if description.synthetic else {})


def _stored(kind: str, column: str) -> str:
    """Return the SQL expression that fetches a column of this type."""
    if _NESTED.fullmatch(kind):
        return f"CAST(to_json({column}) AS VARCHAR)"
    if kind in _NUMBERS:
        return f"CAST({column} AS {_NUMBERS[kind]})"
    if kind.startswith("DECIMAL"):
        return f"CAST({column} AS DOUBLE)"
    text = f"CAST({column} AS VARCHAR)"
    return rf"regexp_replace({text}, '^(\d+-\d\d-\d\d) ', '\1T')" if kind.startswith("TIMESTAMP") else text


def _converted(kind: str, values: np.ma.MaskedArray) -> np.ma.MaskedArray:
    """Return fetched values as numbers, or as text of a fixed width."""
    if values.dtype != object:
        return values
    mask = np.ma.getmaskarray(values)
    texts = ["" if missing else value for missing, value in zip(mask, values.data, strict=True)]
    if _NESTED.fullmatch(kind):
        texts = [json_value(text) if text else "" for text in texts]
    return np.ma.array(texts, mask=mask, dtype=str)


def _column(name: str, values: np.ma.MaskedArray, declared: Mapping[str, Column]) -> astropy_table.Column:
    from astropy.table import Column as PlainColumn
    from astropy.table import MaskedColumn

    about: dict[str, Any] = {"name": name}
    if name in declared:
        unit = standard_unit(declared[name].unit)
        described = replace(declared[name], unit="") if unit else declared[name]
        about |= {"unit": unit, "description": described.comment.removeprefix(", ") or None}
        about["meta"] = {"ucd": declared[name].ucd} if declared[name].ucd else None
    if not np.ma.is_masked(values):
        return PlainColumn(values.data, **about)
    unused = _unused(values)
    if unused is not None:  # where a type has no integer left, a wider one has
        values = np.ma.array(values, dtype=np.promote_types(values.dtype, np.min_scalar_type(unused)))
    return MaskedColumn(values, fill_value=unused, **about)


def standard_unit(text: str) -> UnitBase | None:
    """Return the unit of a declared column; None where it has none that FITS and VOTable know."""
    from astropy.units import Unit

    try:
        return Unit(_UNITS.get(text, text), format="fits") if text else None
    except ValueError:
        return None


def _unused(values: np.ma.MaskedArray) -> int | None:
    """Return an integer that no value has, which stands for NULL in a file; None for other types."""
    if values.dtype.kind != "i":
        return None
    taken = set(values.compressed().tolist())
    return next(number for number in count(int(np.iinfo(values.dtype).min)) if number not in taken)
