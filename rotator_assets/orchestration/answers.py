"""Answers to SQL on the tables of a data root, also as files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb

from rotator_assets.core.errors import InputError
from rotator_assets.core.files import temporary_path
from rotator_assets.store.descriptions import describe_answer
from rotator_assets.store.locked_queries import reading_only
from rotator_assets.store.sessions import interruptible
from rotator_assets.store.table_files import ending_of, write_table
from rotator_assets.store.table_store import TableStore

_FILE = re.compile(r"Table with name \S*[/.\\]\S* does not exist!")
"""What DuckDB says of a file in FROM that it may not read."""


class Answer(NamedTuple):
    """The answer to a query.

    Attributes
    ----------
    connection
        Where the query runs.
    rows
        The rows, which are computed when they are read; the answer of a statement without rows may be None.
    folder
        A folder that this connection may write to. It is removed with the connection.
    """

    connection: duckdb.DuckDBPyConnection
    rows: duckdb.DuckDBPyRelation | None
    folder: Path


@contextmanager
def answering(
    store: TableStore, sql: str, *, allow_files: bool = False, writes: Path | None = None
) -> Generator[Answer]:
    """Run SQL and provide its answer.

    Parameters
    ----------
    store
        The tables.
    sql
        One or more statements.
    allow_files
        Whether they may do everything. Otherwise they can only read the tables (`reading_only`).
    writes
        Path to which the answer will be written.

    Raises
    ------
    InputError
        For wrong SQL, for what is not allowed, and where there is no data root.
    """
    root = store.root
    if not root.path.is_dir():
        raise InputError(f"{root.path}: there is no such data root; name one with --data or run `rotators demo`")
    with tempfile.TemporaryDirectory(prefix="rotators-query-") as temporary:
        folder = Path(temporary).resolve()
        try:
            opened = _unrestricted(store) if allow_files else reading_only(store, sql, folder, writes)
            with interruptible(), opened as connection:
                if not connection.extract_statements(sql):
                    raise InputError("query: it holds no statement; try: FROM galaxies LIMIT 10")
                yield Answer(connection, connection.sql(sql), folder)
        except duckdb.Error as error:
            hint = "" if root.tables.is_dir() else f"; {root.path} holds no results yet, see `rotators status`"
            if not allow_files and _FILE.search(str(error)):
                hint = "; a query reads the tables and no other file, unless --allow-files is given"
            raise InputError(f"query: {' '.join(str(error).split())}{hint}") from None


def _unrestricted(store: TableStore) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    return store.connect() if store.root.tables.is_dir() else duckdb.connect()


def write_answer(store: TableStore, sql: str, file: Path, *, allow_files: bool = False) -> str:
    """Write the answer to a file.

    Parameters
    ----------
    store
        The tables.
    sql
        The query.
    file
        File to write; its ending selects the format.
    allow_files
        As for `answering`.

    Returns
    -------
    str
        One line on what was written.

    Raises
    ------
    InputError
        For wrong SQL, for a statement without rows, and where the format or the place cannot hold them.
    """
    temporary = temporary_path(file.absolute(), ending_of(file))
    with answering(store, sql, allow_files=allow_files, writes=temporary) as (connection, answer, _):
        if answer is None or not _gives_rows(connection, sql, answer):
            raise InputError("query: the statement gives no rows to write; try: FROM galaxies")
        description = describe_answer(connection, sql, answer, store.tables)
        rows = write_table(file, answer, description, temporary)
        remark = "; made from synthetic galaxies" if description.synthetic else ""
        return f"{file}: {rows} rows, {len(answer.columns)} columns{remark}"


def _gives_rows(connection: duckdb.DuckDBPyConnection, sql: str, answer: duckdb.DuckDBPyRelation) -> bool:
    """Return whether the last statement gives rows; for others, DuckDB 2.0 answers with their count or success."""
    expected = connection.extract_statements(sql)[-1].expected_result_type
    if len(expected) > 1 and answer.columns in (["Count"], ["Success"]):
        return False
    return duckdb.ExpectedResultType.QUERY_RESULT in expected
