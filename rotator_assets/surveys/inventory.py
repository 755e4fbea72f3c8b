"""What a survey's folder holds of what it could hold, and whether that is enough."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rotator_assets.core.compressed import unpacked
from rotator_assets.core.files import walk_files
from rotator_assets.surveys.base import ExpectedInput, Survey, release_of
from rotator_assets.surveys.text_tables import read_blank_separated, read_csv

_KILO = 1000
_CLUTTER = ("readme", "thumbs.db", "desktop.ini")
"""What names of files begin with, in lower case, that lie among catalogues and are none."""
_NO_SUCH_NAME = "no input has this name, see `rotators status` for those looked for"
_FITS_MAGIC, _HDF5_MAGIC = b"SIMPLE", b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class FoundInput:
    """An expected input and the files there are of it."""

    expected: ExpectedInput
    paths: tuple[Path, ...]
    id_names: tuple[str, ...]
    """Spellings of the column of galaxies, by which the header line of a text table is found."""

    @property
    def summary(self) -> str:
        """The newest file's name, and how many more there are; empty where there is none."""
        if not self.paths:
            return ""
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return self.paths[0].name + more

    @property
    def release(self) -> str:
        """Release of the newest catalogue as its name tells it; empty where it does not."""
        return release_of(self.paths[0]) if self.paths and not self.expected.several else ""

    @property
    def rows(self) -> str:
        """Rows of the newest catalogue, as its header announces them; files, where all of them are used."""
        if not self.paths:
            return ""
        if self.expected.several:
            return f"{len(self.paths)} file{'s' if len(self.paths) > 1 else ''}"
        count = _rows(self.paths[0], self.id_names)
        return "cannot be read" if count is None else f"{count} rows"

    @property
    def size(self) -> str:
        """Size of all the files."""
        return _bytes(sum(path.stat().st_size for path in self.paths)) if self.paths else ""


def inventory(survey: Survey, folder: Path) -> list[FoundInput]:
    """Every expected input of the survey with the files there are."""
    id_names = survey.columns["galaxy_id"].spellings
    return [FoundInput(expected, tuple(expected.find(folder)), id_names) for expected in survey.expected_inputs]


def lacking(found: list[FoundInput]) -> list[str]:
    """What has to be there and is not: required inputs, and groups of which not one is there."""
    missing = [f.expected.what for f in found if f.expected.needed == "required" and not f.paths]
    groups: dict[str, list[FoundInput]] = {}
    for f in found:
        if f.expected.needed.startswith("one of "):
            groups.setdefault(f.expected.needed, []).append(f)
    for group, members in groups.items():
        if not any(member.paths for member in members):
            missing.append(f"{group} ({', '.join(member.expected.what for member in members)})")
    return missing


def not_read(survey: Survey, folder: Path) -> list[str]:
    """A notice of each file of the catalogues that is none of the expected inputs, and of each input beside them.

    A table under a name that nothing looks for would be passed over in silence, and so would a link to nowhere.
    """
    expected = {path for found in inventory(survey, folder) for path in found.paths}
    catalogs = folder / "catalogs"
    notices = []
    for path in sorted(catalogs.rglob("[!.]*")):
        name, looked_for = path.relative_to(folder), _place(survey, path) == "catalogs"
        if any(part.startswith(".") for part in name.parts) or path.name.casefold().startswith(_CLUTTER):
            continue
        if path.is_symlink() and not path.exists():
            notices.append(f"{name} is not read: it is a link to what is not there")
        elif looked_for and not path.is_file():
            notices.append(f"{name} is not read: it is {'a folder' if path.is_dir() else 'no regular file'}")
        elif path.is_file() and path not in expected:
            why = "it belongs into catalogs/" if looked_for and path.parent != catalogs else _NO_SUCH_NAME
            notices.append(f"{name} is not read: {why}")
    for path in sorted(folder.glob("[!.]*")):
        if path.is_file() and (place := _place(survey, path)):
            notices.append(f"{path.name} is not read: it belongs into {place}/")
    return notices


def _place(survey: Survey, path: Path) -> str:
    """The folder where the survey looks for a file of this name; empty where it does not."""
    return next((place for wanted in survey.expected_inputs if (place := wanted.place_of(path))), "")


def not_measured(survey: Survey, folder: Path, used: Collection[Path]) -> list[str]:
    """A notice of each folder of kinematic files of which some are not used."""
    notices = []
    for top in dict.fromkeys(i.patterns[0].partition("/")[0] for i in survey.kinematics_inputs if i.several):
        files = list(walk_files(folder / top))
        if others := [path for path in files if path not in used]:
            why = "another file of its galaxy comes first, or no input has its name"
            notices.append(f"{top}/: {len(others)} of {len(files)} files are not used, such as {others[0].name}: {why}")
    return notices


def _rows(path: Path, id_names: tuple[str, ...]) -> int | None:
    """Rows of a table, the first of its file, which is told by its content; None where the file cannot be read."""
    try:
        with unpacked(path) as content:
            start = content.read(len(_HDF5_MAGIC))
            content.seek(0)
            if start.startswith(_FITS_MAGIC):
                from astropy.io import fits

                return int(fits.getheader(content, 1)["NAXIS2"])
            if start == _HDF5_MAGIC:
                return _hdf5_rows(content)
        table = read_csv(path, id_names) if ".csv" in path.name.casefold() else read_blank_separated(path)
        return len(table.rows)
    except Exception:  # parsers of damaged files raise nearly anything; a run tells the reason
        return None


def _hdf5_rows(content: BinaryIO) -> int | None:
    """Length of the first dataset there is, in any group."""
    import h5py

    with h5py.File(content, "r") as file:
        return file.visititems(lambda _, item: item.shape[0] if isinstance(item, h5py.Dataset) and item.shape else None)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < _KILO:
            return f"{size:.3g} {unit}"
        size /= _KILO
    return f"{size:.3g} TB"
