"""The interface of a survey: its expected files, catalogues in common columns, images and kinematic files."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from rotator_assets.core.archives import ImageFile
from rotator_assets.core.compressed import uncompressed_name
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import walk_files
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.imaging.cutouts import Noise
from rotator_assets.imaging.image_names import NamedImage, named_images
from rotator_assets.imaging.images import ImageSource
from rotator_assets.kinematics.measured import HalfLightEllipse, Measurement
from rotator_assets.store.columns import dtypes
from rotator_assets.store.fields import MORPHOLOGY_PROBABILITIES, fields
from rotator_assets.surveys.aliases import COMMON, Columns
from rotator_assets.surveys.quality_cuts import QualityCut
from rotator_assets.surveys.table_files import Table

MANY = 8
"""Largest number of names in one notice; further ones are counted."""

ONE_OF = "one of "
"""Beginning of ``ExpectedInput.needed`` where any input of a group is enough."""
LAMBDA_R_NEEDED = f"{ONE_OF}lambda_R"
"""``ExpectedInput.needed`` of inputs that contain lambda_R."""

MORPHOLOGY = dtypes(
    fields("galaxy_id", "object_id", "ra", "dec", "redshift", "t_type", *MORPHOLOGY_PROBABILITIES, "flag_t_type")
)
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
    """A file that was read.

    ``rows`` is the number of rows in its table, ``taken`` the number used, and ``note`` says what was left out and why.
    ``ids`` are the galaxies of the rows used, from the column ``id_column``; both are empty if the rows need not be
    matched. ``of_user`` marks the user's own table. ``notices`` are sentences for the user.
    """

    path: Path
    what: str
    release: str
    rows: int
    synthetic: bool
    note: str = ""
    taken: int = -1
    """All rows by default."""
    notices: tuple[str, ...] = ()
    id_column: str = ""
    ids: tuple[str, ...] = ()
    of_user: bool = False

    def __post_init__(self) -> None:
        if self.taken < 0:
            object.__setattr__(self, "taken", self.rows)


@dataclass(frozen=True)
class Catalog:
    """A catalogue in common columns, and the files that it comes from."""

    frame: pd.DataFrame
    sources: tuple[SourceFile, ...]

    @property
    def synthetic(self) -> bool:
        """True if any of the files is marked synthetic."""
        return any(source.synthetic for source in self.sources)

    def with_measured(self, measured: pd.DataFrame) -> Catalog:
        """Return the kinematics catalogue followed by the usable and refused rows of ``measured``."""
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

    ``patterns`` are globs relative to the survey's folder. ``needed`` is ``required``, ``optional``, or ``one of X``:
    any input with the same X is enough. ``where`` says where to get the file, and ``size`` how large it is.
    """

    what: str
    patterns: tuple[str, ...]
    needed: str
    where: str
    size: str
    several: bool = False
    """All files are used, such as one per galaxy; otherwise only the newest is."""

    def place_of(self, path: Path) -> str:
        """Return the folder where files of this name belong; empty if the name matches no pattern."""
        for pattern in self.patterns:
            top, _, name = pattern.rpartition("/")
            if any(fnmatchcase(spelled, name.casefold()) for spelled in _names(path)):
                return top.removesuffix("/**")
        return ""

    def find(self, folder: Path) -> list[Path]:
        """Return the files that match, newest release first (by the numbers in the names: DR17 before DR15).

        Case and compression suffixes do not matter.
        """
        names: dict[tuple[str, bool], list[str]] = {}
        for pattern in self.patterns:
            top, _, name = pattern.rpartition("/")
            names.setdefault((top.removesuffix("/**"), top.endswith("/**")), []).append(translate(name.casefold()))
        paths: set[Path] = set()
        for (top, deep), patterns in names.items():
            wanted = re.compile("|".join(patterns)).match
            files = walk_files(folder / top) if deep else _files_in(folder / top)
            paths.update(path for path in files if any(map(wanted, _names(path))))
        return sorted(paths, key=lambda path: (_numbers(path), path.name), reverse=True)


