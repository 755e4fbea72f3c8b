"""The inputs in a survey's folder: which are found, which are missing, and which files are not used."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rotator_assets.core.compressed import beginning, unpacked
from rotator_assets.core.files import walk_files
from rotator_assets.core.fits_files import BLOCK_BYTES
from rotator_assets.core.hdf5_files import open_hdf5
from rotator_assets.surveys.any_table import frame_format
from rotator_assets.surveys.base import ONE_OF, ExpectedInput, Survey, release_of
from rotator_assets.surveys.frame_files import read_frame
from rotator_assets.surveys.text_tables import read_blank_separated, read_csv

_KILO = 1000
_CLUTTER = ("readme", "thumbs.db", "desktop.ini")
"""Beginnings, in lower case, of the names of files that lie among catalogues and are ignored."""
_NO_SUCH_NAME = "no input has this name, see `rotators status` for those looked for"
_HEADER_BYTES = 2**20
"""Length of the beginning of a file in which the headers of a FITS catalogue are looked for."""
_CARD_BYTES = 80
_NO_DATA, _TABLE = b"NAXIS   =                    0 ", b"XTENSION= 'BINTABLE'"
_FITS_MAGIC, _HDF5_MAGIC = b"SIMPLE", b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class FoundInput:
    """An expected input and its files."""

    expected: ExpectedInput
    paths: tuple[Path, ...]
    id_names: tuple[str, ...]
    """Spellings of the identifier column, which mark the header line of a text table."""

    @property
    def summary(self) -> str:
        """Name of the newest file and the number of others; empty without files."""
        if not self.paths:
            return ""
        newest, *others = self.paths
        return newest.name + (f" and {len(others)} more" if others else "")

    @property
    def release(self) -> str:
        """Release in the name of the newest catalogue; empty without one."""
        return release_of(self.paths[0]) if self.paths and not self.expected.several else ""

    @property
    def rows(self) -> str:
        """Number of rows of the newest catalogue, from its header; number of files if all of them are used."""
        if not self.paths:
            return ""
        if self.expected.several:
            return f"{len(self.paths)} file{'s' if len(self.paths) > 1 else ''}"
        count = _rows(self.paths[0], self.id_names)
        return "cannot be read" if count is None else f"{count} rows"

    @property
    def size(self) -> str:
        """Size of all files together."""
        return _bytes(sum(path.stat().st_size for path in self.paths)) if self.paths else ""


def inventory(survey: Survey, folder: Path) -> list[FoundInput]:
    """Return every expected input of the survey with its files."""
    id_names = survey.columns["galaxy_id"].spellings
    return [FoundInput(expected, tuple(expected.find(folder)), id_names) for expected in survey.expected_inputs]


def lacking(found: list[FoundInput]) -> list[str]:
    """Return the missing inputs: required ones, and groups without any of their inputs, such as ``lambda_R``."""
    missing = [f.expected.what for f in found if f.expected.needed == "required" and not f.paths]
    here = {f.expected.needed for f in found if f.paths}
    groups = dict.fromkeys(f.expected.needed for f in found if f.expected.needed.startswith(ONE_OF))
    return missing + [group.removeprefix(ONE_OF) for group in groups if group not in here]


def not_read(survey: Survey, folder: Path) -> list[str]:
    """Return a notice for each file in ``catalogs/`` that is not an expected input, and for each misplaced input.

    Without them a table with a misspelled name, or a broken link, would be ignored silently.
    """
    expected = {path for found in inventory(survey, folder) for path in found.paths}
    catalogs = folder / "catalogs"
    notices = []
    for path in sorted(catalogs.rglob("[!.]*")):
        name, looked_for = path.relative_to(folder), _place(survey, path) == "catalogs"
        if any(part.startswith(".") for part in name.parts) or path.name.casefold().startswith(_CLUTTER):
            continue
        if path.is_symlink() and not path.exists():
            notices.append(f"{name} is not read: it is a broken link")
        elif looked_for and not path.is_file():
            notices.append(f"{name} is not read: it is {'a folder' if path.is_dir() else 'not a regular file'}")
        elif path.is_file() and path not in expected:
            why = "it belongs in catalogs/" if looked_for and path.parent != catalogs else _NO_SUCH_NAME
            notices.append(f"{name} is not read: {why}")
    for path in sorted(folder.glob("[!.]*")):
        if path.is_file() and path not in expected and (place := _place(survey, path)):
            notices.append(f"{path.name} is not read: it belongs in {place}/")
    return notices


def _place(survey: Survey, path: Path) -> str:
    """Folder where the survey looks for a file of this name; empty if it does not."""
    return next((place for wanted in survey.expected_inputs if (place := wanted.place_of(path))), "")


def not_measured(survey: Survey, folder: Path, used: Collection[Path]) -> list[str]:
    """Return a notice for each folder of kinematic files that are not all used."""
    notices = []
    for top in dict.fromkeys(i.patterns[0].partition("/")[0] for i in survey.kinematics_inputs if i.several):
        files = list(walk_files(folder / top))
        if others := [path for path in files if path not in used]:
            why = "another file of its galaxy comes first, or no input has its name"
            notices.append(f"{top}/: {len(others)} of {len(files)} files are not used, such as {others[0].name}: {why}")
    return notices


def _rows(path: Path, id_names: tuple[str, ...]) -> int | None:
    """Return the number of rows of the file's first table, in the format of its content; None for unreadable files."""
    try:
        if form := frame_format(path):
            return len(read_frame(path, form))
        start = beginning(path, _HEADER_BYTES)
        if start.startswith(_FITS_MAGIC):
            return _fits_rows(path, start)
        if start.startswith(_HDF5_MAGIC):
            with unpacked(path) as content:
                return _hdf5_rows(content)
        table = read_csv(path, id_names) if ".csv" in path.name.casefold() else read_blank_separated(path)
        return len(table.rows)
    except Exception:  # parsers of damaged files raise nearly anything; a run reports the reason
        return None


def _fits_rows(path: Path, start: bytes) -> int:
    """Length of the first extension.

    Its header usually lies in the beginning of the file, where it is read without astropy, whose import takes longer
    than everything else about a file.
    """
    table = start.find(b"XTENSION=")
    if start.startswith(_NO_DATA, 2 * _CARD_BYTES) and start.startswith(_TABLE, table) and table % BLOCK_BYTES == 0:
        cards = (start[place : place + _CARD_BYTES] for place in range(table, len(start), _CARD_BYTES))
        rows = next((card for card in cards if card.startswith((b"NAXIS2  = ", b"END     "))), b"")
        if found := re.match(rb"NAXIS2  = +(\d+) ", rows):
            return int(found[1])
    from astropy.io import fits

    with unpacked(path) as content:
        return int(fits.getheader(content, 1)["NAXIS2"])


def _hdf5_rows(content: IO[bytes]) -> int | None:
    """Length of the first dataset in any group."""
    import h5py

    with open_hdf5(content) as file:
        return file.visititems(lambda _, item: item.shape[0] if isinstance(item, h5py.Dataset) and item.shape else None)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < _KILO:
            return f"{size:.3g} {unit}"
        size /= _KILO
    return f"{size:.3g} TB"
