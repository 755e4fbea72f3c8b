"""Which pictures a training is reported by. Each is drawn once, for the file and for the UI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.core.changes import changes
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import kept_settings
from rotator_assets.evaluation.exhibits import EXHIBITS
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.tensors import ImageTensor

if TYPE_CHECKING:
    from rotator_assets.evaluation.auc import Judged

_CHANGES_SHOWN = 3


def roc_pictures(
    root: DataRoot,
    metrics: dict,
    sample: pd.DataFrame,
    judged: Judged,
    curve: pd.DataFrame,
    baselines: pd.DataFrame,
    rivals: dict[str, np.ndarray],
    history: pd.DataFrame,
    tensor: ImageTensor,
) -> Pictures:
    """ROC curve, sample, gallery, outcomes, scores and course of one training."""
    from rotator_assets.evaluation.auc import Judged, roc_curve_frame
    from rotator_assets.evaluation.figures import history_figure, roc_figure, score_histogram_figure
    from rotator_assets.galaxies.figures import class_histogram_figure, outcome_figure
    from rotator_assets.plots.galleries import gallery_figure

    title = {name: metrics[name] for name in ("dataset", "recipe", "synthetic")}
    counts = [[metrics["true_slow"], metrics["false_fast"]], [metrics["false_slow"], metrics["true_fast"]]]
    point = (
        metrics["false_fast"] / max(metrics["n_slow"], 1),
        metrics["true_fast"] / max(metrics["n_galaxies"] - metrics["n_slow"], 1),
        metrics["optimal_threshold"],
    )
    networks = [roc_curve_frame(judged.select(members)) for members in judged.members()]
    drawn = [
        (b.baseline, roc_curve_frame(Judged.of(sample, rivals[b.baseline])), b.auc, b.auc_low, b.auc_high)
        for b in baselines.itertuples()
    ]
    calibrated = (sample["image_unit"] == "nanomaggies").to_numpy()
    pictures = Pictures(root, f"{metrics['dataset']}/{metrics['recipe']}", EXHIBITS)
    sizes = {name: metrics[name] for name in ("auc", "auc_low", "auc_high", "n_galaxies", "n_slow")}
    pictures.add(
        "roc",
        roc_figure(
            curve,
            **sizes,
            **title,
            optimal=point,
            threshold_name="mean threshold",
            fold_curves=networks,
            baselines=drawn,
            confusion=counts,
            confusion_title="At each network's threshold",
        ),
    )
    pictures.add("sample", class_histogram_figure(sample, **title))
    pictures.add("gallery", gallery_figure(tensor.select(sample["galaxy_id"]), sample, **title, calibrated=calibrated))
    pictures.add("outcomes", outcome_figure(sample, **title))
    pictures.add(
        "scores", score_histogram_figure(sample, **title, thresholds={"mean threshold": metrics["optimal_threshold"]})
    )
    pictures.add("history", history_figure(history, **title))
    return pictures


def retraining_picture(
    pictures: Pictures, metrics: pd.DataFrame, curves: pd.DataFrame, dataset: str, recipe: str, training: str
) -> None:
    """ROC curve of a training over those of the trainings before it, where there are any: rows of the history."""
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
    """What has changed in the recipe since a training, a line each; the first where there are many."""
    lines = changes(kept_settings(json.loads(then["recipe_content"]), "training", "prediction"), content)
    if len(lines) > _CHANGES_SHOWN:
        lines = [*lines[: _CHANGES_SHOWN - 1], f"and {len(lines) - _CHANGES_SHOWN + 1} other settings"]
    return "\nsince then: " + "\n".join(lines) if lines else ", same recipe"
