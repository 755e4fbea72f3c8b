"""How well slow and fast rotators are told apart: ROC curves, scores, the course of training.

Fast is the positive class and the score is ``probability_fast``: a false positive is a slow rotator called fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rotator_assets.plots import style
from rotator_assets.plots.roc_axes import (
    FALSE_POSITIVES,
    LINES,
    TRUE_POSITIVES,
    UNDEFINED,
    Curve,
    auc_text,
    chance_line,
    finish,
    overlay,
    roc_line,
)
from rotator_assets.plots.style import CLASSES, numbers, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


PROBABILITY = r"Network's $P(\mathrm{fast})$"


def roc_figure(
    curve: pd.DataFrame,
    *,
    auc: float,
    auc_low: float,
    auc_high: float,
    n_galaxies: int,
    n_slow: int,
    dataset: str,
    recipe: str,
    synthetic: bool,
    optimal: tuple[float, float, float] | None = None,
    fold_curves: Sequence[pd.DataFrame] = (),
    baselines: Sequence[tuple[str, pd.DataFrame, float, float, float]] = (),
    confusion: ArrayLike | None = None,
    confusion_title: str | None = None,
    threshold_name: str = "threshold",
) -> Figure:
    """ROC curve with its 95 % interval, and what the network called what (figures 9, 13 and 19 of the study).

    ``curve``, ``fold_curves``: ``false_positive_rate`` and ``true_positive_rate``. ``optimal``: false-positive rate,
    true-positive rate and threshold on ``probability_fast`` of the chosen point. ``baselines``: name, curve, AUC and
    its interval of each rival score. ``confusion``: counts, rows true slow and fast, columns called slow and fast;
    ``confusion_title`` says at which threshold, where it is not the one of ``optimal``; ``threshold_name`` what that
    threshold is (a mean over folds, say).
    """
    sample = f"{n_galaxies} galaxies: {n_slow} slow, {n_galaxies - n_slow} fast"
    width = 9.8 if confusion is not None else 6.2
    figure = style.new_figure(
        width, 5.4, title="ROC curve", dataset=dataset, recipe=recipe, synthetic=synthetic, detail=sample
    )
    if confusion is not None:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.35, 1), height_ratios=(1, 1.3))
        axes, beside = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1])
        beside.set_axis_off()
    else:
        axes = beside = figure.subplots()
    style.dress(axes, x=FALSE_POSITIVES, y=TRUE_POSITIVES)
    if curve.empty or not np.isfinite(auc):
        style.say(axes, UNDEFINED)
    else:
        roc_line(axes, curve, f"network: {auc_text(auc, auc_low, auc_high)}", color=style.INK, lw=2.2, zorder=4)
        if optimal is not None and np.all(np.isfinite(optimal[:2])):
            label = f"{threshold_name} {optimal[2]:.2f}: FPR {optimal[0]:.2f}, TPR {optimal[1]:.2f}"
            axes.plot(*optimal[:2], "D", ms=8, mfc="white", mec=style.INK, mew=1.8, label=label, zorder=5)
        for number, (name, rival, *values) in enumerate(baselines):
            colour = style.OTHER_COLOURS[number % len(style.OTHER_COLOURS)]
            dashes = style.DASHES[number % len(style.DASHES)]
            roc_line(axes, rival, f"{name}: {auc_text(*values)}", color=colour, lw=1.4, ls=dashes, zorder=3)
        for number, fold in enumerate(fold_curves):
            label = f"each of {len(fold_curves)} networks" if number == 0 else None
            roc_line(axes, fold, label, color="#A6A6A6", lw=0.8)
    chance_line(axes)
    place = {"loc": "upper left", "borderaxespad": 0} if confusion is not None else {"loc": "lower right"}
    beside.legend(
        *axes.get_legend_handles_labels(),
        title="AUC with 95 % interval",
        title_fontsize=style.TEXT_SIZE,
        alignment="left",
        fontsize=style.TEXT_SIZE,
        frameon=confusion is None,
        **place,
    )
    if confusion is not None:
        at = f"At threshold {optimal[2]:.2f}" if optimal is not None else "Confusion matrix"
        _confusion_matrix(figure.add_subplot(grid[1, 1]), np.asarray(confusion), confusion_title or at)
    return figure


def score_histogram_figure(
    predictions: pd.DataFrame,
    *,
    dataset: str,
    recipe: str,
    synthetic: bool,
    thresholds: Mapping[str, float] | None = None,
) -> Figure:
    """Distribution of ``probability_fast`` for true slow and true fast rotators, each summing to 100 %.

    ``predictions``: ``probability_fast`` and ``rotator_type``. ``thresholds``: lines to draw, by what they are.
    """
    figure = style.new_figure(
        7.2, 4.6, title="Scores of slow and fast rotators", dataset=dataset, recipe=recipe, synthetic=synthetic
    )
    axes = figure.subplots()
    score, kind = numbers(predictions, "probability_fast"), numbers(predictions, "rotator_type")
    bins = np.linspace(0, 1, 26)
    for look in CLASSES:
        chosen = score[(kind == look.value) & np.isfinite(score)]
        weights = np.full(chosen.size, 100 / max(chosen.size, 1))
        label = f"true {look.name}: {chosen.size}"
        common = {"bins": bins, "weights": weights, "color": look.colour}
        axes.hist(chosen, histtype="stepfilled", alpha=0.25, **common)
        axes.hist(chosen, histtype="step", lw=1.6, label=label, **common)
    for number, (name, value) in enumerate((thresholds or {}).items()):
        if not np.isfinite(value):
            continue
        dashes = style.DASHES[number % len(style.DASHES)]
        axes.axvline(value, color=style.INK, lw=1.2, ls=dashes, label=f"{name}: {value:.2f}")
    if not (np.isfinite(score) & np.isfinite(kind)).any():
        style.say(axes, "No predictions of labelled galaxies")
    style.dress(axes, x=PROBABILITY, y="Share of the class per bin (%)")
    axes.set_xlim(0, 1)
    style.legend(axes, loc="best")
    return figure


def history_figure(history: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Loss and validation AUC after every epoch, one colour a fold.

    ``history``: ``fold``, ``epoch``, ``loss``, ``val_loss``, ``val_auc``. A dot marks the lowest validation loss.
    """
    figure = style.new_figure(9.0, 4.4, title="Course of training", dataset=dataset, recipe=recipe, synthetic=synthetic)
    losses, aucs = figure.subplots(1, 2)
    folds = list(history.groupby("fold", sort=True))
    for number, (fold, rows) in enumerate(folds):
        rows = rows.sort_values("epoch")
        epoch, validation, auc = numbers(rows, "epoch"), numbers(rows, "val_loss"), numbers(rows, "val_auc")
        colour = style.shade(number, len(folds))
        losses.plot(epoch, numbers(rows, "loss"), color=colour, lw=1.1, ls=":")
        losses.plot(epoch, validation, color=colour, lw=1.3)
        aucs.plot(epoch, auc, color=colour, lw=1.3, label=f"fold {fold}" if len(folds) <= 10 else None)
        if np.isfinite(validation).any():
            best = int(np.nanargmin(validation))
            losses.plot(epoch[best], validation[best], "o", ms=5, color=colour, mec="white")
            aucs.plot(epoch[best], auc[best], "o", ms=5, color=colour, mec="white")
    style.dress(losses, x="Epoch", y="Cross-entropy", title="Loss")
    style.dress(aucs, x="Epoch", y="AUC", title="AUC of the validation galaxies")
    aucs.axhline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
    aucs.set_ylim(min(0.4, _lowest(history) - 0.05), 1.0)
    for axes in (losses, aucs):
        axes.xaxis.get_major_locator().set_params(integer=True)
        if not folds:
            style.say(axes, "No training was recorded")
    if folds:
        losses.plot([], [], color=style.INK, lw=1.1, ls=":", label="training")
        losses.plot([], [], color=style.INK, lw=1.3, label="validation")
        losses.plot([], [], "o", ms=5, color=style.INK, label="lowest validation loss")
    style.legend(losses, loc="upper right")
    style.legend(aucs, loc="lower right", ncols=2)
    return figure


