"""Group ``robustness``: is it only ellipticity? Structure of each image, and plain classifiers beside the network."""

import dagster as dg
import pandas as pd

from rotator_assets.core import progress
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.keys import split_training_key
from rotator_assets.galaxies.recipe_labels import with_galaxies
from rotator_assets.lineage.groups import described, of_dataset, robustness_asset, step
from rotator_assets.lineage.inputs import of_recipe
from rotator_assets.lineage.partitions import dataset_partitions, training_partitions
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.robustness.features.exhibits import EXHIBITS
from rotator_assets.robustness.features.tables import TABLES
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.table_store import TableStore, content_hash
from rotator_assets.store.tensors import ImageTensor


@robustness_asset(
    code_version="1",
    tags=step("morphology"),
    partitions_def=dataset_partitions,
    kinds={"duckdb", "parquet"},
    description="Gini, M20, concentration, asymmetry and colour of every labelled image, by statmorph.",
)
def image_morphology(
    context: dg.AssetExecutionContext, image_tensors: ImageTensor, labeled_images: pd.DataFrame
) -> dg.MaterializeResult:
    from rotator_assets.imaging.morphology import measure_all

    dataset = context.partition_key
    measured = measure_all(
        image_tensors.images,
        image_tensors.rows_of(labeled_images["galaxy_id"]),
        (labeled_images["image_unit"] == "colour").to_numpy(),
        lambda done, total: progress.report(f"morphology of {dataset}", done, total),
    )
    frame = measured.assign(
        dataset=dataset, galaxy_id=labeled_images["galaxy_id"].to_numpy(), synthetic=image_tensors.synthetic
    ).reindex(columns=TABLES["image_morphology"].column_names)
    reasons = frame["reason"].dropna().value_counts()
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(frame)),
        metadata=described(
            rows=int(frame["usable"].sum()),
            synthetic=image_tensors.synthetic,
            images=len(frame),
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
    description="Is it only ellipticity? A ladder of features, matched and binned AUCs, what the label alone explains.",
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
    from rotator_assets.evaluation.baselines import coarse_pixels
    from rotator_assets.robustness.features.feature_sets import feature_ladder, steps_of
    from rotator_assets.robustness.features.matched_pairs import binned, ellipticity_tests, r_eff_over_psf

    dataset, name = split_training_key(context.partition_key)
    recipe = rotator_classifier.recipe
    measured = image_morphology.drop(columns=["dataset", "usable", "reason", "flag", "synthetic"])
    repeats = Reads(context, store).table("repeat_predictions")
    sample, judged = (
        with_galaxies(rows, labeled_images, recipe).merge(measured, on="galaxy_id", how="left")
        for rows in (predictions, repeats)
    )
    judged["r_eff_over_psf"] = r_eff_over_psf(judged)
    _, missing = steps_of(sample)
    if missing:
        context.log.warning(f"no galaxy has a value of {', '.join(missing)}: left out of the ladder")
    pixels = coarse_pixels(image_tensors.images, image_tensors.rows_of(sample["galaxy_id"]), recipe)
    synthetic = rotator_classifier.synthetic
    if sample["fold"].nunique() > 1:
        ladder = feature_ladder(sample, repeats, pixels, recipe.seed)
    else:
        context.log.warning("one network tests every galaxy: plain classifiers, which need folds, are left out")
        ladder = pd.DataFrame(columns=TABLES["feature_baselines"].column_names)
    found = {
        "feature_baselines": ladder,
        "ellipticity_tests": ellipticity_tests(judged, recipe.seed, recipe.boundary_gap),
        "auc_in_bins": binned(judged),
    }
    frames = {table: frame.assign(dataset=dataset, recipe=name, synthetic=synthetic) for table, frame in found.items()}
    pictures = _pictures(store.root, dataset, name, frames, synthetic)
    return dg.MaterializeResult(
        value=frames,
        data_version=dg.DataVersion("-".join(content_hash(frame) for frame in frames.values())),
        metadata=described(
            rows=len(ladder),
            synthetic=synthetic,
            pictures=pictures,
            **_best(ladder),
            left_out=", ".join(missing) or "nothing",
            tests=dg.MetadataValue.md(_markdown(frames["ellipticity_tests"])),
        ),
    )


def _pictures(root: DataRoot, dataset: str, recipe: str, frames: dict[str, pd.DataFrame], synthetic: bool) -> Pictures:
    from rotator_assets.robustness.features.figures import bins_figure, ladder_figure

    title = {"dataset": dataset, "recipe": recipe, "synthetic": synthetic}
    pictures = Pictures(root, f"{dataset}/{recipe}", EXHIBITS)
    tests = frames["ellipticity_tests"]
    if len(frames["feature_baselines"]):
        pictures.add("feature_ladder", ladder_figure(frames["feature_baselines"], tests, **title))
    else:
        pictures.remove("feature_ladder")
    pictures.add("auc_in_bins", bins_figure(frames["auc_in_bins"], tests, **title))
    return pictures


def _best(ladder: pd.DataFrame) -> dict[str, str | float]:
    """The plain classifier with the largest AUC; nothing where there is none."""
    if ladder.empty:
        return {}
    best = ladder.loc[ladder["auc"].idxmax()]
    return {
        "best_baseline": f"{best['features']}, {best['model']}: {best['auc']:.3f}",
        "networks_gain_over_it": float(best["network_gain"]),
    }


def _markdown(tests: pd.DataFrame) -> str:
    lines = [f"| {t.quantity} | {t.auc:.3f} [{t.auc_low:.3f}, {t.auc_high:.3f}] |" for t in tests.itertuples()]
    return "\n".join(["| | AUC |", "|---|---|", *lines])
