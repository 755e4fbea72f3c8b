"""Readers of published tables (FITS, HDF5, text) into pandas frames of common columns.

Every reader strips padded text, returns native byte order, turns numbers outside the range of their column (such as
-999) into NaN, and reports in one line what is wrong with a file. The content of a file decides whether it is
compressed, not its name. Nothing in a file is unpickled or evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from rotator_assets.core.compressed import unpacked
from rotator_assets.core.errors import InputError
from rotator_assets.core.fits_files import SYNTHETIC_KEYWORD, check_complete
from rotator_assets.core.hdf5_files import open_hdf5
from rotator_assets.surveys.aliases import COMMON, Column, Columns, resolve
from rotator_assets.surveys.frame_files import UNITS, read_frame
from rotator_assets.surveys.identifiers import MISSING_WORDS, identifiers, is_missing, shown, unwrapped
from rotator_assets.surveys.text_tables import TextTable, read_blank_separated, read_csv
from rotator_assets.surveys.units import factor

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
"""A number as text; Fortran writes exponents with D."""


@dataclass(frozen=True)
class Table:
    """The requested columns of a published table by common name (float64 or str; NaN or None where missing).

    By common name: ``published`` has the file's own name of each column, ``unusable`` says which of its numbers are
    missing or outside the range, and ``above`` has the number of distinct values above the range. ``units`` has the
    units that were converted. ``unread`` lists the columns of a text table that were not requested.
    """

    frame: pd.DataFrame
    synthetic: bool
    published: Mapping[str, str] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    above: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


@contextmanager
def reading(path: Path, kind: str) -> Generator[None]:
    """Turn anything that a parser raises on a bad file into an InputError of one line."""
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
    """Return every value as stripped text, None where missing. Raises ValueError for fractions."""
    if values.dtype.kind == "f":
        raise ValueError("holds fractions where text or whole numbers are expected")
    texts = (unwrapped(value.decode() if isinstance(value, bytes) else str(value)) for value in values.tolist())
    return np.array([None if is_missing(text) else text for text in texts], dtype=object)


def _as_numbers(values: np.ndarray, column: Column, decimal: str) -> np.ndarray:
    """Return native float64, NaN where missing.

    With a ``decimal`` sign the values are text. Raises ValueError for text that is not a number, for truth values where
    numbers are expected, and for fractions where whole numbers are expected.
    """
    if decimal:
        values = np.array(
            [_number(text, row, decimal) for row, text in enumerate(values.tolist(), start=1)], dtype=np.float64
        )
    if values.dtype.kind not in ("iufb" if column.kind == "whole" else "iuf"):
        raise ValueError(f"holds {'truth values' if values.dtype.kind == 'b' else 'text'} where numbers are expected")
    numbers = values.astype(np.float64)
    if column.kind == "whole":
        for row in np.flatnonzero(np.isfinite(numbers) & (numbers % 1 != 0))[:1]:
            raise ValueError(f"holds {numbers[row]} in row {row + 1} where a whole number is expected")
    return numbers


def _number(text: str, row: int, decimal: str) -> float:
    text = unwrapped(text)
    if text.casefold() in MISSING_WORDS:
        return np.nan
    text = text.replace(decimal, ".")
    if not _NUMBER.fullmatch(text):
        hint = " (decimals need a point, and thousands no separator)" if "," in text else ""
        raise ValueError(f"holds '{shown(text)}' in row {row} where a number is expected{hint}")
    return float(text.casefold().replace("d", "e"))


def _within_range(numbers: np.ndarray, column: Column) -> tuple[np.ndarray, str]:
    """Return the numbers, with NaN outside the column's range, and a description of those (empty for none)."""
    known = column.holds(numbers)
    rows = np.flatnonzero(~known)
    if not len(rows):
        return numbers, ""
    outside = rows[~np.isnan(numbers[rows])]
    such = f", such as {numbers[outside[0]]:g} in row {outside[0] + 1}" if len(outside) else ""
    what = f"{len(rows)} of {len(numbers)} rows have none in {column.range}{such}"
    return np.where(known, numbers, np.nan), what


