"""IllustrisTNG100, snapshot 99 (z = 0): simulated galaxies in mock SDSS images (Rodriguez-Gomez et al. 2019).

A galaxy's identifier is its subhalo id in the snapshot. Every galaxy occurs once, so ``object_id`` is ``galaxy_id``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.frames import NONE
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.imaging.image_names import named_images
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.kinematics.measured import HalfLightEllipse, Measurement
from rotator_assets.kinematics.particle_files import APERTURES, find_cutouts, measure_cutout
from rotator_assets.surveys.aliases import COMMON, identifier, number, positive, whole
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
from rotator_assets.surveys.group_catalog import read_group_catalog
from rotator_assets.surveys.identifiers import Form, whole_number
from rotator_assets.surveys.image_index import ImageIndex
from rotator_assets.surveys.lambda_r_tables import read_lambda_r_csv
from rotator_assets.surveys.quality_cuts import QualityCut, is_zero
from rotator_assets.surveys.table_files import Table, read_hdf5_table

MIN_SN_PER_PIXEL = 2.5
"""statmorph is reliable above this mean signal-to-noise ratio per pixel (Rodriguez-Gomez et al. 2019)."""

MORPHOLOGY_TABLE = ExpectedInput(
    "deep-learning morphology (Huertas-Company et al. 2019)",
    ("catalogs/morphologies_deeplearn.hdf5",),
    "required",
    "https://www.tng-project.org/data/docs/specifications/ (TNG100-1, deep-learning morphologies)",
    "a few MB",
)
MORPHS = tuple(
    ExpectedInput(
        f"statmorph photometry, {band} band",
        (f"catalogs/**/morphs_{band}.hdf5", f"images/**/morphs_{band}.hdf5"),
        "optional",
        "https://www.tng-project.org/api/TNG100-1/files/skirt_images_sdss.99.tar",
        "in the images' tar: unpack it",
    )
    for band in "rig"
)
GROUP_CATALOG = ExpectedInput(
    "group catalogue (stellar mass, SubhaloFlag)",
    ("catalogs/**/fof_subhalo_tab_099.*.hdf5",),
    "optional",
    "https://www.tng-project.org/api/TNG100-1/files/groupcat-99/ (all 448 pieces)",
    "12 GB",
    several=True,
)
LAMBDA_R = ExpectedInput(
    "lambda_R",
    ("catalogs/[lL]ambda_[rR]*.csv",),
    LAMBDA_R_NEEDED,
    "your own (none is published): columns subfind_id, lambda_r and, if you have them, lambda_r_error, ellipticity",
    "any",
)
CUTOUTS = ExpectedInput(
    "star particles, to measure lambda_R and the ellipticity from",
    ("cutouts/**/cutout_*.hdf5",),
    LAMBDA_R_NEEDED,
    "https://www.tng-project.org/api/TNG100-1/snapshots/99/subhalos/ID/cutout.hdf5"
    "?stars=Coordinates,Velocities,Masses,GFM_StellarFormationTime,GFM_StellarPhotometrics",
    "1 to 50 MB per galaxy",
    several=True,
)
IMAGES = ExpectedInput(
    "images",
    ("images/**/broadband_*.fits", "images/**/broadband_*.fit", "images/**/broadband_*[0-9]", "images/**/*.tar"),
    "required",
    "https://www.tng-project.org/api/TNG100-1/files/skirt_images_sdss.99.tar (in images/, unpacked or as it is)",
    "1 MB per galaxy",
    several=True,
)
SKY = ExpectedInput(
    "blank sky to paste behind simulated galaxies (setting mock.sky: stamps)",
    ("sky/**/*.fits", "sky/**/*.fit"),
    "optional",
    "your own cut-outs of SDSS frames, 128 pixels a side or more, g, r, i in nanomaggies",
    "any",
    several=True,
)


SUBHALO = Form("a whole number such as 3003", whole_number, numeric=True)

COLUMNS = {
    **COMMON,
    "galaxy_id": identifier(SUBHALO, "SubhaloID", "subfind_id", "SubfindID", "subhalo_id"),
    # statmorph (morphs_*.hdf5).
    "morphs_flag": whole("flag"),
    "morphs_flag_sersic": whole("flag_sersic"),
    "morphs_sn_per_pixel": number("sn_per_pixel", low=0, high=1e9),
    "morphs_sersic_n": positive("sersic_n", high=20),
    "morphs_r_eff_pixels": positive("sersic_rhalf", high=10_000),
    "morphs_ellipticity": number("sersic_ellip", low=0, high=1),
    "morphs_theta_rad": number("sersic_theta", low=-7, high=7),
}
"""Columns of the catalogues by common name."""

_IMAGE_NAME = re.compile(r"broadband_(?P<id>\d+)", re.IGNORECASE)


class Tng100(Survey):
    """The simulation TNG100."""

    key = "tng100"
    noises = ("noisy", "noiseless")
    columns = COLUMNS
    quality_cuts = (QualityCut("reject_spurious_subhalos", "subhalo_flag", "SubhaloFlag is 0: no galaxy", is_zero),)
    arcsec_per_pixel = SDSS_ARCSEC_PER_PIXEL
    compared_with = ("manga",)
    image_name = _IMAGE_NAME
    lambda_r_sources = ("user", "particles")
    ellipticity_sources = ("morphs", "user", "particles")
    measured_source = "particles"
    apertures = APERTURES
    expected_inputs = (MORPHOLOGY_TABLE, *MORPHS, GROUP_CATALOG, LAMBDA_R, CUTOUTS, IMAGES, SKY)

    def read_morphology(self, folder: Path) -> Catalog:
        """Return ``P_Late`` of group ``Snapshot_99``, in the file's order; position, redshift and T-Type are missing.

        Raises InputError if there is no file, or if a subhalo is repeated.
        """
        source, frame = read_source(folder, MORPHOLOGY_TABLE, _read_morphology, every_row=True)
        if source is None or frame is None:
            raise missing(folder, MORPHOLOGY_TABLE)
        return Catalog(conform(frame.assign(object_id=frame["galaxy_id"]), MORPHOLOGY), (source,))

    def read_photometry(self, folder: Path) -> Catalog:
        """Return Sersic fits from the first ``morphs_*.hdf5`` in the order r, i, g; no rows without such a file.

        Values are used where ``flag`` and ``flag_sersic`` are 0 and ``sn_per_pixel`` is above 2.5. ``axis_ratio`` is
        1 - ``sersic_ellip``, and ``r_eff_arcsec`` is ``sersic_rhalf``, the semi-major axis in pixels, times 0.396
        arcsec. ``sersic_theta`` (radians from the image's x axis towards y) becomes a position angle with north up (+y)
        and east left (-x), since simulated images have no orientation on the sky. ``log_mass`` and ``subhalo_flag``
        come from the group catalogue (``group_catalog.read_group_catalog``).
        """
        sources, frames = [], []
        for expected in MORPHS:
            source, frame = read_source(folder, expected, _read_morphs)
            if source is not None and frame is not None:
                sources.append(source)
                frames.append(_photometry(frame).set_index("galaxy_id"))
                break
        pieces = GROUP_CATALOG.find(folder)
        if pieces:
            known = {
                *self.read_morphology(folder).frame["galaxy_id"],
                *(name for frame in frames for name in frame.index),
            }
            subhalos = read_group_catalog(pieces, wanted=known)  # not the millions of others
            sources.append(_group_source(pieces, len(subhalos), known))
            frames.append(subhalos.set_index("galaxy_id")[["log_mass", "subhalo_flag"]])
        if not frames:
            return Catalog(conform(pd.DataFrame(), PHOTOMETRY), ())
        return Catalog(conform(pd.concat(frames, axis=1).reset_index(names="galaxy_id"), PHOTOMETRY), tuple(sources))

    def read_kinematics(self, folder: Path) -> Catalog:
        """Return the user's lambda_R table; none is published."""
        source, frame = read_source(folder, LAMBDA_R, _read_lambda_r, of_user=True)
        if source is None or frame is None:
            return Catalog(conform(pd.DataFrame(), KINEMATICS), ())
        return Catalog(conform(frame.assign(lambda_r_source="user"), KINEMATICS), (source,))

    def kinematic_files(self, folder: Path) -> dict[str, Path]:
        """Return the cut-outs of star particles by subhalo id."""
        return find_cutouts(folder / "cutouts")

    def measure(self, path: Path, ellipse: HalfLightEllipse, settings: KinematicsSettings) -> Measurement:
        """Measure lambda_R of a galaxy's star particles; see ``particle_files.measure_cutout``."""
        return measure_cutout(path, ellipse, settings)

    def image_index(self, folder: Path, galaxies: pd.DataFrame | None = None) -> ImageIndex:
        """Return images by subhalo id, from anywhere below ``images/``, unpacked or inside a tar file."""
        index = ImageIndex()
        for image in named_images(folder / "images", _IMAGE_NAME)[0]:
            if image.band is None and image.galaxy_id not in index:
                index[image.galaxy_id] = ImageSource("counts", (image.file,))
        return index


TNG100 = Tng100()


def _group_source(pieces: list[Path], n_found: int, known: set[str]) -> SourceFile:
    """Describe the group catalogue, which has ``n_found`` of the ``known`` galaxies as subhalos.

    Raises InputError if it has none: it belongs to another simulation.
    """
    what = f"{n_found} of {len(known)} galaxies are among its subhalos"
    if not n_found:
        raise InputError(f"{pieces[0].parent}: the group catalogue has none of the galaxies, such as {min(known)}")
    notices = (f"group catalogue: {what}",) if n_found < len(known) / 2 else ()
    note = f"of {len(pieces)} pieces"
    return SourceFile(pieces[0], GROUP_CATALOG.what, "snapshot 99", n_found, False, note, notices=notices)


def _read_morphology(path: Path) -> Table:
    return read_hdf5_table(path, ("galaxy_id", "p_late"), (), COLUMNS, group="Snapshot_99")


def _read_lambda_r(path: Path) -> Table:
    return read_lambda_r_csv(path, COLUMNS)


def _read_morphs(path: Path) -> Table:
    required = ("galaxy_id", "morphs_flag", "morphs_flag_sersic", "morphs_sn_per_pixel", "morphs_ellipticity")
    optional = ("morphs_sersic_n", "morphs_r_eff_pixels", "morphs_theta_rad")
    return read_hdf5_table(path, required, optional, COLUMNS)


def _photometry(morphs: pd.DataFrame) -> pd.DataFrame:
    """Return common photometry columns from statmorph's, missing where statmorph flags its fit as unreliable."""
    reliable = (
        (morphs["morphs_flag"] == 0)
        & (morphs["morphs_flag_sersic"] == 0)
        & (morphs["morphs_sn_per_pixel"] > MIN_SN_PER_PIXEL)
    )
    fits = morphs.where(reliable)
    axis_ratio = 1 - fits["morphs_ellipticity"]
    return pd.DataFrame(
        {
            "galaxy_id": morphs["galaxy_id"],
            "axis_ratio": axis_ratio,
            "axis_ratio_source": np.where(axis_ratio.notna(), "morphs", NONE),
            "r_eff_arcsec": fits["morphs_r_eff_pixels"] * SDSS_ARCSEC_PER_PIXEL,
            "sersic_n": fits["morphs_sersic_n"],
            "position_angle_deg": (np.degrees(fits["morphs_theta_rad"]) - 90) % 180,
        }
    )
