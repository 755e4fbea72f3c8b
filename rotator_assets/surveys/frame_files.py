"""VOTables, ECSV and Parquet files as data frames, read by astropy and DuckDB. No other file and no server is read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from rotator_assets.core.hdf5_files import MAX_VALUES
from rotator_assets.store.frame_content import literal_path

UNITS = "units"
"""Key of the units of a frame, by column, in its ``attrs``."""


def read_frame(path: Path, form: str) -> pd.DataFrame:
    """Return all columns of a table in a file.

    Parameters
    ----------
    path : Path
        The file.
    form : str
        ``votable``, ``ascii.ecsv`` or ``parquet``.

    Returns
    -------
    DataFrame
        Columns under the names of the file; ``attrs[UNITS]`` has the unit of each column with one.

    Raises
    ------
    ValueError
        For a table that claims too many values, or has its rows in another place; damaged files raise errors of the
        libraries.
    """
    return _parquet(path) if form == "parquet" else _by_astropy(path, form)


def _parquet(path: Path) -> pd.DataFrame:
    import duckdb

    name = literal_path(str(path))
    with duckdb.connect() as connection:
        values = "SELECT coalesce(sum(num_values), 0) FROM parquet_metadata(?)"
        if (number := connection.execute(values, [name]).fetchall()[0][0]) > MAX_VALUES:
            raise ValueError(f"it claims {number} values, which is too many")
        return connection.read_parquet(name).df()


def _by_astropy(path: Path, form: str) -> pd.DataFrame:
    from astropy.table import Table as AstropyTable

    if form == "votable":
        _require_own_data(path)
    table = AstropyTable.read(path, format=form)
    frame = table.to_pandas()
    frame.attrs[UNITS] = {name: str(unit) for name in table.colnames if (unit := table[name].unit) is not None}
    return frame


def _require_own_data(path: Path) -> None:
    """Raise ValueError where a VOTable has its rows in another file or on a server, which astropy would read."""
    from astropy.utils.xml.iterparser import get_xml_iterator

    with get_xml_iterator(str(path)) as elements:
        for is_start, tag, attributes, _ in elements:
            if is_start and tag.rpartition(":")[2] == "STREAM" and "href" in attributes:
                raise ValueError("its rows are in another place, which is not read: download a table with its rows")
