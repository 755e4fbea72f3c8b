"""Writers of FITS, HDF5 and CSV files that are marked synthetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from astropy.io import fits
from numpy.typing import ArrayLike, NDArray

SYNTHETIC_CARD = ("SYNTHET", True, "synthetic galaxies, not observations")
SYNTHETIC_LINE = "# synthetic"

Column = tuple[str, ArrayLike]
"""FITS format of a column, and its values."""


def write_fits_tables(path: Path, tables: Sequence[tuple[str | None, Mapping[str, Column]]]) -> None:
    """An empty primary HDU, then binary tables (name or None, columns by name). Text is padded with blanks."""
    primary = fits.PrimaryHDU()
    primary.header.append(SYNTHETIC_CARD)
    hdus = [primary]
    for name, columns in tables:
        made = [_fits_column(label, form, values) for label, (form, values) in columns.items()]
        hdus.append(fits.BinTableHDU.from_columns(made, name=name))
    fits.HDUList(hdus).writeto(path)


def _fits_column(label: str, form: str, values: ArrayLike) -> fits.Column:
    if form.endswith("A"):
        width = int(form[:-1])
        values = np.array([str(value).ljust(width) for value in np.asarray(values)], dtype=f"S{width}")
    elif form.endswith(("J", "K")) and form[:-1] in ("", "1"):
        values = np.asarray(values).astype(np.int64)
    dimension = f"({form[:-1]})" if form[:-1].isdigit() and not form.endswith("A") else None
    return fits.Column(label, form, dim=dimension, array=values)


def write_fits_image(path: Path, pixels: NDArray[np.float32], cards: Sequence[tuple]) -> None:
    """A primary HDU (band, y, x) with further header cards (keyword, value, comment)."""
    hdu = fits.PrimaryHDU(pixels)
    hdu.header.extend([*cards, SYNTHETIC_CARD])
    hdu.writeto(path)


def write_hdf5(path: Path, datasets: Mapping[str, NDArray], group: str = "/") -> None:
    """One-dimensional datasets in a group."""
    with h5py.File(path, "w") as file:
        file.attrs["synthetic"] = True
        target = file.require_group(group)
        for name, values in datasets.items():
            target[name] = values


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """A comma-separated table below a comment line; numbers with six significant digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(SYNTHETIC_LINE + "\n")
        frame.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")
