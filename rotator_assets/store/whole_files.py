"""Whether result files are whole: by default from their ends and sizes, so that nothing is read in full."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

_MARK = b"PAR1"
"""First and last bytes of a Parquet file; before the last ones stands the length of its footer."""
_SHORTEST = 12


def is_whole_table(path: Path) -> bool:
    """Return whether a Parquet file begins and ends as one; True where it has just been removed."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(_MARK))
            size = file.seek(0, os.SEEK_END)
            if size < _SHORTEST:
                return False
            file.seek(-8, os.SEEK_END)
            footer, end = int.from_bytes(file.read(4), "little"), file.read()
    except FileNotFoundError:
        return True
    return begin == end == _MARK and footer <= size - _SHORTEST


def is_whole_archive(path: Path, *, in_full: bool = False) -> bool:
    """Return whether a file is there and has the directory at the end of a zip archive (``.keras``, ``.npz``).

    If ``in_full``, every part is read and compared with its CRC-32. zipfile raises NotImplementedError for a damaged
    directory that names an unknown compression.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return not in_full or file.testzip() is None
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return False
