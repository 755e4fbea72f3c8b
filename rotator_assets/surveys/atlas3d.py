"""ATLAS3D: 260 nearby early types with published lambda_R and class (Emsellem et al. 2011, MNRAS 414, 888).

The survey has catalogues and no images; its labels serve as a comparison. It selects early types only (Cappellari et
al. 2011, MNRAS 413, 813), so ``p_late`` is 0.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from rotator_assets.surveys.base import (
    KINEMATICS,
    LAMBDA_R_NEEDED,
    MORPHOLOGY,
    Catalog,
    ExpectedInput,
    SourceFile,
    Survey,
    conform,
    missing,
)
from rotator_assets.surveys.table_files import read_text_columns

TABLE_B1 = ExpectedInput(
    "ellipticity and lambda_R (Emsellem et al. 2011, table B1)",
    ("catalogs/Emsellem2011_Atlas3D_Paper3_TableB1*.txt",),
    LAMBDA_R_NEEDED,
    "https://www-astro.physics.ox.ac.uk/atlas3d/tables/Emsellem2011_Atlas3D_Paper3_TableB1.txt",
    "30 kB",
)
COLUMNS = {"galaxy_id": 0, "ellipticity": 2, "lambda_r": 7}
"""Positions of the name and of epsilon_e and lambda_R within R_e, from 0."""


class Atlas3d(Survey):
    """The ATLAS3D survey."""

    key = "atlas3d"
    lambda_r_sources = ("atlas3d",)
    ellipticity_sources = ("atlas3d",)
    expected_inputs = (TABLE_B1,)

    def read_morphology(self, folder: Path) -> Catalog:
        """Return every galaxy of the table, in its order. Raises InputError if there is no table."""
        source, frame = _read(folder)
        return Catalog(conform(frame.assign(object_id=frame["galaxy_id"], p_late=0.0), MORPHOLOGY), (source,))

    def read_kinematics(self, folder: Path) -> Catalog:
        """Return lambda_R and ellipticity within R_e, which are published without errors."""
        source, frame = _read(folder)
        return Catalog(conform(frame.assign(lambda_r_source="atlas3d"), KINEMATICS), (source,))


ATLAS3D = Atlas3d()


def _read(folder: Path) -> tuple[SourceFile, pd.DataFrame]:
    paths = TABLE_B1.find(folder)
    if not paths:
        raise missing(folder, TABLE_B1)
    table = read_text_columns(paths[0], COLUMNS)
    return SourceFile(paths[0], TABLE_B1.what, "paper III", len(table.frame), table.synthetic), table.frame
