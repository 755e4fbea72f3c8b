"""Group ``catalogs``: the published tables of a survey in common columns."""

from pathlib import Path

import dagster as dg
import pandas as pd

from rotator_assets.assets.inputs import FOLLOW_CHANGES, OWNERS, catalog_files
from rotator_assets.assets.reading import Reads
from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError
from rotator_assets.notices import noticed
from rotator_assets.partitions import survey_partitions
from rotator_assets.storage.schema import TABLES
from rotator_assets.storage.tables import content_hash
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import Catalog, missing
from rotator_assets.surveys.inventory import not_read
from rotator_assets.surveys.row_matching import matches

_COMMON = {
    "group_name": "catalogs",
    "owners": OWNERS,
    "kinds": {"fits", "parquet"},
    "partitions_def": survey_partitions,
    "deps": [catalog_files],
    "io_manager_key": "tables",
    "code_version": "3",
    "automation_condition": FOLLOW_CHANGES,
}


@dg.asset(**_COMMON, description="Deep-learning morphology of every catalogue entry, repeat observations grouped.")
def morphology_catalog(context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot]) -> dg.MaterializeResult:
    survey = context.partition_key
    folder = Reads(context, root).folder("catalog_files")
    catalog = SURVEYS[survey].read_morphology(folder)
    return _result(context, "morphology", catalog, folder, catalog.frame["galaxy_id"])


@dg.asset(
    **_COMMON | {"code_version": "5"},
    description="Axis ratio, size, Sersic index, mass and data quality of each catalogue entry.",
)
def photometry_catalog(
    context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot], morphology_catalog: pd.DataFrame
) -> dg.MaterializeResult:
    survey = context.partition_key
    folder = Reads(context, root).folder("catalog_files")
    catalog = SURVEYS[survey].read_photometry(folder)
    return _result(context, "photometry", catalog, folder, morphology_catalog["galaxy_id"])


@dg.asset(
    **_COMMON | {"code_version": "4"},
    description="Every lambda_R of the data root by source: of its tables, and measured.",
)
def kinematics_catalog(
    context: dg.AssetExecutionContext,
    root: dg.ResourceParam[DataRoot],
    morphology_catalog: pd.DataFrame,
    measured_kinematics: pd.DataFrame,
) -> dg.MaterializeResult:
    survey = SURVEYS[context.partition_key]
    folder = Reads(context, root).folder("catalog_files")
    catalog = survey.read_kinematics(folder).with_measured(measured_kinematics)
    if catalog.frame["lambda_r"].isna().all() and len(measured_kinematics):
        reason = measured_kinematics["reason"].iloc[0]
        raise InputError(f"{folder}: none of {len(measured_kinematics)} kinematic files gives a lambda_R: {reason}")
    if catalog.frame.empty:
        raise missing(folder, *survey.kinematics_inputs)
    return _result(context, "kinematics", catalog, folder, morphology_catalog["galaxy_id"])


def _result(
    context: dg.AssetExecutionContext, kind: str, catalog: Catalog, folder: Path, galaxy_ids: pd.Series
) -> dg.MaterializeResult:
    """``galaxy_ids``: those of the morphology catalogue. Raises InputError for a file of other galaxies alone."""
    survey, table = context.partition_key, f"{kind}_catalog"
    frame = catalog.frame.assign(survey=survey, synthetic=catalog.synthetic)
    frame = frame.reindex(columns=TABLES[table].column_names)
    matched = [matches(source, galaxy_ids) for source in catalog.sources]
    files = pd.DataFrame(
        [
            {
                "survey": survey,
                "catalog": kind,
                "what": source.what,
                "release": source.release,
                "path": str(source.path if not source.path.is_absolute() else source.path.relative_to(folder)),
                "n_rows": source.rows,
                "n_taken": source.taken,
                "n_matched": n_matched if source.id_column else None,
                "note": source.note or None,
                "synthetic": source.synthetic,
            }
            for source, (n_matched, _) in zip(catalog.sources, matched, strict=True)
        ],
        columns=TABLES["input_files"].column_names,
    )
    lost = not_read(SURVEYS[survey], folder) if kind == "morphology" else []
    lost += [notice for source in catalog.sources for notice in source.notices]
    lost += [notice for _, notice in matched if notice]
    notices, told = noticed(context, survey, lost, catalog.synthetic)
    lines = [f"| {f.what} | {f.release} | {f.path} | {f.n_rows} |" for f in files.itertuples()]
    return dg.MaterializeResult(
        value={table: frame, "input_files": files, **notices},
        data_version=dg.DataVersion(f"{content_hash(frame)}-{content_hash(files)}"),
        metadata={
            "dagster/row_count": len(frame),
            "files": dg.MetadataValue.md("\n".join(["| table | release | file | rows |", "|---|---|---|---|", *lines])),
            "synthetic": catalog.synthetic,
            **told,
        },
    )
