"""Shards being written, and what is recorded of each image in them, so that an interrupted build continues.

Next to ``images-<content>.npy`` lies ``images-<content>.jsonl``: one line of JSON per image. Both are written together
under the name ``unfinished-*`` and renamed when they are complete. Lines and images that a killed process has written
are found again by `KeptImages`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError
from rotator_assets.core.files import onto_disk
from rotator_assets.store.shards import DTYPE, ShardedImages, ShardFile, stored_rows

FINISHED, UNFINISHED = "images-", "unfinished-"
_NONE = -1
_OFTEN = 64
"""Images between two moments at which everything written so far reaches the files."""


@dataclass(frozen=True)
class Record:
    """What is known of an image in a shard.

    Attributes
    ----------
    galaxy_id
        The galaxy.
    pixels
        Hash of its pixels.
    key
        Hash of everything that the image was made from; empty if it is always made again.
    facts
        What was found out while it was made, as JSON.
    """

    galaxy_id: str
    pixels: str
    key: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shard:
    """A finished shard: its file, its number of images, and the hash of these."""

    file: str
    rows: int
    content: str

    def described(self) -> dict[str, Any]:
        """Return its entry in the manifest."""
        return asdict(self)


def pixels_hash(pixels: NDArray[np.float32]) -> str:
    """Return the hash of an image as stored."""
    return hashlib.sha256(np.ascontiguousarray(pixels, DTYPE).data).hexdigest()[:32]


class Contents:
    """Hash of images and of the galaxies they show, in order, which does not depend on how they share files."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, galaxy_id: str, pixels: str) -> None:
        """Add the next galaxy and the hash of its pixels."""
        self._digest.update(f"{galaxy_id}\0{pixels}\n".encode())

    def hash(self) -> str:
        """Return the hash of everything added so far."""
        return self._digest.hexdigest()[:16]


class ShardWriter:
    """Appends images of one shape to a new shard, whose name and length are written when it is finished."""

    def __init__(self, folder: Path, image_shape: tuple[int, ...]) -> None:
        self._stem = folder / f"{UNFINISHED}{uuid.uuid4().hex[:12]}"
        self._shape = image_shape
        self._images = self._stem.with_suffix(".npy").open("wb")
        self._records = self._stem.with_suffix(".jsonl").open("w", encoding="utf-8")
        self._contents = Contents()
        self._can_continue = False
        self.rows = 0
        self._write_header()

    def add(self, pixels: NDArray[np.float32], record: Record) -> None:
        """Append an image and its record."""
        self._images.write(np.ascontiguousarray(pixels, DTYPE).data)
        self._records.write(json.dumps(asdict(record)) + "\n")
        self._contents.add(record.galaxy_id, record.pixels)
        self._can_continue |= bool(record.key)
        self.rows += 1
        if self.rows % _OFTEN == 0:
            self._images.flush()
            self._records.flush()

    def finish(self) -> Shard:
        """Complete both files and give them the name of their content."""
        self._write_header()
        self._images.close()
        self._records.close()
        shard = Shard(f"{FINISHED}{self._contents.hash()}.npy", self.rows, self._contents.hash())
        for ending in (".jsonl", ".npy"):
            onto_disk(self._stem.with_suffix(ending))
            self._stem.with_suffix(ending).replace(self._stem.with_name(shard.file).with_suffix(ending))
        return shard

    def interrupt(self) -> None:
        """Close the files, and remove them if no later build can continue from them."""
        self._images.close()
        self._records.close()
        if not self._can_continue:
            for ending in (".jsonl", ".npy"):
                self._stem.with_suffix(ending).unlink(missing_ok=True)

    def _write_header(self) -> None:
        """Write the header; NumPy pads it for a longer first axis, so the final one fits in the same place."""
        self._images.seek(0)
        header = {"descr": DTYPE.str, "fortran_order": False, "shape": (self.rows, *self._shape)}
        np.lib.format.write_array_header_1_0(self._images, header)


