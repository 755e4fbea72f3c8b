"""Tables without locks: immutable Parquet files, and a DuckDB file with views of them.

Two processes cannot share a DuckDB file if one of them writes. DuckDB also reads the footer and the rows of a Parquet
file at two moments, so that replacing the file in between gives wrong rows or an error. Therefore every write of a
partition creates a new file, named by partition and version and moved into place when it is complete. The views show
the latest version of each partition. A query sees either the old or the new partition, runs never wait for open
sessions, and concurrent runs write different files. A superseded file is kept for a while for queries that have already
listed it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from rotator_assets.core.data_root import DataRoot, database_problem
from rotator_assets.core.errors import InputError, cannot_be_written
from rotator_assets.core.files import replacing
from rotator_assets.store.checksums import PARQUET_OPTION, seal
from rotator_assets.store.columns import Table
from rotator_assets.store.frame_content import literal_path, quoted, rows_of
from rotator_assets.store.history_files import (
    age_seconds,
    file_stem,
    merge,
    merged_away,
    merged_partitions,
    partition_of,
    single_files,
    version_of,
)
from rotator_assets.store.rows import Rows
from rotator_assets.store.sessions import interruptible, reporting_damage, session
from rotator_assets.store.whole_files import is_whole_table

if TYPE_CHECKING:
    import duckdb

STORAGE_VERSION = "v1.4.0"
"""Oldest DuckDB that can open the database files: the lowest version that pyproject.toml allows."""

_VERSION_DIGITS = 20
_DIGITS = "[0-9]" * _VERSION_DIGITS
"""Pattern of a version in the name of a file."""
SUPERSEDED_SECONDS = 900.0
"""How long a superseded file is kept. A query that takes longer between listing and reading files may fail."""

_BOOKKEEPING = {"_partition": "VARCHAR", "_version": "UBIGINT", "_is_row": "BOOLEAN"}
"""Columns of the files in addition to the schema's. One row per file has ``_is_row`` false, so that a version without
rows is seen too."""


def _empty_select(table: Table) -> str:
    columns = {c.name: c.type for c in table.columns} | _BOOKKEEPING
    return "SELECT " + ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items()) + " LIMIT 0"


class TableStore:
    """The tables of one data root; ``tables`` holds their schemas by name."""

    def __init__(self, root: DataRoot, tables: Mapping[str, Table]) -> None:
        self.root, self.tables = root, tables

    def write(self, table: str, partition: str, frame: pd.DataFrame | Rows) -> None:
        """Replace one partition of a table atomically.

        Parameters
        ----------
        table
            Name of the table.
        partition
            Key of the partition.
        frame
            Rows with every column of the schema, in any order; values are cast to the schema's types.

        Raises
        ------
        KeyError
            If a column is missing.
        """
        schema = self.tables[table]
        if missing := set(schema.column_names) - set(frame.columns):
            raise KeyError(f"table {table}: the frame lacks {sorted(missing)}")
        older = self._versions(table, partition)
        version = max(time.time_ns(), self.newest_version(self.tables) + 1)  # the clock may have been set back
        stamp = f"{quoted(partition)} AS _partition, CAST({version} AS UBIGINT) AS _version"
        mark = ", ".join(f"CAST(NULL AS {c.type})" for c in schema.columns)
        target = self.root.tables / table / f"{file_stem(partition)}.{version:0{_VERSION_DIGITS}d}.parquet"
        with session() as connection, replacing(target) as temporary, TemporaryDirectory() as folder:
            rows = rows_of(connection, frame, schema, Path(folder))
            everything = f"SELECT *, {stamp}, true AS _is_row FROM ({rows}) UNION ALL SELECT {mark}, {stamp}, false"
            _write_sealed(connection, everything, temporary)
        for path in {*_superseded(older), *(path for path in older if not is_whole_table(path))}:
            path.unlink(missing_ok=True)

    def damaged(self) -> list[Path]:
        """Return the table files that are cut short or no Parquet files, which stop every query of their table."""
        files = (path for table in self.tables for path in sorted((self.root.tables / table).glob("*.parquet")))
        return [path for path in files if not is_whole_table(path)]

    def superseded(self) -> list[Path]:
        """Return the files of earlier versions that no query can be reading any more."""
        found = []
        for table in self.tables:
            folder = self.root.tables / table
            for _, versions in groupby(single_files(folder), key=partition_of):
                found += _superseded(list(versions))
            found += merged_away(folder, SUPERSEDED_SECONDS)
        return found

    def keep(self, table: str, partition: str, frame: pd.DataFrame) -> bool:
        """Write a partition of a history table, which is never replaced. Many partitions are merged into one file.

        Parameters
        ----------
        table, partition, frame
            As for `write`.

        Returns
        -------
        bool
            False if the partition existed already and nothing was written.

        Raises
        ------
        KeyError
            If a column is missing.
        """
        if self._file(table, partition) is not None:
            return False
        self.write(table, partition, frame)
        with reporting_damage():
            merge(self.root.tables / table, _write_rows, self.newest_version(self.tables) + 1)
        for path in merged_away(self.root.tables / table, SUPERSEDED_SECONDS):
            path.unlink(missing_ok=True)
        return True

    def read(self, table: str, partition: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read one partition with the schema's columns, or some of them, and the rows in the order they were written.

        Raises FileNotFoundError where the partition was never written, InputError where its file is damaged.
        """
        path = self._file(table, partition)
        if path is None:
            raise FileNotFoundError(f"table {table} has no partition {partition}; materialize the asset first")
        return self._rows(table, {partition: path}, columns or self.tables[table].column_names)

    def read_several(self, table: str, partitions: Sequence[str]) -> pd.DataFrame:
        """Read partitions as `read` does, one after the other. Raises KeyError where one was never written."""
        files = self.latest_files(table)
        rows = self._rows(
            table, {key: files[key] for key in partitions}, ["_partition", *self.tables[table].column_names]
        )
        position = rows.pop("_partition").map({key: n for n, key in enumerate(partitions)})
        return rows.iloc[position.argsort(kind="stable")].reset_index(drop=True)

    def _rows(self, table: str, files: Mapping[str, Path], columns: Sequence[str]) -> pd.DataFrame:
        """Return the rows of partitions, of which each is whole in its file."""
        wanted = ", ".join(f'"{name}"' for name in columns)
        self._write_schema_files([self.tables[table]])  # columns missing in the file become NULL
        paths = [*dict.fromkeys(files.values()), self._schema_file(self.tables[table])]
        source = f"read_parquet([{', '.join(quoted(literal_path(str(path))) for path in paths)}], union_by_name = true)"
        with reporting_damage(), session() as connection:
            return connection.sql(
                f"SELECT {wanted} FROM {source} WHERE _is_row AND _partition IN $1", params=[[*files]]
            ).df()

    def partitions(self, table: str) -> list[str]:
        """Return the keys of the existing partitions, sorted; two-dimensional keys are joined by ``|``."""
        return sorted(self.latest_files(table))

    def latest_files(self, table: str) -> dict[str, Path]:
        """Return the file of the latest version of each partition; several may be in one file."""
        folder = self.root.tables / table
        return {partition_of(path): path for path in single_files(folder)} | merged_partitions(folder)

    def newest_version(self, tables: Iterable[str]) -> int:
        """Return the version of the partition of these tables that was written last; 0 without any. Reads no file."""
        files = (path for table in tables for path in (self.root.tables / table).glob(f"*.{_DIGITS}.parquet"))
        return max(map(version_of, files), default=0)

    def _file(self, table: str, partition: str) -> Path | None:
        """Return the file of the latest version of a partition; None where it was never written."""
        versions = self._versions(table, partition)
        return merged_partitions(self.root.tables / table).get(partition) or (versions[-1] if versions else None)

    def _versions(self, table: str, partition: str) -> list[Path]:
        """Return the files of a partition, the latest last."""
        return sorted((self.root.tables / table).glob(f"{file_stem(partition)}.{_DIGITS}.parquet"))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Return the result of a query; ``parameters`` are the values of ``$name`` in it."""
        # Creating a view opens every file of its table, so create only those whose name is in the query.
        named = [table for table in self.tables.values() if table.name in sql]
        self._write_schema_files(named)
        with session() as connection:
            with reporting_damage():
                connection.execute("".join(self._view(table, "TEMP VIEW") for table in named))
            return connection.sql(sql, params=dict(parameters) if parameters else None).df()

    def connect(
        self, copies: Mapping[str, Path] | None = None, *, with_comments: bool = True
    ) -> duckdb.DuckDBPyConnection:
        """Open a new connection with every table as a view. It locks nothing and cannot change the tables.

        ``copies`` names folders with copies of the files of some tables, which are read instead. The comments of tables
        and columns take longer than the views. Raises InputError where a table's file is damaged.
        """
        import duckdb

        self._write_schema_files(self.tables.values())
        connection = duckdb.connect()
        with reporting_damage():
            connection.execute(self._view_statements(copies or {}, with_comments))
        return connection

    def files(self, table: str) -> list[Path]:
        """Return the files that the view of a table shows, and the one that has its columns."""
        self._write_schema_files([self.tables[table]])
        return [*set(self.latest_files(table).values()), self._schema_file(self.tables[table])]

    def publish(self) -> None:
        """Write the views into ``rotators.duckdb``; sessions that have it open keep working.

        The file is replaced only where its views would change, after a change of the schema or a moved root.
        """
        import duckdb

        self._write_schema_files(self.tables.values())
        statements = self._view_statements({})
        stamp = self.root.tables / ".published"
        version = hashlib.sha256(f"{STORAGE_VERSION}\n{statements}".encode()).hexdigest()
        if stamp.is_file() and stamp.read_text() == f"{version} {_identity(self.root.database)}":
            return
        with replacing(self.root.database) as temporary, duckdb.connect() as connection:
            connection.execute(f"{_attach(temporary, 'published')}; USE published")
            connection.execute(_at_once(statements))
        with replacing(stamp) as temporary:
            temporary.write_text(f"{version} {_identity(self.root.database)}")

    def export(self, target: Path) -> dict[str, int]:
        """Write one self-contained DuckDB file with every table and comment; return the row count of each table.

        Raises InputError where the target cannot be written or is not an earlier export, and where a table's file is
        damaged.
        """
        import duckdb

        if problem := database_problem(target) or _loss(target, self.tables):
            raise InputError(f"{target}: {problem}; name another file")
        rows = {}
        try:
            with interruptible(), self.connect() as source, replacing(target) as temporary:
                source.execute(_attach(temporary, "exported"))
                for table in self.tables.values():
                    source.execute(f'CREATE TABLE exported."{table.name}" AS SELECT * FROM "{table.name}"')
                    count = source.sql(f'SELECT count(*) FROM exported."{table.name}"').fetchall()[0][0]
                    rows[table.name] = count
                comments = "\n".join(_comments(table, "TABLE", "exported.") for table in self.tables.values())
                source.execute(f"{_at_once(comments)} DETACH exported")
        except (OSError, duckdb.Error) as error:
            raise cannot_be_written(target, error) from None
        return rows

    def _write_schema_files(self, tables: Iterable[Table]) -> None:
        """Write an empty file with all columns of each table, so that its view exists and has every column."""
        missing = [table for table in tables if not self._schema_file(table).is_file()]
        if not missing:
            return
        with session() as connection:
            for table in missing:
                with replacing(self._schema_file(table)) as temporary:
                    _write_sealed(connection, _empty_select(table), temporary)

    def _schema_file(self, table: Table) -> Path:
        version = hashlib.sha256(_empty_select(table).encode()).hexdigest()[:12]
        return self.root.tables / table.name / f"_schema-{version}.parquet"

    def _view_statements(self, copies: Mapping[str, Path], with_comments: bool = True) -> str:
        """Return the statements that create the view of every table, with its comments."""
        return "\n".join(
            f"{self._view(table, folder=copies.get(name))}\n{_comments(table, 'VIEW') if with_comments else ''}"
            for name, table in self.tables.items()
        )

    def _view(self, table: Table, kind: str = "VIEW", folder: Path | None = None) -> str:
        """Return the statement that creates the view of a table, whose files may be in another folder.

        The files are listed and scanned once. For the maximum of a partition by a window, DuckDB joins two scans, each
        with its own list of files, and a partition that is replaced between the two lists would be missing.
        """
        columns = ", ".join(f'"{name}"' for name in table.column_names)
        folder = folder or self.root.tables.absolute() / table.name
        pattern = quoted(f"{literal_path(str(folder))}/*.parquet")
        return (
            f'CREATE {kind} "{table.name}" AS '
            f"WITH _files AS MATERIALIZED (FROM read_parquet({pattern}, union_by_name = true)), "
            "_latest AS (SELECT _partition AS _key, max(_version) AS _newest FROM _files GROUP BY _partition) "
            f"SELECT {columns} FROM _files LEFT JOIN _latest ON _partition = _key WHERE _version = _newest AND _is_row;"
        )


def _write_rows(rows: str, target: Path) -> None:
    """Write the rows of a SELECT, with the columns of bookkeeping, into a new file."""
    with session() as connection, replacing(target) as temporary:
        _write_sealed(connection, rows, temporary)


def _write_sealed(connection: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    """Write the answer to a SELECT into a Parquet file with its checksum."""
    target = quoted(str(path))
    connection.execute(f"COPY ({select}) TO {target} (FORMAT parquet, COMPRESSION zstd, {PARQUET_OPTION})")
    seal(path)


def _superseded(versions: Sequence[Path]) -> Iterator[Path]:
    """Iterate over those versions of a partition, the latest last, that were replaced long enough ago."""
    for path, newer in pairwise(versions):
        if age_seconds(newer) > SUPERSEDED_SECONDS:
            yield path


def _loss(target: Path, tables: Mapping[str, Table]) -> str | None:
    """Return why a file must not be overwritten; None where it does not exist or is an earlier export."""
    import duckdb

    if not target.exists():
        return None
    names = "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
    try:
        with duckdb.connect(str(target), read_only=True) as connection:
            held = {name for (name,) in connection.sql(names).fetchall()}
    except duckdb.Error as error:
        return f"exists and cannot be read as an earlier export: {str(error).splitlines()[0]}"
    foreign = sorted(held - set(tables))
    return f"exists and holds '{foreign[0]}', which no export does" if foreign else None


def _attach(path: Path, name: str) -> str:
    """Return the statement that creates a database file."""
    return f"ATTACH {quoted(str(path))} AS {name} (STORAGE_VERSION {quoted(STORAGE_VERSION)})"


def _at_once(statements: str) -> str:
    """Return the statements as one transaction: DuckDB would write each of a thousand comments to the disk."""
    return f"BEGIN; {statements} COMMIT;"


def _identity(path: Path) -> str:
    """Return the inode of a file, which changes when the file is replaced; empty where there is none."""
    return str(path.stat().st_ino) if path.is_file() else ""


def _comments(table: Table, kind: str, schema: str = "") -> str:
    name = f'{schema}"{table.name}"'
    lines = [f"COMMENT ON {kind} {name} IS {quoted(table.comment)};"]
    lines += [f'COMMENT ON COLUMN {name}."{c.name}" IS {quoted(c.comment)};' for c in table.columns]
    return "\n".join(lines)
