"""Measures the structure of many images in parallel, and keeps what it measured for images that have not changed.

A measurement is kept under a hash of everything that it depends on: the pixels, the kind of image, the code and the
libraries that measure. It is therefore measured again if any of these changes, and one new galaxy costs one
measurement. The file holds only images of the last run that measured any, so it does not grow with the number of runs.
It is replaced as a whole every minute, and an interrupted run continues where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, fields
from functools import cache
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing
from rotator_assets.imaging.morphology import Morphology, measure_morphology

NO_STATMORPH = (
    "statmorph, which measures the structure of images, does not work here: install this project with `uv sync`, "
    "because pip cannot install statmorph alongside alibi; everything else works without it"
)
SAVE_SECONDS = 60.0
FEWEST_IN_PARALLEL = 20
"""Number of images below which starting processes takes longer than it saves."""
_CODE = ("morphology.py", "structure.py", "neighbours.py", "cropping.py", "centre.py")
_LIBRARIES = ("statmorph", "photutils", "scikit-image", "scipy", "numpy", "astropy")
_MEASURED = np.dtype(
    [("key", "S32")]
    + [(each.name, {"flag": "i8", "usable": "?", "reason": "S160"}.get(each.name, "f8")) for each in fields(Morphology)]
)
"""One measurement in the file; an empty reason means none."""


def measure_all(
    images: NDArray[np.float32],
    rows: NDArray[np.int64],
    are_pictures: NDArray[np.bool_],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    workers: int = -1,
    kept: Path | None = None,
) -> pd.DataFrame:
    """Return the structure of many images.

    Parameters
    ----------
    images
        float32 (n, ny, nx, 3); a memory-mapped array is opened again in each process, not sent.
    rows
        Rows of ``images`` to measure, (m,).
    are_pictures
        Whether each of them is a colour picture, (m,).
    on_progress
        Called with the number of images done and the total.
    workers
        Number of processes; -1 uses every core, 1 measures in this process.
    kept
        File of the measurements that are kept; None keeps none. A damaged file counts as empty.

    Returns
    -------
    DataFrame
        Fields of `Morphology`, one row per image, in the order of ``rows``.

    Raises
    ------
    InputError
        If an image must be measured, and statmorph is not installed, or not with a compatible scikit-image.
    """
    found = np.zeros(len(rows), dtype=_MEASURED)
    found["key"] = [_key(images[row], is_picture) for row, is_picture in zip(rows, are_pictures, strict=True)]
    done = _filled(found, kept)
    todo = np.flatnonzero(~done)
    n_kept, saved = len(rows) - len(todo), time.monotonic()
    on_progress(n_kept, len(rows))
    measured = _measured(images, rows[todo], are_pictures[todo], workers)
    try:
        for number, (place, morphology) in enumerate(zip(todo, measured, strict=True), 1):
            found[place] = (found["key"][place], *astuple(morphology)[:-1], (morphology.reason or "").encode())
            done[place] = True
            on_progress(n_kept + number, len(rows))
            if kept and time.monotonic() - saved > SAVE_SECONDS:
                _save(found[done], kept)
                saved = time.monotonic()
    finally:
        if kept and len(todo):
            _save(found[done], kept)
    table = pd.DataFrame({each.name: found[each.name] for each in fields(Morphology)})
    table["reason"] = [reason.decode() or None for reason in found["reason"]]
    return table


def _measured(
    images: NDArray[np.float32], rows: NDArray[np.int64], are_pictures: NDArray[np.bool_], workers: int
) -> Iterator[Morphology]:
    if not len(rows):
        return
    try:
        import_module("statmorph")
    except ImportError as error:
        raise InputError(f"{NO_STATMORPH} ({error})") from None
    from joblib import Parallel, delayed

    tasks = (
        delayed(measure_morphology)(images[row], bool(is_picture))
        for row, is_picture in zip(rows, are_pictures, strict=True)
    )
    workers = 1 if len(rows) < FEWEST_IN_PARALLEL else workers
    yield from Parallel(workers, return_as="generator", idle_worker_timeout=20)(tasks)


def _key(image: NDArray[np.float32], is_picture: bool) -> bytes:
    """Return the hash of everything that a measurement depends on."""
    digest = blake2b(image.tobytes(), digest_size=16)
    digest.update(f"{image.shape} {image.dtype.str} {bool(is_picture)} {_method()}".encode())
    return digest.hexdigest().encode()


@cache
def _method() -> str:
    """Return the code and the libraries that measure, as a hash and their versions."""
    code = blake2b(b"\0".join(Path(__file__).with_name(name).read_bytes() for name in _CODE), digest_size=16)
    return f"{code.hexdigest()} {[_version(name) for name in _LIBRARIES]}"


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"


def _filled(found: NDArray[np.void], kept: Path | None) -> NDArray[np.bool_]:
    """Fill in the measurements that are kept, and return which ones were, (m,)."""
    known = _load(kept) if kept else np.empty(0, dtype=_MEASURED)
    place = {key: number for number, key in enumerate(known["key"])}
    numbers = np.array([place.get(key, -1) for key in found["key"]], dtype=np.int64)
    found[numbers >= 0] = known[numbers[numbers >= 0]]
    return numbers >= 0


def _load(kept: Path) -> NDArray[np.void]:
    """Return the measurements of a file; none if it is absent, damaged or of another kind."""
    try:
        with np.load(kept, allow_pickle=False) as file:
            known = file["measured"]  # the archive has a checksum
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return np.empty(0, dtype=_MEASURED)
    return known if known.dtype == _MEASURED else np.empty(0, dtype=_MEASURED)


def _save(measured: NDArray[np.void], kept: Path) -> None:
    with replacing(kept, ".npz") as temporary:
        np.savez(temporary, measured=measured)
