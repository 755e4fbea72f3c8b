"""The answer on the console."""

from __future__ import annotations

from textwrap import fill

from rotator_assets.core.errors import InputError
from rotator_assets.orchestration.terminal import output_console
from rotator_assets.store.table_store import TableStore


def print_summary(store: TableStore) -> None:
    """Print the sentences of the answer and where the report is. Raises InputError where nothing was reported yet."""
    found = store.query("SELECT position, sentence FROM key_results ORDER BY position")
    if found.empty:
        raise InputError(
            f"{store.root.path}: there is no answer yet; train with `rotators run`, or make the report again with "
            "`rotators report`"
        )
    width = output_console().width
    for position, sentence in zip(found["position"], found["sentence"], strict=True):
        print(fill(f"{position}. {sentence}", width, subsequent_indent="   "))
    print(f"report: {store.root.report}")
