"""Queries that read the tables and nothing else: no other file, no network, and no file written.

DuckDB allows both reading and writing in an allowed folder. Therefore a query reads copies of its tables, in a folder
that is removed with it. A COPY hidden in a WITH clause or in serialized SQL, which DuckDB takes for a SELECT, can
change only these.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import duckdb

from rotator_assets.core.errors import InputError
from rotator_assets.store.frame_content import quoted
from rotator_assets.store.table_store import TableStore

READING = ("SELECT", "EXPLAIN", "MULTI")
"""DuckDB's types of FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, (UN)PIVOT and EXPLAIN. A PIVOT that first looks up
its columns is MULTI."""

_SETTINGS = (
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "python_enable_replacements = false",
    "enable_external_access = false",
    "lock_configuration = true",
)
_SHOWS_COMMENTS = re.compile("duckdb_|information_schema|pg_", re.IGNORECASE)
"""Part of the name of everything in DuckDB that shows comments of tables and columns."""
_REFUSED = ("disabled by configuration", "disabled through configuration", "has been locked")
"""Parts of DuckDB's messages on what these settings forbid."""


@contextmanager
def reading_only(
    store: TableStore, sql: str, folder: Path, writes: Path | None = None
) -> Generator[duckdb.DuckDBPyConnection]:
    """Open a connection on which a query reads copies of the tables that it names, and no other file.

    Parameters
    ----------
    store
        The tables.
    sql
        The query.
    folder
        Empty folder for the copies and for what does not fit into memory.
    writes
        Path to which the answer will be written.

    Raises
    ------
    InputError
        For a statement that does more than read, for one that needs another file, and where the file of a table is
        a link out of the folder of tables.
    """
    with _opened(store, sql, folder) as connection:
        answer = (writes.absolute(), writes.parent.resolve() / writes.name) if writes else ()
        paths = [
            f"temp_directory = {quoted(str(folder))}",
            f"allowed_directories = {_listed([folder])}",
            f"allowed_paths = {_listed(answer)}",
        ]
        connection.execute("".join(f"SET {setting};" for setting in (*paths, *_SETTINGS)))
        try:
            _require_reading(connection, sql)  # DuckDB 1.4 reads the file of an IMPORT when it parses it
            yield connection
        except duckdb.Error as error:
            if isinstance(error, duckdb.PermissionException) or any(part in str(error) for part in _REFUSED):
                what = " ".join(str(error).split(" - ")[0].split())
                raise InputError(
                    f"query: {what}: a query reads the tables and no other file; --allow-files allows it"
                ) from None
            raise


def _opened(store: TableStore, sql: str, folder: Path) -> duckdb.DuckDBPyConnection:
    if not store.root.tables.is_dir():
        return duckdb.connect()
    return store.connect(_copies(store, sql, folder), with_comments=bool(_SHOWS_COMMENTS.search(sql)))


def _require_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise InputError where a statement is of a type that does more than read."""
    for statement in connection.extract_statements(sql):
        try:
            kind = statement.type.name
        except ValueError:  # a statement without a name in Python, such as UPDATE EXTENSIONS
            kind = "this statement"
        of_pivot = kind == "CREATE" and not statement.query  # DuckDB 1.4 splits a PIVOT
        if kind not in READING and not of_pivot:
            raise InputError(
                f"query: {kind} is not allowed, because a query only reads (SELECT, FROM, WITH, DESCRIBE, SHOW, "
                "SUMMARIZE, PIVOT, EXPLAIN); --allow-files allows every statement"
            )


def _copies(store: TableStore, sql: str, folder: Path) -> dict[str, Path]:
    """Copy the files of the tables that a query names; return the folder of each."""
    tables, words = store.root.tables.resolve(), set(re.findall(r"\w+", sql.casefold()))
    copies = {name: folder / name for name in store.tables if name in words}
    for name, target in copies.items():
        target.mkdir()
        for path in store.files(name):
            if tables not in path.resolve().parents:
                raise InputError(f"{path}: is a link out of the folder of tables; --allow-files follows it")
            shutil.copyfile(path, target / path.name)
    return copies


def _listed(paths: Iterable[Path]) -> str:
    """Return paths as an SQL list."""
    return f"[{', '.join(quoted(str(path)) for path in paths)}]"
