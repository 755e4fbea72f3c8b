"""Sessions on DuckDB's in-memory database of this process."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from rotator_assets.core.errors import InputError, is_full_disk

if TYPE_CHECKING:
    import duckdb


@cache
def _memory(process_id: int) -> duckdb.DuckDBPyConnection:
    """Open the in-memory database of this process, which is not shared with forked ones."""
    import duckdb

    return duckdb.connect(config={"enable_external_file_cache": "false"})


@contextmanager
def interruptible() -> Generator[None]:
    """Raise KeyboardInterrupt if a signal interrupts a query, for which DuckDB raises RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" not in str(error).lower():
            raise
        raise KeyboardInterrupt from error


@contextmanager
def session() -> Generator[duckdb.DuckDBPyConnection]:
    """Open a session on the in-memory database of this process, a hundred times faster than opening a database.

    Views created in it must be temporary, as everything else is shared with other sessions. Raises KeyboardInterrupt
    for an interrupted query.
    """
    with interruptible(), _memory(os.getpid()).cursor() as connection:
        yield connection


@contextmanager
def reporting_damage() -> Generator[None]:
    """Turn DuckDB's errors on a damaged table file into an InputError."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if is_full_disk(error):  # what does not fit into memory
            raise
        raise InputError(
            f"a table cannot be read: {str(error).splitlines()[0]}; remove that file, then run `rotators run --stale`"
        ) from error
