"""What Dagster's UI shows of the tables that an asset has written: their columns and numbers of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from rotator_assets.store.columns import Table

_ROWS = "/row_count"
"""End of the name of the number of rows of a further table."""


def column_schema(table: Table) -> dg.TableSchema:
    """Return the columns of a table in the form that Dagster's UI displays."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=not column.required),
            )
            for column in table.columns
        ]
    )


def main_table_metadata(table: Table, rows: int) -> dict[str, Any]:
    """Return the metadata of the main table of an asset, which the UI shows as the asset's own columns and rows."""
    return {
        "dagster/table_name": table.name,
        "dagster/row_count": rows,
        "dagster/column_schema": column_schema(table),
    }


def table_metadata(table: Table, rows: int) -> dict[str, Any]:
    """Return the metadata of a further table of an asset."""
    return {f"{table.name}{_ROWS}": rows, f"{table.name}/column_schema": column_schema(table)}


def tables_in_metadata(metadata: Mapping[str, Any]) -> list[str]:
    """Return the names of the tables that an asset has written, from the metadata of its materialization."""
    main = metadata.get("dagster/table_name")
    others = [name.removesuffix(_ROWS) for name in metadata if name.endswith(_ROWS) and not name.startswith("dagster/")]
    return [*([str(main)] if main else []), *others]


def metadata_of_tables(asset: str, written: Mapping[str, int], tables: Mapping[str, Table]) -> dict[str, Any]:
    """Return the metadata of every table that an asset has written.

    Parameters
    ----------
    asset
        Name of the asset. Its main table has the same name, or else comes first.
    written
        Number of rows by table, in order.
    tables
        The schemas by name.

    Returns
    -------
    dict
        Metadata for the materialization.
    """
    main = asset if asset in written else next(iter(written), None)
    metadata: dict[str, Any] = {}
    for name, rows in written.items():
        metadata |= (main_table_metadata if name == main else table_metadata)(tables[name], rows)
    return metadata
