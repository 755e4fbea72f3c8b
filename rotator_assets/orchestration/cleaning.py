"""Frees what no result needs any more, and says how much that is."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from rotator_assets.core.number_text import size_text
from rotator_assets.orchestration.old_runs import OldRuns
from rotator_assets.orchestration.runner import open_instance
from rotator_assets.orchestration.terminal import print_table
from rotator_assets.store.leftovers import Leftovers, leftovers
from rotator_assets.store.table_store import TableStore


def clean(store: TableStore, days: float, *, dry_run: bool) -> None:
    """Remove leftovers, and the records of runs older than some days; print the number and size of each kind.

    Parameters
    ----------
    store : TableStore
        Tables of the data root.
    days : float
        Records of younger runs stay.
    dry_run : bool
        Only print what would be removed.
    """
    root = store.root
    found = leftovers(store)
    with open_instance(root) as instance:
        runs = OldRuns.find(instance, root, days)
        files = Leftovers(f"records of runs older than {days:g} days", runs.paths)
        rows = [(one.what, len(one.paths), size_text(one.n_bytes)) for one in found]
        rows.append((files.what, len(runs.run_ids), size_text(files.n_bytes)))
        print_table(["what", "number", "size"], rows, numbers=["number", "size"])
        total = size_text(sum(one.n_bytes for one in (*found, files)))
        if dry_run:
            print(f"{total} can be freed: `rotators clean` without --dry-run")
            return
        for one in found:
            one.remove()
        runs.remove(instance)
    if runs.run_ids:
        for name in ("runs.db", "runs/index.db"):
            _compact(str(root.dagster_home / "history" / name))
    print(f"{total} freed")


def _compact(database: str) -> None:
    """Give the space of removed rows back to the file system; another process that uses the database keeps it."""
    try:
        with closing(sqlite3.connect(database, timeout=1)) as connection:
            connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        print(f"notice: {database} was not compacted ({error}): close the UI, and clean again")