def retraining_figure(
    now: Curve, earlier: Sequence[Curve], *, dataset: str, recipe: str, synthetic: bool, most: int = 3
) -> Figure:
    """A training's ROC curve over those of the trainings before it, which are grey.

    Names tell when a training was, and what has changed in its recipe since. ``earlier``: in order of time; the last
    ``most`` are shown.
    """
    shown = list(earlier)[-most:]
    left_out = len(earlier) - len(shown)
    detail = f"{left_out} older ones not shown" if left_out else ""
    figure, axes = overlay("Trained again: the ROC curve and those before it", dataset, recipe, synthetic, detail)
    if np.isfinite(now.auc):
        roc_line(axes, now.points, now.label, color=style.FAST_COLOUR, lw=2.2, zorder=4)
    for number, curve in enumerate(reversed(shown)):
        if np.isfinite(curve.auc):
            shade = str(round(0.45 + 0.4 * number / max(len(shown), 1), 2))
            roc_line(axes, curve.points, curve.label, color=shade, lw=1.4, ls=LINES[(number + 1) % len(LINES)])
    finish(axes, np.isfinite(now.auc) or any(np.isfinite(curve.auc) for curve in shown))
    return figure


def _lowest(history: pd.DataFrame) -> float:
    values = numbers(history, "val_auc")
    return float(np.nanmin(values)) if np.isfinite(values).any() else 0.45


