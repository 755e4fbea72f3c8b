"""What a data root and the files next to it hold, without what differs between two undisturbed runs."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import zipfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from rotator_assets.store.fingerprints import NO_CONTENT
from rotator_assets.tables import TABLES

VOLATILE = (*NO_CONTENT, "images_per_second", "code_commit")
"""Columns with times, names that are drawn for each training, and the commit, which may change between two parts."""
_DRAWN = re.compile(r"training-[0-9a-f]{12}|\b[0-9]{20}\b")
"""Names of trainings, and versions of tables."""


@dataclass
class Difference:
    """How results differ from those of an undisturbed run: missing rows of tables, surplus ones, and other things."""

    lost: int = 0
    surplus: int = 0
    other: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.surplus or self.other)


def contents(root: Path, outside: Path) -> dict[str, Any]:
    """Return everything that a data root and a folder next to it hold, as JSON can hold it."""
    results = root / "results"
    return {
        "rows of tables": rows_of_tables(root / "rotators.duckdb") if (root / "rotators.duckdb").is_file() else {},
        "tensors": {path.parent.name: tensor_version(path.parent) for path in results.glob("tensors/*/manifest.json")},
        "networks": {
            f"{path.parent.parent.name} {path.parent.name}": _networks(path)
            for path in results.glob("models/*/*/model.json")
        },
        **outside_of(outside),
        "files": sorted({_DRAWN.sub("*", name) for name in _visible(results)} | {*_visible(outside)}),
        "report": report_is_whole(results / "study_report.html"),
        "runs in progress": _unfinished_runs(results / "dagster" / "history" / "runs.db"),
    }


def outside_of(folder: Path) -> dict[str, Any]:
    """Return what a folder next to the root holds: exported tables, an exported model and its predictions."""
    return {
        "rows of the exported tables": _rows_of_export(folder / "all.duckdb"),
        "exported networks": _exported(folder / "model"),
        "predictions": _digest(folder / "predictions.csv"),
    }


def difference(found: dict[str, Any], reference: dict[str, Any]) -> Difference:
    """Compare contents with those of an undisturbed run."""
    result = Difference()
    for part in ("rows of tables", "rows of the exported tables"):
        for table in found[part].keys() | reference[part].keys():
            there, expected = Counter(found[part].get(table, {})), Counter(reference[part].get(table, {}))
            lost, surplus = expected - there, there - expected
            result.lost += lost.total()
            result.surplus += surplus.total()
            result.other += [
                f"{table}: {mark} {row[:300]}"
                for rows, mark in ((lost, "lost"), (surplus, "surplus"))
                for row in [*rows][:2]
            ]
    for part in reference.keys() - {"rows of tables", "rows of the exported tables"}:
        if found[part] != reference[part]:
            result.other.append(f"{part}: {_changed(found[part], reference[part])}")
    return result


def rows_of_tables(database: Path) -> dict[str, dict[str, int]]:
    """Return the rows of each table with any, as text, and how often each occurs."""
    with duckdb.connect(str(database), read_only=True) as connection:
        names = [name for (name,) in connection.sql("SELECT name FROM (SHOW TABLES)").fetchall()]
        found = {name: _rows(connection, name) for name in names}
    return {name: rows for name, rows in found.items() if rows}


def tensor_version(folder: Path) -> str:
    """Return the version of a tensor; raises ValueError unless its images are those of the version."""
    from rotator_assets.store.shard_records import Contents, pixels_hash
    from rotator_assets.store.tensors import open_tensor

    tensor, whole = open_tensor(folder), Contents()
    for galaxy_id, pixels in zip(tensor.galaxy_ids, tensor.images, strict=True):
        whole.add(galaxy_id, pixels_hash(pixels))
    if whole.hash() != tensor.version:
        raise ValueError(f"{folder}: images are not those of version {tensor.version}")
    return tensor.version


def report_is_whole(path: Path) -> bool | None:
    """Return whether a report is whole; None where there is none."""
    return path.read_text(encoding="utf-8").rstrip().endswith("</html>") if path.is_file() else None


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, int]:
    columns = [column for column, *_ in connection.sql(f'DESCRIBE "{table}"').fetchall() if column not in VOLATILE]
    rows = connection.sql(f"SELECT {', '.join(map(_quoted, columns))} FROM {_quoted(table)}").fetchall()
    counts = Counter(repr(row) for row in rows)
    repeated = table in TABLES and TABLES[table].kept  # a training that is repeated adds equal rows
    return dict.fromkeys(counts, 1) if repeated else dict(counts)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _rows_of_export(file: Path) -> dict[str, dict[str, int]]:
    return rows_of_tables(file) if file.is_file() else {}


def _networks(manifest: Path) -> dict[str, str]:
    """Return the weights of the current networks of a training, and the rest of what is needed for predictions."""
    folder = manifest.parent / json.loads(manifest.read_text(encoding="utf-8"))["folder"]
    found = {path.name: weights(path) for path in sorted(folder.glob("*.keras"))}
    return found | {path.name: _arrays(path) for path in sorted(folder.glob("*.npz"))}


def _exported(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    from rotator_assets.application.packages import open_package

    package = open_package(folder)
    return {path.name: weights(path) for path in sorted(package.folder.glob("*.keras"))}


def weights(network: Path) -> str:
    """Return a hash of the weights of a saved network."""
    import h5py

    digest = hashlib.sha256()

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(f"{name} {item.shape}".encode() + np.asarray(item).tobytes())

    with zipfile.ZipFile(network) as archive, h5py.File(BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(add)
    return digest.hexdigest()[:16]


def _arrays(path: Path) -> str:
    digest = hashlib.sha256()
    with np.load(path, allow_pickle=False) as arrays:
        for name in sorted(arrays.files):
            digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()[:16]


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else None


def _visible(folder: Path) -> list[str]:
    """Return the files below a folder that are no hidden ones, without Dagster's and without interrupted tensors."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [
        name.as_posix()
        for name in names
        if name.parts[0] != "dagster"
        and not any(part.startswith(".") for part in name.parts)
        and not name.name.startswith("unfinished-")
    ]


def _unfinished_runs(database: Path) -> int:
    if not database.is_file():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        count = "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
        return connection.execute(count).fetchone()[0]


def _changed(found: Any, expected: Any) -> str:
    if isinstance(found, list) and isinstance(expected, list):
        return f"missing {sorted({*expected} - {*found})}, surplus {sorted({*found} - {*expected})}"
    return f"{found} instead of {expected}"
