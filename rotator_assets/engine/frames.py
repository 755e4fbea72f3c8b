"""Messages between a process and its worker: a length of eight bytes, then so many bytes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, BinaryIO

REPORT, ANSWER, ERROR = b"r", b"a", b"e"
"""First byte of a message from a worker; the rest is the pickled report, answer or exception."""
ENDED = b"x"
"""In place of these where the process has ended; the rest is its exit status."""

Function = Callable[..., Any] | str
"""A function of a module, or its name as `named` returns it."""


def named(function: Function) -> str:
    """Return the name of a function, by which another process finds it: ``module:function``."""
    return function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"


def requested(function: Function, arguments: tuple[Any, ...], reports: bool) -> bytes:
    """Return the request to call a function; ``reports``: it takes ``on_report``, which sends content to the caller."""
    return pickle.dumps((named(function), arguments, reports), pickle.HIGHEST_PROTOCOL)


def write(file: BinaryIO, *parts: bytes) -> None:
    """Write the parts as one message."""
    file.write(b"".join((sum(map(len, parts)).to_bytes(8, "big"), *parts)))
    file.flush()


def read(file: BinaryIO) -> bytes | None:
    """Return the next message; None at the end of the file, also within a message."""
    length = file.read(8)
    if len(length) < 8:
        return None
    size = int.from_bytes(length, "big")
    content = file.read(size)
    return content if len(content) == size else None
