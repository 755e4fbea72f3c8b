"""Every table of ``rotators.duckdb``, from the domains that write them.

``python -m rotator_assets.tables`` writes the table reference, ``docs/tables.md``.
"""

from __future__ import annotations

from pathlib import Path

from rotator_assets.core.data_root import DataRoot
from rotator_assets.domains import modules
from rotator_assets.store.columns import Table
from rotator_assets.store.table_reference import table_reference
from rotator_assets.store.table_store import TableStore

TABLES: dict[str, Table] = {name: table for module in modules("tables") for name, table in module.TABLES.items()}


def open_store(root: DataRoot) -> TableStore:
    """Return the store of all tables of a data root."""
    return TableStore(root, TABLES)


if __name__ == "__main__":
    page = Path(__file__).parents[1] / "docs" / "tables.md"
    page.write_text(table_reference(TABLES), encoding="utf-8")
