"""Reports on one training: ROC curve and baselines, and every metric with its uncertainty."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

from rotator_assets.core.frames import rows_of
from rotator_assets.core.keys import split_training_key
from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.exhibits import EXHIBITS
from rotator_assets.evaluation.tables import TABLES
from rotator_assets.evaluation.training_pictures import (
    ReportedTraining,
    fusion_picture,
    retraining_picture,
    roc_pictures,
)
from rotator_assets.galaxies.recipe_labels import with_galaxies
from rotator_assets.galaxies.sources import several_sources
from rotator_assets.lineage.groups import described, of_dataset, robustness_asset, training_report_asset
from rotator_assets.lineage.inputs import of_recipe
from rotator_assets.lineage.observed_results import survey_kinematics
from rotator_assets.lineage.partitions import dataset_to_training, training_partitions
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.table_metadata import table_metadata
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.surveys.datasets import DATASETS
from rotator_assets.training.assets import as_predicted, predictions, rotator_classifier, training_name


@training_report_asset(
    code_version="7",
    ins=of_dataset("image_tensors", "labeled_images"),
    deps=of_recipe("training", "prediction"),
    description="ROC curve with AUC and interval, confusion matrix at the threshold, baselines, and a gallery.",
)
def roc_report(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    predictions: pd.DataFrame,
    rotator_classifier: TrainedModels,
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    """Measure how well a training classifies slow and fast rotators, next to the baselines."""
    from rotator_assets.evaluation.fusion_parts import fusion_parts
    from rotator_assets.evaluation.network_scores import NetworkScores
    from rotator_assets.evaluation.roc_curves import roc_curve_frame
    from rotator_assets.evaluation.summary import against_baselines, baseline_scores, summarize

    dataset, name = split_training_key(context.partition_key)
    models, reads = rotator_classifier, Reads(context, store)
    repeats = reads.table("repeat_predictions")
    recipe = as_predicted(models, repeats)
    sample = with_galaxies(predictions, labeled_images, recipe)
    key: dict[str, Any] = {"dataset": dataset, "recipe": name, "synthetic": models.synthetic}
    trained_as = str(predictions["training"].iloc[0] or training_name(models, recipe))
    metrics = {
        **key,
        "population": recipe.population,
        **summarize(sample, repeats),
        "optimal_threshold": _mean_threshold(reads, recipe),
        "folds": recipe.networks,
        "parameters": models.parameters,
        "epochs": recipe.epochs,
        "profile": models.profile,
        "recipe_version": recipe.version("training", "prediction"),
        "device": models.device,
        "seconds": models.seconds,
        "run_id": context.run.run_id,
        "training": trained_as,
    }
    curve = roc_curve_frame(NetworkScores.of(repeats))
    parts = fusion_parts(reads.table("fusion_predictions") if recipe.fuses else pd.DataFrame(columns=["part"]))
    rows = image_tensors.rows_of(sample["galaxy_id"])
    scores = baseline_scores(sample, image_tensors.images, rows, recipe)
    baselines = against_baselines(sample, repeats, scores)
    training = ReportedTraining(
        metrics, sample, repeats, curve, baselines, scores, history=reads.table("training_history")
    )
    pictures = roc_pictures(store.root, training, image_tensors)
    results = {"predictions": predictions, "repeat_predictions": repeats, "roc_curves": curve.assign(**key)}
    ended = training_end(models, reads.every("model_metrics_history"))
    _keep_in_history(store, context.partition_key, ended, recipe, metrics, results)
    fusion_picture(pictures, parts, **key)
    history = (reads.every("model_metrics_history"), reads.every("roc_curves_history"))
    retraining_picture(pictures, *history, dataset, name, trained_as)
    context.log.info(
        f"AUC {metrics['auc']:.3f} [{metrics['auc_low']:.3f}, {metrics['auc_high']:.3f}], n = {len(sample)}"
    )
    decisive = [curve, baselines, *([parts] if recipe.fuses else [])]
    fused: dict[str, Any] = {"fusion": dg.MetadataValue.md(_parts_markdown(parts))} if recipe.fuses else {}
    return dg.MaterializeResult(
        value={
            "model_metrics": pd.DataFrame([metrics]),
            "roc_curves": curve.assign(**key),
            "baseline_metrics": baselines.assign(**key),
            "fusion_parts": parts.assign(**key),
        },
        data_version=dg.DataVersion("-".join([*map(content_hash, decisive), _hash_of_results(metrics)])),
        metadata=described(
            synthetic=models.synthetic,
            pictures=pictures,
            auc=metrics["auc"],
            auc_low=metrics["auc_low"],
            auc_high=metrics["auc_high"],
            galaxies=metrics["n_galaxies"],
            slow=metrics["n_slow"],
            confusion=dg.MetadataValue.md(_confusion_markdown(metrics)),
            baselines=dg.MetadataValue.md(_baselines_markdown(baselines)),
            **fused,
            profile=models.profile,
            **table_metadata(TABLES["model_metrics_history"], 1),
            **_kept_metadata(results),
        ),
    )


def _kept_metadata(results: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return columns and rows of the tables that keep the results of every training."""
    found: dict[str, Any] = {}
    for name, frame in results.items():
        found |= table_metadata(TABLES[f"{name}_history"], len(frame))
    return found


