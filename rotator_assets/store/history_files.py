"""Files of history tables: each training adds one, and a hundred of them are merged into one file.

A query opens every file of a table, which takes milliseconds each. The rows of a merged file have a newer version than
the files that they come from, so the view changes from those to this file at once. The former are removed when no query
can be reading them any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rotator_assets.store.frame_content import literal_path, quoted

MERGED_AT = 100
"""Number of files from which on they are merged."""
_MERGED = "_merged"
_known: dict[Path, list[str]] = {}
"""Partitions of merged files, which never change."""


def version_of(path: Path) -> int:
    """Return the version in the name of a table file."""
    return int(path.name.rsplit(".", 2)[1])


def file_stem(partition: str) -> str:
    """Return the beginning of the file names of a partition; ``|`` of a two-dimensional key becomes ``__``.

    No name of a dataset or a recipe holds an underscore.
    """
    return partition.replace("|", "__")


def partition_of(path: Path) -> str:
    """Return the partition in the name of a table file."""
    return path.name.rsplit(".", 2)[0].replace("__", "|")


def single_files(folder: Path) -> list[Path]:
    """Return the files of single partitions, the versions of a partition in their order."""
    return sorted(folder.glob("[!_.]*.parquet"))


def age_seconds(path: Path) -> float:
    """Return the time since a file was written; infinity where another run has removed it, so that it was old."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def merged_partitions(folder: Path) -> dict[str, Path]:
    """Return the newest merged file of each partition that is in any; a damaged file has none."""
    files = sorted(folder.glob(f"{_MERGED}.*.parquet"))
    if unknown := [path for path in files if path not in _known]:
        _known.update(_partitions_in(unknown))
    return {key: path for path in files for key in _known.get(path, ())}


def _partitions_in(files: Sequence[Path]) -> dict[Path, list[str]]:
    """Return the partitions in each file that can be read."""
    import duckdb

    found: dict[Path, list[str]] = {path: [] for path in files}
    with duckdb.connect() as connection:
        rows = f"SELECT DISTINCT filename, _partition FROM read_parquet([{_listed(files)}], filename = true)"
        try:
            for name, key in connection.execute(rows).fetchall():
                found[Path(name)].append(key)
        except duckdb.Error:  # look at each file, to find the damaged one
            parts = [[path] for path in files] if len(files) > 1 else []
            return {path: keys for part in parts for path, keys in _partitions_in(part).items()}
    return found


def merged_away(folder: Path, seconds: float) -> list[Path]:
    """Return the files of single partitions that were merged at least so long ago."""
    merged = merged_partitions(folder)
    return [
        path
        for path in (single_files(folder) if merged else [])
        if (newer := merged.get(partition_of(path))) and age_seconds(newer) > seconds
    ]


def merge(folder: Path, write: Callable[[str, Path], None], version: int) -> None:
    """Merge the files of single partitions if there are many.

    Parameters
    ----------
    folder
        The folder of a history table.
    write
        Writes the rows of a SELECT into a new file at a path, atomically.
    version
        Version of the merged rows, newer than that of every file.
    """
    files = single_files(folder)
    if len(files) < MERGED_AT:
        return
    merged = merged_partitions(folder)
    files = [path for path in files if partition_of(path) not in merged]
    if len(files) < MERGED_AT:
        return
    version = max(version, 1 + max(map(version_of, files)))
    source = f"read_parquet([{_listed(files)}], union_by_name = true)"
    rows = f"SELECT * REPLACE (CAST({version} AS UBIGINT) AS _version) FROM {source}"
    write(rows, folder / f"{_MERGED}.{version:020d}.parquet")


def _listed(files: Sequence[Path]) -> str:
    return ", ".join(quoted(literal_path(str(path))) for path in files)
