"""Fingerprints of what a data root holds now: equal content, equal fingerprint, whenever and however often written.

When a table was written, by which run and how long that took are no content. Files of tables never change, so each is
read once a process; pictures are read again where their size or time has changed.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import duckdb

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.files import walk_files
from rotator_assets.store.columns import Table
from rotator_assets.store.table_store import TableStore, literal_path, quoted, telling_damage

NO_CONTENT = ("run_id", "seconds", "device", "trained_at", "training")
"""Columns that tell when and by what rows were made."""
_known: dict[Path, str] = {}


def table_fingerprints(store: TableStore, table: str) -> dict[str, str]:
    """Fingerprint of the rows of a table's partitions, by partition; rows in any order have the same."""
    latest = store.latest_files(table)
    if unknown := [path for path in latest.values() if path not in _known]:
        _known.update(_read(store.tables[table], unknown))
    return {key: _known[path] for key, path in latest.items() if path in _known}  # others were removed just now


def picture_fingerprints(root: DataRoot) -> dict[str, dict[str, str]]:
    """Fingerprint of each PNG under ``results/figures``, by folder (``|`` between its parts) and name."""
    found: dict[str, dict[str, str]] = {}
    for path in walk_files(root.figures):
        folder = path.parent.relative_to(root.figures)
        if path.suffix == ".png":
            try:
                stat = path.stat()
                fingerprint = _of_bytes(path, stat.st_size, stat.st_mtime_ns)
            except FileNotFoundError:  # replaced or removed just now
                continue
            found.setdefault("|".join(folder.parts), {})[path.name] = fingerprint
    return found


def _read(table: Table, files: list[Path]) -> dict[Path, str]:
    """Fingerprint of each file's rows: their number, and the sum of the hashes of their values by column name.

    A column that an older file lacks, which reads as NULL, leaves the fingerprint as it was. Raises InputError for a
    damaged file.
    """
    source = ", ".join(quoted(literal_path(str(path))) for path in files)
    source = f"read_parquet([{source}], union_by_name = true, filename = true)"
    with telling_damage(), duckdb.connect() as connection:
        try:
            here = {name for name, *_ in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
            names = sorted(here.intersection(table.column_names).difference(NO_CONTENT))
            values = [f'{quoted(name + "=")} || CAST("{name}" AS VARCHAR)' for name in names]
            row = f"CASE WHEN _is_row THEN md5_number_lower(concat_ws(chr(31), {', '.join(values)})) END"
            found = connection.execute(
                f"SELECT filename, count(*), coalesce(sum({row}), 0) FROM {source} GROUP BY filename"
            ).fetchall()
        except duckdb.IOException:  # a file was superseded and removed just now: leave that out
            parts = [[path] for path in files] if len(files) > 1 else []
            return {path: told for part in parts for path, told in _read(table, part).items()}
    return {Path(name): f"{count}:{int(total):x}" for name, count, total in found}


@lru_cache(maxsize=50_000)
def _of_bytes(path: Path, size: int, changed_ns: int) -> str:
    """Hash of a file, read again where its size or time differ."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:16]
