"""Image files in folders and inside uncompressed tar archives, which are read without unpacking them.

A published archive holds tens of thousands of small files. An index of its headers gives the offset of each, so that a
member is read like a separate file. Nothing is extracted, so names inside an archive are never used as paths.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO

from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.files import walk_files

COMPRESSED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
MAX_MEMBER_BYTES = 2**28
"""Larger members are refused before they are read: the image of one galaxy has a few megabytes."""

_READ_AT_ONCE_BYTES = 2**26
_MAX_HEADER_BYTES = 2**16
"""Longest header that is read, such as a long name. An archive with a longer one is damaged."""


@dataclass(frozen=True)
class ArchiveMember:
    """A regular file inside an uncompressed tar archive: ``size`` bytes that begin at byte ``offset``."""

    archive: Path
    path: str
    offset: int
    size: int

    @property
    def name(self) -> str:
        """Last part of the path, like the name of a plain file."""
        return PurePosixPath(self.path).name

    def open(self, mode: str = "rb") -> IO[bytes]:
        """Read the whole member into memory, which is safe in any thread.

        Raises UnusableImage where it is too large or the archive ends before it.
        """
        if mode != "rb":
            raise ValueError(f"archive members are read-only: they cannot be opened with mode '{mode}'")
        if self.size > MAX_MEMBER_BYTES:
            raise UnusableImage(f"has {self.size} bytes, too large for an image of one galaxy")
        with self.archive.open("rb") as archive:
            archive.seek(self.offset)
            content = archive.read(self.size)
        if len(content) < self.size:
            raise UnusableImage(f"cut short: the archive ends {self.size - len(content)} bytes before it")
        return io.BytesIO(content)


ImageFile = Path | ArchiveMember


def opened(file: ImageFile) -> IO[bytes]:
    """Open a file; one of the usual size is read at once, which takes half the time."""
    if isinstance(file, Path):
        descriptor = os.open(os.fspath(file), os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            content = os.read(descriptor, size + 1) if size <= _READ_AT_ONCE_BYTES else b""
        finally:
            os.close(descriptor)
        if len(content) == size:
            return io.BytesIO(content)
    return file.open("rb")


def label(file: ImageFile) -> str:
    """Return the name used in messages: ``1-1.fits``, or ``sdss.tar:data/broadband_6.fits`` in an archive."""
    return f"{file.archive.name}:{file.path}" if isinstance(file, ArchiveMember) else file.name


def described(file: ImageFile, folder: Path) -> str:
    """Return the path relative to a parent folder: ``images/1-1.fits``, ``images/sdss.tar:data/broadband_6.fits``."""
    if isinstance(file, ArchiveMember):
        return f"{file.archive.relative_to(folder)}:{file.path}"
    return str(file.relative_to(folder))


def image_files(folder: Path) -> Iterator[ImageFile]:
    """Iterate over the plain files below a folder, then over the members of the tar archives below it.

    Files and archives come in the order of `walk_files`, members sorted by path. A reader that keeps the first file of
    each name therefore prefers plain files. Compressed and damaged archives are skipped; `unreadable_archives` lists
    them.
    """
    archives = []
    for path in walk_files(folder):
        if is_archive(path):
            archives.append(path)
        else:
            yield path
    for archive in archives:
        with suppress(InputError):
            yield from tar_members(archive)


def unreadable_archives(folder: Path) -> list[str]:
    """Return one line for each archive below a folder that cannot be read, with the reason."""
    reasons = []
    for archive in filter(is_archive, walk_files(folder)):
        try:
            tar_members(archive)
        except InputError as error:
            reasons.append(str(error))
    return reasons


def is_archive(path: Path) -> bool:
    """Return whether a name ends like that of a tar archive, compressed or not."""
    return path.name.casefold().endswith((".tar", *COMPRESSED_TARS))


def tar_members(path: Path) -> tuple[ArchiveMember, ...]:
    """Return the regular files of an uncompressed tar archive, sorted by path.

    Only the headers are read, once per process. Links, devices, sparse files, hidden files and paths with unprintable
    characters are left out. Of several members with the same path the last one counts, as in tar. Raises InputError
    where the archive is compressed, cut short or damaged.
    """
    if path.name.casefold().endswith(COMPRESSED_TARS):
        raise InputError(f"{path}: is compressed; images can only be read from an uncompressed .tar: decompress it")
    try:
        stat = path.stat()
        return _members(path, stat.st_size, stat.st_mtime_ns)
    except Exception as error:  # tarfile raises many types of errors on damaged archives
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: is not a whole tar archive ({reason}); download it again") from None


@lru_cache(maxsize=16)
def _members(path: Path, size: int, mtime_ns: int) -> tuple[ArchiveMember, ...]:
    """Do the work of `tar_members`; size and modification time identify the state of the file in the cache."""
    members = {}
    with path.open("rb") as file, tarfile.open(fileobj=_Headers(file), mode="r:", errors="replace") as archive:
        reached = -1
        while (entry := archive.next()) is not None:
            if entry.size < 0 or archive.offset <= reached:
                raise tarfile.ReadError(f"damaged header at byte {entry.offset}")
            reached = archive.offset
            # Otherwise tarfile keeps every header in memory too. The attribute is documented, but not in the stubs.
            archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue]
            inner = PurePosixPath(entry.name)
            hidden = any(part.startswith(".") for part in inner.parts)
            if entry.isreg() and not entry.issparse() and not hidden and str(inner).isprintable():
                members[str(inner)] = ArchiveMember(path, str(inner), entry.offset_data, entry.size)
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"cut short or damaged at byte {archive.offset} of {size}")
    return tuple(members[name] for name in sorted(members))


class _Headers(io.RawIOBase):
    """A view of an archive that can seek anywhere but reads at most one header at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes is too long")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
