"""Runs asset checks on tables that a test has written."""

from types import SimpleNamespace

import dagster as dg
import pandas as pd

from rotator_assets.store.table_store import TableStore
from rotator_assets.tables import TABLES

KEY = "manga-observed-64|thesis"


def checked(check: dg.AssetChecksDefinition, store: TableStore, partition: str | None = None) -> dg.AssetCheckResult:
    """The result of a check after a run of a partition, or of a run of the check alone."""
    run = SimpleNamespace(tags={"dagster/partition": partition} if partition else {})
    return check.op.compute_fn.decorated_fn(SimpleNamespace(run=run), store)


def write(store: TableStore, table: str, frame: pd.DataFrame, key: str = KEY) -> None:
    """Write a partition of a table; columns that the frame lacks are NULL."""
    dataset, recipe = key.split("|")
    whole = frame.assign(dataset=dataset, recipe=recipe, synthetic=True)
    store.write(table, key, whole.reindex(columns=TABLES[table].column_names))
