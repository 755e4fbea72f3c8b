"""Write FITS, HDF5 and CSV files that are marked as synthetic."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from astropy.io import fits
from numpy.typing import ArrayLike, NDArray

SYNTHETIC_CARD = ("SYNTHET", True, "synthetic galaxies, not observations")
SYNTHETIC_LINE = "# synthetic"

FITS_BLOCK = 2880
"""FITS files consist of blocks of this number of bytes."""

_BINARY = {"J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "A": "S"}

Column = tuple[str, ArrayLike]
"""FITS format of a column (``J``, ``K``, ``E``, ``D``, ``7E``, ``11A``) and its values."""


def write_fits_tables(path: Path, tables: Sequence[tuple[str | None, Mapping[str, Column]]]) -> None:
    """Write an empty primary HDU, then binary tables (name or None, columns by name).

    Text is padded with blanks, as in MaNGA's own tables; astropy would pad it with zero bytes.
    """
    primary = fits.PrimaryHDU()
    primary.header.append(SYNTHETIC_CARD)
    primary.writeto(path)
    with path.open("ab") as file:
        for name, columns in tables:
            rows = _structured(columns)
            file.write(fits.BinTableHDU(rows.copy(), name=name).header.tostring().encode("ascii"))
            file.write(rows.tobytes())
            file.write(bytes(-rows.nbytes % FITS_BLOCK))


def _structured(columns: Mapping[str, Column]) -> NDArray:
    """Return columns as big-endian rows."""
    fields = []
    for name, (form, _) in columns.items():
        repeat, kind = form[:-1], form[-1]
        binary = _BINARY[kind]
        fields.append((name, f"{binary}{repeat}") if kind == "A" else (name, binary, (int(repeat),) if repeat else ()))
    rows = np.empty(len(np.asarray(next(iter(columns.values()))[1])), dtype=fields)
    for name, (form, values) in columns.items():
        rows[name] = (
            [str(value).ljust(int(form[:-1])) for value in np.asarray(values, dtype=object)]
            if form.endswith("A")
            else values
        )
    return rows


def write_fits_image(path: Path, pixels: NDArray[np.float32], cards: Sequence[tuple]) -> None:
    """Write a primary HDU (band, y, x) with further header cards.

    The file is assembled here, because astropy's HDU takes twice the time and adds a card EXTEND that published images
    lack.

    Parameters
    ----------
    path
        File to write.
    pixels
        float32 (band, y, x).
    cards
        Header cards (keyword, value, comment).
    """
    header = fits.Header(
        [
            ("SIMPLE", True, "conforms to FITS standard"),
            ("BITPIX", -32, "array data type"),
            ("NAXIS", pixels.ndim, "number of array dimensions"),
            *((f"NAXIS{axis}", side) for axis, side in enumerate(pixels.shape[::-1], start=1)),
            *cards,
            SYNTHETIC_CARD,
        ]
    )
    with path.open("wb") as file:
        file.write(header.tostring().encode("ascii"))
        file.write(pixels.astype(">f4").tobytes())
        file.write(bytes(-pixels.nbytes % FITS_BLOCK))


def write_fits_maps(path: Path, cards: Sequence[tuple], maps: Mapping[str, tuple[NDArray, Sequence[tuple]]]) -> None:
    """Write a gzipped file: a primary HDU without data, then images by name. The same arguments give the same bytes.

    Parameters
    ----------
    path
        File to write.
    cards
        Cards of the primary header.
    maps
        Images with their cards, by name of the extension. Integers are stored with 32 bits, other values as float32.
    """
    primary = [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True), *cards, SYNTHETIC_CARD]
    parts = [fits.Header(primary).tostring().encode("ascii")]
    for name, (values, own_cards) in maps.items():
        stored = np.asarray(values).astype(">i4" if values.dtype.kind == "i" else ">f4")
        sides = [(f"NAXIS{axis}", side) for axis, side in enumerate(stored.shape[::-1], start=1)]
        shape = [("BITPIX", 32 if stored.dtype.kind == "i" else -32), ("NAXIS", stored.ndim), *sides]
        kind = [("XTENSION", "IMAGE"), *shape, ("PCOUNT", 0), ("GCOUNT", 1), ("EXTNAME", name)]
        parts += [fits.Header([*kind, *own_cards]).tostring().encode("ascii"), stored.tobytes()]
        parts.append(bytes(-stored.nbytes % FITS_BLOCK))
    path.write_bytes(gzip.compress(b"".join(parts), mtime=0))


def write_hdf5(
    path: Path,
    datasets: Mapping[str, NDArray],
    group: str = "/",
    *,
    header: Mapping[str, object] | None = None,
    compressed: bool = False,
) -> None:
    """Write datasets into a group of an HDF5 file.

    Parameters
    ----------
    path
        File to write.
    datasets
        Arrays by name.
    group
        Group of the datasets.
    header
        Attributes of another group, ``Header``; None for no such group.
    compressed
        Whether to compress the datasets.
    """
    with h5py.File(path, "w") as file:
        file.attrs["synthetic"] = True
        if header:
            file.create_group("Header").attrs.update(header)
        target = file.require_group(group)
        how = {"compression": "gzip", "shuffle": True} if compressed else {}
        for name, values in datasets.items():
            target.create_dataset(name, data=values, **how)


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a comma-separated table below a comment line, with ten significant digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(SYNTHETIC_LINE + "\n")
        frame.to_csv(file, index=False, float_format="%.10g", lineterminator="\n")
