"""What a survey module gives: the files it expects, its catalogues in common columns, and an index of its images."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from rotator_assets.core.compressed import uncompressed_name
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import walk_files
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.imaging.images import ImageSource
from rotator_assets.kinematics.measured import HalfLightEllipse, Measurement
from rotator_assets.store.columns import dtypes
from rotator_assets.store.fields import fields
from rotator_assets.surveys.aliases import COMMON, Columns
from rotator_assets.surveys.quality_cuts import QualityCut
from rotator_assets.surveys.table_files import Table, read_csv_table

MANY = 8
"""Names in one notice; more are counted."""

LAMBDA_R_NEEDED = "one of lambda_R"
"""``ExpectedInput.needed`` of whatever gives lambda_R."""

MORPHOLOGY = dtypes(fields("galaxy_id", "object_id", "ra", "dec", "redshift", "t_type", "p_late", "flag_t_type"))
"""Columns of a morphology catalogue by pandas dtype: one row per catalogue entry, in the file's order.

Units and meanings are those of ``store.fields``, here and below.
"""

PHOTOMETRY = dtypes(
    fields(
        *("galaxy_id", "axis_ratio", "axis_ratio_source", "nsa_axis_ratio", "r_eff_arcsec", "sersic_n", "nsa_sersic_n"),
        *("position_angle_deg", "log_mass", "psf_fwhm_arcsec", "drp3qual", "dapqual", "flag_failed_s", "subhalo_flag"),
    )
)
"""Columns of a photometry catalogue by pandas dtype: at most one row per galaxy_id.

``axis_ratio`` comes from the same fit as the sizes, ``nsa_axis_ratio`` always from the NSA. ``position_angle_deg`` is
in [0, 180).
"""

KINEMATICS = dtypes(
    fields(
        *("galaxy_id", "lambda_r", "lambda_r_error", "lambda_r_source", "ellipticity", "r_eff_arcsec"),
        *("position_angle_deg", "drp3qual", "dapqual", "jam_qual", "refused", "lambda_r_limit"),
    )
)
"""Columns of a kinematics catalogue by pandas dtype: one row per galaxy_id and source.

