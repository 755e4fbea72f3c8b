"""Tables as files that other programs read; the ending of the name selects the format."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb

from rotator_assets.core.errors import InputError, cannot_be_written
from rotator_assets.core.files import replacing
from rotator_assets.store.astropy_files import votable_header, write_ecsv, write_fits, write_votable
from rotator_assets.store.astropy_tables import to_astropy, with_storable_integers
from rotator_assets.store.descriptions import Description
from rotator_assets.store.frame_content import literal_path, quoted
from rotator_assets.store.json_text import json_list, json_records
from rotator_assets.store.sessions import session

Writer = Callable[[Path, duckdb.DuckDBPyRelation, Description], int]
"""Writes rows to a path and returns their number."""


def write_table(
    file: Path, rows: duckdb.DuckDBPyRelation, description: Description, temporary: Path | None = None
) -> int:
    """Write rows to a file, replacing it as a whole.

    Parameters
    ----------
    file
        File to write. Its ending selects the format, see `ending_of`.
    rows
        A query, or a frame as ``duckdb.from_df`` gives it.
    description
        What the file says of the rows. CSV and JSON have no room for it.
    temporary
        Path next to the file to write to first, where the connection of the rows may write to no other.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    InputError
        If the ending is unknown, the format cannot hold a name or value, or the file cannot be written.
    """
    ending = ending_of(file)
    try:
        _require_different_names(rows.columns)
        with replacing(file, ending, temporary) as written:
            return _written(_WRITERS[ending], written, rows, description)
    except ValueError as error:
        raise InputError(f"{file}: {error}") from None
    except OSError as error:
        raise cannot_be_written(file, error) from None


def ending_of(file: Path) -> str:
    """Return the ending that selects the format; raises InputError where it is none of the known ones."""
    for ending in _WRITERS:
        if file.name.lower().endswith(ending):
            return ending
    raise InputError(f"{file}: its ending selects no format; the endings are: {', '.join(_WRITERS)}")


def has_known_ending(file: Path) -> bool:
    """Return whether the ending of a file selects a format."""
    return file.name.lower().endswith(tuple(_WRITERS))


def _require_different_names(names: list[str]) -> None:
    """Raise ValueError where two columns have the same name, as formats see it: many ignore case."""
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise ValueError(f"two columns are named '{name}'; give one of them another name with AS")


def _written(write: Writer, path: Path, rows: duckdb.DuckDBPyRelation, description: Description) -> int:
    """Write rows; raises OSError also where it is DuckDB that cannot write the file."""
    try:
        return write(path, rows, description)
    except duckdb.IOException as error:
        if path.name not in str(error):
            raise
        reason = re.search(r'": ([^"]+)', str(error))
        raise OSError(" ".join((reason[1] if reason else str(error)).split())) from None


def _csv(path: Path, rows: duckdb.DuckDBPyRelation, description: Description) -> int:
    _without_formulas(rows).write_csv(str(path))
    lines, quotes = 0, 0
    with path.open("rb") as file:
        while block := file.read(2**20):
            for number, part in enumerate(block.split(b'"'), start=quotes):
                lines += part.count(b"\n") * (number % 2 == 0)
            quotes += block.count(b'"')
    return lines - 1


def _without_formulas(rows: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return rows whose texts are no formulas: spreadsheets would run one, and names may come from other people.

    A text that begins like a formula, and is no number, gets an apostrophe in front.
    """
    if "VARCHAR" not in map(str, rows.types):
        return rows
    formula = "regexp_matches(#{n}, '^[=+@\\t\\r-]') AND TRY_CAST(#{n} AS DOUBLE) IS NULL"
    text = f"CASE WHEN {formula} THEN chr(39) || #{{n}} ELSE #{{n}} END"
    columns = [
        (text if str(kind) == "VARCHAR" else "#{n}").format(n=number) + f" AS {_identifier(name)}"
        for number, (name, kind) in enumerate(zip(rows.columns, rows.types, strict=True), start=1)
    ]
    return rows.project(", ".join(columns))


def _identifier(name: str) -> str:
    """Quote the name of a column."""
    return '"' + name.replace('"', '""') + '"'


def _json(path: Path, rows: duckdb.DuckDBPyRelation, description: Description) -> int:
    records = json_records(rows)
    path.write_text(json_list(records), encoding="utf-8")
    return len(records)


def _parquet(path: Path, rows: duckdb.DuckDBPyRelation, description: Description) -> int:
    """Write Parquet with a VOTable that describes its columns (IVOA note VOParquet 1.0, which TOPCAT reads)."""
    rows = with_storable_integers(rows)
    header = votable_header(to_astropy(rows.limit(0), description))
    about = f"'IVOA.VOTable-Parquet.version': '1.0', 'IVOA.VOTable-Parquet.content': {quoted(header)}"
    options = f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{about}}}"
    rows.query("rows_to_write", f"COPY (FROM rows_to_write) TO {quoted(str(path))} ({options})")
    with session() as connection:
        counted = connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [literal_path(str(path))])
        return counted.fetchall()[0][0]


def _by_astropy(write: Callable[..., None]) -> Writer:
    """Return the writer of a format that takes an astropy table."""

    def write_rows(path: Path, rows: duckdb.DuckDBPyRelation, description: Description) -> int:
        table = to_astropy(rows, description)
        write(path, table)
        return len(table)

    return write_rows


_WRITERS = {
    **{".csv": _csv, ".json": _json, ".parquet": _parquet, ".ecsv": _by_astropy(write_ecsv)},
    **dict.fromkeys((".fits", ".fit", ".fits.gz"), _by_astropy(write_fits)),
    **dict.fromkeys((".vot", ".votable", ".xml"), _by_astropy(write_votable)),
}
"""Writer of each ending."""