def _hash_of_results(metrics: dict) -> str:
    """Hash of the metrics except run, training, time and device."""
    return content_hash(pd.DataFrame([metrics]).drop(columns=["run_id", "seconds", "device", "training"]))


def _mean_threshold(reads: Reads, recipe: Recipe) -> float:
    """Return the mean over the folds of the probability from which a galaxy is classified as fast."""
    if recipe.fuses:
        from rotator_assets.training.fusion import whole_of

        models = reads.table("fusion_models")
        return float(models.loc[models["part"] == whole_of(recipe.fused_sets), "threshold"].mean())
    column = "threshold_averaged" if recipe.test_time_averaging else "threshold"
    return float(reads.table("training_folds").groupby("fold")[column].first().mean())


def _keep_in_history(
    store: TableStore,
    partition: str,
    ended: pd.Timestamp,
    recipe: Recipe,
    metrics: dict,
    results: Mapping[str, pd.DataFrame],
) -> None:
    """Add a training to the history of all trainings, once even if it is reported several times.

    Networks whose predictions are made in another way than at first are added again. The row of the metrics is added
    last: a training in ``model_metrics_history`` has all its ``results`` (frames by table).
    """
    training = {
        "trained_at": ended,
        "training": metrics["training"],
        "run_id": metrics["run_id"],
        "recipe_version": recipe.version("training", "prediction"),
        "recipe_content": json.dumps({"name": recipe.name, **recipe.settings("training", "prediction")}),
    }
    for table, frame in {**results, "model_metrics": pd.DataFrame([metrics])}.items():
        store.keep(f"{table}_history", f"{partition}.{metrics['training']}", frame.assign(**training))


def training_end(models: TrainedModels, history: pd.DataFrame) -> pd.Timestamp:
    """Return when a training ended, to the millisecond.

    Trainings are ordered by this time, so it is later than those of the others in the ``history`` of the dataset and
    recipe (``training``, ``trained_at``), also if the clock was set back.
    """
    ended = pd.Timestamp(max(path.stat().st_mtime for path in models.folder.glob("fold-*.keras")), unit="s").floor("ms")
    others = ~history["training"].astype(str).str.startswith(models.folder.name)
    before = pd.to_datetime(history.loc[others, "trained_at"]).max()
    return ended if pd.isna(before) else max(ended, before + pd.Timedelta(milliseconds=1))


