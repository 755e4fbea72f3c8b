"""Tables of galaxies in any format of the field: catalogues, and lists of images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.surveys.aliases import COMMON, Columns, identifier, number, text
from rotator_assets.surveys.any_table import ASTROPY_FORMATS, TEXT_ENDINGS, is_fits, read_table
from rotator_assets.surveys.identifiers import NAME
from rotator_assets.surveys.table_files import Table

VALUES = ("ra", "dec", "t_type", "p_late")
"""Columns that are used where a table has them: positions in degrees, and types."""
_COLUMNS: Columns = {
    **COMMON,
    "ra": number("RA", "RAJ2000", "ra_deg", low=-180, high=360),
    "dec": number("DEC", "DEJ2000", "DECJ2000", "dec_deg", low=-90, high=90),
    "galaxy_id": identifier(NAME, "galaxy_id", "name", "plateifu", "id", "objid", "source_id"),
    "path": text("path", "file", "filename", "image"),
}
_MARKS_MISSING = re.compile(r"such as -9+(\.0*)? ")
"""A value such as -999, by which catalogues mark missing ones."""


def is_table(path: Path) -> bool:
    """Return whether a file is a table; FITS files are if their first extension is a table."""
    if path.name.lower().endswith((*ASTROPY_FORMATS, *TEXT_ENDINGS)):
        return True
    return is_fits(path) and _is_fits_table(path)


@dataclass(frozen=True)
class GalaxyTable:
    """Galaxies of a table, and what a user should know of it.

    Attributes
    ----------
    rows
        Columns galaxy_id and path (None where missing), and `VALUES` (NaN where missing).
    notices
        One line each.
    """

    rows: pd.DataFrame
    notices: tuple[str, ...]


def read_galaxies(path: Path, key: str) -> GalaxyTable:
    """Read a table of galaxies.

    Parameters
    ----------
    path
        CSV or other text with a header line, FITS, VOTable, ECSV or Parquet; its ending says which.
    key
        The column that every row needs: galaxy_id or path.

    Raises
    ------
    InputError
        If the file cannot be read, has no such column, or a row has no or a repeated value of it.
    """
    optional = tuple(name for name in ("galaxy_id", "path", *VALUES) if name != key)
    table = read_table(path, (key,), optional, _COLUMNS)
    frame = table.frame
    missing = frame[key].isna()
    if (bad := missing | frame[key].duplicated()).any():
        row = int(np.flatnonzero(bad)[0])
        what = f"has no {key}" if missing.iloc[row] else f"repeats the {key} {frame[key].iloc[row]}"
        raise InputError(f"{path}: row {row + 1} {what}; each row needs a different one")
    return GalaxyTable(frame.assign(ra=frame["ra"] % 360), tuple(_notices(path, table)))


def _notices(path: Path, table: Table) -> Iterator[str]:
    """Say which values of a table are not used."""
    for name, what in table.unusable.items():
        if "such as" in what and not _MARKS_MISSING.search(what):
            yield f"{path.name}, column {table.published[name]}: {what}; these are not used"
    pairs = {"position": ("ra", "dec"), "type": ("t_type", "p_late")}
    lacking = [what for what, names in pairs.items() if table.frame[list(names)].isna().all(axis=None)]
    if lacking:
        yield f"{path.name} has no {' and no '.join(lacking)} of any galaxy (columns ra and dec; t_type or p_late)"


def _is_fits_table(path: Path) -> bool:
    """Return whether the first extension of a FITS file is a table, and its primary one has no image."""
    from astropy.io import fits

    try:
        with fits.open(path) as hdus:
            return (
                hdus[0].header.get("NAXIS") == 0
                and len(hdus) > 1
                and isinstance(hdus[1], fits.BinTableHDU)
                and not isinstance(hdus[1], fits.CompImageHDU)
            )
    except Exception:  # astropy raises nearly anything on damaged files; as an image it gets its reason
        return False
