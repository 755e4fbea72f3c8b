"""The last status of a data root, which holds until one of its files, an event of Dagster or the program changes.

Finding out what is stale takes Dagster, pandas and DuckDB a few seconds. Nothing but the files below the root, the
events in Dagster's database, the recipes and the program determine the answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.environment import RECIPES_VARIABLE
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing, walk_files

_EVENTS = "SELECT count(*), max(id), (SELECT max(wipe_timestamp) FROM asset_keys) FROM event_logs"
"""Changes with every event, and when events are deleted."""


def remembered(root: DataRoot) -> Any:
    """Return the content that `remember` has kept, if everything is as it was then; else None."""
    try:
        kept = json.loads(_file(root).read_bytes())
        now = [state_of_files(root, kept["files"]), *last_event(root)]
        return kept["content"] if kept["seen"] == now else None
    except (OSError, ValueError, TypeError, KeyError):  # there is none, or one of another version
        return None


def remember(root: DataRoot, content: Any, files: Sequence[str], state: str, event: Sequence[Any]) -> None:
    """Keep a status, as JSON, for `remembered`.

    Parameters
    ----------
    root
        The data root, with a Dagster instance.
    content
        The status.
    files
        Files and folders that determine it.
    state
        Their `state_of_files` before the status was determined.
    event
        The `last_event` before the stale partitions were determined. Without one of the two nothing is kept.
    """
    if state and event:
        with replacing(_file(root)) as temporary:
            temporary.write_text(json.dumps({"seen": [state, *event], "files": files, "content": content}))


def last_event(root: DataRoot) -> tuple[Any, ...]:
    """Return numbers that change with every event of the Dagster instance; none where they are not in a file."""
    with suppress(OSError):
        if re.search("^storage:", (root.dagster_home / "dagster.yaml").read_text(encoding="utf-8"), re.MULTILINE):
            return ()
    database = root.dagster_home / "history" / "runs" / "index.db"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(_EVENTS).fetchone()
    except sqlite3.Error:
        return ()


def state_of_files(root: DataRoot, files: Iterable[str]) -> str:
    """Return a hash of the size and the last change of these files, of those directly in the root, and of the program.

    Folders count with everything below them. The hash is empty where a folder cannot be read.
    """
    digest = hashlib.blake2b(repr([str(root.path), sys.version, os.environ.get(RECIPES_VARIABLE)]).encode())
    try:
        for path in chain(_program(), sorted(root.path.iterdir()), *map(_below, map(Path, files))):
            digest.update(f"{path}\0{_changed(path)}\n".encode(errors="surrogateescape"))
    except (OSError, InputError):
        return ""
    return digest.hexdigest()[:32]


def _program() -> Iterator[Path]:
    """Yield the source files of this package, and a file of Dagster that differs between releases."""
    if (dagster := find_spec("dagster")) and dagster.origin:
        yield Path(dagster.origin).with_name("version.py")
    yield from (path for path in walk_files(Path(__file__).parents[1]) if path.suffix != ".pyc")


def _below(path: Path) -> Iterable[Path]:
    return walk_files(path) if path.is_dir() else [path]


def _changed(path: Path) -> str:
    """Return the size of a file and the time of its last change, which no program sets back."""
    try:
        found = path.stat()
    except OSError:
        return "none"
    return "folder" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} {found.st_ctime_ns}"


def _file(root: DataRoot) -> Path:
    return root.dagster_home / "status.json"
