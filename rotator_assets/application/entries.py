"""Images to be predicted: files, folders, tar archives, patterns, or a table with a column of paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import iglob
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pandas as pd

from rotator_assets.application.galaxy_tables import VALUES, GalaxyTable, is_table, read_galaxies
from rotator_assets.core.archives import ArchiveMember, ImageFile, is_archive, tar_members
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import walk_files
from rotator_assets.imaging.bands import BANDS
from rotator_assets.imaging.image_names import any_image
from rotator_assets.imaging.images import ImageSource


@dataclass(frozen=True)
class Entry:
    """One image: the galaxy, its file as in the output, how to read it, and what a table says of the galaxy.

    ``ra`` and ``dec`` are in degrees; these, ``t_type`` and ``p_late`` are NaN where unknown. ``in_catalog``: whether
    the catalogue has the galaxy; None without a catalogue.
    """

    galaxy_id: str
    path: str
    source: ImageSource
    ra: float = np.nan
    dec: float = np.nan
    t_type: float = np.nan
    p_late: float = np.nan
    in_catalog: bool | None = None
    map_name: str = ""
    """Name of its attribution map, which no other image has; empty for none."""

    @property
    def state(self) -> tuple[object, ...]:
        """Everything of the entry that decides its prediction, with sizes and times of its files."""
        values = (
            self.galaxy_id,
            self.path,
            self.ra,
            self.dec,
            self.t_type,
            self.p_late,
            self.in_catalog,
            self.map_name,
        )
        return (*values, *map(_state_of, self.source.paths))


class ImageList:
    """Images in a repeatable order, found one after the other, so that memory does not grow with their number.

    Parameters
    ----------
    names
        Names of images, folders, tar archives, patterns, or of tables with a column ``path``.
    catalog
        Values of galaxies by galaxy_id; None without a catalogue.
    simulated
        Whether FITS files are images of simulated galaxies.
    galaxy_name
        Names of image files without their ending, with the galaxy as group ``id``. A file with another name is named
        after itself.

    Raises
    ------
    InputError
        For a name that is no file, folder or pattern of existing files.
    """

    def __init__(
        self,
        names: Sequence[str],
        catalog: GalaxyTable | None = None,
        *,
        simulated: bool = False,
        galaxy_name: re.Pattern[str] | None = None,
    ) -> None:
        known = pd.DataFrame(columns=["galaxy_id", *VALUES]) if catalog is None else catalog.rows
        self._has_catalog = catalog is not None
        self._rows = {str(name): row for row, name in enumerate(known["galaxy_id"])}
        self._values = known[list(VALUES)].to_numpy(float)
        self.notices = list(catalog.notices) if catalog else []
        """What a user should know of the tables."""
        self._form: Literal["counts", "cube"] = "counts" if simulated else "cube"
        self._galaxy_name = galaxy_name
        self._parts = [_Part(name) for name in dict.fromkeys(names)]
        tables = (part.path for part in self._parts if part.kind == "table")
        self._tables = {path: read_galaxies(path, "path") for path in tables}
        self.notices += [notice for table in self._tables.values() for notice in table.notices]
        self._left_out: list[Path] = []
        self.n_unread, self.unread = 0, ""
        """Number of files that are no images, or of archives that cannot be read, and one of them."""

    def leave_out(self, output: Path, maps: Path | None = None) -> None:
        """Leave an earlier output, and the folder of its attribution maps, out of the images.

        Raises InputError if the output would replace an image or a table that is read.
        """
        self._left_out = [path.absolute() for path in (output, maps) if path is not None and path.exists()]
        if not output.exists():
            return
        named = [part.path for part in self._parts if part.kind not in ("folder", "pattern")]
        is_image = any_image(output) is not None and not is_table(output)
        if any(path.samefile(output) for path in named) or (is_image and self._lists(output)):
            raise InputError(f"{output}: is one of the files to be read; name another file to write")

    def _lists(self, output: Path) -> bool:
        """Return whether a file is one of the images; an image is not left out."""
        self._left_out.remove(output.absolute())
        files = (file for entry in self for file in entry.source.paths if isinstance(file, Path))
        return any(file.exists() and file.samefile(output) for file in files)

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the images; counts unread files again."""
        self.n_unread, self.unread = 0, ""
        for kind, parts in groupby(self._parts, key=lambda part: part.kind):
            if kind == "file":  # together, as three of them may be the bands of a galaxy
                yield from self._entries(part.path for part in parts)
                continue
            for part in parts:
                listed = kind == "table"
                yield from self._listed(part.path) if listed else self._entries(part.files(self._count_unread))

    def _listed(self, table: Path) -> Iterator[Entry]:
        """Yield the images of a table, whose paths are relative to its folder."""
        for row in self._tables[table].rows.to_dict("records"):
            file = table.parent / row["path"]
            entry = self._entry(file, self._source(file), row["galaxy_id"])
            for names in (("ra", "dec"), ("t_type", "p_late")):  # values of two tables are not mixed
                if not all(np.isnan(row[name]) for name in names):
                    entry = replace(entry, **{name: row[name] for name in names})
            yield entry

    def _entries(self, files: Iterable[ImageFile]) -> Iterator[Entry]:
        """Yield the images in files; three files of g, r and i in one folder are one image."""
        incomplete: dict[tuple[object, str], dict[str, ImageFile]] = {}
        for file in files:
            named = any_image(file)
            if isinstance(file, Path) and self._is_left_out(file):
                continue
            if named is None:
                self._count_unread(_described(file))
            elif named.band is None:
                yield self._entry(file, self._source(file))
            else:
                key = (_folder(file), named.galaxy_id)
                bands = incomplete.setdefault(key, {})
                if bands.setdefault(named.band, file) is not file:
                    self._count_unread(_described(file))
                if bands.keys() == set(BANDS):
                    yield self._of_bands(incomplete.pop(key), named.galaxy_id)
        for (_, galaxy_id), bands in incomplete.items():
            yield self._of_bands(bands, galaxy_id)

    def _is_left_out(self, file: Path) -> bool:
        return any(path == file.absolute() or path in file.absolute().parents for path in self._left_out)

    def _source(self, file: ImageFile) -> ImageSource:
        named = any_image(file)
        return ImageSource("colour" if named and named.picture else self._form, (file,))

    def _of_bands(self, bands: dict[str, ImageFile], galaxy_id: str) -> Entry:
        files = tuple(bands.values())
        return self._entry(files[0], ImageSource("bands", files), self._galaxy(galaxy_id))

    def _entry(self, file: ImageFile, source: ImageSource, galaxy_id: str | None = None) -> Entry:
        named = any_image(file)
        name = galaxy_id or self._galaxy(named.galaxy_id if named else file.name)
        if not self._has_catalog:
            return Entry(name, _described(file), source)
        row = self._rows.get(name)
        if row is None:
            return Entry(name, _described(file), source, in_catalog=False)
        known = dict(zip(VALUES, self._values[row].tolist(), strict=True))
        return Entry(name, _described(file), source, **known, in_catalog=True)

    def _galaxy(self, stem: str) -> str:
        match = self._galaxy_name.fullmatch(stem) if self._galaxy_name else None
        return match["id"] if match else stem

    def _count_unread(self, file: str) -> None:
        self.n_unread, self.unread = self.n_unread + 1, self.unread or file


