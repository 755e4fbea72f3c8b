"""Readers of published tables (FITS, HDF5, CSV) into pandas frames of common columns.

Every reader strips padded text, returns native byte order, turns sentinels (-999 and the like) into NaN, and tells in
one line what is wrong with a file it cannot read. Nothing in a file is ever unpickled or evaluated.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rotator_assets.errors import InputError
from rotator_assets.surveys.aliases import COLUMNS, resolve
from rotator_assets.surveys.fits_files import SYNTHETIC_KEYWORD, check_complete

SYNTHETIC_CSV_LINE = "# synthetic"
"""First line of a synthetic CSV file. FITS: primary header ``SYNTHET = T``; HDF5: root attribute ``synthetic``."""
MISSING_FIELDS = ("", "nan", "na", "n/a", "null", "none")
"""Fields of a CSV file that stand for a missing number, in any case."""


@dataclass(frozen=True)
class Table:
    """A published table: requested columns by common name (float64 or str; NaN or None where missing)."""

    frame: pd.DataFrame
    synthetic: bool


@contextmanager
def _reading(path: Path, kind: str) -> Iterator[None]:
    """Turns whatever a parser raises on a bad file into an InputError of one line."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # parsers of damaged files raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: cannot be read as {kind} ({reason}); is the download complete?") from error


def _as_text(values: np.ndarray) -> np.ndarray:
    """Text of every value, stripped; None where empty. Raises ValueError for fractions: they name nothing."""
    if values.dtype.kind == "f":
        raise ValueError("holds fractions where text or whole numbers are expected")
    texts = (value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist())
    return np.array([text.strip() or None for text in texts], dtype=object)


def _as_numbers(values: np.ndarray, sentinels: Sequence[float], parse_text: bool, whole: bool) -> np.ndarray:
    """Native float64; NaN where the value is a sentinel.

    Raises ValueError for text (if ``parse_text``, for text that is no number), and for fractions in a ``whole`` column.
    """
    if parse_text and values.dtype.kind == "U":
        fields = pd.Series(values, dtype=object).str.strip()
        fields = fields.where(~fields.str.casefold().isin(MISSING_FIELDS))
        numbers = pd.to_numeric(fields, errors="coerce")
        for row in np.flatnonzero(numbers.isna() & fields.notna())[:1]:
            raise ValueError(f"holds '{fields.iloc[row]}' in row {row + 1} where a number is expected")
        values = numbers.to_numpy(dtype=np.float64)
    if values.dtype.kind not in "biuf":
        raise ValueError("holds text where numbers are expected")
    numbers = values.astype(np.float64)
    numbers = np.where(np.isin(numbers, np.asarray(sentinels, dtype=np.float64)), np.nan, numbers)
    if whole:
        for row in np.flatnonzero(~np.isnan(numbers) & (numbers % 1 != 0))[:1]:
            raise ValueError(f"holds {numbers[row]} in row {row + 1} where a whole number is expected")
    return numbers


