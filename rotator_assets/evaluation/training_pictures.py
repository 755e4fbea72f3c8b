"""Draws the pictures of one training, each once for the file and for the UI."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.changes import changes
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import kept_settings
from rotator_assets.evaluation.exhibits import EXHIBITS
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.tensors import ImageTensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHANGES_SHOWN = 3


@dataclass(frozen=True)
class ReportedTraining:
    """Results of a training that its pictures show.

    Attributes
    ----------
    metrics
        The row of ``model_metrics``.
    sample
        Predictions with the properties of each galaxy, one row per galaxy (n).
    repeats
        Rows of ``repeat_predictions``.
    curve
        Rows of ``roc_curves``.
    baselines
        Rows of ``baseline_metrics``.
    baseline_scores
        Scores (n,) of the baselines by name.
    history
        Rows of ``training_history``.
    """

    metrics: dict
    sample: pd.DataFrame
    repeats: pd.DataFrame
    curve: pd.DataFrame
    baselines: pd.DataFrame
    baseline_scores: dict[str, NDArray[np.float64]]
    history: pd.DataFrame


def roc_pictures(root: DataRoot, training: ReportedTraining, tensor: ImageTensor) -> Pictures:
    """Draw ROC curve, sample, gallery, outcomes, scores and history of a training.

    Parameters
    ----------
    root
        Where the pictures are saved.
    training
        What they show.
    tensor
        Images of the dataset, for the gallery.
    """
    from rotator_assets.evaluation.figures import history_figure, score_histogram_figure
    from rotator_assets.galaxies.figures import class_histogram_figure, outcome_figure
    from rotator_assets.plots.galleries import gallery_figure

    metrics, sample = training.metrics, training.sample
    title = {name: metrics[name] for name in ("dataset", "recipe", "synthetic")}
    calibrated = (sample["image_unit"] == "nanomaggies").to_numpy()
    threshold = {"mean threshold": metrics["optimal_threshold"]}
    pictures = Pictures(root, f"{metrics['dataset']}/{metrics['recipe']}", EXHIBITS)
    pictures.add("roc", _roc_picture(training, **title))
    pictures.add("sample", class_histogram_figure(sample, **title))
    pictures.add("gallery", gallery_figure(tensor.select(sample["galaxy_id"]), sample, **title, calibrated=calibrated))
    pictures.add("outcomes", outcome_figure(sample, **title))
    pictures.add("scores", score_histogram_figure(sample, **title, thresholds=threshold))
    pictures.add("history", history_figure(training.history, **title))
    return pictures


def _roc_picture(training: ReportedTraining, **title: Any) -> Figure:
    """ROC curve of the training, of its single networks and of the baselines, with the confusion matrix."""
    from rotator_assets.evaluation.figures import OperatingPoint, roc_figure
    from rotator_assets.evaluation.network_scores import NetworkScores
    from rotator_assets.evaluation.roc_curves import roc_curve_frame
    from rotator_assets.plots.roc_axes import Curve

    metrics, scored = training.metrics, NetworkScores.of(training.repeats)
    n_fast = metrics["n_galaxies"] - metrics["n_slow"]
    baselines = [
        Curve.of(
            row["baseline"],
            row,
            roc_curve_frame(NetworkScores.of(training.sample, training.baseline_scores[row["baseline"]])),
        )
        for _, row in training.baselines.iterrows()
    ]
    return roc_figure(
        Curve.of("network", pd.Series(metrics), training.curve),
        **title,
        optimal=OperatingPoint(
            metrics["false_fast"] / max(metrics["n_slow"], 1),
            metrics["true_fast"] / max(n_fast, 1),
            metrics["optimal_threshold"],
        ),
        threshold_name="mean threshold",
        fold_curves=[roc_curve_frame(scored.select(members)) for members in scored.by_network()],
        baselines=baselines,
        confusion=[[metrics["true_slow"], metrics["false_fast"]], [metrics["false_slow"], metrics["true_fast"]]],
        confusion_title="At each network's threshold",
    )


def fusion_picture(pictures: Pictures, parts: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> None:
    """Draw what each part of a fusion adds; without parts, remove the picture.

    Parameters
    ----------
    pictures
        Pictures of the training, which get ``fusion_parts``.
    parts
        Rows of ``fusion_parts``.
    dataset, recipe, synthetic
        For the title.
    """
    from rotator_assets.evaluation.figures import fusion_figure

    if parts.empty:
        pictures.remove("fusion_parts")
    else:
        pictures.add("fusion_parts", fusion_figure(parts, dataset=dataset, recipe=recipe, synthetic=synthetic))


def retraining_picture(
    pictures: Pictures, metrics: pd.DataFrame, curves: pd.DataFrame, dataset: str, recipe: str, training: str
) -> None:
    """Draw the ROC curve of a training over those of earlier trainings; without any, remove the picture.

    Parameters
    ----------
    pictures
        Pictures of the training, which get ``history_roc``.
    metrics
        Rows of ``model_metrics_history`` of the dataset and recipe.
    curves
        Rows of ``roc_curves_history`` of the same.
    dataset, recipe
        For the title.
    training
        Name of the training in the history.
    """
    from rotator_assets.evaluation.figures import retraining_figure
    from rotator_assets.plots.roc_axes import Curve

    def curve(name: str, row: pd.Series) -> Curve:
        return Curve.of(name, row, curves[curves["training"] == row["training"]])

    metrics = metrics.sort_values("trained_at")
    now = metrics[metrics["training"] == training].iloc[0]
    earlier = metrics[metrics["trained_at"] < now["trained_at"]]
    if earlier.empty:
        pictures.remove("history_roc")
        return
    content = kept_settings(json.loads(now["recipe_content"]), "training", "prediction")
    figure = retraining_figure(
        curve(f"{now['trained_at']:%Y-%m-%d %H:%M}, now", now),
        [curve(f"{then['trained_at']:%Y-%m-%d %H:%M}{_since(then, content)}", then) for _, then in earlier.iterrows()],
        dataset=dataset,
        recipe=recipe,
        synthetic=bool(metrics["synthetic"].any()),
    )
    pictures.add("history_roc", figure)


def _since(then: pd.Series, content: dict) -> str:
    """List the changes of the recipe since a training, one per line; only the first ones if there are many."""
    lines = changes(kept_settings(json.loads(then["recipe_content"]), "training", "prediction"), content)
    if len(lines) > _CHANGES_SHOWN:
        lines = [*lines[: _CHANGES_SHOWN - 1], f"and {len(lines) - _CHANGES_SHOWN + 1} other settings"]
    return "\nsince then: " + "\n".join(lines) if lines else ", same recipe"