def _table(
    path: Path,
    names: Mapping[str, str],
    fetch: Callable[[str], np.ndarray],
    required: Sequence[str],
    optional: Sequence[str],
    columns: Columns,
    synthetic: bool,
    decimal: str = "",
    units: Mapping[str, str | None] = MappingProxyType({}),
) -> Table:
    """Return the requested columns; ``fetch`` reads one by its published name, and absent ones are all missing.

    ``decimal`` is the decimal sign if numbers are text, and ``units`` has those of the file by its own names.
    """
    values_of, unusable, above, converted = {}, {}, {}, {}
    for common, published in names.items():
        values = np.asarray(fetch(published))
        if values.ndim != 1:
            raise InputError(f"{path}: column {published} has shape {values.shape}, one value per row is expected")
        column = columns[common]
        try:
            if column.kind == "identifier":
                values_of[common] = identifiers(values, column.form)
            elif column.kind == "text":
                values_of[common] = _as_text(values)
            else:
                numbers = _as_numbers(values, column, decimal)
                if column.unit is not None and (unit := column.given_unit or units.get(published)):
                    numbers = numbers * factor(unit, column.unit)
                    converted[common] = unit
                values_of[common], what = _within_range(numbers, column)
                unusable |= {common: what} if what else {}
                above[common] = len(np.unique(numbers[numbers > column.high]))
        except ValueError as error:
            raise InputError(f"{path}: column {published} {error}") from None
    lengths = {names[common]: len(values) for common, values in values_of.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{path}: columns differ in length: {lengths}")
    frame = pd.DataFrame(values_of)
    if frame.empty:
        raise InputError(f"{path}: the table has no rows")
    for common in optional:
        if common not in frame:
            frame[common] = None if columns[common].kind in ("text", "identifier") else np.nan
    return Table(frame[[*required, *optional]], synthetic, names, unusable, above, converted)


def read_fits_table(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    columns: Columns = COMMON,
    *,
    extension: int | str = 1,
) -> Table:
    """Read a FITS table as common columns.

    Values outside the range of their column, and integers equal to its TNULL, become NaN.

    Parameters
    ----------
    path : Path
        The file, compressed or not.
    required, optional : sequence of str
        Common names of the columns; optional ones that the file does not have are all missing.
    columns : mapping of str to Column
        Spellings and ranges by common name.
    extension : int or str
        Number or name of the extension.

    Returns
    -------
    Table
        The columns, float64 or str.

    Raises
    ------
    InputError
        No such file, damaged or cut short, no such extension, an image there, a missing column, a wrong type, no rows.
    """
    from astropy.io import fits

    with reading(path, "a FITS table"), unpacked(path) as content, fits.open(content, lazy_load_hdus=False) as hdus:
        check_complete(content, hdus)
        try:
            hdu = hdus[extension]
        except (KeyError, IndexError):
            there = [h.name or str(number) for number, h in enumerate(hdus)]
            raise InputError(f"{path}: has no extension {extension}; it has: {', '.join(there)}") from None
        if not isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
            raise InputError(f"{path}: extension {extension} is not a table")
        if hdu.header.get("ZTABLE") is True:
            raise InputError(f"{path}: extension {extension} is a table compressed by fpack: unpack it with funpack")
        names = resolve(str(path), hdu.columns.names, required, optional, columns)
        synthetic = hdus[0].header.get(SYNTHETIC_KEYWORD) is True
        units = {column.name: column.unit for column in hdu.columns}
        fetch = partial(_fits_column, hdu)
        return _table(path, names, fetch, required, optional, columns, synthetic, units=units)


def _fits_column(hdu: Any, name: str) -> np.ndarray:
    """Return a column as astropy scales it, with NaN where the stored integer, before TSCAL and TZERO, is TNULL.

    In unsigned columns, whose TZERO is half the range, astropy's tables write TNULL after TZERO; both are recognized.
    """
    values = np.array(hdu.data[name])  # a copy: the file is closed afterwards
    column = hdu.columns[name]
    if not isinstance(column.null, int | np.integer) or values.dtype.kind not in "iuf":
        return values
    scale, zero, null = column.bscale or 1, column.bzero or 0, int(column.null)
    if values.dtype.kind == "f":
        return np.where(values == np.float64(null) * scale + zero, np.nan, values)
    is_null = (values == null + int(zero)) | (values == null)
    return np.where(is_null, np.nan, values)


def read_hdf5_table(
    path: Path, required: Sequence[str], optional: Sequence[str] = (), columns: Columns = COMMON, *, group: str = "/"
) -> Table:
    """Read the one-dimensional datasets of an HDF5 group as common columns.

    Parameters
    ----------
    path : Path
        The file, compressed or not.
    required, optional : sequence of str
        Common names of the columns, as in ``read_fits_table``.
    columns : mapping of str to Column
        Spellings and ranges by common name.
    group : str
        The group.

    Returns
    -------
    Table
        The columns, float64 or str.

    Raises
    ------
    InputError
        As ``read_fits_table``, and if there is no such group.
    """
    import h5py

    with reading(path, "an HDF5 file"), unpacked(path) as content, open_hdf5(content) as file:
        if not isinstance(file.get(group), h5py.Group):
            raise InputError(f"{path}: has no group {group}; it has: {', '.join(file) or 'nothing'}")
        datasets = {name: item for name, item in file[group].items() if isinstance(item, h5py.Dataset)}
        names = resolve(str(path), datasets, required, optional, columns)
        synthetic = bool(file.attrs.get("synthetic", False))
        return _table(path, names, lambda name: datasets[name][()], required, optional, columns, synthetic)


def read_astropy_table(
    path: Path, form: str, required: Sequence[str], optional: Sequence[str] = (), columns: Columns = COMMON
) -> Table:
    """Read a VOTable, an ECSV or a Parquet file as common columns.

    Parameters
    ----------
    path : Path
        The file.
    form : str
        ``votable``, ``ascii.ecsv`` or ``parquet``.
    required, optional : sequence of str
        Common names of the columns, as in ``read_fits_table``.
    columns : mapping of str to Column
        Spellings and ranges by common name.

    Returns
    -------
    Table
        The columns, float64 or str.

    Raises
    ------
    InputError
        As ``read_fits_table``.
    """
    with reading(path, {"votable": "a VOTable", "ascii.ecsv": "an ECSV table"}.get(form, "a Parquet table")):
        frame = read_frame(path, form)
        names = resolve(str(path), map(str, frame), required, optional, columns)
        marked = frame.get("synthetic")
        synthetic = marked is not None and bool((marked.astype(str).str.casefold() == "true").any())
        units = frame.attrs.get(UNITS, {})
        return _table(
            path, names, lambda name: _plain(frame[name]), required, optional, columns, synthetic, units=units
        )


def _plain(column: pd.Series) -> np.ndarray:
    """Return numbers as float64, NaN where missing, and anything else as text, empty where missing."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        if pd.api.types.is_integer_dtype(column) and not column.isna().any():
            return column.to_numpy()
        return column.to_numpy(np.float64, na_value=np.nan)
    return column.astype(object).where(column.notna(), "").to_numpy()


def read_csv_table(
    path: Path, required: Sequence[str], optional: Sequence[str] = (), columns: Columns = COMMON
) -> Table:
    """Read a text table with a header line as common columns; see ``text_tables.read_csv`` for the format.

    Parameters
    ----------
    path : Path
        The file, compressed or not.
    required, optional : sequence of str
        Common names of the columns, as in ``read_fits_table``.
    columns : mapping of str to Column
        Spellings and ranges by common name.

    Returns
    -------
    Table
        The columns, float64 or str; empty fields are missing.

    Raises
    ------
    InputError
        As ``read_fits_table``, and for a field that is not a number where one is expected, with its row.
    """
    with reading(path, "a CSV table"):
        table = read_csv(path, columns["galaxy_id"].spellings)
        names = resolve(str(path), table.header, required, optional, columns, one_spelling=True)

        def fetch(name: str) -> np.ndarray:
            return _text_column(table, table.header.index(name))

        unread = tuple(name for name in table.header if name and name not in names.values())
        read = _table(path, names, fetch, required, optional, columns, table.synthetic, table.decimal)
        return replace(read, unread=unread)


def read_text_columns(path: Path, positions: Mapping[str, int], columns: Columns = COMMON) -> Table:
    """Read blank-separated columns without a header line; # begins a comment.

    Parameters
    ----------
    path : Path
        The file, compressed or not.
    positions : mapping of str to int
        Position of each column from 0, by common name.
    columns : mapping of str to Column
        Ranges by common name.

    Returns
    -------
    Table
        The columns, float64 or str.

    Raises
    ------
    InputError
        As ``read_csv_table``, and for rows with too few fields.
    """
    with reading(path, "a text table"):
        table = read_blank_separated(path)
        needed = max(positions.values()) + 1
        if table.rows and len(table.rows[0]) < needed:
            raise InputError(f"{path}: row 1 has {len(table.rows[0])} fields, {needed} are needed")

        def fetch(common: str) -> np.ndarray:
            return _text_column(table, positions[common])

        names = {common: common for common in positions}
        return _table(path, names, fetch, list(positions), (), columns, table.synthetic, table.decimal)


def _text_column(table: TextTable, position: int) -> np.ndarray:
    return np.array([row[position] for row in table.rows], dtype=object)
