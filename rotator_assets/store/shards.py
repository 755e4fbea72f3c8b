"""Images in shards: plain ``.npy`` files of a few thousand images each, of which only the requested rows are read.

Files are read, not mapped into memory: a process holds only the images that it has requested, and a truncated file
raises an error instead of ending the process.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rotator_assets.core.errors import InputError

DTYPE = np.dtype("<f4")


@dataclass(frozen=True)
class ShardFile:
    """A ``.npy`` file of images: its path and the number of its images."""

    path: Path
    rows: int


class ShardedImages:
    """The images of several files as one array, float32 (n, size, size, bands), of which only requested rows are read.

    It is indexed along the first axis only: by a number, a slice, numbers or truth values. The result is a new array.
    Every file stays open, so the images remain readable after the files have been replaced.

    Parameters
    ----------
    files
        The files, in order.
    image_shape
        Shape of one image.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ValueError
        If a file does not hold what it should.
    """

    dtype = np.dtype(np.float32)
    ndim = 4

    def __init__(self, files: Sequence[ShardFile], image_shape: tuple[int, ...]) -> None:
        self._files = tuple(file for file in files if file.rows)
        self._first = np.cumsum([0, *(file.rows for file in self._files)])
        self._bytes = int(np.prod(image_shape)) * DTYPE.itemsize
        self.shape = (int(self._first[-1]), *image_shape)
        self._opened: list[int] = []
        weakref.finalize(self, _close, self._opened)
        self._starts = []
        for file in self._files:
            descriptor = os.open(file.path, os.O_RDONLY)
            self._opened.append(descriptor)
            self._starts.append(_start_of_data(descriptor, (file.rows, *image_shape)))

    def __reduce__(self) -> tuple:
        return ShardedImages, (self._files, self.shape[1:])  # file descriptors mean nothing to another process

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Size of all images in bytes."""
        return len(self) * self._bytes

    def __getitem__(self, key: int | slice | ArrayLike) -> NDArray[np.float32]:
        """Return a copy of these images, or of the one image. Raises IndexError for rows that do not exist."""
        if isinstance(key, (int, np.integer)):
            return self._rows(np.array([key]))[0]
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            return self._range(start, max(start, stop)) if step == 1 else self._rows(np.arange(start, stop, step))
        if isinstance(key, tuple):
            raise IndexError("images are chosen by their rows only: index the result for parts of them")
        rows = np.asarray(key)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError(f"{rows.shape} truth values cannot choose from {len(self)} images")
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or not (np.issubdtype(rows.dtype, np.integer) or not rows.size):
            raise IndexError(f"rows of images are integers (n,), not {rows.dtype} {rows.shape}")
        return self._rows(rows.astype(np.int64))

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for row in range(len(self)):
            yield self[row]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("images in files cannot become an array without a copy")
        return self[:].astype(dtype or self.dtype, copy=False)

    def _rows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = np.where(rows < 0, rows + len(self), rows)
        if rows.size and (rows.min() < 0 or rows.max() >= len(self)):
            raise IndexError(f"there are only {len(self)} images")
        images = np.empty((len(rows), *self.shape[1:]), DTYPE)
        numbers = np.searchsorted(self._first, rows, side="right") - 1
        for image, number, row in zip(images, numbers.tolist(), (rows - self._first[numbers]).tolist(), strict=True):
            self._read(image, number, row)
        return images

    def _range(self, start: int, stop: int) -> NDArray[np.float32]:
        images = np.empty((stop - start, *self.shape[1:]), DTYPE)
        for number, file in enumerate(self._files):
            first = int(self._first[number])
            low, high = max(start, first), min(stop, first + file.rows)
            if low < high:
                self._read(images[low - start : high - start], number, low - first)
        return images

    def _read(self, images: NDArray[np.float32], number: int, row: int) -> None:
        """Fill an array with the images of a file from this row on."""
        left = images.data.cast("B")
        position = self._starts[number] + row * self._bytes
        while left:
            read = os.preadv(self._opened[number], [left], position)
            if not read:
                raise InputError(f"{self._files[number].path}: is cut short; materialize image_tensors again")
            left, position = left[read:], position + read


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def stored_shape(path: Path) -> tuple[int, ...]:
    """Return the shape of one image in a file. Raises ValueError if it is no ``.npy`` file."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        return np.lib.format.read_array_header_1_0(file)[0][1:]


def stored_rows(path: Path, image_shape: tuple[int, ...]) -> int:
    """Return the number of whole images in a file, also while it is being written.

    Raises FileNotFoundError without it, ValueError if it holds something else.
    """
    with path.open("rb") as file:
        start = _start_of_data(file.fileno(), (0, *image_shape))
        return (os.fstat(file.fileno()).st_size - start) // (int(np.prod(image_shape)) * DTYPE.itemsize)


def _start_of_data(descriptor: int, shape: tuple[int, ...]) -> int:
    """Return the byte at which the data of a ``.npy`` file begin. Raises ValueError if it holds other or fewer data."""
    with open(descriptor, "rb", closefd=False) as file:
        np.lib.format.read_magic(file)
        found, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
        start = file.tell()
    if found[1:] != shape[1:] or dtype != DTYPE or in_columns:
        raise ValueError(f"a file holds {dtype} {found}, not {DTYPE} {shape}")
    if os.fstat(descriptor).st_size < start + int(np.prod(shape)) * DTYPE.itemsize:
        raise ValueError("a file is cut short")
    return start
