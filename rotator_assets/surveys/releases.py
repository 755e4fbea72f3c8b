"""MaNGA's data releases: the tables of each, their file names and where to get them.

A new release is one more entry here. Spellings of columns are in ``manga.COLUMNS``, because copies of one release
differ too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from rotator_assets.core.compressed import uncompressed_name
from rotator_assets.surveys.base import ExpectedInput

_SAS = "https://data.sdss.org/sas"


@dataclass(frozen=True)
class PublishedTable:
    """One published table.

    ``pattern`` is a glob for the file name, in any case, without compression suffix. ``extension`` is the number or
    name of the FITS extension. ``only`` selects rows where a table has several kinds: a common column and its value.
    """

    pattern: str
    url: str
    size: str
    extension: int | str = 1
    only: tuple[str, str] | None = None

    def fits(self, path: Path) -> bool:
        """Return True if the file name is this table's, compressed or not."""
        return fnmatchcase(uncompressed_name(path.name), self.pattern.casefold())


@dataclass(frozen=True)
class MangaRelease:
    """The catalogues of one data release."""

    name: str
    morphology: PublishedTable
    pymorph: PublishedTable
    drpall: PublishedTable
    dapall: PublishedTable


DR15 = MangaRelease(
    name="DR15",
    morphology=PublishedTable(
        "manga-morphology-dl-DR15*.fits",
        f"{_SAS}/dr15/manga/morphology/deep_learning/1.0.1/manga-morphology-dl-DR15.fits",
        "0.7 MB",
    ),
    # Extensions 1, 2, 3 hold the g, r, i bands.
    pymorph=PublishedTable(
        "manga-pymorph-DR15.fits",
        f"{_SAS}/dr15/manga/photo/pymorph/1.0.1/manga-pymorph-DR15.fits",
        "4 MB",
        extension=2,
    ),
    drpall=PublishedTable(
        "drpall-v2_*.fits",
        f"{_SAS}/dr15/manga/spectro/redux/v2_4_3/drpall-v2_4_3.fits",
        "13 MB",
        extension="MANGA",
    ),
    # One table for all analyses, selected by DAPTYPE.
    dapall=PublishedTable(
        "dapall-v2_*.fits",
        f"{_SAS}/dr15/manga/spectro/analysis/v2_4_3/2.2.1/dapall-v2_4_3-2.2.1.fits",
        "50 MB",
        only=("daptype", "HYB10-GAU-MILESHC"),
    ),
)
DR17 = MangaRelease(
    name="DR17",
    morphology=PublishedTable(
        "manga-morphology-dl-DR17*.fits",
        f"{_SAS}/dr17/manga/morphology/deep_learning/1.1.1/manga-morphology-dl-DR17.fits",
        "3 MB",
    ),
    pymorph=PublishedTable(
        "manga-pymorph-DR17.fits",
        f"{_SAS}/dr17/manga/photo/pymorph/1.1.1/manga-pymorph-DR17.fits",
        "10 MB",
        extension=2,
    ),
    drpall=PublishedTable(
        "drpall-v3_*.fits",
        f"{_SAS}/dr17/manga/spectro/redux/v3_1_1/drpall-v3_1_1.fits",
        "40 MB",
        extension="MANGA",
    ),
    # One extension per analysis.
    dapall=PublishedTable(
        "dapall-v3_*.fits",
        f"{_SAS}/dr17/manga/spectro/analysis/v3_1_1/3.1.0/dapall-v3_1_1-3.1.0.fits",
        "100 MB",
        extension="HYB10-MILESHC-MASTARSSP",
    ),
)
RELEASES = (DR17, DR15)
"""Newest first."""

DYNPOP = PublishedTable("SDSSDR17_MaNGA_JAM*.fits", "https://doi.org/10.5281/zenodo.17518315", "21 MB")
PIPE3D = PublishedTable(
    "manga.Pipe3D-*.fits", f"{_SAS}/dr14/manga/spectro/pipe3d/v2_1_2/2.1.2/manga.Pipe3D-v2_1_2.fits", "2 MB"
)


def expected(what: str, needed: str, tables: Iterable[PublishedTable]) -> ExpectedInput:
    """Return one input of the survey for a table with several releases; any one release is enough.

    Parameters
    ----------
    what : str
        Name of the table in messages.
    needed : str
        As ``ExpectedInput.needed``.
    tables : iterable of PublishedTable
        The table in each release, the preferred first.

    Returns
    -------
    ExpectedInput
        The input in the folder ``catalogs``.
    """
    tables = tuple(tables)
    return ExpectedInput(
        what,
        tuple(f"catalogs/{table.pattern}" for table in tables),
        needed,
        " or ".join(table.url for table in tables),
        " or ".join(dict.fromkeys(table.size for table in tables)),
    )
