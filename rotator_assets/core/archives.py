"""Image files where they stand: in folders, or inside uncompressed tar archives, which are never unpacked.

A published archive holds tens of thousands of small files in one; an index of its headers says where each of them
begins, and one is read like a file of its own. Nothing is ever written, so no name in an archive is trusted with more
than being shown.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.files import walk_files

COMPRESSED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
MAX_MEMBER_BYTES = 2**28
"""Larger members are refused before they are read: an image of one galaxy has some megabytes."""

_MAX_HEADER_BYTES = 2**16
"""The longest header (a long name, say) that is read; an archive that announces more is damaged."""


@dataclass(frozen=True)
class ArchiveMember:
    """A regular file inside an uncompressed tar archive: ``size`` bytes from ``offset`` of the archive on."""

    archive: Path
    path: str
    offset: int
    size: int

    @property
    def name(self) -> str:
        """The last part of its path, as of a plain file."""
        return PurePosixPath(self.path).name

    def open(self, mode: str = "rb") -> BinaryIO:
        """The member's bytes, read at once (so any thread may). Raises UnusableImage where it is too large or gone."""
        if mode != "rb":
            raise ValueError(f"members of archives are only read, not opened as '{mode}'")
        if self.size > MAX_MEMBER_BYTES:
            raise UnusableImage(f"has {self.size} bytes, too large for an image of one galaxy")
        with self.archive.open("rb") as archive:
            archive.seek(self.offset)
            content = archive.read(self.size)
        if len(content) < self.size:
            raise UnusableImage(f"cut short: the archive ends {self.size - len(content)} bytes before it")
        return io.BytesIO(content)


ImageFile = Path | ArchiveMember


def label(file: ImageFile) -> str:
    """How messages name a file: ``1-1.fits``, or ``sdss.tar:data/broadband_6.fits`` in an archive."""
    return f"{file.archive.name}:{file.path}" if isinstance(file, ArchiveMember) else file.name


def described(file: ImageFile, folder: Path) -> str:
    """A file's path relative to a folder above it: ``images/1-1.fits``, ``images/sdss.tar:data/broadband_6.fits``."""
    if isinstance(file, ArchiveMember):
        return f"{file.archive.relative_to(folder)}:{file.path}"
    return str(file.relative_to(folder))


def image_files(folder: Path) -> Iterator[ImageFile]:
    """Every plain file below a folder, then every member of the tar archives below it.

    Files come in the order of `walk_files`, archives too, members sorted by path: whoever keeps the first of a name
    prefers plain files. The archives themselves are not given. One that is compressed or damaged is passed over:
    `unreadable_archives` tells.
    """
    for path in walk_files(folder):
        if not _is_archive(path):
            yield path
    for archive in filter(_is_archive, walk_files(folder)):
        with suppress(InputError):
            yield from tar_members(archive)


def unreadable_archives(folder: Path) -> list[str]:
    """Why archives below a folder cannot be read, a line for each that cannot."""
    reasons = []
    for archive in filter(_is_archive, walk_files(folder)):
        try:
            tar_members(archive)
        except InputError as error:
            reasons.append(str(error))
    return reasons


def _is_archive(path: Path) -> bool:
    return path.name.casefold().endswith((".tar", *COMPRESSED_TARS))


def tar_members(path: Path) -> tuple[ArchiveMember, ...]:
    """The regular files of an uncompressed tar archive, sorted by path; only its headers are read, once a process.

    Links, devices, sparse files, hidden files and paths with unprintable characters are left out; of members with
    one path the last counts, as tar has it. Raises InputError where the archive is compressed, cut short or damaged.
    """
    if path.name.casefold().endswith(COMPRESSED_TARS):
        raise InputError(f"{path}: is compressed; images are read inside an uncompressed .tar alone: decompress it")
    try:
        stat = path.stat()
        return _members(path, stat.st_size, stat.st_mtime_ns)
    except Exception as error:  # tarfile raises nearly anything on damaged archives
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: is not a whole tar archive ({reason}); download it again") from None


@lru_cache(maxsize=16)
def _members(path: Path, size: int, mtime_ns: int) -> tuple[ArchiveMember, ...]:
    """`tar_members` of the file in the state that its size and time tell."""
    members = {}
    with path.open("rb") as file, tarfile.open(fileobj=_Headers(file), mode="r:", errors="replace") as archive:
        reached = -1
        while (entry := archive.next()) is not None:
            if entry.size < 0 or archive.offset <= reached:
                raise tarfile.ReadError(f"damaged header at byte {entry.offset}")
            reached = archive.offset
            archive.members.clear()  # else every header stays in memory a second time
            inner = PurePosixPath(entry.name)
            hidden = any(part.startswith(".") for part in inner.parts)
            if entry.isreg() and not entry.issparse() and not hidden and str(inner).isprintable():
                members[str(inner)] = ArchiveMember(path, str(inner), entry.offset_data, entry.size)
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"cut short or damaged at byte {archive.offset} of {size}")
    return tuple(members[name] for name in sorted(members))


class _Headers(io.RawIOBase):
    """An archive as the index reads it: any place, but no more at once than a header has."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"announces a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
