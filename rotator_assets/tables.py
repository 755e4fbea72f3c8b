"""Every table of ``rotators.duckdb``, from the domains that write them.

``python -m rotator_assets.tables`` writes the table reference: ``docs/tables.md`` and the pages in ``docs/tables``.
"""

from __future__ import annotations

import re
from pathlib import Path

from rotator_assets.core.data_root import DataRoot
from rotator_assets.domains import modules
from rotator_assets.store.columns import Table
from rotator_assets.store.table_reference import TablePage, table_reference
from rotator_assets.store.table_store import TableStore

TABLES: dict[str, Table] = {name: table for module in modules("tables") for name, table in module.TABLES.items()}


def open_store(root: DataRoot) -> TableStore:
    """Return the store of all tables of a data root."""
    return TableStore(root, TABLES)


def reference_pages() -> dict[str, str]:
    """Return the pages of the table reference by their file relative to ``docs``."""
    pages = []
    for module in modules("tables"):
        domain = module.__name__.removeprefix("rotator_assets.").removesuffix(".tables")
        topic = re.sub(r"^(The )?tables? of ", "", (module.__doc__ or domain).splitlines()[0], flags=re.I).rstrip(".")
        pages.append(TablePage(domain, topic[0].upper() + topic[1:], module.TABLES))
    return table_reference(pages)


if __name__ == "__main__":
    docs = Path(__file__).parents[1] / "docs"
    (docs / "tables").mkdir(exist_ok=True)
    for file, text in reference_pages().items():
        (docs / file).write_text(text, encoding="utf-8")
