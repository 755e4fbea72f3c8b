"""Checks that the file of a table is as it was written."""

from __future__ import annotations

from pathlib import Path

from rotator_assets.store.checksums import DAMAGED, Checked, is_intact
from rotator_assets.store.frame_content import literal_path, quoted
from rotator_assets.store.sessions import session


def check_table_file(path: Path) -> Checked:
    """Compare a Parquet file with its checksum; read one without a checksum from beginning to end."""
    import duckdb

    try:
        intact = is_intact(path)
    except FileNotFoundError:  # it has just been replaced
        return Checked(path)
    if intact is not None:
        return Checked(path, "" if intact else DAMAGED)
    try:
        with session() as connection:
            connection.execute(f"SELECT bit_xor(hash(r)) FROM read_parquet({quoted(literal_path(str(path)))}) AS r")
    except duckdb.Error:
        return Checked(path, DAMAGED, is_recorded=False)
    return Checked(path, is_recorded=False)
