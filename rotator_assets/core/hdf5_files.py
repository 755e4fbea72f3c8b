"""HDF5 files that hold all their data themselves.

A dataset of an HDF5 file may lie in any other file of the machine: behind an external link, as part of a virtual
dataset, or as raw bytes. Published files have none of these.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py

MAX_VALUES = 2**28
"""Datasets with more values, or with longer chunks, are refused: the largest published column has some 10^7."""


@contextmanager
def open_hdf5(content: IO[bytes]) -> Generator[h5py.File]:
    """Open an HDF5 file for reading.

    Raises ValueError where it refers to another file, or a dataset claims more than ``MAX_VALUES``; and OSError where
    it is no HDF5 file.
    """
    import h5py

    def outside(name: str, link: object) -> str | None:
        return f"its link '{name}' leads to another file" if isinstance(link, h5py.ExternalLink) else None

    def refused(name: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if item.is_virtual or item.external:
            return f"its dataset '{name}' lies in another file"
        if max(item.size or 0, math.prod(item.chunks or ())) > MAX_VALUES:
            return f"its dataset '{name}' claims shape {item.shape} in chunks of {item.chunks}, which is too large"
        return None

    with h5py.File(content, "r") as file:
        if reason := file.visititems_links(outside) or file.visititems(refused):
            raise ValueError(" ".join(reason.split()))
        yield file
