"""The table reference of the documentation, written from the tables' own descriptions."""

from __future__ import annotations

from collections.abc import Mapping

from rotator_assets.store.columns import Column, Table

_HEAD = """\
# Tables

Tables and views of `rotators.duckdb`. This page is written by `python -m rotator_assets.tables` from the definitions in
each domain's `tables.py` and the shared fields in `store/fields.py`; do not edit it.
"""


def table_reference(tables: Mapping[str, Table]) -> str:
    """Return a Markdown page with every table, its assets and its columns, in alphabetical order of the tables."""
    return "\n".join([_HEAD, *(_section(tables[name]) for name in sorted(tables))])


def _section(table: Table) -> str:
    assets = ", ".join(f"`{asset}`" for asset in table.made_by)
    lines = [f"## {table.name}", "", table.comment, "", f"Written by: {assets}.", ""]
    lines += ["| column | type | meaning | unit | NULL | source |", "|---|---|---|---|---|---|"]
    lines += [_row(column) for column in table.columns]
    return "\n".join([*lines, ""])


def _row(column: Column) -> str:
    cells = (f"`{column.name}`", column.type, column.meaning, column.unit, column.null, column.source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
