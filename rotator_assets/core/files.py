"""Files that are whole or absent."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rotator_assets.core.errors import InputError

ABANDONED_SECONDS = 86_400.0
_LONGEST_NAME = 255
"""Bytes of a file's name that every common file system allows."""


def is_abandoned(path: Path) -> bool:
    """True where nothing was written to a file, or into a folder, for a day: no run is at work on it any more."""
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    except FileNotFoundError:
        return False


def walk_files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, sorted within each; linked folders are followed (once).

    Hidden names are left out, and links to what is not there (any more). Raises InputError for a folder below that may
    not be looked into: what lies there would be missing without a word.
    """
    seen = set()
    for path, folders, names in os.walk(folder, followlinks=True, onerror=_refuse_closed_folder):
        real = os.path.realpath(path)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        files = (Path(path, name) for name in sorted(names) if not name.startswith("."))
        try:
            yield from [file for file in files if file.exists()]
        except PermissionError as error:
            _refuse_closed_folder(error)


def _refuse_closed_folder(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise InputError(f"{error.filename}: {error.strerror}; check the permissions of the folder") from None


@contextmanager
def replacing(target: Path, ending: str = ".part") -> Iterator[Path]:
    """A temporary path beside ``target`` that takes its place in one step when the block ends well.

    The block writes a file at the path it is given, whose hidden name ends in ``ending``. A reader sees the old file or
    the new one, never a part; after an exception or a kill the old file stands. Folders are made as needed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(_hidden_name(target.name, f".{uuid.uuid4().hex[:8]}{ending}"))
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _hidden_name(name: str, ending: str) -> str:
    """``.name`` with the ending, the name cut where the whole would be too long."""
    room = _LONGEST_NAME - len(f".{ending}".encode())
    return f".{name.encode(errors='surrogateescape')[:room].decode(errors='ignore')}{ending}"
