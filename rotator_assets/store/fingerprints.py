"""Fingerprints of the tables and pictures of a data root: equal content has the same fingerprint.

The time, run and duration of writing a table do not count as content. Table files never change, so each is read once
per process. Pictures are read again when their size or modification time has changed.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.files import walk_files
from rotator_assets.store.columns import Table
from rotator_assets.store.frame_content import literal_path, quoted
from rotator_assets.store.sessions import reporting_damage, session
from rotator_assets.store.table_store import TableStore

NO_CONTENT = ("run_id", "seconds", "device", "trained_at", "checked_at", "training")
"""Columns that record when and how rows were made."""
_known: dict[tuple[Path, str], str] = {}
"""Fingerprints by file and partition."""


def table_fingerprints(store: TableStore, table: str) -> dict[str, str]:
    """Return the fingerprint of each partition of a table; the order of the rows does not matter."""
    latest = store.latest_files(table)
    if unknown := {path for key, path in latest.items() if (path, key) not in _known}:
        _known.update(_read(store.tables[table], sorted(unknown)))
    return {key: _known[path, key] for key, path in latest.items() if (path, key) in _known}  # others were just removed


def picture_fingerprints(root: DataRoot) -> dict[str, dict[str, str]]:
    """Return the fingerprint of each PNG under ``results/figures``, by folder (parts joined by ``|``) and name."""
    found: dict[str, dict[str, str]] = {}
    for path in walk_files(root.figures):
        folder = path.parent.relative_to(root.figures)
        if path.suffix == ".png":
            try:
                stat = path.stat()
                fingerprint = _of_bytes(path, stat.st_size, stat.st_mtime_ns)
            except FileNotFoundError:  # it has just been replaced or removed
                continue
            found.setdefault("|".join(folder.parts), {})[path.name] = fingerprint
    return found


def _read(table: Table, files: list[Path]) -> dict[tuple[Path, str], str]:
    """Return the fingerprint of each partition in files: number of rows, and sum of the hashes of names and values.

    A column missing in an older file is read as NULL and does not change the fingerprint. Raises InputError for a
    damaged file.
    """
    import duckdb

    source = ", ".join(quoted(literal_path(str(path))) for path in files)
    source = f"read_parquet([{source}], union_by_name = true, filename = true)"
    with reporting_damage(), session() as connection:
        try:
            here = {name for name, *_ in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
            names = sorted(here.intersection(table.column_names).difference(NO_CONTENT))
            values = [f'{quoted(name + "=")} || CAST("{name}" AS VARCHAR)' for name in names]
            row = f"CASE WHEN _is_row THEN md5_number_lower(concat_ws(chr(31), {', '.join(values)})) END"
            found = connection.execute(
                f"SELECT filename, _partition, count(*), coalesce(sum({row}), 0) FROM {source} GROUP BY ALL"
            ).fetchall()
        except duckdb.IOException:  # a superseded file has just been removed: skip it
            parts = [[path] for path in files] if len(files) > 1 else []
            return {place: fingerprint for part in parts for place, fingerprint in _read(table, part).items()}
    return {(Path(name), key): f"{count}:{int(total):x}" for name, key, count, total in found}


@lru_cache(maxsize=50_000)
def _of_bytes(path: Path, size: int, changed_ns: int) -> str:
    """Return the hash of a file; size and modification time identify its state in the cache."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:16]