class KeptImages:
    """Images of earlier builds, finished or not, that would be made again from the same.

    Parameters
    ----------
    folder
        Folder of the tensor.
    size_px
        Side of the images in pixels.
    galaxy_ids
        The galaxies, n of them.
    keys
        Hash of everything that each one's image is made from.
    """

    def __init__(self, folder: Path, size_px: int, galaxy_ids: Sequence[str], keys: Sequence[str]) -> None:
        self._paths: list[Path] = []
        self._images: list[ShardedImages] = []
        self._shard, self._row, self._line = (np.full(len(galaxy_ids), _NONE) for _ in range(3))
        files = sorted(folder.glob("*.jsonl"), key=lambda path: (path.name.startswith(FINISHED), path.name))
        number_of = {galaxy_id: number for number, galaxy_id in enumerate(galaxy_ids)} if files else {}
        for path in files:  # finished shards last: they can be used as a whole
            self._add(path, (size_px, size_px, 3), number_of, keys)

    @property
    def there(self) -> NDArray[np.bool_]:
        """Whether there is an image of each galaxy, (n,)."""
        return self._shard != _NONE

    def place(self, number: int) -> tuple[int, int]:
        """Return the number of the shard of a galaxy's image, and its row there."""
        return int(self._shard[number]), int(self._row[number])

    def record(self, number: int) -> Record:
        """Return the record of a galaxy's image."""
        with self._paths[self._shard[number]].open("rb") as file:
            file.seek(self._line[number])
            return Record(**json.loads(file.readline()))

    def pixels(self, shard: int, row: int, record: Record) -> NDArray[np.float32]:
        """Return the image in this row of a shard. Raises InputError if it is not that of the record."""
        pixels = self._images[shard][row]
        if pixels_hash(pixels) != record.pixels:
            path = self._paths[shard].with_suffix(".npy")
            raise InputError(f"{path}: is damaged; remove it and materialize image_tensors again")
        return pixels

    def whole(self, shard: int) -> Shard | None:
        """Return a shard that can be used as a whole; None if it is not finished."""
        path = self._paths[shard]
        if not path.name.startswith(FINISHED):
            return None
        return Shard(f"{path.stem}.npy", len(self._images[shard]), path.stem.removeprefix(FINISHED))

    def first(self, shard: int, rows: int) -> Iterator[tuple[NDArray[np.float32], Record]]:
        """Iterate over the first images of a shard with their records."""
        with self._paths[shard].open("rb") as file:
            for row, line in zip(range(rows), file, strict=False):
                record = Record(**json.loads(line))
                yield self.pixels(shard, row, record), record

    def _add(self, path: Path, shape: tuple[int, ...], number_of: dict[str, int], keys: Sequence[str]) -> None:
        """Add the images of a shard that were made from the same, except those that are damaged or incomplete.

        Every pixel is compared with its hash: else a damaged image would be kept for ever.
        """
        finished = path.name.startswith(FINISHED)
        lines = list(_lines(path))
        try:
            rows = min(len(lines), stored_rows(path.with_suffix(".npy"), shape))
            images = ShardedImages([ShardFile(path.with_suffix(".npy"), rows)], shape)
        except (OSError, ValueError, EOFError):
            return
        if finished and rows < len(lines):
            return
        self._paths.append(path)
        self._images.append(images)
        for row, (offset, record) in enumerate(lines[:rows]):
            number = number_of.get(record.galaxy_id)
            if number is None or not record.key or record.key != keys[number]:
                continue
            if pixels_hash(images[row]) == record.pixels:
                self._shard[number], self._row[number], self._line[number] = len(self._paths) - 1, row, offset


def _lines(path: Path) -> Iterator[tuple[int, Record]]:
    """Iterate over the records of a shard with the byte at which each begins, up to the first damaged one."""
    with path.open("rb") as file:
        offset = 0
        for line in file:
            try:
                record = Record(**json.loads(line))
            except (ValueError, TypeError):
                return
            if not line.endswith(b"\n"):
                return
            yield offset, record
            offset += len(line)
