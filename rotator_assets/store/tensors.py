"""Image tensors: the images of a dataset in shards (`shards`), and a manifest that names these in order.

The manifest is replaced last and atomically, so a reader opens either the old or the new tensor. Memory use does not
grow with the number of images: writing holds one image, and reading a batch reads only the batch.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError
from rotator_assets.core.files import is_abandoned, replacing
from rotator_assets.store.shard_records import Contents, KeptImages, Record, Shard, ShardWriter, pixels_hash
from rotator_assets.store.shards import ShardedImages, ShardFile, stored_shape

SHARD_ROWS = 4096
"""Galaxies per shard: 200 MB of images of 64 pixels. A shard is the least that is written again, and a process that
reads a tensor has each of its shards open."""
MANIFEST = "manifest.json"
"""Name of the file that names the shards."""


@dataclass(frozen=True)
class ImageTensor:
    """The images of a dataset: float32 (n, size, size, 3) in bands g, r, i, of which only requested rows are read.

    ``images`` is declared as an array, because it stands for one wherever rows of images are used (`ShardedImages`).
    ``version`` is a hash of the images, `shard_records.Contents` if ``is_hashed``: earlier versions of this program
    computed another one.
    """

    images: NDArray[np.float32]
    galaxy_ids: tuple[str, ...]
    version: str
    synthetic: bool
    is_hashed: bool = False

    @property
    def size_px(self) -> int:
        """Side of the images in pixels."""
        return self.images.shape[1]

    def rows_of(self, galaxy_ids: Iterable[str]) -> np.ndarray:
        """Return the rows of these galaxies, int64 (n,). Raises InputError where the tensor lacks one of them."""
        row = {galaxy_id: number for number, galaxy_id in enumerate(self.galaxy_ids)}
        try:
            return np.array([row[galaxy_id] for galaxy_id in galaxy_ids], dtype=np.int64)
        except KeyError as absent:
            raise InputError(
                f"galaxy {absent.args[0]} is not in the image tensor, which was rebuilt since; materialize "
                "labeled_images and rotator_classifier again (`rotators run` does)"
            ) from None

    def select(self, galaxy_ids: Iterable[str]) -> SelectedImages:
        """Return a lazy sequence of the images of these galaxies, in their order. Raises InputError as `rows_of`."""
        return SelectedImages(self.images, self.rows_of(galaxy_ids))


@dataclass(frozen=True)
class SelectedImages:
    """A sequence of images (size, size, 3) of a tensor, each read on access."""

    images: NDArray[np.float32]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: int) -> np.ndarray:
        return self.images[int(self.rows[item])]


class TensorWriter:
    """Writes the images of a tensor in order, into new shards or, where nothing has changed, not at all.

    Parameters
    ----------
    folder
        Folder of the tensor.
    size_px
        Side of the images in pixels.
    synthetic
        Whether the tensor is synthetic.
    kept
        Images of earlier builds.
    """

    def __init__(self, folder: Path, size_px: int, synthetic: bool, kept: KeptImages | None = None) -> None:
        self._folder, self._shape, self._kept = folder, (size_px, size_px, 3), kept
        self._shards: list[Shard] = []
        self._part: int | None = None
        self._writer: ShardWriter | None = None
        self._adopted: tuple[int, int] | None = None
        """Number and rows of an earlier shard that begins like the current one, of which nothing is written yet."""
        self._contents = Contents()
        self.galaxy_ids: list[str] = []
        self.synthetic = synthetic
        self.version: str | None = None
        """Hash of all images and their order, once the tensor is complete."""

    def append(
        self,
        galaxy_id: str,
        pixels: NDArray[np.float32],
        part: int | None = None,
        key: str = "",
        facts: dict[str, Any] | None = None,
    ) -> int:
        """Add one image.

        Parameters
        ----------
        galaxy_id
            The galaxy.
        pixels
            Its image, float32 (size, size, 3).
        part
            Number of the shard, not smaller than before; by default a shard has ``SHARD_ROWS`` images.
        key, facts
            As in `shard_records.Record`, for later builds.

        Returns
        -------
        int
            Row of the image.

        Raises
        ------
        ValueError
            For an image of another shape.
        """
        if pixels.shape != self._shape:
            raise ValueError(f"expected an image of shape {self._shape}, got {pixels.shape}")
        self._enter(part)
        record = Record(galaxy_id, pixels_hash(pixels), key, facts or {})
        self._open().add(pixels, record)
        return self._added(record)

    def keep(self, number: int, part: int | None = None) -> Record:
        """Add the image that an earlier build made of a galaxy, given by its number; return its record.

        Raises InputError if the image is damaged.
        """
        assert self._kept is not None
        self._enter(part)
        record, (shard, row) = self._kept.record(number), self._kept.place(number)
        begins = self._writer is None and self._adopted is None and row == 0
        if (begins or self._adopted == (shard, row)) and self._kept.whole(shard):
            self._adopted = (shard, row + 1)
        else:
            self._open().add(self._kept.pixels(shard, row, record), record)
        self._added(record)
        return record

    def close(self) -> None:
        """Complete the last shard and set ``version``."""
        self._finish()
        self.version = self._contents.hash()

    def interrupt(self) -> None:
        """Close the files without completing the tensor; a later build continues from them."""
        if self._writer:
            self._writer.interrupt()

    def manifest(self) -> dict[str, Any]:
        """Return the content of the manifest. Raises InputError if another process has removed a shard."""
        for shard in self._shards:
            if not (self._folder / shard.file).is_file():
                raise InputError(
                    f"{self._folder}: another run has removed {shard.file}; materialize image_tensors again"
                )
        return {
            "shards": [shard.described() for shard in self._shards],
            "size_px": self._shape[0],
            "version": self.version,
            "synthetic": self.synthetic,
            "bands": "gri",
            "galaxy_ids": self.galaxy_ids,
        }

    def _enter(self, part: int | None) -> None:
        """Complete the current shard if the next image belongs to another one."""
        part = len(self.galaxy_ids) // SHARD_ROWS if part is None else part
        if part != self._part:
            self._finish()
            self._part = part

    def _open(self) -> ShardWriter:
        """Return the writer of the current shard; an adopted one is copied up to here first."""
        if self._writer is None:
            self._writer = ShardWriter(self._folder, self._shape)
            if self._adopted and self._kept:
                shard, rows = self._adopted
                self._adopted = None
                for pixels, record in self._kept.first(shard, rows):
                    self._writer.add(pixels, record)
        return self._writer

    def _added(self, record: Record) -> int:
        self._contents.add(record.galaxy_id, record.pixels)
        self.galaxy_ids.append(record.galaxy_id)
        return len(self.galaxy_ids) - 1

    def _finish(self) -> None:
        """Complete the current shard, if it has any images."""
        if self._adopted and self._kept:
            shard, rows = self._adopted
            whole = self._kept.whole(shard)
            if whole and whole.rows == rows:
                self._shards.append(whole)
                self._adopted = None
            else:
                self._open()
        if self._writer:
            self._shards.append(self._writer.finish())
            self._writer = None


@contextmanager
def writing_tensor(
    folder: Path, size_px: int, synthetic: bool = False, kept: KeptImages | None = None
) -> Generator[TensorWriter]:
    """Provide a writer whose images become the folder's tensor if the block succeeds.

    Parameters
    ----------
    folder
        Folder of the dataset's tensor; after an error it keeps the old one.
    size_px
        Side of the images in pixels.
    synthetic
        True marks the tensor as synthetic; the block may also set this attribute of the writer.
    kept
        Images of earlier builds, which the block may keep.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = TensorWriter(folder, size_px, synthetic, kept)
    try:
        yield writer
        writer.close()
    finally:
        writer.interrupt()
    superseded = _named(folder)
    manifest = writer.manifest()
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest), encoding="utf-8")
    current = {shard["file"] for shard in manifest["shards"]}
    for path in folder.glob("*.npy"):
        if path.name not in current and (path.name in superseded or is_abandoned(path)):
            path.unlink(missing_ok=True)
            path.with_suffix(".jsonl").unlink(missing_ok=True)


