"""Every table of ``rotators.duckdb``, from the domains that write them."""

from __future__ import annotations

from rotator_assets.core.data_root import DataRoot
from rotator_assets.domains import modules
from rotator_assets.store.columns import Table
from rotator_assets.store.table_store import TableStore

TABLES: dict[str, Table] = {name: table for module in modules("tables") for name, table in module.TABLES.items()}


def open_store(root: DataRoot) -> TableStore:
    """All tables of a data root."""
    return TableStore(root, TABLES)