def _confusion_matrix(axes: Axes, counts: np.ndarray, title: str) -> None:
    """Counts with their share of the true class; rows are what galaxies are, columns what they are called."""
    of_class = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(of_class, 1)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1.25)
    for (true, called), count in np.ndenumerate(counts):
        colour = "white" if shares[true, called] > 0.6 else style.INK
        text = f"{int(count)}\n{percent(int(count), int(of_class[true, 0]))}"
        axes.text(called, true, text, ha="center", va="center", size=style.LABEL_SIZE, color=colour)
    balanced = f"\nbalanced accuracy {np.mean(np.diag(shares)):.3f}" if np.all(of_class > 0) else ""
    style.dress(axes, x="Called", y="True class", title=f"{title}{balanced}", grid=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(range(2), [look.name for look in CLASSES])
        for label, look in zip(axis.get_ticklabels(), CLASSES, strict=True):
            label.set(color=look.colour, weight="bold")
    axes.tick_params(length=0)


_STAGES = (("before", "as predicted", style.INK, "o"), ("after", "after calibration", "#009E73", "D"))


def reliability_figure(curves: pd.DataFrame, metrics: dict, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Observed share of fast rotators against predicted probability, before and after calibration.

    ``curves``: as ``calibration_curves``; ``metrics``: its Brier scores and calibration errors by the names of
    ``referee_metrics``. Bars are Wilson intervals; on the diagonal probabilities are true.
    """
    n = metrics["n_galaxies"]
    figure = style.new_figure(
        7.2,
        6.8,
        title="Are the probabilities true?",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{n} galaxies: {metrics['n_slow']} slow, {n - metrics['n_slow']} fast",
    )
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=style.GREY, lw=0.8, ls="--", label="true probabilities")
    share = 1 - metrics["prevalence"]
    axes.axhline(share, color=style.GREY, lw=0.9, ls=":", label=f"share of fast rotators: {share:.2f}")
    for stage, name, colour, marker in _STAGES:
        curve = curves[curves["stage"] == stage]
        if curve.empty:
            continue
        ending = "_calibrated" if stage == "after" else ""
        label = f"{name}: calibration error {metrics[f'ece{ending}']:.3f},\nBrier score {metrics[f'brier{ending}']:.3f}"
        label += f" [{metrics[f'brier_low{ending}']:.3f}, {metrics[f'brier_high{ending}']:.3f}]"
        style.points_with_intervals(
            axes, curve, "probability_mean", ("fraction_fast", "fraction_low", "fraction_high"), colour, marker, label
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    style.dress(axes, x=r"Predicted $P(\mathrm{fast})$, mean of the bin", y="Observed share of fast rotators")
    style.legend_below(axes)
    return figure


def precision_recall_figure(
    curve: pd.DataFrame, metrics: dict, *, dataset: str, recipe: str, synthetic: bool
) -> Figure:
    """Precision against recall of finding the slow rotators, with the share of slow rotators that a guess reaches.

    ``curve``: ``recall`` and ``precision``; ``metrics``: by the names of ``referee_metrics``.
    """
    n, n_slow = metrics["n_galaxies"], metrics["n_slow"]
    figure = style.new_figure(
        6.6,
        5.4,
        title="Finding slow rotators",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{n} galaxies: {n_slow} slow, {n - n_slow} fast",
    )
    axes = figure.subplots()
    if curve.empty:
        style.say(axes, UNDEFINED)
    else:
        area = auc_text(metrics["pr_auc_slow"], metrics["pr_auc_slow_low"], metrics["pr_auc_slow_high"])
        label = f"network: average precision {area}"
        recall, precision = numbers(curve, "recall"), numbers(curve, "precision")
        axes.step(recall, precision, where="pre", color=style.SLOW_COLOUR, lw=1.8, label=label)
    prevalence = metrics["prevalence"]
    label = f"guess: share of slow rotators, {prevalence:.3f}"
    axes.axhline(prevalence, color=style.GREY, lw=1.0, ls="--", label=label)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    style.dress(
        axes, x="Recall: share of the slow rotators that is found", y="Precision: share of slow rotators among them"
    )
    style.legend(axes, loc="upper right")
    return figure
