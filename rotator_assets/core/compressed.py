"""Files in any common compression, recognized by content because downloads change both names and compression."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tempfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import IO, Any, Literal, Protocol

MAX_UNPACKED_BYTES = 2**32
"""Files that unpack to more are refused: the largest catalogue, dapall of DR17, has 0.6 GB."""

_IN_MEMORY_BYTES = 2**26
"""Longer content goes to a temporary file."""
_CHUNK_BYTES = 2**20
_SUSPICIOUS_BYTES, _MAX_RATIO = 2**27, 200
"""Longer content is refused where it is mostly empty: numbers pack a few times, and gzip packs zeros 1000 times."""
_MAX_LAYERS = 3
"""A web server may compress a file that is compressed already."""

ENDINGS = (".gz", ".bz2", ".xz", ".zip", ".fz", ".z", ".zst")
"""Endings of the names of compressed files, in lower case. The content decides how a file is unpacked."""


def uncompressed_name(name: str) -> str:
    """Return a file's name in lower case, without the ending of a compression."""
    name = name.casefold()
    return next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)


class Openable(Protocol):
    """A path, or a member of an archive."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Open the file for reading."""
        ...


@contextmanager
def unpacked(file: Openable, max_bytes: int = MAX_UNPACKED_BYTES) -> Generator[IO[bytes]]:
    """Open the uncompressed content of a file as a seekable stream.

    gzip, bzip2, xz and zip archives of one file are unpacked, also nested ones; other files are opened as they are.
    Raises ValueError where the content is longer than ``max_bytes``, for a zip archive of several files, and for
    compress (``.Z``) and zstd. Errors of gzip, bz2, lzma and zipfile on damaged files are passed on.
    """
    with file.open("rb") as stream, unpacking(stream, max_bytes) as content:
        yield content


@contextmanager
def unpacking(stream: IO[bytes], max_bytes: int = MAX_UNPACKED_BYTES) -> Generator[IO[bytes]]:
    """Do the work of `unpacked` for an open file."""
    with ExitStack() as stack:
        for _ in range(_MAX_LAYERS):
            opener = _opener(stream)
            if opener is None:
                break
            stream = stack.enter_context(_copy(opener, stream, max_bytes))
        yield stream


def beginning(file: Openable, n_bytes: int) -> bytes:
    """Return the first bytes of the uncompressed content of a file, without unpacking the rest of it.

    Raises what `unpacked` raises.
    """
    with ExitStack() as stack:
        stream: Any = stack.enter_context(file.open("rb"))
        start = stream.read(n_bytes)
        for _ in range(_MAX_LAYERS):
            opener = _opener(io.BytesIO(start))
            if opener is None:
                break
            stream.seek(0)
            stream = stack.enter_context(opener(stream))
            start = stream.read(n_bytes)
        return start


class _Packed(Protocol):
    """A compressed stream, read from start to end."""

    def read(self, n: int, /) -> bytes: ...


_Opener = Callable[[IO[bytes]], AbstractContextManager[_Packed]]


def _open_xz(stream: IO[bytes]) -> lzma.LZMAFile:
    return lzma.open(stream)


def _open_zip(stream: IO[bytes]) -> IO[bytes]:
    archive = zipfile.ZipFile(stream)
    names = [member.filename for member in archive.infolist() if not member.is_dir()]
    if not _SPREADSHEETS.isdisjoint(names):
        raise ValueError("is a spreadsheet, which is not read: save it as CSV")
    if len(names) != 1:
        raise ValueError(f"is a zip archive of {len(names)} files where one is expected: unpack it")
    return archive.open(names[0])


_SPREADSHEETS = {"xl/workbook.xml", "content.xml"}
"""Members of Excel and LibreOffice files."""


def _refuse(kind: str, command: str) -> _Opener:
    def refuse(stream: IO[bytes]) -> IO[bytes]:
        raise ValueError(f"is compressed by {kind}, which is not read: unpack it with {command}")

    return refuse


_OPENERS: dict[bytes, _Opener] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": _open_xz,
    b"PK\x03\x04": _open_zip,
    b"\x1f\x9d": _refuse("compress", "uncompress"),
    b"\x28\xb5\x2f\xfd": _refuse("zstd", "unzstd"),
}
"""Functions that open a compressed stream, by the first bytes of the file."""


def _opener(stream: IO[bytes]) -> _Opener | None:
    start = stream.read(max(map(len, _OPENERS)))
    stream.seek(0)
    return next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)


@contextmanager
def _copy(opener: _Opener, stream: IO[bytes], max_bytes: int) -> Generator[IO[bytes]]:
    """Unpack into a temporary file, because seeking backwards in a compressed stream restarts it each time."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as content:
        with opener(stream) as packed:
            while chunk := packed.read(_CHUNK_BYTES):
                content.write(chunk)
                length = content.tell()
                if length > max_bytes:
                    raise ValueError(f"unpacks to more than {max_bytes / 1e6:.0f} MB, too large for what its name says")
                if length > _SUSPICIOUS_BYTES and length > _MAX_RATIO * stream.tell():
                    raise ValueError(f"unpacks to more than {_MAX_RATIO} times its size, so that it holds no data")
        content.seek(0)
        yield content