A measured lambda_R comes with shape and quality masks, which are used where photometry has none.
"""


@dataclass(frozen=True)
class SourceFile:
    """A file that was read: the rows of its table, how many were ``taken``, and what was not, and why (``note``).

    ``ids``: galaxies that the taken rows name, in the column ``id_column`` of the file; none where they need not be
    matched. ``of_user``: the user's own table. ``notices``: what the user has to be told of it, a sentence each.
    """

    path: Path
    what: str
    release: str
    rows: int
    synthetic: bool
    note: str = ""
    taken: int = -1
    """All rows, where it is not given."""
    notices: tuple[str, ...] = ()
    id_column: str = ""
    ids: tuple[str, ...] = ()
    of_user: bool = False

    def __post_init__(self) -> None:
        if self.taken < 0:
            object.__setattr__(self, "taken", self.rows)


@dataclass(frozen=True)
class Catalog:
    """A catalogue in common columns and the files it was made from."""

    frame: pd.DataFrame
    sources: tuple[SourceFile, ...]

    @property
    def synthetic(self) -> bool:
        """True where any of the files is marked synthetic."""
        return any(source.synthetic for source in self.sources)

    def with_measured(self, measured: pd.DataFrame) -> Catalog:
        """A kinematics catalogue and, below it, the usable and the refused rows of what was measured."""
        flags = measured.reindex(columns=["usable", "refused"]).isin([True])
        frame = pd.concat([self.frame, conform(measured[flags.any(axis=1)], KINEMATICS)], ignore_index=True)
        usable = measured[flags["usable"]]
        if usable.empty:
            return Catalog(frame, self.sources)
        synthetic = bool(usable["synthetic"].any())
        where = Path(Path(usable["path"].iloc[0]).parts[0])
        releases = ", ".join(sorted({release for release in usable["release"] if isinstance(release, str)} - {""}))
        note = f"files not usable: {len(measured) - len(usable)}" if len(usable) < len(measured) else ""
        source = SourceFile(where, "measured here", releases, len(measured), synthetic, note, len(usable))
        return Catalog(frame, (*self.sources, source))


@dataclass(frozen=True)
class ExpectedInput:
    """A file (or folder of files) that a survey can use.

    ``patterns`` are globs relative to the survey's folder; ``needed`` is ``required``, ``optional``, or ``one of X``
    where any input of the same X will do; ``where`` says where to get it, and ``size`` how large it is.
    """

    what: str
    patterns: tuple[str, ...]
    needed: str
    where: str
    size: str
    several: bool = False
    """All its files are used, one a galaxy or piece; else the newest alone."""

    def place_of(self, path: Path) -> str:
        """The folder where a file of this name is looked for; empty where none is."""
        for pattern in self.patterns:
            top, _, name = pattern.rpartition("/")
            if any(fnmatchcase(spelled, name.casefold()) for spelled in _names(path)):
                return top.removesuffix("/**")
        return ""

    def find(self, folder: Path) -> list[Path]:
        """The files there are, newest release first (by the numbers in their names: DR17 before DR15).

        Case and the ending of a compression do not matter.
        """
        names: dict[tuple[str, bool], list[str]] = {}
        for pattern in self.patterns:
            top, _, name = pattern.rpartition("/")
            names.setdefault((top.removesuffix("/**"), top.endswith("/**")), []).append(name.casefold())
        paths = {
            path
            for (top, deep), wanted in names.items()
            for path in (walk_files(folder / top) if deep else _files_in(folder / top))
            if any(fnmatchcase(name, pattern) for name in _names(path) for pattern in wanted)
        }
        return sorted(paths, key=lambda path: (_numbers(path), path.name), reverse=True)


class Survey(ABC):
    """One survey; a module makes one by filling in what it has. ``folder`` is its folder in the data root.

    What stands here is a survey of catalogues alone: no images, no kinematic maps, no photometry of its own.
    """

    key: str
    noises: tuple[str, ...] = ()
    """What its images can be made into: ``observed``, or ``noisy`` and ``noiseless`` for simulated ones."""
    columns: Columns = COMMON
    """Columns of its catalogues by common name: spellings, ranges, and the form of its identifiers."""
    quality_cuts: tuple[QualityCut, ...] = ()
    """Cuts that settings can apply to its galaxies, in the order of the loss report."""
    arcsec_per_pixel: float | None = None
    """Side of a pixel of its images; files with another pixel scale are unusable. None accepts any."""
    compared_with: tuple[str, ...] = ()
    """Keys of the observed surveys that simulated images of this survey are compared with."""
    image_name: re.Pattern[str] | None = None
    """How its images are named but for their ending, with the galaxy as group ``id``; None where it has none."""
    lambda_r_sources: tuple[str, ...]
    """Where its lambda_R may come from, the most preferred first."""
    lambda_r_scales: Mapping[str, float] = MappingProxyType({})
    """Factor by which a source of lambda_R is known to read lower than the others; applied where a setting says so."""
    ellipticity_sources: tuple[str, ...]
    """Where its ellipticity may come from, the most preferred first: values of photometry's ``axis_ratio_source``, and
    those of the ``lambda_r_sources`` that come with one."""
    measured_source: str | None = None
    """That of the sources which is measured from its ``kinematic_files``."""
    apertures: tuple[str, ...] = ()
    """Whose half-light ellipse that may be measured in, the default first: the file's own or ``photometry``."""
    expected_inputs: tuple[ExpectedInput, ...]

    @abstractmethod
    def read_morphology(self, folder: Path) -> Catalog:
        """Columns ``MORPHOLOGY``: every row of the morphology catalogue, in its order. Raises InputError."""

    @abstractmethod
    def read_kinematics(self, folder: Path) -> Catalog:
        """Columns ``KINEMATICS``, of every table that is there; no rows where none is. Raises InputError."""

    def read_photometry(self, folder: Path) -> Catalog:
        """Columns ``PHOTOMETRY``. Raises InputError."""
        return Catalog(conform(pd.DataFrame(), PHOTOMETRY), ())

    def image_index(self, folder: Path, galaxies: pd.DataFrame | None = None) -> dict[str, ImageSource]:
        """galaxy_id -> where its image is and how to read it.

        ``galaxies`` (columns ``galaxy_id``, ``ra``, ``dec`` in degrees) are needed where images are cut from frames.
        """
        return {}

    def kinematic_files(self, folder: Path) -> dict[str, Path]:
        """galaxy_id -> the file that lambda_R can be measured from."""
        return {}

    def measure(self, path: Path, ellipse: HalfLightEllipse, settings: KinematicsSettings) -> Measurement:
        """lambda_R from one of the ``kinematic_files``. Raises UnusableKinematics with the reason."""
        raise NotImplementedError(f"{self.key} has no kinematic files")

    @property
    def kinematics_inputs(self) -> tuple[ExpectedInput, ...]:
        """Those of the expected inputs that give lambda_R."""
        return tuple(i for i in self.expected_inputs if i.needed == LAMBDA_R_NEEDED)


def release_of(path: Path) -> str:
    """Release as the file name tells it: ``DR15``, ``v2_4_3``, ``DR17 v2``; empty where it does not."""
    return " ".join(re.findall(r"DR\d+|v\d+(?:_\d+)*", path.name))


