"""Group ``galaxies``, continued: how the labels depend on the choices behind them."""

import dagster as dg
import pandas as pd

from rotator_assets.assets.galaxies import IN_GALAXIES, matching_settings
from rotator_assets.assets.inputs import label_settings
from rotator_assets.assets.reading import Reads
from rotator_assets.data_root import DataRoot
from rotator_assets.storage.schema import TABLES
from rotator_assets.storage.tables import content_hash
from rotator_assets.surveys.sensitivity import Choices
from rotator_assets.surveys.sensitivity import label_sensitivity as sensitivity_of


@dg.asset(
    **{**IN_GALAXIES, "code_version": "2"},
    deps=[label_settings],
    description="How labels change with other sources, factors, boundaries and corrections than the settings have.",
)
def label_sensitivity(
    context: dg.AssetExecutionContext,
    root: dg.ResourceParam[DataRoot],
    morphology_catalog: pd.DataFrame,
    photometry_catalog: pd.DataFrame,
    kinematics_catalog: pd.DataFrame,
    measured_kinematics: pd.DataFrame,
) -> dg.MaterializeResult:
    catalogs = (morphology_catalog, photometry_catalog, kinematics_catalog)
    settings = Reads(context, root).settings("label_settings")
    choices = Choices(context.partition_key, *catalogs, matching_settings(settings), settings.labels.model_dump())
    synthetic = any(bool(catalog["synthetic"].any()) for catalog in catalogs)
    found = sensitivity_of(choices, measured_kinematics).assign(synthetic=synthetic)
    frame = found.reindex(columns=TABLES["label_sensitivity"].column_names)
    lines = [f"| {r.choice} | {r.n_early} | {r.n_early_slow} | {r.n_early_changed} |" for r in frame.itertuples()]
    head = ["| choice | labelled early types | slow | other label |", "|---|---|---|---|"]
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(frame)),
        metadata={
            "dagster/row_count": len(frame),
            "labels": dg.MetadataValue.md("\n".join(head + lines)),
            "synthetic": synthetic,
        },
    )
