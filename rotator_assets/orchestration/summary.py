"""The answer on the console."""

from __future__ import annotations

from textwrap import fill

import pandas as pd

from rotator_assets.answer.results import Results
from rotator_assets.core.errors import InputError
from rotator_assets.core.keys import WHOLE
from rotator_assets.orchestration.terminal import output_console, print_wrapped
from rotator_assets.store.table_store import TableStore


def answer(store: TableStore) -> list[str]:
    """Return the sentences of the answer in order; none where nothing was reported yet."""
    found = store.read("key_results", WHOLE) if store.partitions("key_results") else pd.DataFrame()  # writes nothing
    return [] if found.empty else found.sort_values("position")["sentence"].tolist()


def is_outdated(store: TableStore) -> bool:
    """Return whether results are newer than the answer."""
    return store.newest_version(Results.__dataclass_fields__) > store.newest_version(["key_results"])


def print_summary(store: TableStore) -> None:
    """Print the sentences of the answer and where the report is. Raises InputError where nothing was reported yet."""
    sentences = answer(store)
    if not sentences:
        raise InputError(
            f"{store.root.path}: there is no answer yet; train with `rotators run`, or make the report again with "
            "`rotators report`"
        )
    width = output_console().width
    for position, sentence in enumerate(sentences, start=1):
        print(fill(f"{position}. {sentence}", width, subsequent_indent="   "))
    print(f"report: {store.root.report}")
    if is_outdated(store):
        print_wrapped("notice: results are newer than this answer: `rotators report` makes it again")