def _files_in(folder: Path) -> list[Path]:
    """Files of a folder itself, those of hidden names left out; none where there is no such folder."""
    return [path for path in folder.glob("[!.]*") if path.is_file()]


def _names(path: Path) -> set[str]:
    """What a file is looked for as: its name, and that without the ending of a compression, but for tar archives."""
    plain = uncompressed_name(path.name)
    return {path.name.casefold()} if plain.endswith(".tar") else {path.name.casefold(), plain}


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", path.name))


def missing(folder: Path, *inputs: ExpectedInput) -> InputError:
    """The error for inputs of which none is there: what is looked for, and where to get it."""
    wanted = "; or ".join(f"{i.what} (looked for {', '.join(i.patterns)}; source: {i.where})" for i in inputs)
    return InputError(f"{folder}: there is no {wanted}")


def conform(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """The frame with exactly these columns in this order and type; those it lacks are missing throughout."""
    conformed = frame.reindex(columns=list(columns)).astype(dict(columns))
    for name in (name for name, kind in columns.items() if kind == "object"):
        conformed[name] = conformed[name].where(conformed[name].notna(), None)
    return conformed


def read_source(
    folder: Path,
    expected: ExpectedInput,
    read: Callable[[Path], Table],
    *,
    every_row: bool = False,
    of_user: bool = False,
) -> tuple[SourceFile, pd.DataFrame] | tuple[None, None]:
    """The newest of the expected files, read, with its description; (None, None) where there is none.

    Of rows with one galaxy_id the first is kept, rows without an id are left out, and the note says how many; with
    ``every_row`` either is an InputError instead. ``of_user``: the user's own table, of which every number that is not
    usable is told too.
    """
    paths = expected.find(folder)
    if not paths:
        return None, None
    path, *older = paths
    table = read(path)
    frame = table.frame
    unnamed = frame["galaxy_id"].isna()
    repeated = frame["galaxy_id"].duplicated() & ~unnamed
    if every_row and (unnamed | repeated).any():
        row = int(np.flatnonzero(unnamed | repeated)[0])
        what = "has no galaxy id" if unnamed.iloc[row] else f"repeats the galaxy id {frame['galaxy_id'].iloc[row]}"
        raise InputError(f"{path}: row {row + 1} {what}; every row must name one galaxy of its own")
    lost = {"without an id": int(unnamed.sum()), "that repeat an earlier id": int(repeated.sum())}
    notes = {f"rows {which}, left out": count for which, count in lost.items()}
    notes[f"other releases, not read ({', '.join(p.name for p in older)})"] = len(older)
    taken = frame[~unnamed & ~repeated].reset_index(drop=True)
    notices = [f"{path.name}: {count} of {len(frame)} rows left out, {which}" for which, count in lost.items() if count]
    notices += [f"{other.name} is not read, as {path.name} is there: keep the one that counts" for other in older]
    if of_user:
        notices += [f"{path.name}, column {table.published[name]}: {what}" for name, what in table.unusable.items()]
        if table.unread:
            more = f" and {len(table.unread) - MANY} more" if len(table.unread) > MANY else ""
            notices.append(f"{path.name}: not read of it: column {', '.join(table.unread[:MANY])}{more}")
    source = SourceFile(
        path,
        expected.what,
        release_of(path),
        len(frame),
        table.synthetic,
        note="; ".join(f"{what}: {count}" for what, count in notes.items() if count),
        taken=len(taken),
        notices=tuple(notices),
        id_column=table.published["galaxy_id"],
        ids=tuple(taken["galaxy_id"]),
        of_user=of_user,
    )
    return source, taken


def read_lambda_r_csv(path: Path, columns: Columns = COMMON) -> Table:
    """A user's table of lambda_R: the survey's id column, ``lambda_r``, and optionally its error and ellipticity.

    Rows without a lambda_R come last, so that of several rows of one galaxy one that has it counts. Raises InputError
    as `read_csv_table` and `check_lambda_r` do.
    """
    wanted = (("galaxy_id", "lambda_r"), ("lambda_r_error", "ellipticity"))
    table = check_lambda_r(path, read_csv_table(path, *wanted, columns))
    missing = table.frame["lambda_r"].isna()
    return replace(table, frame=pd.concat([table.frame[~missing], table.frame[missing]], ignore_index=True))


def check_lambda_r(path: Path, table: Table) -> Table:
    """The table, if its lambda_R is one. Raises InputError where no row has a lambda_R in its range, and where more
    have different ones above it: they are in percent, or another quantity.
    """
    known = int(table.frame["lambda_r"].notna().sum())
    if table.above["lambda_r"] > known or not known:
        raise InputError(f"{path}: column {table.published['lambda_r']}: {table.unusable['lambda_r']}")
    return table
