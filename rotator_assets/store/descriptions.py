"""What a file that other programs read says of its table: name, comment, columns, and whether it is synthetic."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from rotator_assets.store.columns import Column, Table


@dataclass(frozen=True)
class Description:
    """Name and comment of a table, and its declared columns by name; other columns have no unit and no description."""

    name: str
    comment: str = ""
    columns: Mapping[str, Column] = field(default_factory=dict[str, Column])
    synthetic: bool = False
    """Some of the rows were made from synthetic files."""


def describe_answer(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    answer: duckdb.DuckDBPyRelation,
    tables: Mapping[str, Table],
) -> Description:
    """Describe the answer to a query by the tables that the query reads.

    A column of the answer is a declared one where a table that the query reads has a column of this name and type. If
    several have, unit and meaning are kept where they agree. The answer is synthetic if its own column ``synthetic`` is
    true in any row. Without such a column, or where it is NULL in every row, the answer is synthetic if that of any
    table is that a statement of the query reads, because earlier statements may have made what the last one reads.

    Parameters
    ----------
    connection
        Where the query runs.
    sql
        The query.
    answer
        Its answer.
    tables
        Every table by name.

    Returns
    -------
    Description
        The table's own description where the answer has all columns of one table.
    """
    statements = [statement.query for statement in connection.extract_statements(sql)]
    read = _tables_read(connection, statements[-1], tables)
    columns = {}
    for name, kind in zip(answer.columns, answer.types, strict=True):
        declared = [c for table in read for c in table.columns if (c.name, c.type) == (name, str(kind))]
        if declared:
            columns[name] = _agreed(declared)
    synthetic = _own_mark(answer)
    if synthetic is None:
        synthetic = any(_any_is_synthetic(connection, _tables_read(connection, each, tables)) for each in statements)
    if len(read) == 1 and answer.columns == read[0].column_names:
        return Description(read[0].name, read[0].comment, columns, synthetic)
    names = ", ".join(table.name for table in read)
    return Description("query", f"Answer to a query of {names}." if names else "", columns, synthetic)


def _tables_read(connection: duckdb.DuckDBPyConnection, statement: str, tables: Mapping[str, Table]) -> Sequence[Table]:
    """Return the tables that a statement names: those that DuckDB's parser finds, else those in its text."""
    names = "SELECT json_extract_string(tree, '$..table_name') FROM (SELECT json_serialize_sql(?::VARCHAR) AS tree)"
    found = connection.execute(names, [statement]).fetchall()[0][0] or re.findall(r"\w+", statement)
    named = {name.casefold() for name in found}
    return [table for name, table in tables.items() if name in named]


def _agreed(declared: Sequence[Column]) -> Column:
    """Return the column with the meaning and unit that all declarations share."""
    first = declared[0]
    if all(column.comment == first.comment for column in declared):
        return first
    unit = first.unit if all(column.unit == first.unit for column in declared) else ""
    return Column(first.name, first.type, "", unit, ucd=first.ucd)


def _own_mark(answer: duckdb.DuckDBPyRelation) -> bool | None:
    """Return whether any row is marked as synthetic; None where there are no marks, or only NULL."""
    if ("synthetic", "BOOLEAN") not in zip(answer.columns, map(str, answer.types), strict=True):
        return None
    rows, mark = answer.aggregate("count(*), bool_or(synthetic)").fetchall()[0]
    return mark if rows else False


def _any_is_synthetic(connection: duckdb.DuckDBPyConnection, read: Sequence[Table]) -> bool:
    """Return whether any row of these tables is marked, whatever temporary tables have their names."""
    marked = (table.name for table in read if "synthetic" in table.column_names)
    return any(_own_mark(connection.sql(f'FROM memory.main."{name}"')) for name in marked)
