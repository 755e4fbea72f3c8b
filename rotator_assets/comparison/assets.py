"""Group ``reports``, across trainings: the recipes of each dataset, and each recipe on pairs of datasets."""

from typing import Any

import dagster as dg
import pandas as pd

from rotator_assets.comparison.dataset_pairs import dataset_pairs
from rotator_assets.comparison.exhibits import EXHIBITS
from rotator_assets.comparison.tables import TABLES
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.frames import row_at, rows_of
from rotator_assets.core.keys import WHOLE
from rotator_assets.core.recipes import FAMILIES, varied
from rotator_assets.core.study import ACROSS_DATASETS, REFERENCE_RECIPE, study_auc
from rotator_assets.evaluation.assets import roc_report
from rotator_assets.lineage.groups import all_trainings, comparison_asset, described, study_asset
from rotator_assets.lineage.observed_results import all_scores, dataset_scores
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.table_metadata import main_table_metadata
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys.datasets import DATASETS, Dataset
from rotator_assets.training.assets import predictions


@comparison_asset(
    code_version="4",
    deps=[*all_trainings(predictions, roc_report), dataset_scores],
    description="Every recipe trained on a dataset, best first, each compared with thesis on the same galaxies.",
)
def recipe_comparison(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> dg.MaterializeResult:
    """Compare the recipes trained on a dataset with the reference recipe."""
    from rotator_assets.comparison.classifiers import compare_classifiers
    from rotator_assets.comparison.differences import compare_recipes

    dataset = context.partition_key
    reads = Reads(context, store)
    repeats = reads.every("repeat_predictions")
    if repeats.empty:
        raise InputError(f"{dataset}: no recipe has been trained; materialize rotator_classifier and predictions first")
    synthetic = bool(repeats["synthetic"].any())
    frame = compare_recipes(repeats, REFERENCE_RECIPE).assign(dataset=dataset, synthetic=synthetic)
    metrics, baselines, parts = map(reads.every, ("model_metrics", "baseline_metrics", "fusion_predictions"))
    frame = frame.merge(metrics[["recipe", "folds", "parameters", "seconds"]], on="recipe", how="left")
    frame = frame.reindex(columns=TABLES["recipe_comparison"].column_names)
    classifiers = compare_classifiers(repeats, metrics, baselines, parts)
    classifiers = classifiers.assign(dataset=dataset, synthetic=synthetic)
    families = varied(reads.recipes(), REFERENCE_RECIPE)
    pictures = _recipe_pictures(store.root, dataset, frame, reads.every("roc_curves"), families, synthetic)
    return dg.MaterializeResult(
        value={"recipe_comparison": frame, "classifier_comparison": classifiers},
        data_version=dg.DataVersion("-".join(map(content_hash, (frame, classifiers)))),
        metadata=described(
            synthetic=synthetic,
            pictures=pictures,
            recipes=", ".join(frame["recipe"]),
            significant=", ".join(frame.loc[frame["significant"].eq(True), "recipe"]) or "none",
        ),
    )


@study_asset(
    code_version="3",
    deps=[predictions, roc_report, all_scores],
    description="Crops, noise and surveys: every recipe on two datasets, on the same galaxies if both have them.",
)
def dataset_comparison(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> dg.MaterializeResult:
    """Compare each recipe on pairs of datasets that differ in crop, noise or survey."""
    from rotator_assets.comparison.differences import compare_datasets

    reads = Reads(context, store)
    frame = compare_datasets(reads.every("repeat_predictions"), dataset_pairs(list(DATASETS.values())))
    store.write("dataset_comparison", WHOLE, frame)
    store.publish()
    pictures = _dataset_pictures(store.root, frame, reads.every("model_metrics"), reads.every("roc_curves"))
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(frame)),
        metadata={
            **main_table_metadata(TABLES["dataset_comparison"], len(frame)),
            **described(synthetic=bool(frame["synthetic"].any()), pictures=pictures),
        },
    )


def _recipe_pictures(
    root: DataRoot,
    dataset: str,
    frame: pd.DataFrame,
    curves: pd.DataFrame,
    families: dict[str, list[str]],
    synthetic: bool,
) -> Pictures:
    """ROC curves of all recipes, and of each group that differs from the reference in one setting."""
    from rotator_assets.comparison.figures import comparison_figure

    common: dict[str, Any] = {
        "dataset": dataset,
        "synthetic": synthetic,
        "reference": REFERENCE_RECIPE,
        "study": study_auc(dataset),
    }
    pictures = Pictures(root, dataset, EXHIBITS)
    pictures.add("recipes", comparison_figure(curves, frame, **common))
    for setting, name in FAMILIES.items():
        rows = frame[frame["recipe"].isin(families.get(setting, []))]
        if len(rows) < 2:
            pictures.remove(name)
            continue
        pictures.add(name, comparison_figure(curves, rows, title=f"Recipes compared: {name}", **common))
    return pictures


def _dataset_pictures(root: DataRoot, frame: pd.DataFrame, metrics: pd.DataFrame, curves: pd.DataFrame) -> Pictures:
    """ROC curves of the reference recipe on the two datasets of every pair."""
    from rotator_assets.comparison.figures import dataset_figure
    from rotator_assets.plots.roc_axes import Curve, difference_text

    metrics = metrics[metrics["recipe"] == REFERENCE_RECIPE].set_index("dataset")
    curves = curves[curves["recipe"] == REFERENCE_RECIPE]
    pictures = Pictures(root, ACROSS_DATASETS, EXHIBITS)
    for row in rows_of(frame[frame["recipe"] == REFERENCE_RECIPE]):
        change = difference_text(row.difference, row.low, row.high, row.p_value_adjusted)
        sample = f"{row.n_galaxies} galaxies in both" if row.paired else "independent samples"
        figure = dataset_figure(
            [
                Curve.of(key, row_at(metrics, key), curves[curves["dataset"] == key])
                for key in (row.dataset, row.reference_dataset)
            ],
            title=_TITLES[row.kind],
            recipe=REFERENCE_RECIPE,
            synthetic=row.synthetic,
            detail=f"first − second ({sample}): {change}",
        )
        pictures.add(_picture_name(row.kind, DATASETS[row.dataset]), figure)
    return pictures


_TITLES = {
    "crop": "Crops of the same images compared",
    "noise": "With and without noise",
    "survey": "Simulated and observed galaxies",
}


def _picture_name(kind: str, dataset: Dataset) -> str:
    return f"crop_{dataset.survey}-{dataset.noise}" if kind == "crop" else f"{kind}_{dataset.crop_px}"
