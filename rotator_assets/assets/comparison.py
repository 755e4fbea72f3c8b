"""Group ``reports``, across trainings: the recipes of a dataset side by side."""

import dagster as dg
import pandas as pd

from rotator_assets.assets.inputs import OWNERS
from rotator_assets.assets.pictures import Pictures
from rotator_assets.assets.reports import roc_report
from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError
from rotator_assets.partitions import dataset_partitions, dataset_to_training
from rotator_assets.storage.schema import TABLES
from rotator_assets.storage.tables import TableStore, content_hash

_COMMON = {"group_name": "reports", "owners": OWNERS, "code_version": "1"}
REFERENCE_RECIPE = "thesis"


@dg.asset(
    **_COMMON,
    partitions_def=dataset_partitions,
    ins={"predictions": dg.AssetIn(partition_mapping=dataset_to_training)},
    deps=[dg.AssetDep(roc_report, partition_mapping=dataset_to_training)],
    io_manager_key="tables",
    kinds={"duckdb", "matplotlib"},
    description="Every recipe trained on a dataset, best first, each against thesis on the same galaxies.",
)
def recipe_comparison(
    context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot], predictions: pd.DataFrame
) -> dg.MaterializeResult:
    from rotator_assets.figures.roc import comparison_figure
    from rotator_assets.figures.study import study_auc
    from rotator_assets.learning.summary import compare_recipes

    dataset = context.partition_key
    if predictions.empty:
        raise InputError(f"{dataset}: no recipe was trained yet; materialize rotator_classifier and predictions first")
    synthetic = bool(predictions["synthetic"].any())
    frame = compare_recipes(predictions, REFERENCE_RECIPE).assign(dataset=dataset, synthetic=synthetic)
    frame = frame.reindex(columns=TABLES["recipe_comparison"].column_names)
    curves = TableStore(root).query(f"SELECT * FROM roc_curves WHERE dataset = '{dataset}'")
    pictures = Pictures(root.figures / dataset)
    pictures.add(
        "recipes",
        comparison_figure(curves, frame, dataset=dataset, synthetic=synthetic, study=study_auc(dataset)),
    )
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(frame)),
        metadata={
            "dagster/row_count": len(frame),
            "recipes": ", ".join(frame["recipe"]),
            "synthetic": synthetic,
            **pictures.metadata(),
        },
    )
