"""Group ``catalogs``, continued: lambda_R measured here, from stellar maps or star particles."""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets import progress
from rotator_assets.assets.inputs import FOLLOW_CHANGES, OWNERS, kinematic_files, kinematics_settings
from rotator_assets.assets.reading import Reads
from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError
from rotator_assets.notices import noticed
from rotator_assets.partitions import survey_partitions
from rotator_assets.storage.schema import TABLES
from rotator_assets.storage.tables import content_hash
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.inventory import not_measured
from rotator_assets.surveys.measured import HalfLightEllipse, MeasurementOptions
from rotator_assets.surveys.measuring import Job, measure_all
from rotator_assets.surveys.row_matching import FEW

_ELLIPSE = {
    "semi_major_arcsec": "r_eff_arcsec",
    "ellipticity": "ellipticity",
    "position_angle_deg": "position_angle_deg",
    "sersic_n": "sersic_n",
    "nsa_sersic_n": "nsa_sersic_n",
}


@dg.asset(
    group_name="catalogs",
    owners=OWNERS,
    kinds={"fits", "hdf5", "parquet"},
    partitions_def=survey_partitions,
    deps=[kinematic_files, kinematics_settings],
    io_manager_key="tables",
    code_version="5",
    automation_condition=FOLLOW_CHANGES,
    description="lambda_R measured from the DAP maps or star particles there are; no rows where there are none.",
)
def measured_kinematics(
    context: dg.AssetExecutionContext,
    root: dg.ResourceParam[DataRoot],
    morphology_catalog: pd.DataFrame,
    photometry_catalog: pd.DataFrame,
) -> dg.MaterializeResult:
    key = context.partition_key
    reads = Reads(context, root)
    folder = reads.folder("kinematic_files")
    files = SURVEYS[key].kinematic_files(folder)
    lost = _unmatched(files, set(morphology_catalog["galaxy_id"]))
    lost += not_measured(SURVEYS[key], folder, set(files.values()))
    options = MeasurementOptions(**reads.settings("kinematics_settings").kinematics.model_dump())
    if not files and options != MeasurementOptions():
        lost.append("settings kinematics: there are no kinematic files, which they are for")
    ellipses = _ellipses(photometry_catalog)
    jobs = [
        Job(key, galaxy_id, path, ellipses.get(galaxy_id, HalfLightEllipse()), options)
        for galaxy_id, path in sorted(files.items())
    ]
    measured = measure_all(
        jobs, root.measured / key, lambda done, total: progress.report(f"lambda_R of {key}", done, total)
    )
    measured = measured.assign(survey=key, lambda_r_source=SURVEYS[key].measured_source)
    if jobs:
        measured["path"] = [str(job.path.relative_to(folder)) for job in jobs]
    frame = measured.reindex(columns=TABLES["measured_kinematics"].column_names)
    usable = int(frame["usable"].fillna(False).sum())
    reasons = frame["reason"].dropna().map(lambda reason: reason.split(": ", 1)[-1]).value_counts()
    if usable < len(frame):
        lost.append(f"{len(frame) - usable} of {len(frame)} kinematic files give no lambda_r: see measured_kinematics")
    synthetic = bool(frame["synthetic"].fillna(False).any())
    notices, told = noticed(context, key, lost, synthetic)
    return dg.MaterializeResult(
        value={"measured_kinematics": frame, **notices},
        data_version=dg.DataVersion(content_hash(frame)),
        metadata={
            "dagster/row_count": usable,
            "files": len(frame),
            "unusable": dg.MetadataValue.md("\n".join(f"- {n} x {r}" for r, n in reasons.head(20).items()) or "none"),
            **told,
        },
    )


def _unmatched(files: dict[str, Path], galaxy_ids: set[str]) -> list[str]:
    """A notice where few of the kinematic files are of galaxies of the morphology catalogue.

    Raises InputError where none is.
    """
    foreign = [galaxy_id for galaxy_id in files if galaxy_id not in galaxy_ids]
    n_matched = len(files) - len(foreign)
    if n_matched >= FEW * len(files):
        return []
    path = files[foreign[0]]
    if n_matched:
        what = f"{n_matched} of {len(files)} kinematic files are of galaxies of the morphology catalogue"
        return [f"{what}, others such as {path.name} are not"]
    raise InputError(
        f"{path}: none of {len(files)} kinematic files is of a galaxy of the morphology catalogue, which has "
        f"identifiers such as {min(galaxy_ids)}; put it right, or take them away"
    )


def _ellipses(photometry: pd.DataFrame) -> dict[str, HalfLightEllipse]:
    """galaxy_id -> the aperture that its photometry gives."""
    known = photometry.assign(ellipticity=1 - photometry["axis_ratio"]).set_index("galaxy_id")[list(_ELLIPSE.values())]
    known = known.astype("float64").replace({np.inf: np.nan, -np.inf: np.nan})
    return {
        galaxy_id: HalfLightEllipse(**dict(zip(_ELLIPSE, values, strict=True)))
        for galaxy_id, values in zip(known.index, known.to_numpy().tolist(), strict=True)
    }
