"""Group ``catalogs``: the published tables of a survey in common columns."""

from pathlib import Path

import dagster as dg
import pandas as pd

from rotator_assets.assets.inputs import FOLLOW_CHANGES, OWNERS, catalog_files
from rotator_assets.data_root import DataRoot
from rotator_assets.notices import noticed
from rotator_assets.partitions import survey_partitions
from rotator_assets.storage.schema import TABLES
from rotator_assets.storage.tables import content_hash
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import Catalog, missing

_COMMON = {
    "group_name": "catalogs",
    "owners": OWNERS,
    "kinds": {"fits", "parquet"},
    "partitions_def": survey_partitions,
    "deps": [catalog_files],
    "io_manager_key": "tables",
    "code_version": "2",
    "automation_condition": FOLLOW_CHANGES,
}


@dg.asset(**_COMMON, description="Deep-learning morphology of every catalogue entry, repeat observations grouped.")
def morphology_catalog(context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot]) -> dg.MaterializeResult:
    survey = context.partition_key
    folder = root.survey(survey)
    return _result(context, "morphology", SURVEYS[survey].read_morphology(folder), folder)


@dg.asset(**_COMMON, description="Axis ratio, size, Sersic index, mass and data quality of each catalogue entry.")
def photometry_catalog(context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot]) -> dg.MaterializeResult:
    survey = context.partition_key
    folder = root.survey(survey)
    return _result(context, "photometry", SURVEYS[survey].read_photometry(folder), folder)


@dg.asset(**_COMMON, description="Every lambda_R of the data root by source: of its tables, and measured.")
def kinematics_catalog(
    context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot], measured_kinematics: pd.DataFrame
) -> dg.MaterializeResult:
    survey = SURVEYS[context.partition_key]
    folder = root.survey(survey.key)
    catalog = survey.read_kinematics(folder).with_measured(measured_kinematics)
    if catalog.frame.empty:
        raise missing(folder, *survey.kinematics_inputs)
    return _result(context, "kinematics", catalog, folder)


def _result(context: dg.AssetExecutionContext, kind: str, catalog: Catalog, folder: Path) -> dg.MaterializeResult:
    survey, table = context.partition_key, f"{kind}_catalog"
    frame = catalog.frame.assign(survey=survey, synthetic=catalog.synthetic)
    frame = frame.reindex(columns=TABLES[table].column_names)
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
                "note": source.note or None,
                "synthetic": source.synthetic,
            }
            for source in catalog.sources
        ],
        columns=TABLES["input_files"].column_names,
    )
    lost = [notice for source in catalog.sources for notice in source.notices]
    notices, told = noticed(context, survey, lost, catalog.synthetic)
    lines = [f"| {f.what} | {f.release} | {f.path} | {f.n_rows} |" for f in files.itertuples()]
    return dg.MaterializeResult(
        value={table: frame, "input_files": files, **notices},
        data_version=dg.DataVersion(content_hash(frame)),
        metadata={
            "dagster/row_count": len(frame),
            "files": dg.MetadataValue.md("\n".join(["| table | release | file | rows |", "|---|---|---|---|", *lines])),
            "synthetic": catalog.synthetic,
            **told,
        },
    )
