"""Answers to SQL on the tables of a data root, also as files."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from rotator_assets.core.errors import InputError
from rotator_assets.store.descriptions import describe_answer
from rotator_assets.store.table_files import ending_of, write_table
from rotator_assets.store.table_store import TableStore, interruptible


@contextmanager
def answering(
    store: TableStore, sql: str
) -> Generator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation | None]]:
    """Run SQL and provide its connection and answer; the answer of a statement without rows may be None.

    Raises InputError for wrong SQL, and where there is no data root.
    """
    root = store.root
    if not root.path.is_dir():
        raise InputError(f"{root.path}: there is no such data root; name one with --data or run `rotators demo`")
    has_results = root.tables.is_dir()
    with interruptible(), store.connect() if has_results else duckdb.connect() as connection:
        try:
            if not connection.extract_statements(sql):
                raise InputError("query: it holds no statement; try: FROM galaxies LIMIT 10")
            yield connection, connection.sql(sql)
        except duckdb.Error as error:
            missing = "" if has_results else f"; {root.path} holds no results yet, see `rotators status`"
            raise InputError(f"query: {' '.join(str(error).split())}{missing}") from None


def write_answer(store: TableStore, sql: str, file: Path) -> str:
    """Write the answer to a file.

    Parameters
    ----------
    store
        The tables.
    sql
        The query.
    file
        File to write; its ending selects the format.

    Returns
    -------
    str
        One line on what was written.

    Raises
    ------
    InputError
        For wrong SQL, for a statement without rows, and where the format or the place cannot hold them.
    """
    ending_of(file)  # a query may take long
    with answering(store, sql) as (connection, answer):
        if answer is None or not _gives_rows(connection, sql, answer):
            raise InputError("query: the statement gives no rows to write; try: FROM galaxies")
        description = describe_answer(connection, sql, answer, store.tables)
        rows = write_table(file, answer, description)
        remark = "; made from synthetic galaxies" if description.synthetic else ""
        return f"{file}: {rows} rows, {len(answer.columns)} columns{remark}"


def _gives_rows(connection: duckdb.DuckDBPyConnection, sql: str, answer: duckdb.DuckDBPyRelation) -> bool:
    """Return whether the last statement gives rows; for others, DuckDB 2.0 answers with their count or success."""
    expected = connection.extract_statements(sql)[-1].expected_result_type
    if len(expected) > 1 and answer.columns in (["Count"], ["Success"]):
        return False
    return duckdb.ExpectedResultType.QUERY_RESULT in expected
