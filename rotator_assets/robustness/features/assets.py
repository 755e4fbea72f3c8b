"""The structure of each image, and baselines of nested feature sets next to the network."""

from typing import Any

import dagster as dg
import pandas as pd

from rotator_assets.core import progress
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.frames import row_at
from rotator_assets.core.keys import split_training_key
from rotator_assets.galaxies.recipe_labels import with_galaxies
from rotator_assets.lineage.groups import described, of_dataset, robustness_asset, step
from rotator_assets.lineage.inputs import of_recipe
from rotator_assets.lineage.partitions import dataset_partitions, training_partitions
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.robustness.features.exhibits import EXHIBITS
from rotator_assets.robustness.features.tables import TABLES
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor


@robustness_asset(
    code_version="2",
    tags=step("morphology"),
    partitions_def=dataset_partitions,
    kinds={"duckdb", "parquet"},
    description="Gini, M20, concentration, asymmetry and colour of every labelled image, by statmorph.",
)
def image_morphology(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    """Measure the structure of every labelled image that was not measured before."""
    from rotator_assets.imaging.morphology_table import measure_all

    dataset = context.partition_key
    measured = measure_all(
        image_tensors.images,
        image_tensors.rows_of(labeled_images["galaxy_id"]),
        (labeled_images["image_unit"] == "colour").to_numpy(),
        lambda done, total: progress.report(f"morphology of {dataset}", done, total),
        kept=store.root.measured / "image_morphology" / f"{dataset}.npz",
    )
    frame = measured.assign(
        dataset=dataset, galaxy_id=labeled_images["galaxy_id"].to_numpy(), synthetic=image_tensors.synthetic
    ).reindex(columns=TABLES["image_morphology"].column_names)
    reasons = frame["reason"].dropna().value_counts()
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(frame)),
        metadata=described(
            synthetic=image_tensors.synthetic,
            usable=int(frame["usable"].sum()),
            unusable=dg.MetadataValue.md("\n".join(f"- {n} x {reason}" for reason, n in reasons.items()) or "none"),
        ),
    )


@robustness_asset(
    code_version="2",
    tags=step("ellipticity"),
    partitions_def=training_partitions,
    ins=of_dataset("image_tensors", "labeled_images", "image_morphology"),
    deps=of_recipe("training", "prediction"),
    kinds={"duckdb", "scikitlearn", "matplotlib"},
    description="Nested feature sets, matched and binned AUCs, and the AUC that the definition of the label explains.",
)
def ellipticity_report(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    predictions: pd.DataFrame,
    rotator_classifier: TrainedModels,
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
    image_morphology: pd.DataFrame,
) -> dg.MaterializeResult:
    """Compare the network with baselines of nested feature sets, and measure its AUC among similar galaxies."""
    from rotator_assets.evaluation.baselines import coarse_pixels
    from rotator_assets.robustness.features.feature_sets import compare_feature_sets, feature_sets_of
    from rotator_assets.robustness.features.matched_pairs import binned, ellipticity_tests, r_eff_over_psf

    dataset, name = split_training_key(context.partition_key)
    recipe = rotator_classifier.recipe
    measured = image_morphology.drop(columns=["dataset", "usable", "reason", "flag", "synthetic"])
    repeats = Reads(context, store).table("repeat_predictions")
    sample, tested = (
        with_galaxies(rows, labeled_images, recipe).merge(measured, on="galaxy_id", how="left")
        for rows in (predictions, repeats)
    )
    tested["r_eff_over_psf"] = r_eff_over_psf(tested)
    missing = feature_sets_of(sample).missing
    if missing:
        context.log.warning(f"no galaxy has a value of {', '.join(missing)}: left out of the feature sets")
    pixels = coarse_pixels(image_tensors.images, image_tensors.rows_of(sample["galaxy_id"]), recipe)
    synthetic = rotator_classifier.synthetic
    if sample["fold"].nunique() > 1:
        baselines = compare_feature_sets(sample, repeats, pixels, recipe.seed)
    else:
        context.log.warning("one network tests every galaxy: baselines are skipped, as they need folds")
        baselines = pd.DataFrame(columns=TABLES["feature_baselines"].column_names)
    found = {
        "feature_baselines": baselines,
        "ellipticity_tests": ellipticity_tests(tested, recipe.seed, recipe.boundary_gap),
        "auc_in_bins": binned(tested),
    }
    frames = {table: frame.assign(dataset=dataset, recipe=name, synthetic=synthetic) for table, frame in found.items()}
    pictures = _pictures(store.root, dataset, name, frames, synthetic)
    return dg.MaterializeResult(
        value=frames,
        data_version=dg.DataVersion("-".join(content_hash(frame) for frame in frames.values())),
        metadata=described(
            synthetic=synthetic,
            pictures=pictures,
            **_best(baselines),
            left_out=", ".join(missing) or "nothing",
            tests=dg.MetadataValue.md(_markdown(frames["ellipticity_tests"])),
        ),
    )


def _pictures(root: DataRoot, dataset: str, recipe: str, frames: dict[str, pd.DataFrame], synthetic: bool) -> Pictures:
    from rotator_assets.robustness.features.figures import bins_figure, feature_sets_figure

    title: dict[str, Any] = {"dataset": dataset, "recipe": recipe, "synthetic": synthetic}
    pictures = Pictures(root, f"{dataset}/{recipe}", EXHIBITS)
    tests = frames["ellipticity_tests"]
    if len(frames["feature_baselines"]):
        pictures.add("feature_ladder", feature_sets_figure(frames["feature_baselines"], tests, **title))
    else:
        pictures.remove("feature_ladder")
    pictures.add("auc_in_bins", bins_figure(frames["auc_in_bins"], tests, **title))
    return pictures


def _best(baselines: pd.DataFrame) -> dict[str, str | float]:
    """Return metadata on the baseline with the largest AUC, if there is one."""
    if baselines.empty:
        return {}
    best = row_at(baselines, baselines["auc"].idxmax())
    return {
        "best_baseline": f"{best['features']}, {best['model']}: {best['auc']:.3f}",
        "networks_gain_over_it": float(best["network_gain"]),
    }


def _markdown(tests: pd.DataFrame) -> str:
    lines = [f"| {t.quantity} | {t.auc:.3f} [{t.auc_low:.3f}, {t.auc_high:.3f}] |" for t in tests.itertuples()]
    return "\n".join(["| | AUC |", "|---|---|", *lines])
