"""Listing files, and writing files that are either complete or absent."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from errno import EACCES, EBADF, EINVAL, ENOTSUP
from pathlib import Path

from rotator_assets.core.errors import InputError

ABANDONED_SECONDS = 86_400.0
_SMALL_BYTES = 2**20
_LONGEST_NAME = 255
"""Maximum length of a file name in bytes on common file systems."""


def is_abandoned(path: Path) -> bool:
    """Return True where a file or folder has not been modified for a day, so that no run can be using it."""
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    except FileNotFoundError:
        return False


def walk_files(folder: Path) -> Iterator[Path]:
    """Iterate over the files below a folder, sorted within each folder; linked folders are followed once.

    Hidden names, dangling links, devices and pipes are left out. Memory holds the names of one folder. Raises
    InputError for a folder without read permission, because its files would be missing silently.
    """
    seen: set[str] = set()
    waiting = [os.fspath(folder)]
    while waiting:
        path = waiting.pop()
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            folders, files = _listed(path)
            yield from map(Path, files)
            waiting += reversed(folders)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file. Small files are read at once, which takes half of the time."""
    with path.open("rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > _SMALL_BYTES:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(file.readall()).hexdigest()


def nearest_existing(path: Path) -> Path:
    """Return a path, or its nearest parent that exists."""
    return next(one for one in (path, *path.parents) if one.exists())


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """Return the folders and the other files in a folder, sorted; nothing where there is no such folder.

    Only links are looked up: the folder itself says what its other entries are.
    """
    folders, files = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                target = Path(entry.path) if entry.is_symlink() else entry
                if target.is_dir():
                    folders.append(entry.path)
                elif target.is_file():  # a pipe would wait for its writer
                    files.append(entry.path)
        if files and not os.access(folder, os.X_OK):  # its names can be read, but not its files
            raise PermissionError(EACCES, os.strerror(EACCES), folder)
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except PermissionError as error:
        raise InputError(f"{error.filename}: {error.strerror}; check the permissions of the folder") from None
    return sorted(folders), sorted(files)


def temporary_path(target: Path, ending: str = ".part") -> Path:
    """Return a new hidden path next to ``target``, whose name ends in ``ending``."""
    return target.with_name(_hidden_name(target.name, f".{uuid.uuid4().hex[:8]}{ending}"))


@contextmanager
def replacing(target: Path, ending: str = ".part", temporary: Path | None = None) -> Generator[Path]:
    """Provide a temporary path next to ``target`` that replaces it atomically when the block succeeds.

    The block writes a file at this path: ``temporary``, else one whose hidden name ends in ``ending``. A reader sees
    either the old or the new file, never part of one; after an exception, a kill or a power loss the old file remains,
    and once the block has succeeded the new one survives all of these. Folders are created as needed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary or temporary_path(target, ending)
    try:
        yield temporary
        onto_disk(temporary)
        temporary.replace(target)
        onto_disk(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def allocate(file: int, n_bytes: int) -> None:
    """Make an open file at least so large, with space on the disk for all of it. Raises OSError where the disk is full.

    A memory map of a file with gaps would kill the process that writes to it on a full disk.
    """
    if hasattr(os, "posix_fallocate"):  # not on macOS
        os.posix_fallocate(file, 0, n_bytes)
    elif os.fstat(file).st_size < n_bytes:
        os.truncate(file, n_bytes)


def onto_disk(*paths: Path) -> None:
    """Wait until these files, and the names in these folders, are on the disk and survive a power loss.

    File systems that cannot do this for a folder are trusted to do it by themselves.
    """
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (EBADF, EINVAL, ENOTSUP):
                raise
        finally:
            os.close(descriptor)


def _hidden_name(name: str, ending: str) -> str:
    """Return ``.name`` with the ending; a long name is truncated to fit."""
    room = _LONGEST_NAME - len(f".{ending}".encode())
    return f".{name.encode(errors='surrogateescape')[:room].decode(errors='ignore')}{ending}"