def _frame(
    path: Path,
    available: Sequence[str],
    fetch: Callable[[str], np.ndarray],
    required: Sequence[str],
    optional: Sequence[str],
    sentinels: Sequence[float],
    parse_text: bool = False,
) -> pd.DataFrame:
    """The requested columns, those the file lacks as missing values; ``fetch`` reads one by its published name."""
    names = resolve(str(path), available, required, optional)
    columns = {}
    for common, published in names.items():
        values = np.asarray(fetch(published))
        if values.ndim != 1:
            raise InputError(f"{path}: column {published} has shape {values.shape}, one value a row is expected")
        try:
            kind = COLUMNS[common].kind
            columns[common] = (
                _as_text(values) if kind == "text" else _as_numbers(values, sentinels, parse_text, kind == "whole")
            )
        except ValueError as error:
            raise InputError(f"{path}: column {published} {error}") from None
    lengths = {names[common]: len(values) for common, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{path}: columns differ in length: {lengths}")
    frame = pd.DataFrame(columns)
    if frame.empty:
        raise InputError(f"{path}: the table has no rows")
    for common in optional:
        if common not in frame:
            frame[common] = None if COLUMNS[common].kind == "text" else np.nan
    return frame[[*required, *optional]]


def read_fits_table(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    extension: int | str = 1,
    sentinels: Sequence[float] = (),
) -> Table:
    """One FITS table extension (by number or name) as common columns.

    ``required`` and ``optional`` are common names of ``aliases.COLUMNS``; optional ones the file lacks come out
    missing. Values equal to a sentinel, and integers equal to the column's TNULL, become NaN. Raises InputError: no
    such file, damaged or cut short, no such extension, an image there, missing column, wrong type, no rows.
    """
    from astropy.io import fits

    with _reading(path, "a FITS table"), fits.open(path, lazy_load_hdus=False) as hdus:
        check_complete(path, hdus)
        try:
            hdu = hdus[extension]
        except (KeyError, IndexError):
            there = [h.name or str(number) for number, h in enumerate(hdus)]
            raise InputError(f"{path}: has no extension {extension}; it has: {', '.join(there)}") from None
        if not isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
            raise InputError(f"{path}: extension {extension} is not a table")

        def fetch(name: str) -> np.ndarray:
            values = np.array(hdu.data[name])  # a copy: the file is closed afterwards
            null = hdu.columns[name].null
            if null is not None and values.dtype.kind in "iu":
                values = np.where(values == null, np.nan, values)
            return values

        frame = _frame(path, hdu.columns.names, fetch, required, optional, sentinels)
        return Table(frame, synthetic=hdus[0].header.get(SYNTHETIC_KEYWORD) is True)


def read_hdf5_table(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    group: str = "/",
    sentinels: Sequence[float] = (),
) -> Table:
    """The one-dimensional datasets of an HDF5 group as common columns; see ``read_fits_table`` for the rest."""
    import h5py

    with _reading(path, "an HDF5 file"), h5py.File(path, "r") as file:
        if not isinstance(file.get(group), h5py.Group):
            raise InputError(f"{path}: has no group {group}; it has: {', '.join(file) or 'nothing'}")
        datasets = {name: item for name, item in file[group].items() if isinstance(item, h5py.Dataset)}
        frame = _frame(path, list(datasets), lambda name: datasets[name][()], required, optional, sentinels)
        return Table(frame, synthetic=bool(file.attrs.get("synthetic", False)))


def read_csv_table(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    sentinels: Sequence[float] = (),
) -> Table:
    """A comma-separated table with a header line; lines that start with ``#`` are comments, empty fields missing.

    See ``read_fits_table`` for the rest. A row with too few or too many fields is named, as is one with a field that
    is no number where one is needed (rows are counted from 1 below the header).
    """
    with _reading(path, "a CSV table"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        synthetic = bool(lines) and lines[0].strip().casefold() == SYNTHETIC_CSV_LINE
        header, *rows = list(csv.reader(line for line in lines if line.strip() and line[0] != "#")) or [[]]
        for number, row in enumerate(rows, start=1):
            if len(row) != len(header):
                raise InputError(f"{path}: row {number} has {len(row)} fields, the header line has {len(header)}")

        def fetch(name: str) -> np.ndarray:
            position = header.index(name)
            return np.array([row[position] for row in rows], dtype=str)

        return Table(_frame(path, header, fetch, required, optional, sentinels, parse_text=True), synthetic)


def read_text_columns(path: Path, columns: Mapping[str, int]) -> Table:
    """A table of blank-separated columns without a header line: common names by position from 0; # begins a comment.

    Every row must have a value in each. Raises InputError as ``read_csv_table`` does.
    """
    with _reading(path, "a text table"):
        lines = path.read_text(encoding="utf-8").splitlines()
        synthetic = bool(lines) and lines[0].strip().casefold() == SYNTHETIC_CSV_LINE
        rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        for number, row in enumerate(rows, start=1):
            if len(row) <= max(columns.values()):
                raise InputError(f"{path}: row {number} has {len(row)} fields, {max(columns.values()) + 1} are needed")

        def fetch(name: str) -> np.ndarray:
            return np.array([row[columns[common_of[name]]] for row in rows], dtype=str)

        common_of = {COLUMNS[common].spellings[0]: common for common in columns}
        return Table(_frame(path, list(common_of), fetch, list(columns), (), (), parse_text=True), synthetic)
