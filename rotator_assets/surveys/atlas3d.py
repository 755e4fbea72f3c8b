"""ATLAS3D: 260 nearby early types with published lambda_R and class (Emsellem et al. 2011, MNRAS 414, 888).

A survey of catalogues alone: it gives labels to compare with, and no images. Every galaxy is an early type by the
selection of the survey (Cappellari et al. 2011, MNRAS 413, 813), so ``p_late`` is 0.
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
"""Positions of the name, epsilon_e and lambda_R within R_e, from 0."""


class Atlas3d(Survey):
    """See ``base.Survey``."""

    key = "atlas3d"
    lambda_r_sources = ("atlas3d",)
    ellipticity_sources = ("atlas3d",)
    expected_inputs = (TABLE_B1,)

    def read_morphology(self, folder: Path) -> Catalog:
        """Every galaxy of the table, in its order. Raises InputError where the table is not there."""
        source, frame = _read(folder)
        return Catalog(conform(frame.assign(object_id=frame["galaxy_id"], p_late=0.0), MORPHOLOGY), (source,))

    def read_kinematics(self, folder: Path) -> Catalog:
        """lambda_R and ellipticity within R_e, both published without errors."""
        source, frame = _read(folder)
        return Catalog(conform(frame.assign(lambda_r_source="atlas3d"), KINEMATICS), (source,))


ATLAS3D = Atlas3d()


def _read(folder: Path) -> tuple[SourceFile, pd.DataFrame]:
    paths = TABLE_B1.find(folder)
    if not paths:
        raise missing(folder, TABLE_B1)
    table = read_text_columns(paths[0], COLUMNS)
    return SourceFile(paths[0], TABLE_B1.what, "paper III", len(table.frame), table.synthetic), table.frame