def _confusion_markdown(metrics: dict) -> str:
    return (
        "| true \\ classified as | slow | fast |\n|---|---|---|\n"
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


def _parts_markdown(parts: pd.DataFrame) -> str:
    lines = [
        f"| {p.part} | {p.auc:.3f} [{p.auc_low:.3f}, {p.auc_high:.3f}] | {p.compared_with or ''} "
        f"| {p.difference:+.3f} [{p.difference_low:+.3f}, {p.difference_high:+.3f}] |"
        for p in parts.itertuples()
    ]
    return "\n".join(["| part | AUC | compared with | difference |", "|---|---|---|---|", *lines])


_SEED = 2020


@training_report_asset(
    code_version="1",
    ins=of_dataset("imaged_galaxies"),
    deps=[
        *of_recipe("training", "prediction"),
        predictions,
        dg.AssetDep(survey_kinematics, partition_mapping=dataset_to_training),
    ],
    description="Every predicted galaxy with its measured values; predicted lambda_R against that of each source.",
)
def galaxy_report(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    rotator_classifier: TrainedModels,
    imaged_galaxies: pd.DataFrame,
) -> dg.MaterializeResult:
    """Join predictions with measurements, and measure the accuracy of predicted lambda_R."""
    from rotator_assets.evaluation.galaxy_results import galaxy_results
    from rotator_assets.evaluation.spin_accuracy import LABELS, lambda_r_accuracy, predicted_and_labelled
    from rotator_assets.evaluation.spin_figures import lambda_r_figure

    dataset, recipe = split_training_key(context.partition_key)
    key: dict[str, Any] = {"dataset": dataset, "recipe": recipe, "synthetic": rotator_classifier.synthetic}
    reads, survey = Reads(context, store), DATASETS[dataset].survey
    sources = several_sources(reads.table("kinematics_catalog", survey), reads.all_settings().survey(survey))
    frame = galaxy_results(
        reads.table("galaxy_predictions"), reads.table("predictions"), imaged_galaxies, rotator_classifier.recipe
    )
    accuracy = lambda_r_accuracy(frame, sources, seed=_SEED)
    pictures, shown = Pictures(store.root, f"{dataset}/{recipe}", EXHIBITS), predicted_and_labelled(frame)
    if shown.empty:
        pictures.remove("lambda_r")
    else:
        pictures.add("lambda_r", lambda_r_figure(shown, accuracy[accuracy["source"] == LABELS], **key))
    return dg.MaterializeResult(
        value={"galaxy_results": frame, "lambda_r_accuracy": accuracy.assign(**key)},
        data_version=dg.DataVersion(f"{content_hash(frame)}-{content_hash(accuracy)}"),
        metadata=described(
            synthetic=key["synthetic"],
            pictures=pictures,
            **{
                f"coverage_{r.population.replace(' ', '_')}": r.coverage
                for r in rows_of(accuracy)
                if r.source == LABELS
            },
        ),
    )


@robustness_asset(
    code_version="4",
    partitions_def=training_partitions,
    deps=[*of_recipe("training", "prediction"), rotator_classifier, galaxy_report],
    description="Every metric with its uncertainty; precision and recall; calibration by population; epochs to "
    "converge.",
)
def intervals_report(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore], predictions: pd.DataFrame
) -> dg.MaterializeResult:
    """Compute every metric of a training with its uncertainty."""
    from rotator_assets.evaluation.convergence import convergence
    from rotator_assets.evaluation.reliability import (
        calibration_curves,
        on_one_scale,
        population_metrics,
        referee_metrics,
    )
    from rotator_assets.evaluation.reliability_figures import precision_recall_figure, reliability_figure
    from rotator_assets.evaluation.scores import precision_recall_frame

    dataset, recipe = split_training_key(context.partition_key)
    key: dict[str, Any] = {"dataset": dataset, "recipe": recipe, "synthetic": bool(predictions["synthetic"].any())}
    reads = Reads(context, store)
    repeats, courses = reads.table("repeat_predictions"), convergence(reads.table("training_history"))
    galaxies = reads.table("galaxy_results")
    metrics: dict[str, Any] = {**key, **referee_metrics(predictions, repeats, seed=_SEED)}
    curves, by_population = calibration_curves(galaxies), population_metrics(galaxies, seed=_SEED)
    curve = precision_recall_frame(predictions["rotator_type"], on_one_scale(predictions))
    pictures = Pictures(store.root, f"{dataset}/{recipe}", EXHIBITS)
    pictures.add("reliability", reliability_figure(curves, metrics, by_population, **key))
    pictures.add("precision_recall", precision_recall_figure(curve, metrics, **key))
    frame = pd.DataFrame([metrics])
    shown = (
        "auc",
        "auc_error",
        "auc_bootstrap_error",
        "pr_auc_slow",
        "prevalence",
        "balanced_accuracy",
        "brier",
        "ece",
    )
    return dg.MaterializeResult(
        value={
            "referee_metrics": frame,
            "calibration_curves": curves.assign(**key),
            "population_metrics": by_population.assign(**key),
            "convergence": courses.assign(**key),
        },
        data_version=dg.DataVersion("-".join(map(content_hash, (frame, curves, by_population, courses)))),
        metadata=described(
            synthetic=key["synthetic"],
            pictures=pictures,
            **{name: metrics[name] for name in shown},
            median_converged_epoch=float(courses["converged_epoch"].median()),
            networks_still_improving=int(courses["still_improving"].sum()),
        ),
    )
