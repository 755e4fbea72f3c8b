"""Tables of galaxies in any format of the field; the ending of the name says which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rotator_assets.core.compressed import uncompressed_name, unpacked
from rotator_assets.core.errors import InputError
from rotator_assets.surveys.aliases import Columns
from rotator_assets.surveys.frame_files import UNITS, read_frame
from rotator_assets.surveys.table_files import Table, read_astropy_table, read_csv_table, read_fits_table, reading
from rotator_assets.surveys.text_tables import read_csv

ASTROPY_FORMATS = {
    **{".vot": "votable", ".votable": "votable", ".xml": "votable"},
    **{".ecsv": "ascii.ecsv", ".parquet": "parquet"},
}
"""Formats of ``frame_files.read_frame`` by ending."""
FITS_ENDINGS = (".fits", ".fit", ".fts")
TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".dat")


def frame_format(path: Path) -> str | None:
    """Return the format of a VOTable, an ECSV or a Parquet file; None for other files."""
    return ASTROPY_FORMATS.get(path.suffix.casefold())


def is_fits(path: Path) -> bool:
    """Return whether a name ends like that of a FITS file, compressed or not."""
    return uncompressed_name(path.name).endswith(FITS_ENDINGS)


def read_table(path: Path, required: Sequence[str], optional: Sequence[str], columns: Columns) -> Table:
    """Read a table as common columns.

    Parameters
    ----------
    path : Path
        CSV or other text with a header line, FITS (its first extension), VOTable, ECSV or Parquet.
    required, optional : sequence of str
        Common names of the columns; optional ones that the file does not have are all missing.
    columns : mapping of str to Column
        Spellings, ranges and units by common name.

    Returns
    -------
    Table
        The columns, float64 or str.

    Raises
    ------
    InputError
        The file cannot be read, has no such column, or a value or a unit is not as expected.
    """
    if is_fits(path):
        return read_fits_table(path, required, optional, columns)
    if form := frame_format(path):
        return read_astropy_table(path, form, required, optional, columns)
    return read_csv_table(path, required, optional, columns)


def columns_of(path: Path, id_names: Sequence[str]) -> dict[str, str]:
    """Return the unit of each column of a table by its name, empty without one.

    Parameters
    ----------
    path : Path
        The table, as in `read_table`.
    id_names : sequence of str
        Spellings of the identifier column, which mark the header line of a text table.

    Raises
    ------
    InputError
        The file cannot be read, or has no table.
    """
    with reading(path, "a table of galaxies"):
        if is_fits(path):
            return _columns_of_fits(path)
        if form := frame_format(path):
            frame = read_frame(path, form)
            return {str(name): frame.attrs.get(UNITS, {}).get(name, "") for name in frame}
        return {name: "" for name in read_csv(path, id_names).header if name}


def _columns_of_fits(path: Path) -> dict[str, str]:
    from astropy.io import fits

    with unpacked(path) as content, fits.open(content) as hdus:
        if len(hdus) < 2 or not isinstance(hdus[1], fits.BinTableHDU | fits.TableHDU):
            raise InputError(f"{path}: its first extension is not a table")
        return {column.name: column.unit or "" for column in hdus[1].columns}
