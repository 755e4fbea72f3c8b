"""Group ``reports``, one training each: how well it tells fast from slow, and which pixels it looks at."""

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets import progress
from rotator_assets.assets.inputs import OWNERS
from rotator_assets.assets.pictures import Pictures
from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError
from rotator_assets.files import replacing
from rotator_assets.partitions import dataset_to_training, split_training_key, training_partitions
from rotator_assets.storage.models import TrainedModels
from rotator_assets.storage.tables import TableStore, content_hash
from rotator_assets.storage.tensors import ImageTensor

_COMMON = {
    "group_name": "reports",
    "owners": OWNERS,
    "partitions_def": training_partitions,
    "io_manager_key": "tables",
    "code_version": "1",
}
_OF_DATASET = dg.AssetIn(partition_mapping=dataset_to_training)

_EXPLAINED_AT_ONCE = 512
"""Galaxies whose attribution maps are in memory together."""


@dg.asset(
    **_COMMON,
    ins={"image_tensors": _OF_DATASET, "labeled_images": _OF_DATASET},
    kinds={"duckdb", "matplotlib"},
    description="ROC curve with AUC and interval, the confusion at the threshold, plain baselines, and a gallery.",
)
def roc_report(
    context: dg.AssetExecutionContext,
    root: dg.ResourceParam[DataRoot],
    predictions: pd.DataFrame,
    rotator_classifier: TrainedModels,
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    from rotator_assets.learning.evaluation import roc_curve_frame
    from rotator_assets.learning.summary import against_baselines, baseline_scores, summarize

    dataset, recipe = split_training_key(context.partition_key)
    models = rotator_classifier
    sample = _with_galaxies(predictions, labeled_images)
    key = {"dataset": dataset, "recipe": recipe, "synthetic": models.synthetic}
    metrics = {
        **key,
        **summarize(sample),
        "optimal_threshold": float(np.mean(models.thresholds)),
        "folds": models.recipe.folds,
        "epochs": models.recipe.epochs,
        "profile": models.profile,
        "recipe_version": models.recipe.version,
        "device": models.device,
        "seconds": models.seconds,
        "run_id": context.run_id,
    }
    curve = roc_curve_frame(sample["rotator_type"], sample["probability_fast"])
    rows = image_tensors.rows_of(sample["galaxy_id"])
    rivals = baseline_scores(sample, image_tensors.images, rows, models.recipe)
    baselines = against_baselines(sample, rivals)
    history = TableStore(root).read("training_history", context.partition_key)
    pictures = _roc_pictures(root, metrics, sample, curve, baselines, rivals, history, image_tensors)
    context.log.info(
        f"AUC {metrics['auc']:.3f} [{metrics['auc_low']:.3f}, {metrics['auc_high']:.3f}], n = {len(sample)}"
    )
    return dg.MaterializeResult(
        value={
            "model_metrics": pd.DataFrame([metrics]),
            "roc_curves": curve.assign(**key),
            "baseline_metrics": baselines.assign(**key),
        },
        data_version=dg.DataVersion(content_hash(curve)),
        metadata={
            "auc": metrics["auc"],
            "auc_low": metrics["auc_low"],
            "auc_high": metrics["auc_high"],
            "galaxies": metrics["n_galaxies"],
            "slow": metrics["n_slow"],
            "confusion": dg.MetadataValue.md(_confusion_markdown(metrics)),
            "baselines": dg.MetadataValue.md(_baselines_markdown(baselines)),
            "profile": models.profile,
            "synthetic": models.synthetic,
            **pictures.metadata(),
        },
    )


@dg.asset(
    **_COMMON,
    ins={"image_tensors": _OF_DATASET, "labeled_images": _OF_DATASET},
    kinds={"duckdb", "matplotlib"},
    description="Integrated gradients of the logit for every galaxy, by the network that never saw it.",
)
def attribution_maps(
    context: dg.AssetExecutionContext,
    root: dg.ResourceParam[DataRoot],
    predictions: pd.DataFrame,
    rotator_classifier: TrainedModels,
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    from rotator_assets.learning.attribution import (
        empty_sky_baseline,
        fraction_within_radius,
        integrated_gradients,
    )
    from rotator_assets.learning.pipeline import network_input

    dataset, name = split_training_key(context.partition_key)
    recipe = rotator_classifier.recipe
    sample = _with_galaxies(predictions, labeled_images)
    rows_of_sample = image_tensors.rows_of(sample["galaxy_id"])
    radius = (sample["r_eff_pixels"] * np.sqrt(sample["axis_ratio"])).to_numpy(float)
    baseline = empty_sky_baseline(recipe, image_tensors.size_px)
    explained = sample[["galaxy_id"]].assign(dataset=dataset, recipe=name, synthetic=image_tensors.synthetic)
    explained["map_row"] = np.arange(len(sample))
    numbers = np.full((len(sample), 4), np.nan)
    path = root.attributions / dataset / name / "maps.npy"
    done, stage = 0, f"attributions {dataset} {name}"
    with replacing(path) as temporary:
        shape = (len(sample), image_tensors.size_px, image_tensors.size_px)
        maps = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        for fold, tested in sample.groupby("fold"):
            model = rotator_classifier.load(int(fold))
            for start in range(0, len(tested), _EXPLAINED_AT_ONCE):
                rows = tested.index[start : start + _EXPLAINED_AT_ONCE].to_numpy()
                inputs = network_input(image_tensors.images, rows_of_sample[rows], recipe)
                result = integrated_gradients(
                    model,
                    inputs,
                    baseline,
                    recipe.attribution_steps,
                    on_progress=lambda here, _, before=done: progress.report(stage, before + here, len(sample)),
                )
                maps[rows] = result.maps.sum(axis=-1)
                inside = fraction_within_radius(result.maps, radius[rows])
                numbers[rows] = np.column_stack(
                    [result.completeness_error, inside, result.logit, result.logit_baseline]
                )
                done += len(rows)
                context.log.info(f"explained {done} of {len(sample)} galaxies")
        maps.flush()
    columns = ["completeness_error", "fraction_within_half_light", "logit", "logit_baseline"]
    explained[columns] = numbers
    pictures = _attribution_pictures(root, dataset, name, sample, explained, maps, image_tensors)
    inside = explained["fraction_within_half_light"]
    return dg.MaterializeResult(
        value={"attributions": explained},
        data_version=dg.DataVersion(content_hash(explained)),
        metadata={
            "dagster/row_count": len(explained),
            "median_completeness_error": float(explained["completeness_error"].median()),
            **({"median_fraction_within_half_light": float(inside.median())} if inside.notna().any() else {}),
            "steps": recipe.attribution_steps,
            "maps": dg.MetadataValue.path(str(path)),
            "synthetic": image_tensors.synthetic,
            **pictures.metadata(),
        },
    )


def _with_galaxies(predictions: pd.DataFrame, labeled_images: pd.DataFrame) -> pd.DataFrame:
    """Predictions with what is known of each galaxy, in the predictions' order. Raises InputError where one is not."""
    known = labeled_images.drop(columns=["dataset", "object_id", "rotator_type", "synthetic"])
    if missing := sorted(set(predictions["galaxy_id"]) - set(known["galaxy_id"])):
        raise InputError(
            f"galaxy {missing[0]} has a prediction but no label or image any more; materialize rotator_classifier "
            "and predictions again (`rotators run` does)"
        )
    return predictions.merge(known, on="galaxy_id", how="left", validate="one_to_one")


def _roc_pictures(
    root: DataRoot,
    metrics: dict,
    sample: pd.DataFrame,
    curve: pd.DataFrame,
    baselines: pd.DataFrame,
    rivals: dict[str, np.ndarray],
    history: pd.DataFrame,
    tensor: ImageTensor,
) -> Pictures:
    from rotator_assets.figures.images import gallery_figure
    from rotator_assets.figures.roc import history_figure, roc_figure, score_histogram_figure
    from rotator_assets.figures.spin import outcome_figure
    from rotator_assets.learning.evaluation import roc_curve_frame

    title = {name: metrics[name] for name in ("dataset", "recipe", "synthetic")}
    truth = sample["rotator_type"].to_numpy()
    counts = [[metrics["true_slow"], metrics["false_fast"]], [metrics["false_slow"], metrics["true_fast"]]]
    point = (
        metrics["false_fast"] / max(metrics["n_slow"], 1),
        metrics["true_fast"] / max(metrics["n_galaxies"] - metrics["n_slow"], 1),
        metrics["optimal_threshold"],
    )
    folds = [
        roc_curve_frame(rows["rotator_type"].to_numpy(), rows["probability_fast"].to_numpy())
        for _, rows in sample.groupby("fold")
    ]
    drawn = [
        (b.baseline, roc_curve_frame(truth, rivals[b.baseline]), b.auc, b.auc_low, b.auc_high)
        for b in baselines.itertuples()
    ]
    calibrated = (sample["image_unit"] == "nanomaggies").to_numpy()
    pictures = Pictures(root.figures / metrics["dataset"] / metrics["recipe"])
    sizes = {name: metrics[name] for name in ("auc", "auc_low", "auc_high", "n_galaxies", "n_slow")}
    pictures.add(
        "roc",
        roc_figure(
            curve,
            **sizes,
            **title,
            optimal=point,
            threshold_name="mean threshold",
            fold_curves=folds,
            baselines=drawn,
            confusion=counts,
            confusion_title="At each fold's threshold",
        ),
    )
    pictures.add("gallery", gallery_figure(tensor.select(sample["galaxy_id"]), sample, **title, calibrated=calibrated))
    pictures.add("outcomes", outcome_figure(sample, **title))
    pictures.add(
        "scores", score_histogram_figure(sample, **title, thresholds={"mean threshold": metrics["optimal_threshold"]})
    )
    pictures.add("history", history_figure(history, **title))
    return pictures


def _attribution_pictures(
    root: DataRoot,
    dataset: str,
    recipe: str,
    sample: pd.DataFrame,
    explained: pd.DataFrame,
    maps: np.ndarray,
    tensor: ImageTensor,
) -> Pictures:
    from rotator_assets.figures.attribution import (
        attribution_figure,
        attribution_profile_figure,
        mean_attribution_figure,
    )

    title = {"dataset": dataset, "recipe": recipe, "synthetic": tensor.synthetic}
    calibrated = (sample["image_unit"] == "nanomaggies").to_numpy()
    radius = sample["r_eff_pixels"] * np.sqrt(sample["axis_ratio"])
    truth = sample["rotator_type"].to_numpy()
    mean_maps, counts = {}, {}
    for kind in (0, 1):
        rows = np.flatnonzero(truth == kind)
        counts[kind] = len(rows)
        total = np.zeros(maps.shape[1:], dtype=np.float64)
        for row in rows:
            total += np.abs(maps[row])
        mean_maps[kind] = total / max(len(rows), 1)
    pictures = Pictures(root.figures / dataset / recipe)
    pictures.add(
        "attributions",
        attribution_figure(
            tensor.select(sample["galaxy_id"]),
            maps,
            sample,
            **title,
            calibrated=calibrated,
            half_light=pd.DataFrame({"r_eff_pixels": radius}),
        ),
    )
    pictures.add(
        "mean_attributions",
        mean_attribution_figure(
            mean_maps, counts=counts, **title, r_eff_pixels=float(radius.median()) if radius.notna().any() else None
        ),
    )
    profile = explained.assign(rotator_type=truth)
    pictures.add("attribution_numbers", attribution_profile_figure(profile, **title))
    return pictures


def _confusion_markdown(metrics: dict) -> str:
    return (
        "| true \\ called | slow | fast |\n|---|---|---|\n"
        f"| slow | {metrics['true_slow']} | {metrics['false_fast']} |\n"
        f"| fast | {metrics['false_slow']} | {metrics['true_fast']} |"
    )


def _baselines_markdown(baselines: pd.DataFrame) -> str:
    lines = [
        f"| {b.baseline} | {b.auc:.3f} [{b.auc_low:.3f}, {b.auc_high:.3f}] "
        f"| {b.auc_gain:+.3f} [{b.auc_gain_low:+.3f}, {b.auc_gain_high:+.3f}] |"
        for b in baselines.itertuples()
    ]
    return "\n".join(["| baseline | AUC | network's gain |", "|---|---|---|", *lines])
