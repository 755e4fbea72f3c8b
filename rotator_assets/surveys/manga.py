"""MaNGA: SDSS images and integral-field kinematics of nearby galaxies (DR15 and DR17 value-added catalogues).

Each row of the morphology catalogue is one observation, identified by its PLATE-IFU (``galaxy_id``). Some galaxies have
several observations; ``object_id`` identifies the galaxy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.frames import NONE
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.imaging.frames import frame_sources
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.kinematics.maps import APERTURES, find_maps, measure_maps
from rotator_assets.kinematics.measured import HalfLightEllipse, Measurement
from rotator_assets.store.fields import MORPHOLOGY_PROBABILITIES
from rotator_assets.surveys.aliases import COMMON, identifier, number, positive, text, whole
from rotator_assets.surveys.base import (
    KINEMATICS,
    LAMBDA_R_NEEDED,
    MORPHOLOGY,
    PHOTOMETRY,
    Catalog,
    ExpectedInput,
    SourceFile,
    Survey,
    conform,
    missing,
    read_source,
)
from rotator_assets.surveys.identifiers import Form
from rotator_assets.surveys.image_index import ImageIndex, best_images
from rotator_assets.surveys.lambda_r_tables import check_lambda_r, read_lambda_r_csv
from rotator_assets.surveys.quality_cuts import IS_CRITICAL, QualityCut, is_flagged
from rotator_assets.surveys.releases import DYNPOP, PIPE3D, RELEASES, PublishedTable, expected
from rotator_assets.surveys.table_files import Table, read_fits_table

_SKY_PAGE = "https://skyserver.sdss.org/dr17/VisualTools/navi"
MORPHOLOGY_TABLE = expected("deep-learning morphology", "required", [release.morphology for release in RELEASES])
PYMORPH = expected("PyMorph photometry", "one of photometry", [release.pymorph for release in RELEASES])
DRPALL = expected("drpall (NASA-Sloan Atlas photometry)", "one of photometry", [release.drpall for release in RELEASES])
DAPALL = expected(
    "dapall (the same photometry, DAPQUAL)", "one of photometry", [release.dapall for release in RELEASES]
)
USER_LAMBDA_R = ExpectedInput(
    "lambda_R, your own table",
    ("catalogs/[lL]ambda_[rR]*.csv",),
    LAMBDA_R_NEEDED,
    "your own: columns plateifu, lambda_r and, if you have it, lambda_r_error",
    "any",
)
DYNPOP_TABLE = expected("lambda_R of MaNGA DynPop (Zhu et al. 2023)", LAMBDA_R_NEEDED, [DYNPOP])
PIPE3D_TABLE = expected("lambda_R of Pipe3D (Sanchez et al. 2018)", LAMBDA_R_NEEDED, [PIPE3D])
MAPS = ExpectedInput(
    "stellar kinematic maps (DAP MAPS), to measure lambda_R from",
    ("maps/**/manga-*-MAPS-*.fits.gz", "maps/**/manga-*-MAPS-*.fits"),
    LAMBDA_R_NEEDED,
    "https://data.sdss.org/sas/dr17/manga/spectro/analysis/v3_1_1/3.1.0/HYB10-MILESHC-MASTARSSP/PLATE/IFU/",
    "5 MB per galaxy",
    several=True,
)
IMAGES = ExpectedInput(
    "images",
    tuple(f"images/**/{name}" for name in ("*.fits", "*.fit", "*.png", "*.jpg", "*.jpeg", "*.tar", "[1-9]*-*[0-9]")),
    "required",
    "https://www.legacysurvey.org/viewer/fits-cutout?ra=RA&dec=DEC&layer=sdss&pixscale=0.396&size=128&bands=gri, "
    "saved as <plateifu>.fits; or frames: https://data.sdss.org/sas/dr17/eboss/photoObj/frames/301/",
    "0.2 MB per galaxy",
    several=True,
)


_PLATE_IFU = re.compile(r"(?:manga[-_ ])?0*(\d+)[-_]0*(\d+)", re.ASCII | re.IGNORECASE)


def _plate_ifu(text: str) -> str | None:
    """Return the PLATE-IFU without leading zeros and without the prefix ``manga-``; None for other text."""
    match = _PLATE_IFU.fullmatch(text)
    return f"{match[1]}-{match[2]}" if match else None


PLATE_IFU = Form("a PLATE-IFU such as 7957-6103", _plate_ifu, numeric=False)

COLUMNS = {
    **COMMON,
    "galaxy_id": identifier(PLATE_IFU, "plateifu", "plate-ifu", "plate_ifu"),
    "manga_id": text("MANGA-ID", "MANGA_ID", "MANGAID"),
    "duplicate_group": whole("DUPL_GR"),
    "flag_t_type": whole("FLAG_TT"),
    # PyMorph, single Sersic fit.
    "pymorph_axis_ratio": positive("BA_S", high=1),
    "pymorph_r_eff_arcsec": positive("A_HL_S", high=1000),
    "pymorph_sersic_n": positive("N_S", high=20),
    "flag_failed_s": whole("FLAG_FAILED_S"),
    # drpall (NASA-Sloan Atlas columns).
    "nsa_axis_ratio": positive("nsa_elpetro_ba", high=1),
    "nsa_r_eff_arcsec": positive("nsa_elpetro_th50_r", high=1000),
    "nsa_sersic_n": positive("nsa_sersic_n", high=20),
    "nsa_position_angle_deg": number("nsa_elpetro_phi", low=0, high=360),
    "nsa_mass": positive("nsa_elpetro_mass", high=1e15),
    "psf_fwhm_arcsec": positive("rfwhm", high=60),
    "drp3qual": whole("drp3qual"),
    # dapall: the analysis of each row, and its quality mask.
    "daptype": text("DAPTYPE"),
    "dapqual": whole("DAPQUAL"),
    # DynPop: quality of the fit, and the half-light isophote.
    "jam_qual": whole("Qual", low=-1, high=3),
    "ellipticity": number("ellipticity", "epsilon", "Eps_MGE", low=0, high=1),
    "r_eff_arcsec": positive("Rmaj_arcsec_MGE", high=1000),
}
"""Columns of the catalogues by common name, with the spellings of DR15 and DR17 (Fischer et al. 2019; Dominguez Sanchez
et al. 2022)."""

PIPE3D_SCALE = 1.39
"""DynPop's lambda_R over Pipe3D's: 1 / 0.72, the median over the 63 galaxies with both (docs/settings.md)."""

_IMAGE_NAME = re.compile(r"(?P<id>\d+-\d+)")


class Manga(Survey):
    """The MaNGA survey."""

    key = "manga"
    noises = ("observed",)
    columns = COLUMNS
    quality_cuts = (
        QualityCut("reject_drp3qual_critical", "drp3qual", "DRP3QUAL is CRITICAL", IS_CRITICAL),
        QualityCut("reject_dapqual_critical", "dapqual", "DAPQUAL is CRITICAL", IS_CRITICAL),
        QualityCut("reject_flag_t_type", "flag_t_type", "T-Type is flagged", is_flagged),
        QualityCut("reject_failed_photometry", "flag_failed_s", "the Sersic fit failed", is_flagged),
    )
    arcsec_per_pixel = SDSS_ARCSEC_PER_PIXEL
    image_name = _IMAGE_NAME
    lambda_r_sources = ("user", "dynpop", "maps", "pipe3d")
    uncorrected_for_seeing = ("pipe3d",)
    lambda_r_scales = MappingProxyType({"pipe3d": PIPE3D_SCALE})
    ellipticity_sources = ("pymorph", "nsa", "user", "dynpop", "maps")
    measured_source = "maps"
    apertures = APERTURES
    expected_inputs = (
        MORPHOLOGY_TABLE,
        PYMORPH,
        DRPALL,
        DAPALL,
        USER_LAMBDA_R,
        DYNPOP_TABLE,
        PIPE3D_TABLE,
        MAPS,
        IMAGES,
    )

    def page(self, galaxy_id: str, ra: float, dec: float) -> str:
        """Return the SkyServer's page of the sky at the galaxy's position."""
        return f"{_SKY_PAGE}?ra={ra:.6f}&dec={dec:.6f}" if np.isfinite(ra + dec) else ""

    def read_morphology(self, folder: Path) -> Catalog:
        """Return every row of the newest MDLM catalogue, in its order.

        Raises InputError if there is none, or if a PLATE-IFU is missing or repeated.
        """
        source, frame = read_source(folder, MORPHOLOGY_TABLE, _read_morphology, every_row=True)
        if source is None or frame is None:
            raise missing(folder, MORPHOLOGY_TABLE)
        named = frame["manga_id"].str.fullmatch(r"\d+-\d+", na=False)  # not NULL, -999 and similar
        frame["object_id"] = physical_galaxy(
            frame["manga_id"].where(named, frame["galaxy_id"]), frame["duplicate_group"]
        )
        return Catalog(conform(frame, MORPHOLOGY), (source,))

    def read_photometry(self, folder: Path) -> Catalog:
        """Return PyMorph's r-band single Sersic fit where it worked, otherwise the NSA columns of drpall or dapall.

        - ``axis_ratio``, ``r_eff_arcsec``, ``sersic_n``: PyMorph ``BA_S``, ``A_HL_S``, ``N_S`` where ``FLAG_FAILED_S``
          is 0 and ``BA_S`` positive, otherwise NSA ``elpetro_ba``, ``elpetro_th50_r``, ``sersic_n``. Both radii are
          semi-major axes: for discs (n < 2) their median ratio is 1.00 to 1.12 at every axis ratio.
        - ``nsa_axis_ratio``: NSA ``elpetro_ba`` for every galaxy, measured on the image and so rounded by seeing.
        - ``nsa_sersic_n``: NSA ``sersic_n`` for every galaxy, at most 6, which the correction for seeing assumes.
        - ``position_angle_deg``: NSA ``elpetro_phi``; PyMorph's ``PA_S`` refers to the axes of the SDSS frame.
        - ``log_mass``: log10 of drpall ``nsa_elpetro_mass``, in h^-2 solar masses.
        - ``psf_fwhm_arcsec``: drpall ``rfwhm`` of the reconstructed cube, not of the SDSS image.
        - ``drp3qual``, ``dapqual``: quality masks of the cube and of its analysis (dapall).

        Raises InputError if there is none of the tables.
        """
        pymorph_source, pymorph = read_source(folder, PYMORPH, _read_pymorph)
        if pymorph_source is not None and pymorph is not None and not _fitted(pymorph).any():
            notice = f"{pymorph_source.path.name} is not used: none of its fits worked (FLAG_FAILED_S, BA_S)"
            pymorph_source = replace(pymorph_source, notices=(*pymorph_source.notices, notice))
        drpall_source, drpall = read_source(folder, DRPALL, _read_drpall)
        dapall_source, dapall = read_source(folder, DAPALL, _read_dapall)
        pymorph, drpall, dapall = (
            table.set_index("galaxy_id") if table is not None else None for table in (pymorph, drpall, dapall)
        )
        nsa = drpall if dapall is None else dapall if drpall is None else drpall.combine_first(dapall)
        tables = [table for table in (pymorph, nsa) if table is not None]
        if not tables:
            raise missing(folder, PYMORPH, DRPALL, DAPALL)
        galaxies = pd.concat([pd.Series(table.index) for table in tables]).drop_duplicates()
        both = pd.concat([table.reindex(galaxies) for table in tables], axis=1)
        sources = tuple(source for source in (pymorph_source, drpall_source, dapall_source) if source)
        return Catalog(conform(_photometry(both).reset_index(names="galaxy_id"), PHOTOMETRY), sources)

    def read_kinematics(self, folder: Path) -> Catalog:
        """Return lambda_R of every table found, one row per galaxy and table.

        DynPop's ``Lambda_Re`` is corrected for seeing (Graham et al. 2018); values <= 0 mark failed measurements. Its
        aperture is the half-light isophote, with ellipticity ``Eps_MGE`` and semi-major axis ``Rmaj_arcsec_MGE`` where
        the latter is positive. Pipe3D's ``lambda_re`` is not corrected and reads lower.
        """
        readers: dict[str, tuple[ExpectedInput, Callable[[Path], Table]]] = {
            "user": (USER_LAMBDA_R, lambda path: read_lambda_r_csv(path, COLUMNS)),
            "dynpop": (DYNPOP_TABLE, lambda path: check_lambda_r(path, _read_dynpop(path))),
            "pipe3d": (PIPE3D_TABLE, lambda path: check_lambda_r(path, _read_pipe3d(path))),
        }
        sources: list[SourceFile] = []
        frames = []
        for name, (expected_input, reader) in readers.items():
            source, frame = read_source(folder, expected_input, reader, of_user=name == "user")
            if source is not None and frame is not None:
                if name == "dynpop":
                    frame["lambda_r"] = frame["lambda_r"].where(frame["lambda_r"] > 0)
                    frame["ellipticity"] = frame["ellipticity"].where(frame["r_eff_arcsec"].notna())
                sources.append(source)
                frames.append(conform(frame.assign(lambda_r_source=name), KINEMATICS))
        return Catalog(pd.concat([conform(pd.DataFrame(), KINEMATICS), *frames], ignore_index=True), tuple(sources))

    def kinematic_files(self, folder: Path) -> dict[str, Path]:
        """Return the DAP MAPS files by PLATE-IFU."""
        return find_maps(folder / "maps")

    def measure(self, path: Path, ellipse: HalfLightEllipse, settings: KinematicsSettings) -> Measurement:
        """Measure lambda_R from a MAPS file; see ``maps.measure_maps``."""
        return measure_maps(path, ellipse, settings)

    def image_index(self, folder: Path, galaxies: pd.DataFrame | None = None) -> ImageIndex:
        """Return images by PLATE-IFU, from files and tar archives.

        Of several forms the best is used: FITS cube, three FITS files, SDSS frames around the galaxy, colour picture.
        """
        frames = {}
        if galaxies is not None:
            placed = galaxies.dropna(subset=["ra", "dec"])
            frames = frame_sources(folder / "images", placed["galaxy_id"], placed["ra"], placed["dec"])
        return best_images(self.images_in(folder)[0], frames)


MANGA = Manga()


def _reader(
    tables: Sequence[PublishedTable], required: tuple[str, ...], optional: tuple[str, ...]
) -> Callable[[Path], Table]:
    """Return a function that reads a file's columns with the layout of its release."""

    def read(path: Path) -> Table:
        layout = next(table for table in tables if table.fits(path))
        chosen = (layout.only[0],) if layout.only else ()
        table = read_fits_table(path, (*required, *chosen), optional, COLUMNS, extension=layout.extension)
        if layout.only is None:
            return table
        kind, value = layout.only
        rows = table.frame[table.frame[kind] == value]
        if rows.empty:
            there = ", ".join(sorted(map(str, table.frame[kind].unique())))
            raise InputError(f"{path}: has no rows of {kind} {value}; it has: {there}")
        return replace(table, frame=rows.drop(columns=kind).reset_index(drop=True))

    return read


