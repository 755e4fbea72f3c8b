"""MaNGA: SDSS images and integral-field kinematics of nearby galaxies (DR15 and DR17 value-added catalogues).

One row of the morphology catalogue is one observation, named by its PLATE-IFU (``galaxy_id``). Some galaxies were
observed more than once: ``object_id`` is the galaxy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from rotator_assets.files import walk_files
from rotator_assets.surveys.base import (
    KINEMATICS,
    MORPHOLOGY,
    PHOTOMETRY,
    Catalog,
    ExpectedInput,
    SourceFile,
    conform,
    missing,
    read_lambda_r_csv,
    read_source,
)
from rotator_assets.surveys.images import BANDS, ImageSource, band_of
from rotator_assets.surveys.tables import Table, read_fits_table

SENTINELS = (-999.0, -9999.0)
"""Missing values of the MaNGA catalogues (MDLM, PyMorph: -999; drpall, DynPop: -9999)."""

PYMORPH_R_BAND = 2
"""Extension of the r band in the PyMorph catalogue (1 is g, 3 is i)."""

MORPHOLOGY_TABLE = ExpectedInput(
    "deep-learning morphology",
    ("catalogs/manga-morphology-dl-*.fits", "catalogs/manga-morphology-dl-*.fits.gz"),
    "required",
    "https://data.sdss.org/sas/dr15/manga/morphology/deep_learning/1.0.1/manga-morphology-dl-DR15.fits (or DR17: "
    "https://data.sdss.org/sas/dr17/manga/morphology/deep_learning/1.1.1/manga-morphology-dl-DR17.fits)",
    "0.7 MB",
)
PYMORPH = ExpectedInput(
    "PyMorph photometry",
    ("catalogs/manga-pymorph-DR*.fits", "catalogs/manga-pymorph-DR*.fits.gz"),
    "one of photometry",
    "https://data.sdss.org/sas/dr17/manga/photo/pymorph/1.1.1/manga-pymorph-DR17.fits (DR15: "
    "https://www.sdss.org/dr15/data_access/value-added-catalogs)",
    "a few MB",
)
DRPALL = ExpectedInput(
    "drpall (NASA-Sloan Atlas photometry)",
    ("catalogs/drpall-*.fits", "catalogs/drpall-*.fits.gz"),
    "one of photometry",
    "https://data.sdss.org/sas/dr17/manga/spectro/redux/v3_1_1/drpall-v3_1_1.fits",
    "tens of MB",
)
USER_LAMBDA_R = ExpectedInput(
    "lambda_R, your own table",
    ("catalogs/[lL]ambda_[rR]*.csv",),
    "one of lambda_R",
    "your own: columns plateifu, lambda_r and, if you have it, lambda_r_error",
    "any",
)
DYNPOP = ExpectedInput(
    "lambda_R of MaNGA DynPop (Zhu et al. 2023)",
    ("catalogs/SDSSDR17_MaNGA_JAM*.fits", "catalogs/SDSSDR17_MaNGA_JAM*.fits.gz"),
    "one of lambda_R",
    "https://doi.org/10.5281/zenodo.17518315",
    "21 MB",
)
PIPE3D = ExpectedInput(
    "lambda_R of Pipe3D (Sanchez et al. 2018)",
    ("catalogs/manga.Pipe3D-*.fits", "catalogs/manga.Pipe3D-*.fits.gz"),
    "one of lambda_R",
    "https://data.sdss.org/sas/dr14/manga/spectro/pipe3d/v2_1_2/2.1.2/manga.Pipe3D-v2_1_2.fits",
    "2 MB",
)
IMAGES = ExpectedInput(
    "images",
    tuple(f"images/**/*.{suffix}" for suffix in ("fits", "fits.gz", "png", "jpg", "jpeg")),
    "required",
    "https://www.legacysurvey.org/viewer/fits-cutout?ra=RA&dec=DEC&layer=sdss&pixscale=0.396&size=128&bands=gri, "
    "saved as <plateifu>.fits",
    "0.2 MB a galaxy",
)

_IMAGE_NAME = re.compile(r"(?P<id>\d+-\d+)(?:_[gri](?=\.fits))?\.(?P<suffix>fits|fits\.gz|png|jpg|jpeg)", re.IGNORECASE)


class Manga:
    """See ``base.Survey``."""

    key = "manga"
    expected_inputs = (MORPHOLOGY_TABLE, PYMORPH, DRPALL, USER_LAMBDA_R, DYNPOP, PIPE3D, IMAGES)

    def read_morphology(self, folder: Path) -> Catalog:
        """The newest MDLM catalogue there is, every row in its order.

        Raises InputError where there is none, and where a PLATE-IFU is missing or stands twice.
        """
        source, frame = read_source(folder, MORPHOLOGY_TABLE, _read_morphology, every_row=True)
        if frame is None:
            raise missing(folder, MORPHOLOGY_TABLE)
        frame["object_id"] = physical_galaxy(frame["manga_id"].fillna(frame["galaxy_id"]), frame["duplicate_group"])
        return Catalog(conform(frame, MORPHOLOGY), (source,))

    def read_photometry(self, folder: Path) -> Catalog:
        """PyMorph's r-band single Sersic fit where it worked, else the NSA columns of drpall.

        - ``axis_ratio``, ``r_eff_arcsec``, ``sersic_n``: PyMorph ``BA_S``, ``A_HL_S``, ``N_S`` where ``FLAG_FAILED_S``
          is 0 and ``BA_S`` positive, else drpall ``nsa_elpetro_ba``, ``nsa_elpetro_th50_r``, ``nsa_sersic_n``. Both
          radii are semi-major axes (for discs, n < 2, their median ratio is 1.00 to 1.12 at every axis ratio).
        - ``position_angle_deg``: drpall ``nsa_elpetro_phi``. PyMorph's ``PA_S`` is in the axes of the SDSS frame.
        - ``log_mass``: log10 of drpall ``nsa_elpetro_mass``, in h^-2 solar masses.
        - ``psf_fwhm_arcsec``: drpall ``rfwhm``, of the reconstructed cube, not of the SDSS image.

        Raises InputError where neither table is there.
        """
        pymorph_source, pymorph = read_source(folder, PYMORPH, _read_pymorph)
        nsa_source, nsa = read_source(folder, DRPALL, _read_drpall)
        tables = [table.set_index("galaxy_id") for table in (pymorph, nsa) if table is not None]
        if not tables:
            raise missing(folder, PYMORPH, DRPALL)
        galaxies = pd.concat([pd.Series(table.index) for table in tables]).drop_duplicates()
        both = pd.concat([table.reindex(galaxies) for table in tables], axis=1)
        sources = tuple(source for source in (pymorph_source, nsa_source) if source)
        return Catalog(conform(_photometry(both).reset_index(names="galaxy_id"), PHOTOMETRY), sources)

    def read_kinematics(self, folder: Path) -> Catalog:
        """lambda_R of every table that is there, one row a galaxy and table. Raises InputError where none is there.

        DynPop's ``Lambda_Re`` is corrected for seeing (Graham et al. 2018); values <= 0 mark failed measurements.
        Pipe3D's ``lambda_re`` is not corrected and reads lower.
        """
        readers: dict[str, tuple[ExpectedInput, Callable[[Path], Table]]] = {
            "user": (USER_LAMBDA_R, read_lambda_r_csv),
            "dynpop": (DYNPOP, _read_lambda_r_fits),
            "pipe3d": (PIPE3D, _read_lambda_r_fits),
        }
        sources: list[SourceFile] = []
        frames = []
        for name, (expected, reader) in readers.items():
            source, frame = read_source(folder, expected, reader)
            if frame is not None:
                if name == "dynpop":
                    frame["lambda_r"] = frame["lambda_r"].where(frame["lambda_r"] > 0)
                sources.append(source)
                frames.append(conform(frame.assign(lambda_r_source=name), KINEMATICS))
        if not frames:
            raise missing(folder, USER_LAMBDA_R, DYNPOP, PIPE3D)
        return Catalog(pd.concat(frames, ignore_index=True), tuple(sources))

    def image_index(self, folder: Path) -> dict[str, ImageSource]:
        """Images by PLATE-IFU. Of several forms the most exact: FITS cube, three FITS files, colour picture."""
        cubes: dict[str, Path] = {}
        bands: dict[str, list[Path]] = {}
        colours: dict[str, Path] = {}
        for path in walk_files(folder / "images"):
            match = _IMAGE_NAME.fullmatch(path.name)
            if match is None:
                continue
            if not match["suffix"].lower().startswith("fits"):
                colours.setdefault(match["id"], path)
            elif band_of(path):
                bands.setdefault(match["id"], []).append(path)
            else:
                cubes.setdefault(match["id"], path)
        complete = {i: paths for i, paths in bands.items() if {band_of(path) for path in paths} == set(BANDS)}
        return {  # later entries win; an incomplete set of bands stands only to say what it lacks
            **{i: ImageSource("bands", tuple(paths)) for i, paths in bands.items()},
            **{i: ImageSource("colour", (path,)) for i, path in colours.items()},
            **{i: ImageSource("bands", tuple(paths)) for i, paths in complete.items()},
            **{i: ImageSource("cube", (path,)) for i, path in cubes.items()},
        }


MANGA = Manga()


def _read_morphology(path: Path) -> Table:
    required = ("galaxy_id", "manga_id", "t_type")
    optional = ("ra", "dec", "redshift", "p_late", "flag_t_type", "duplicate_group")
    return read_fits_table(path, required, optional, sentinels=SENTINELS)


def _read_pymorph(path: Path) -> Table:
    required = ("galaxy_id", "pymorph_axis_ratio", "flag_failed_s")
    optional = ("pymorph_r_eff_arcsec", "pymorph_sersic_n")
    return read_fits_table(path, required, optional, extension=PYMORPH_R_BAND, sentinels=SENTINELS)


def _read_drpall(path: Path) -> Table:
    required = ("galaxy_id", "nsa_axis_ratio")
    optional = ("nsa_r_eff_arcsec", "nsa_sersic_n", "nsa_position_angle_deg", "nsa_mass", "psf_fwhm_arcsec", "drp3qual")
    return read_fits_table(path, required, optional, extension="MANGA", sentinels=SENTINELS)


def _read_lambda_r_fits(path: Path) -> Table:
    return read_fits_table(path, ("galaxy_id", "lambda_r"), ("lambda_r_error",), sentinels=SENTINELS)


def physical_galaxy(manga_id: pd.Series, duplicate_group: pd.Series) -> pd.Series:
    """An identifier shared by all observations of one galaxy: the MANGA-ID of the first of them.

    Rows are one galaxy where they have the same MANGA-ID or the same ``DUPL_GR`` above 0 (six groups of DR15 hold two
    MANGA-IDs), and so on through chains of both.
    """
    first = pd.Series(np.arange(len(manga_id)), index=manga_id.index)
    while True:
        linked = first.groupby(manga_id).transform("min")
        grouped = linked.groupby(duplicate_group.where(duplicate_group > 0)).transform("min")
        linked = grouped.fillna(linked).astype(first.dtype)
        if linked.equals(first):
            return pd.Series(manga_id.to_numpy()[first], index=manga_id.index)
        first = linked


def _photometry(both: pd.DataFrame) -> pd.DataFrame:
    """Common photometry columns of PyMorph and drpall columns side by side (either may be absent)."""

    def column(name: str) -> pd.Series:
        return both[name] if name in both else pd.Series(np.nan, index=both.index)

    fitted = (column("flag_failed_s") == 0) & (column("pymorph_axis_ratio") > 0)

    def fit_else_nsa(name: str) -> pd.Series:
        return column(f"pymorph_{name}").where(fitted).fillna(column(f"nsa_{name}").where(column(f"nsa_{name}") > 0))

    axis_ratio = fit_else_nsa("axis_ratio")
    mass = column("nsa_mass")
    return pd.DataFrame(
        {
            "axis_ratio": axis_ratio,
            "axis_ratio_source": np.where(fitted, "pymorph", np.where(axis_ratio.notna(), "nsa", None)),
            "r_eff_arcsec": fit_else_nsa("r_eff_arcsec"),
            "sersic_n": fit_else_nsa("sersic_n"),
            "position_angle_deg": column("nsa_position_angle_deg") % 180,
            "log_mass": np.log10(mass.where(mass > 0)),
            "psf_fwhm_arcsec": column("psf_fwhm_arcsec"),
            "drp3qual": column("drp3qual"),
            "flag_failed_s": column("flag_failed_s"),
        }
    )