class _Part:
    """One of the names on the command line."""

    def __init__(self, name: str) -> None:
        self.path = Path(name)
        self.kind: Literal["table", "file", "folder", "archive", "pattern"]
        if self.path.is_dir():
            self.kind = "folder"
        elif self.path.is_file():
            self.kind = "archive" if is_archive(self.path) else "table" if is_table(self.path) else "file"
        elif any(_matching(name)):
            self.kind = "pattern"
        else:
            raise InputError(f"{name}: there is no such file or folder; name images, a folder, a tar or a table")

    def files(self, unread: Callable[[str], None]) -> Iterator[ImageFile]:
        if self.kind == "archive":
            yield from tar_members(self.path)
            return
        found = walk_files(self.path) if self.kind == "folder" else sorted(_matching(str(self.path)))
        for file in found:
            if is_archive(file):
                try:
                    yield from tar_members(file)
                except InputError:
                    unread(str(file))
            elif file.is_file():
                yield file


def _matching(pattern: str) -> Iterator[Path]:
    return map(Path, iglob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute


def _described(file: ImageFile) -> str:
    return f"{file.archive}:{file.path}" if isinstance(file, ArchiveMember) else str(file)


def _folder(file: ImageFile) -> object:
    if isinstance(file, ArchiveMember):
        return file.archive, PurePosixPath(file.path).parent
    return file.parent


def _state_of(file: ImageFile) -> tuple[int, ...]:
    """Return size and modification time of a file; of the archive for a member, and nothing without a file."""
    try:
        stat = (file.archive if isinstance(file, ArchiveMember) else file).stat()
    except OSError:
        return ()
    return stat.st_size, stat.st_mtime_ns