def abandoned_shards(folder: Path) -> list[Path]:
    """Return the files of images that are not part of the current tensor and have not been written to for a day."""
    named = _named(folder)
    files = [*folder.glob("*.npy"), *folder.glob("*.jsonl")]
    return [path for path in files if path.with_suffix(".npy").name not in named and is_abandoned(path)]


def _named(folder: Path) -> set[str]:
    """Return the names of the files of the current tensor; none if there is no readable manifest."""
    try:
        return {shard["file"] for shard in shards_of(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def shards_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the shards of a manifest; a tensor of an earlier version of this program has one file."""
    if "file" in manifest:
        return [{"file": manifest["file"], "rows": len(manifest["galaxy_ids"]), "content": ""}]
    return manifest["shards"]


def open_tensor(folder: Path) -> ImageTensor:
    """Open the folder's tensor. Raises FileNotFoundError where none was written, InputError for damaged files."""
    manifest_path = folder / MANIFEST
    for attempt in range(3):
        if not manifest_path.is_file():
            raise FileNotFoundError(f"{folder} holds no image tensor; materialize image_tensors first")
        try:
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
            files = [ShardFile(folder / shard["file"], shard["rows"]) for shard in shards_of(manifest)]
            shape = stored_shape(files[0].path) if "file" in manifest else (manifest["size_px"], manifest["size_px"], 3)
            images = cast("NDArray[np.float32]", ShardedImages(files, shape))
            galaxy_ids = tuple(manifest["galaxy_ids"])
            if len(galaxy_ids) != len(images):
                raise ValueError(f"{len(images)} images of {len(galaxy_ids)} galaxies")
            return ImageTensor(
                images, galaxy_ids, manifest["version"], manifest["synthetic"], is_hashed="shards" in manifest
            )
        except FileNotFoundError:
            if attempt == 2:
                raise
            continue  # another run has replaced the tensor between the two reads
        except (ValueError, KeyError, EOFError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"{folder}: the image tensor is damaged ({reason}); materialize image_tensors again"
            ) from error
    raise AssertionError("unreachable")
