"""Checksums of results: a table file holds its own, a manifest that of its content and of the files that it names.

A Parquet file is written with a checksum of zeros among the metadata at its end. `seal` then replaces the zeros by the
SHA-256 of the file as it was, which `is_intact` compares. A copied or renamed file keeps its checksum.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotator_assets.core.files import sha256_of

_KEY, _PREFIX = "rotators_checksum", "sha256:"
_NO_CHECKSUM = "0" * 64
PARQUET_OPTION = f"KV_METADATA {{{_KEY}: '{_PREFIX}{_NO_CHECKSUM}'}}"
"""Option of DuckDB's COPY for a Parquet file that `seal` can complete."""
_VALUE = re.compile(rb"sha256:([0-9a-f]{64})")
_END_BYTES = 2**16
"""Length of the end of a file that has its metadata."""
_TOGETHER = 2**20
IN_MANIFEST = "checksum"
"""Entry of a manifest with the checksum of everything else in it."""


DAMAGED, MISSING = "is damaged or was changed", "is missing"


@dataclass(frozen=True)
class Checked:
    """A file that was checked.

    Attributes
    ----------
    path
        The file.
    problem
        What is wrong; empty if nothing is.
    is_recorded
        Whether there is a checksum to compare the file with.
    """

    path: Path
    problem: str = ""
    is_recorded: bool = True


def seal(path: Path) -> None:
    """Write the checksum of a new Parquet file, made with `PARQUET_OPTION`, into it."""
    place = _place(path)
    assert place is not None, f"{path} was written without room for a checksum"
    digest = _digest_without(path, place)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(digest.encode())


def is_intact(path: Path) -> bool | None:
    """Return whether a Parquet file is as it was sealed; None for one that an earlier version wrote without checksum.

    A change of any byte is found, also of those of the checksum. Raises FileNotFoundError where there is no file.
    """
    place = _place(path)
    if place is None:
        return None
    if place < 0:
        return False
    with path.open("rb") as file:
        file.seek(place)
        written = file.read(len(_NO_CHECKSUM))
    return written == _digest_without(path, place).encode()


def _place(path: Path) -> int | None:
    """Return the byte at which the checksum begins; None where there is none, -1 where its entry is damaged."""
    with path.open("rb") as file:
        start = max(file.seek(0, 2) - _END_BYTES, 0)
        file.seek(start)
        end = file.read()
    key = end.rfind(_KEY.encode())
    values = list(_VALUE.finditer(end))
    if key < 0 and not values:
        return None
    if key < 0 or not values or not 0 < values[-1].start() - key - len(_KEY) < 8:
        return -1
    return start + values[-1].start(1)


def _digest_without(path: Path, place: int) -> str:
    """Return the SHA-256 of a file with zeros in place of its checksum."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = place
        while left:
            part = file.read(min(left, _TOGETHER))
            digest.update(part)
            left -= len(part)
        file.seek(place + len(_NO_CHECKSUM))
        digest.update(_NO_CHECKSUM.encode())
        while part := file.read(_TOGETHER):
            digest.update(part)
    return digest.hexdigest()


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a manifest with its checksum."""
    return {**content, IN_MANIFEST: _content_digest(content)}


def is_unchanged(content: Mapping[str, Any]) -> bool | None:
    """Return whether the content of a manifest has its checksum; None for one of an earlier version without any."""
    return content[IN_MANIFEST] == _content_digest(content) if IN_MANIFEST in content else None


def check_files(folder: Path, digests: Mapping[str, str]) -> Iterator[Checked]:
    """Check the files of a folder whose SHA-256 a manifest has, by their names."""
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file():
            yield Checked(path, MISSING)
        else:
            yield Checked(path, "" if sha256_of(path) == digest else DAMAGED)


def _content_digest(content: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in content.items() if name != IN_MANIFEST}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
