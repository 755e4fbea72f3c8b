"""Frees what no result needs any more, and says how much that is."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing

import dagster as dg

from rotator_assets.core.dagster_internals import NOT_FINISHED_STATUSES
from rotator_assets.core.errors import InputError
from rotator_assets.core.number_text import size_text
from rotator_assets.orchestration.at_work import is_at_work
from rotator_assets.orchestration.instance import open_instance
from rotator_assets.orchestration.old_runs import OldRuns
from rotator_assets.orchestration.terminal import print_table
from rotator_assets.store.leftovers import leftovers
from rotator_assets.store.table_store import TableStore


def clean(store: TableStore, checks: Collection[dg.AssetCheckKey], days: float, *, dry_run: bool) -> None:
    """Remove leftovers, and the records of runs older than some days; print the number and size of each kind.

    Parameters
    ----------
    store : TableStore
        Tables of the data root.
    checks : collection of AssetCheckKey
        The checks of all assets.
    days : float
        Records of younger runs stay.
    dry_run : bool
        Only print what would be removed.

    Raises
    ------
    InputError
        While a run is in progress, whose files may be older than they look.
    """
    root = store.root
    found = leftovers(store)
    with open_instance(root) as instance:
        if is_at_work(root) or instance.get_runs_count(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))):
            raise InputError(f"{root.path}: a run is in progress or queued; clean when it has ended")
        runs = OldRuns.find(instance, root, checks, days)
        rows = [(one.what, len(one.paths), size_text(one.n_bytes)) for one in found]
        rows.append((runs.files.what, len(runs.run_ids), size_text(runs.files.n_bytes)))
        print_table(["what", "number", "size"], rows, numbers=["number", "size"])
        total = size_text(sum(one.n_bytes for one in (*found, runs.files)))
        if dry_run:
            print(f"{total} can be freed: `rotators clean` without --dry-run")
            return
        for one in found:
            one.remove()
        runs.remove(instance)
    if runs.run_ids:
        for name in ("runs.db", "runs/index.db"):
            if (database := root.dagster_home / "history" / name).is_file():  # not with Postgres
                _compact(str(database))
    print(f"{total} freed")


def _compact(database: str) -> None:
    """Give the space of removed rows back to the file system; another process that uses the database keeps it."""
    try:
        with closing(sqlite3.connect(database, timeout=1)) as connection:
            connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        print(f"notice: {database} was not compacted ({error}): close the UI, and clean again")