_NSA = ("nsa_r_eff_arcsec", "nsa_sersic_n", "nsa_position_angle_deg")
_read_morphology = _reader(
    [release.morphology for release in RELEASES],
    ("galaxy_id", "manga_id", "t_type"),
    ("ra", "dec", "redshift", *MORPHOLOGY_PROBABILITIES, "flag_t_type", "duplicate_group"),
)
_read_pymorph = _reader(
    [release.pymorph for release in RELEASES],
    ("galaxy_id", "pymorph_axis_ratio", "flag_failed_s"),
    ("pymorph_r_eff_arcsec", "pymorph_sersic_n"),
)
_read_drpall = _reader(
    [release.drpall for release in RELEASES],
    ("galaxy_id", "nsa_axis_ratio"),
    (*_NSA, "nsa_mass", "psf_fwhm_arcsec", "drp3qual"),
)
_read_dapall = _reader(
    [release.dapall for release in RELEASES], ("galaxy_id", "nsa_axis_ratio", "dapqual"), (*_NSA, "drp3qual")
)
_read_dynpop = _reader(
    [DYNPOP], ("galaxy_id", "lambda_r"), ("lambda_r_error", "jam_qual", "ellipticity", "r_eff_arcsec")
)
_read_pipe3d = _reader([PIPE3D], ("galaxy_id", "lambda_r"), ("lambda_r_error",))


