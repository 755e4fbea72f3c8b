"""IllustrisTNG100, snapshot 99 (z = 0): simulated galaxies in mock SDSS images (Rodriguez-Gomez et al. 2019).

A galaxy is named by its subhalo id in the snapshot; every galaxy stands once, so ``object_id`` is ``galaxy_id``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from rotator_assets.files import walk_files
from rotator_assets.science.mock import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.surveys.base import (
    KINEMATICS,
    MORPHOLOGY,
    PHOTOMETRY,
    Catalog,
    ExpectedInput,
    conform,
    missing,
    read_lambda_r_csv,
    read_source,
)
from rotator_assets.surveys.images import ImageSource
from rotator_assets.surveys.tables import Table, read_hdf5_table

SENTINELS = (-99.0, -999.0, -9999.0)
"""Missing values: statmorph writes -99."""
MIN_SN_PER_PIXEL = 2.5
"""statmorph measurements are reliable above this mean signal-to-noise a pixel (Rodriguez-Gomez et al. 2019)."""

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
        "part of the images' tar",
    )
    for band in "rig"
)
LAMBDA_R = ExpectedInput(
    "lambda_R",
    ("catalogs/[lL]ambda_[rR]*.csv",),
    "required",
    "your own (none is published): columns subfind_id, lambda_r and, if you have them, lambda_r_error, ellipticity",
    "any",
)
IMAGES = ExpectedInput(
    "images",
    ("images/**/broadband_*.fits", "images/**/broadband_*.fits.gz"),
    "required",
    "https://www.tng-project.org/api/TNG100-1/files/skirt_images_sdss.99.tar (unpack in images/ as it is)",
    "1 MB a galaxy",
)

_IMAGE_NAME = re.compile(r"broadband_(?P<id>\d+)\.fits(\.gz)?")


class Tng100:
    """See ``base.Survey``."""

    key = "tng100"
    expected_inputs = (MORPHOLOGY_TABLE, *MORPHS, LAMBDA_R, IMAGES)

    def read_morphology(self, folder: Path) -> Catalog:
        """``P_Late`` of group ``Snapshot_99``, every row in its order. Positions, redshift and T-Type are missing.

        Raises InputError where the file is not there, and where a subhalo stands twice.
        """
        source, frame = read_source(folder, MORPHOLOGY_TABLE, _read_morphology, every_row=True)
        if frame is None:
            raise missing(folder, MORPHOLOGY_TABLE)
        return Catalog(conform(frame.assign(object_id=frame["galaxy_id"]), MORPHOLOGY), (source,))

    def read_photometry(self, folder: Path) -> Catalog:
        """Sersic fits of one ``morphs_*.hdf5``: r where it is there, else i, else g; no rows where none is.

        Values are taken where ``flag`` and ``flag_sersic`` are 0 and ``sn_per_pixel`` is above 2.5. ``axis_ratio`` is
        1 - ``sersic_ellip``; ``r_eff_arcsec`` is ``sersic_rhalf``, the semi-major axis in pixels, times 0.396 arcsec.
        ``sersic_theta`` (radians from the image's x axis towards y) becomes a position angle as if north were up (+y)
        and east left (-x): simulated images have no other sky orientation.
        """
        for expected in MORPHS:
            source, frame = read_source(folder, expected, _read_morphs)
            if frame is not None:
                return Catalog(conform(_photometry(frame), PHOTOMETRY), (source,))
        return Catalog(conform(pd.DataFrame(), PHOTOMETRY), ())

    def read_kinematics(self, folder: Path) -> Catalog:
        """The user's lambda_R table (no official one exists). Raises InputError where it is not there."""
        source, frame = read_source(folder, LAMBDA_R, read_lambda_r_csv)
        if frame is None:
            raise missing(folder, LAMBDA_R)
        return Catalog(conform(frame.assign(lambda_r_source="user"), KINEMATICS), (source,))

    def image_index(self, folder: Path) -> dict[str, ImageSource]:
        """Images by subhalo id, wherever they lie below ``images/`` (the tar has folders of its own)."""
        index: dict[str, ImageSource] = {}
        for path in walk_files(folder / "images"):
            if match := _IMAGE_NAME.fullmatch(path.name):
                index.setdefault(match["id"], ImageSource("counts", (path,)))
        return index


TNG100 = Tng100()


def _read_morphology(path: Path) -> Table:
    return read_hdf5_table(path, ("galaxy_id", "p_late"), group="Snapshot_99", sentinels=SENTINELS)


def _read_morphs(path: Path) -> Table:
    required = ("galaxy_id", "morphs_flag", "morphs_flag_sersic", "morphs_sn_per_pixel", "morphs_ellipticity")
    optional = ("morphs_sersic_n", "morphs_r_eff_pixels", "morphs_theta_rad")
    return read_hdf5_table(path, required, optional, sentinels=SENTINELS)


def _photometry(morphs: pd.DataFrame) -> pd.DataFrame:
    """Common photometry columns of statmorph columns, missing where statmorph calls its fit unreliable."""
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
            "axis_ratio_source": np.where(axis_ratio.notna(), "morphs", None),
            "r_eff_arcsec": fits["morphs_r_eff_pixels"] * SDSS_ARCSEC_PER_PIXEL,
            "sersic_n": fits["morphs_sersic_n"],
            "position_angle_deg": (np.degrees(fits["morphs_theta_rad"]) - 90) % 180,
        }
    )
