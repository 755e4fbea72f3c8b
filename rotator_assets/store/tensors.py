"""Image tensors: one memory-mapped ``.npy`` file per dataset, written image by image, and a manifest that names it.

The manifest is replaced last and atomically, so a reader opens either the old or the new tensor. Memory use does not
grow with the number of galaxies, and reading a batch reads only its part of the file.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rotator_assets.core.errors import InputError
from rotator_assets.core.files import is_abandoned, replacing

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ImageTensor:
    """The images of a dataset: float32 (n, size, size, 3) in bands g, r, i, memory-mapped read-only."""

    images: np.ndarray
    galaxy_ids: tuple[str, ...]
    version: str
    synthetic: bool

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
    """A sequence of images (size, size, 3) of a memory map, each read on access."""

    images: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: int) -> np.ndarray:
        return self.images[self.rows[item]]


class TensorWriter:
    """Appends images of one size to a ``.npy`` file, whose final length is written on closing."""

    def __init__(self, path: Path, size_px: int, synthetic: bool) -> None:
        self._path = path
        self._shape = (size_px, size_px, 3)
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.galaxy_ids: list[str] = []
        self.synthetic = synthetic
        self.version: str | None = None
        self._write_header()

    def append(self, galaxy_id: str, pixels: np.ndarray) -> int:
        """Add one image (size, size, 3) and return its row. Raises ValueError for another shape."""
        if pixels.shape != self._shape:
            raise ValueError(f"expected an image of shape {self._shape}, got {pixels.shape}")
        data = np.ascontiguousarray(pixels, dtype="<f4").tobytes()
        self._file.write(data)
        self._digest.update(galaxy_id.encode())
        self._digest.update(data)
        self.galaxy_ids.append(galaxy_id)
        return len(self.galaxy_ids) - 1

    def close(self) -> None:
        """Write the final header and set ``version``, a hash of all images and their order."""
        if self._file.closed:
            return
        self._write_header()
        self._file.close()
        self.version = self._digest.hexdigest()[:16]

    def _write_header(self) -> None:
        """Write the header; NumPy pads it for a longer first axis, so the final one fits in the same place."""
        self._file.seek(0)
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(self.galaxy_ids), *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, header)


@contextmanager
def writing_tensor(folder: Path, size_px: int, synthetic: bool = False) -> Generator[TensorWriter]:
    """Provide a writer whose images become the folder's tensor if the block succeeds.

    Parameters
    ----------
    folder
        Folder of the dataset's tensor; after an error it keeps the old one.
    size_px
        Side of the images in pixels.
    synthetic
        True marks the tensor as synthetic; the block may also set this attribute of the writer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"images-{uuid.uuid4().hex[:12]}.npy"
    writer = TensorWriter(path, size_px, synthetic)
    try:
        yield writer
        writer.close()
        manifest = {
            "file": path.name,
            "version": writer.version,
            "synthetic": writer.synthetic,
            "bands": "gri",
            "galaxy_ids": writer.galaxy_ids,
        }
        superseded = _superseded(folder)
        with replacing(folder / _MANIFEST) as temporary:
            temporary.write_text(json.dumps(manifest), encoding="utf-8")
    except BaseException:
        writer.close()
        path.unlink(missing_ok=True)
        raise
    for old in superseded:
        old.unlink(missing_ok=True)


def _superseded(folder: Path) -> list[Path]:
    """Return the current tensor file and files left by killed runs, but none that another run may be writing."""
    manifest_path = folder / _MANIFEST
    current = json.loads(manifest_path.read_text(encoding="utf-8"))["file"] if manifest_path.is_file() else None
    return [p for p in folder.glob("images-*.npy") if p.name == current or is_abandoned(p)]


def open_tensor(folder: Path) -> ImageTensor:
    """Open the folder's tensor. Raises FileNotFoundError where none was written, InputError for damaged files."""
    manifest_path = folder / _MANIFEST
    for attempt in range(3):
        if not manifest_path.is_file():
            raise FileNotFoundError(f"{folder} holds no image tensor; materialize image_tensors first")
        try:
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
            images = _open_array(folder / manifest["file"])
            return ImageTensor(images, tuple(manifest["galaxy_ids"]), manifest["version"], manifest["synthetic"])
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


def _open_array(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
    if shape[0] == 0:  # an empty region cannot be mapped
        return np.zeros(shape, np.float32)
    return np.load(path, mmap_mode="r", allow_pickle=False)