def physical_galaxy(manga_id: pd.Series, duplicate_group: pd.Series) -> pd.Series:
    """Return an identifier shared by all observations of a galaxy: the MANGA-ID of the first of them.

    Rows belong to one galaxy if they share a MANGA-ID or a ``DUPL_GR`` above 0, directly or through other rows (six
    groups of DR15 contain two MANGA-IDs).
    """
    first = pd.Series(np.arange(len(manga_id)), index=manga_id.index)
    while True:
        linked = first.groupby(manga_id).transform("min")
        grouped = linked.groupby(duplicate_group.where(duplicate_group > 0)).transform("min")
        linked = grouped.fillna(linked).astype(first.dtype)
        if linked.equals(first):
            return pd.Series(manga_id.to_numpy()[first], index=manga_id.index)
        first = linked


def _fitted(pymorph: pd.DataFrame) -> pd.Series:
    """Return True where PyMorph's single Sersic fit worked."""
    return (pymorph["flag_failed_s"] == 0) & (pymorph["pymorph_axis_ratio"] > 0)


def _photometry(both: pd.DataFrame) -> pd.DataFrame:
    """Return common photometry columns from those of PyMorph and drpall; one of the two may be absent."""

    def column(name: str) -> pd.Series:
        return both[name] if name in both else pd.Series(np.nan, index=both.index)

    fitted = _fitted(both) if "flag_failed_s" in both else pd.Series(False, index=both.index)

    def fit_else_nsa(name: str) -> pd.Series:
        return column(f"pymorph_{name}").where(fitted).fillna(column(f"nsa_{name}").where(column(f"nsa_{name}") > 0))

    axis_ratio = fit_else_nsa("axis_ratio")
    mass = column("nsa_mass")
    return pd.DataFrame(
        {
            "axis_ratio": axis_ratio,
            "axis_ratio_source": np.where(fitted, "pymorph", np.where(axis_ratio.notna(), "nsa", NONE)),
            "nsa_axis_ratio": column("nsa_axis_ratio"),
            "r_eff_arcsec": fit_else_nsa("r_eff_arcsec"),
            "sersic_n": fit_else_nsa("sersic_n"),
            "nsa_sersic_n": column("nsa_sersic_n").where(column("nsa_sersic_n") > 0),
            "position_angle_deg": column("nsa_position_angle_deg") % 180,
            "log_mass": np.log10(mass.where(mass > 0)),
            "psf_fwhm_arcsec": column("psf_fwhm_arcsec"),
            "drp3qual": column("drp3qual"),
            "dapqual": column("dapqual"),
            "flag_failed_s": column("flag_failed_s"),
        }
    )
