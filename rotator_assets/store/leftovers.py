"""Files that the results no longer need: superseded versions, and what stopped processes have left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.files import is_abandoned
from rotator_assets.store.models import abandoned_checkpoints, abandoned_models
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import abandoned_shards

_UNFINISHED = re.compile(r"\..*\.[0-9a-f]{8}(\.part.*)?")
"""Names of the temporary files of `core.files.replacing` and of exported models."""


@dataclass(frozen=True)
class Leftovers:
    """Files and folders of one kind that can be removed."""

    what: str
    paths: tuple[Path, ...]

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return sum(file.stat().st_size for path in self.paths for file in _files(path))

    def remove(self) -> None:
        """Remove the files and folders."""
        for path in self.paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def leftovers(store: TableStore) -> list[Leftovers]:
    """Return everything under the results that no result, query or run needs, by kind.

    Whatever a process may still be using stays: versions that were replaced less than 15 minutes ago, and other files
    written to within a day.
    """
    root = store.root
    trainings = [path for path in root.models.glob("*/*") if path.is_dir()]
    tensors = [path for path in root.tensors.glob("*") if path.is_dir()]
    return [
        Leftovers("superseded versions of tables", tuple(store.superseded())),
        Leftovers("images of replaced or interrupted tensors", _all(map(abandoned_shards, tensors))),
        Leftovers("replaced networks", _all(map(abandoned_models, trainings))),
        Leftovers("checkpoints of interrupted trainings", _all(map(abandoned_checkpoints, trainings))),
        Leftovers("unfinished files of stopped processes", tuple(_unfinished(root))),
    ]


def _all(found: Iterator[list[Path]]) -> tuple[Path, ...]:
    return tuple(path for paths in found for path in paths)


def _unfinished(root: DataRoot) -> Iterator[Path]:
    for folder in (root.path, *(path for path in root.results.rglob("*") if path.is_dir())):
        for path in folder.glob(".*"):
            if _UNFINISHED.fullmatch(path.name) and is_abandoned(path):
                yield path


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    elif path.is_file():
        yield path