class Survey(ABC):
    """A survey; its module sets the attributes and methods that apply. ``folder`` is its folder in the data root.

    The defaults describe a survey of catalogues only, without images, kinematic maps or photometry.
    """

    key: str
    noises: tuple[Noise, ...] = ()
    """Kinds of datasets: ``observed``, or ``noisy`` and ``noiseless`` for simulated images."""
    columns: Columns = COMMON
    """Columns of its catalogues by common name: spellings, ranges, and the form of its identifiers."""
    quality_cuts: tuple[QualityCut, ...] = ()
    """Cuts that settings can apply to its galaxies, in the order of the loss report."""
    arcsec_per_pixel: float | None = None
    """Side of a pixel of its images; files with another pixel scale are unusable. None accepts any."""
    compared_with: tuple[str, ...] = ()
    """Keys of the observed surveys that simulated images of this survey are compared with."""
    scale_of_others: float | None = None
    """Side of a pixel in arcsec of the images whose files do not give it; None: it is not known."""
    image_name: re.Pattern[str] | None = None
    """Names of image files without their suffix, with the galaxy as group ``id``; None without images."""
    image_folder: str = "images"
    """Where its images are."""
    folders: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {"catalogs": ("catalogs",), "kinematics": ("maps", "cutouts"), "images": ("images", "sky")}
    )
    """Folders and files of its inputs by kind."""
    lambda_r_sources: tuple[str, ...]
    """Sources of lambda_R, the preferred first."""
    lambda_r_scales: Mapping[str, float] = MappingProxyType({})
    """Factors for sources of lambda_R that are known to read low; applied only if a setting says so."""
    uncorrected_for_seeing: tuple[str, ...] = ()
    """Published sources of lambda_R that are not corrected for seeing, which lowers it."""
    ellipticity_sources: tuple[str, ...]
    """Sources of the ellipticity, the preferred first: values of ``axis_ratio_source`` in its photometry, and those
    ``lambda_r_sources`` that come with an ellipticity."""
    measured_source: str | None = None
    """The source of lambda_R that is measured from ``kinematic_files``."""
    apertures: tuple[str, ...] = ()
    """Half-light ellipses that lambda_R can be measured in, the default first: the file's own or ``photometry``."""
    expected_inputs: tuple[ExpectedInput, ...]

    @abstractmethod
    def read_morphology(self, folder: Path) -> Catalog:
        """Return every row of the morphology catalogue, in its order (columns ``MORPHOLOGY``). Raises InputError."""

    @abstractmethod
    def read_kinematics(self, folder: Path) -> Catalog:
        """Return the rows of every kinematic table, none if there is no table (columns ``KINEMATICS``).

        Raises InputError for a bad table.
        """

    def read_photometry(self, folder: Path) -> Catalog:
        """Return the photometry (columns ``PHOTOMETRY``). Raises InputError for a bad table."""
        return Catalog(conform(pd.DataFrame(), PHOTOMETRY), ())

    def image_index(self, folder: Path, galaxies: pd.DataFrame | None = None) -> Mapping[str, ImageSource]:
        """Return each galaxy's image file and how to read it, by galaxy_id.

        Images that are cut from frames need ``galaxies`` (columns ``galaxy_id``, ``ra``, ``dec``; degrees).
        """
        return {}

    def images_in(self, folder: Path) -> tuple[list[NamedImage], list[ImageFile]]:
        """Return the image files that are named after a galaxy, and those with other names."""
        return named_images(folder / self.image_folder, self.image_name) if self.image_name else ([], [])

    def reading_of(self, kind: str) -> str:
        """Return what settings say about how the files of a kind are read; empty if they say nothing."""
        return ""

    def page(self, galaxy_id: str, ra: float, dec: float) -> str:
        """Return the address of the web page of a galaxy (position in degrees, ICRS); empty without one."""
        return ""

    def kinematic_files(self, folder: Path) -> dict[str, Path]:
        """Return the file that lambda_R can be measured from, by galaxy_id."""
        return {}

    def measure(self, path: Path, ellipse: HalfLightEllipse, settings: KinematicsSettings) -> Measurement:
        """Measure lambda_R from one of the ``kinematic_files``.

        Parameters
        ----------
        path : Path
            The file.
        ellipse : HalfLightEllipse
            Half-light ellipse from the photometry.
        settings : KinematicsSettings
            Aperture, correction for seeing, and cuts.

        Returns
        -------
        Measurement
            lambda_R, its uncertainty and the conditions of the measurement.

        Raises
        ------
        UnusableKinematics
            The file cannot be measured, with the reason.
        """
        raise NotImplementedError(f"{self.key} has no kinematic files")

    @property
    def kinematics_inputs(self) -> tuple[ExpectedInput, ...]:
        """The expected inputs that contain lambda_R."""
        return tuple(i for i in self.expected_inputs if i.needed == LAMBDA_R_NEEDED)


def release_of(path: Path) -> str:
    """Return the release in the file name, such as ``DR15``, ``v2_4_3`` or ``DR17 v2``; empty without one."""
    return " ".join(re.findall(r"DR\d+|v\d+(?:_\d+)*", path.name))


def _files_in(folder: Path) -> list[Path]:
    """Files directly in a folder, without hidden ones; none if there is no such folder."""
    return [path for path in folder.glob("[!.]*") if path.is_file()]


def _names(path: Path) -> set[str]:
    """Names that patterns are matched with: with and, except for tar archives, without the compression suffix."""
    plain = uncompressed_name(path.name)
    return {path.name.casefold()} if plain.endswith(".tar") else {path.name.casefold(), plain}


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", path.name))


def missing(folder: Path, *inputs: ExpectedInput) -> InputError:
    """Return the error for missing inputs: the file names that were searched for, and where to get them."""
    wanted = "; or ".join(f"{i.what} (looked for {', '.join(i.patterns)}; source: {i.where})" for i in inputs)
    return InputError(f"{folder}: there is no {wanted}")


def conform(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return the frame with exactly these columns, in this order and of these types; absent ones are all missing."""
    conformed = frame.reindex(columns=list(columns))
    now = {name: str(dtype) for name, dtype in conformed.dtypes.items()}
    conformed = conformed.astype({name: kind for name, kind in columns.items() if kind != now[name]})
    for name in (name for name, kind in columns.items() if kind == "object"):
        known = conformed[name].notna()
        if not known.all():
            conformed[name] = conformed[name].where(known, None)  # pyright: ignore[reportArgumentType]  # no None in stubs
    return conformed


def read_source(
    folder: Path,
    expected: ExpectedInput,
    read: Callable[[Path], Table],
    *,
    every_row: bool = False,
    of_user: bool = False,
) -> tuple[SourceFile, pd.DataFrame] | tuple[None, None]:
    """Read the newest of the expected files.

    The first of several rows with one galaxy_id is kept, and rows without an id are left out. The note of the source
    gives their numbers.

    Parameters
    ----------
    folder : Path
        The survey's folder.
    expected : ExpectedInput
        The files to look for.
    read : callable
        Reads one file.
    every_row : bool
        Refuse a table with repeated rows or rows without an id.
    of_user : bool
        The user's own table: unusable numbers and unread columns become notices.

    Returns
    -------
    tuple of (SourceFile, DataFrame), or (None, None)
        The description of the file and the rows used; (None, None) if there is no file.

    Raises
    ------
    InputError
        The file is bad, or a row is repeated or without an id under ``every_row``.
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
