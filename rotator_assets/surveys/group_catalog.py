"""Group catalogue of IllustrisTNG, snapshot 99: reads the pieces ``fof_subhalo_tab_099.<n>.hdf5`` as one table.

The id of a subhalo is its position in all pieces concatenated. Pieces without subhalos have no fields.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.compressed import uncompressed_name, unpacked
from rotator_assets.core.errors import InputError
from rotator_assets.core.hdf5_files import open_hdf5

STARS = 4
"""Particle type of stars, the column in fields by type."""
MAX_SUBHALOS = 20_000_000
"""Larger pieces are refused unread. TNG100-1 has 4.4 million subhalos in all pieces, TNG300-1 14.5 million."""

MAX_MASS = 1e7
"""Largest valid stellar mass, 1e10 Msun/h; no cluster reaches 1e17 Msun."""

_FILE_NAME = re.compile(r"fof_subhalo_tab_099\.(?P<number>\d+)\.hdf5")


@dataclass(frozen=True)
class _Header:
    """Attributes of group Header: contents of a piece and of the whole catalogue."""

    n_here: int
    n_total: int
    n_files: int
    hubble: float
    scale_factor: float


def read_group_catalog(pieces: Sequence[Path], wanted: Collection[str] | None = None) -> pd.DataFrame:
    """Read the subhalos of all pieces of the catalogue, or those with a ``wanted`` id, in the order of their ids.

    Columns: ``galaxy_id`` (str); ``log_mass``, log10 of the stellar mass within twice the stellar half-mass radius
    (SubhaloMassInRadType) in h^-2 Msun, NaN without stars; ``half_mass_radius_kpc``, the stellar half-mass radius in
    three dimensions (SubhaloHalfmassRadType) in kpc, NaN without stars; ``subhalo_flag`` (SubhaloFlag, Int64), 0 for
    subhalos that are not galaxies. A mass m in the file's 1e10 Msun/h is M h^2 = 1e10 m h. Only one piece at a time is
    held in memory.

    Raises InputError with the file: no pieces, a piece missing or repeated, pieces of different catalogues, a field
    missing or of the wrong shape, not HDF5.
    """
    numbered = _by_number(pieces)
    first = _read_header(numbered[min(numbered)])
    _check_complete(numbered, first)
    frames, start = [], 0
    for number in sorted(numbered):
        header, fields = _read_piece(numbered[number])
        if (header.n_files, header.n_total) != (first.n_files, first.n_total):
            raise InputError(
                f"{numbered[number]}: is a piece of another catalogue: {header.n_files} files and {header.n_total} "
                f"subhalos, where {numbered[min(numbered)].name} has {first.n_files} and {first.n_total}"
            )
        frame = _frame(header, fields, start)
        frames.append(frame if wanted is None else frame[frame["galaxy_id"].isin(wanted)])
        start += header.n_here
    if start != first.n_total:
        folder = numbered[min(numbered)].parent
        raise InputError(f"{folder}: the pieces hold {start} subhalos, their headers announce {first.n_total}")
    return pd.concat(frames, ignore_index=True)


def _by_number(pieces: Sequence[Path]) -> dict[int, Path]:
    """Return the pieces by the number in their names. Raises InputError for other names and repeated numbers."""
    numbered: dict[int, Path] = {}
    for path in pieces:
        match = _FILE_NAME.fullmatch(uncompressed_name(path.name))
        if not match:
            raise InputError(f"{path}: is not a piece of the group catalogue, fof_subhalo_tab_099.<number>.hdf5")
        number = int(match["number"])
        if number in numbered:
            raise InputError(f"{path}: is the same piece as {numbered[number]}; remove one of them")
        numbered[number] = path
    if not numbered:
        raise InputError("there is no piece of the group catalogue, fof_subhalo_tab_099.<number>.hdf5")
    return numbered


def _check_complete(numbered: dict[int, Path], header: _Header) -> None:
    folder = numbered[min(numbered)].parent
    if foreign := [path for number, path in sorted(numbered.items()) if number >= header.n_files]:
        raise InputError(f"{foreign[0]}: the catalogue has {header.n_files} pieces, numbered from 0")
    if absent := [number for number in range(header.n_files) if number not in numbered]:
        names = ", ".join(f"fof_subhalo_tab_099.{number}.hdf5" for number in absent[:3])
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise InputError(f"{folder}: of {header.n_files} pieces of the group catalogue, {names}{more} missing")


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    """Open the file; anything that a parser raises on a bad file becomes an InputError of one line."""
    try:
        with unpacked(path) as content, open_hdf5(content) as file:
            yield file
    except InputError:
        raise
    except Exception as error:  # parsers of damaged files raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: cannot be read as an HDF5 file ({reason}); is the download complete?") from error


def _read_header(path: Path) -> _Header:
    with _opened(path) as file:
        return _header_of(path, file)


def _header_of(path: Path, file: Any) -> _Header:
    attributes = file["Header"].attrs if "Header" in file else {}
    values = []
    for name in ("Nsubgroups_ThisFile", "Nsubgroups_Total", "NumFiles", "HubbleParam", "Time"):
        if name not in attributes:
            raise InputError(f"{path}: has no attribute {name} in group Header")
        value = np.ravel(attributes[name])
        if value.size != 1 or value.dtype.kind not in "iuf" or not 0 <= value[0] <= MAX_SUBHALOS:
            raise InputError(f"{path}: attribute {name} of group Header is not a number from 0 to {MAX_SUBHALOS}")
        values.append(value[0])
    n_here, n_total, n_files, hubble, scale_factor = values
    if not (hubble > 0 and scale_factor > 0):
        raise InputError(f"{path}: HubbleParam and Time of group Header must be positive")
    return _Header(int(n_here), int(n_total), int(n_files), float(hubble), float(scale_factor))


def _read_piece(path: Path) -> tuple[_Header, dict[str, NDArray]]:
    """Return the header and three fields of a piece, each (n,): mass and radius of the stars, and the flag."""
    with _opened(path) as file:
        header = _header_of(path, file)
        if not header.n_here:
            return header, {name: np.zeros(0) for name in ("mass", "radius", "flag")}
        return header, {
            "mass": _field(path, file, "SubhaloMassInRadType", header.n_here, STARS),
            "radius": _field(path, file, "SubhaloHalfmassRadType", header.n_here, STARS),
            "flag": _field(path, file, "SubhaloFlag", header.n_here, None),
        }


def _field(path: Path, file: Any, name: str, n_subhalos: int, column: int | None) -> NDArray:
    import h5py

    dataset = file.get(f"Subhalo/{name}")
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{path}: has no field Subhalo/{name}")
    expected = (n_subhalos,) if column is None else (n_subhalos, 6)
    if dataset.shape != expected or dataset.dtype.kind not in "biuf":
        raise InputError(f"{path}: Subhalo/{name} is {dataset.dtype} of shape {dataset.shape}, {expected} is expected")
    if math.prod(dataset.chunks or ()) > MAX_SUBHALOS:
        raise InputError(f"{path}: Subhalo/{name} is stored in chunks of {dataset.chunks}, too large to read")
    return dataset[()] if column is None else dataset[:, column]


def _frame(header: _Header, fields: dict[str, NDArray], start: int) -> pd.DataFrame:
    mass, radius = (np.asarray(fields[name], dtype=np.float64) for name in ("mass", "radius"))
    h = header.hubble
    mass = np.where(mass <= MAX_MASS, mass, 0.0)
    return pd.DataFrame(
        {
            "galaxy_id": np.arange(start, start + header.n_here).astype(str).astype(object),
            "log_mass": np.log10(mass * 1e10 * h, out=np.full(len(mass), np.nan), where=mass > 0),
            "half_mass_radius_kpc": np.where(radius > 0, radius * header.scale_factor / h, np.nan),
            "subhalo_flag": pd.array(fields["flag"].astype(np.int64), dtype="Int64"),
        }
    )
