"""Figures of one training: ROC curve, scores, loss and AUC by epoch.

Fast is the positive class and the score is ``probability_fast``: a false positive is a slow rotator classified as fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rotator_assets.core.frames import parts_of, rows_of
from rotator_assets.core.number_text import with_interval
from rotator_assets.plots import legends, style
from rotator_assets.plots.roc_axes import (
    FALSE_POSITIVES,
    LINES,
    TRUE_POSITIVES,
    UNDEFINED,
    Curve,
    chance_line,
    difference_text,
    finish,
    overlay,
    roc_line,
)
from rotator_assets.plots.style import CLASSES, numbers, percent
from rotator_assets.training.fusion import NETWORK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


PROBABILITY = r"Network's $P(\mathrm{fast})$"


@dataclass(frozen=True)
class OperatingPoint:
    """A point of the ROC curve; ``threshold``: on ``probability_fast``."""

    false_positive_rate: float
    true_positive_rate: float
    threshold: float

    @property
    def is_known(self) -> bool:
        """True if both rates are finite."""
        return bool(np.isfinite([self.false_positive_rate, self.true_positive_rate]).all())


def roc_figure(
    network: Curve,
    *,
    dataset: str,
    recipe: str,
    synthetic: bool,
    optimal: OperatingPoint | None = None,
    fold_curves: Sequence[pd.DataFrame] = (),
    baselines: Sequence[Curve] = (),
    confusion: ArrayLike | None = None,
    confusion_title: str | None = None,
    threshold_name: str = "threshold",
) -> Figure:
    """Draw the ROC curve with its 95 % interval, and the confusion matrix (figures 9, 13 and 19 of the study).

    Parameters
    ----------
    network
        The curve of all networks together, with its name, AUC and sample.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    optimal
        The point of the threshold that was chosen.
    fold_curves
        Curves of the single networks: false_positive_rate and true_positive_rate.
    baselines
        Curves of the baselines.
    confusion
        Counts (2, 2): rows true slow and fast, columns classified as slow and fast.
    confusion_title
        Title of the confusion matrix, if it does not belong to the threshold of ``optimal``.
    threshold_name
        What the threshold is, for example "mean threshold".
    """
    n_galaxies, n_slow = network.n_galaxies, network.n_slow
    sample = f"{n_galaxies} galaxies: {n_slow} slow, {n_galaxies - n_slow} fast"
    width = style.WIDE if confusion is not None else style.MEDIUM
    figure = style.new_figure(
        width, 5.6, title="ROC curve", dataset=dataset, recipe=recipe, synthetic=synthetic, detail=sample
    )
    grid = None
    if confusion is not None:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.35, 1), height_ratios=(1, 1.3))
        axes, for_legend = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1])
        for_legend.set_axis_off()
    else:
        axes = for_legend = figure.subplots()
    style.dress(axes, x=FALSE_POSITIVES, y=TRUE_POSITIVES)
    if network.points.empty or not np.isfinite(network.auc):
        style.say(axes, UNDEFINED)
    else:
        _roc_lines(axes, network, baselines, fold_curves)
        if optimal is not None and optimal.is_known:
            x, y = optimal.false_positive_rate, optimal.true_positive_rate
            label = f"{threshold_name} {optimal.threshold:.2f}: FPR {x:.2f}, TPR {y:.2f}"
            axes.plot(x, y, "D", ms=8, mfc="white", mec=style.INK, mew=1.8, label=label, zorder=5)
    chance_line(axes)
    entries: dict[str, Any] = {"title": "AUC with 95 % interval", "alignment": "left"}
    if grid is None:
        legends.below(axes, columns=1, **entries)
    else:
        look = {"title_fontsize": style.TEXT_SIZE, "fontsize": style.TEXT_SIZE, "frameon": False}
        for_legend.legend(*axes.get_legend_handles_labels(), loc="upper left", borderaxespad=0, **look, **entries)
    if confusion is not None and grid is not None:
        at = f"At threshold {optimal.threshold:.2f}" if optimal is not None else "Confusion matrix"
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
    """Draw the distributions of ``probability_fast`` of true slow and true fast rotators, each summing to 100 %.

    Parameters
    ----------
    predictions
        Columns probability_fast and rotator_type.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    thresholds
        Thresholds to draw, by their names.
    """
    figure = style.new_figure(
        style.MEDIUM, 4.8, title="Scores of slow and fast rotators", dataset=dataset, recipe=recipe, synthetic=synthetic
    )
    axes = figure.subplots()
    score, kind = numbers(predictions, "probability_fast"), numbers(predictions, "rotator_type")
    bins = np.linspace(0, 1, 26)
    for look in CLASSES:
        chosen = score[(kind == look.value) & np.isfinite(score)]
        weights = np.full(chosen.size, 100 / max(chosen.size, 1))
        label = f"true {look.name}: {chosen.size}"
        common: dict[str, Any] = {"bins": bins, "weights": weights, "color": look.colour}
        axes.hist(chosen, histtype="stepfilled", alpha=0.25, **common)
        axes.hist(chosen, histtype="step", lw=1.6, label=label, **common)
    for number, (name, value) in enumerate((thresholds or {}).items()):
        if not np.isfinite(value):
            continue
        dashes = style.DASHES[number % len(style.DASHES)]
        axes.axvline(value, color=style.INK, lw=1.2, ls=dashes, label=f"{name}: {value:.2f}")
    if not (np.isfinite(score) & np.isfinite(kind)).any():
        style.say(axes, "No predictions of labelled galaxies")
    style.dress(axes, x=PROBABILITY, y="Fraction of the class per bin (%)")
    axes.set_xlim(0, 1)
    legends.below(axes, columns=3)
    return figure


def history_figure(history: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw loss and validation AUC after every epoch, one colour per fold and one line per network.

    Parameters
    ----------
    history
        Columns fold, member, epoch, loss, val_loss and val_auc. A dot marks the lowest validation loss.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    """
    figure = style.new_figure(
        style.WIDE, 5.2, title="Loss and AUC by epoch", dataset=dataset, recipe=recipe, synthetic=synthetic
    )
    losses, aucs = figure.subplots(1, 2)
    networks = list(parts_of(history.assign(member=history["member"].astype(float).fillna(0)), ["fold", "member"]))
    folds = list(dict.fromkeys(fold for (fold, _), _ in networks))
    for (fold, member), rows in networks:
        rows = rows.sort_values("epoch")
        epoch, validation, auc = numbers(rows, "epoch"), numbers(rows, "val_loss"), numbers(rows, "val_auc")
        colour = style.shade(folds.index(fold), len(folds))
        losses.plot(epoch, numbers(rows, "loss"), color=colour, lw=1.1, ls=":")
        losses.plot(epoch, validation, color=colour, lw=1.3)
        aucs.plot(epoch, auc, color=colour, lw=1.3, label=f"fold {fold}" if len(folds) <= 10 and not member else None)
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
            style.say(axes, "No training recorded")
    if folds:
        losses.plot([], [], color=style.INK, lw=1.1, ls=":", label="training")
        losses.plot([], [], color=style.INK, lw=1.3, label="validation")
        losses.plot([], [], "o", ms=5, color=style.INK, label="lowest validation loss")
    legends.below(losses, columns=3)
    legends.below(aucs, columns=4)
    return figure


def retraining_figure(
    now: Curve, earlier: Sequence[Curve], *, dataset: str, recipe: str, synthetic: bool, most: int = 3
) -> Figure:
    """Draw the ROC curve of a training over those of earlier trainings, which are grey.

    Parameters
    ----------
    now
        The curve of the training. Its name and those of the others give the time, and the changes of the recipe since.
    earlier
        Curves of earlier trainings in order of time.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    most
        Number of earlier trainings to show, the latest ones.
    """
    shown = list(earlier)[-most:]
    left_out = len(earlier) - len(shown)
    detail = f"{left_out} earlier trainings not shown" if left_out else ""
    figure, axes = overlay("ROC curves of this and earlier trainings", dataset, recipe, synthetic, detail)
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


def _roc_lines(axes: Axes, network: Curve, baselines: Sequence[Curve], fold_curves: Sequence[pd.DataFrame]) -> None:
    """Draw the network's curve, those of the baselines, and thin ones of the single networks."""
    label = f"{network.name}: {with_interval(network.auc, network.auc_low, network.auc_high)}"
    roc_line(axes, network.points, label, color=style.INK, lw=2.2, zorder=4)
    for number, baseline in enumerate(baselines):
        colour = style.OTHER_COLOURS[number % len(style.OTHER_COLOURS)]
        dashes = style.DASHES[number % len(style.DASHES)]
        label = f"{baseline.name}: {with_interval(baseline.auc, baseline.auc_low, baseline.auc_high)}"
        roc_line(axes, baseline.points, label, color=colour, lw=1.4, ls=dashes, zorder=3)
    for number, fold in enumerate(fold_curves):
        label = f"each of {len(fold_curves)} networks" if number == 0 else None
        roc_line(axes, fold, label, color="#A6A6A6", lw=0.8)


def _confusion_matrix(axes: Axes, counts: np.ndarray, title: str) -> None:
    """Draw counts with their fractions of the true class; rows are true classes, columns predicted ones."""
    of_class = counts.sum(axis=1, keepdims=True)
    fractions = counts / np.maximum(of_class, 1)
    axes.imshow(fractions, cmap="Greys", vmin=0, vmax=1.25)
    for (true, predicted), count in np.ndenumerate(counts):
        colour = "white" if fractions[true, predicted] > 0.6 else style.INK
        text = f"{int(count)}\n{percent(int(count), int(of_class[true, 0]))}"
        axes.text(predicted, true, text, ha="center", va="center", size=style.LABEL_SIZE, color=colour)
    balanced = f"\nbalanced accuracy {np.mean(np.diag(fractions)):.3f}" if np.all(of_class > 0) else ""
    style.dress(axes, x="Classified as", y="True class", title=f"{title}{balanced}", grid=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(range(2), [look.name for look in CLASSES])
        for label, look in zip(axis.get_ticklabels(), CLASSES, strict=True):
            label.set(color=look.colour, weight="bold")
    axes.tick_params(length=0)


def fusion_figure(parts: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw the AUC of each part of a fusion, next to its difference from the part that it is compared with.

    Parameters
    ----------
    parts
        Rows of ``fusion_parts``, in the order shown.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    """
    count = len(parts)
    detail = f"{parts['n_galaxies'].iloc[0]} galaxies, {parts['n_slow'].iloc[0]} slow"
    figure = style.new_figure(
        style.WIDE,
        1.9 + 0.6 * count,
        title="Parts of the fusion",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=detail,
    )
    axes = figure.subplots(1, 1)
    style.dress(axes, x="Area under the ROC curve (95 % interval)")
    for row, part in enumerate(rows_of(parts)):
        with_network = part.part.startswith(NETWORK)
        colour = style.INK if with_network else style.OTHER_COLOURS[0]
        axes.plot([part.auc_low, part.auc_high], [row, row], color=colour, lw=2, solid_capstyle="butt")
        axes.plot(part.auc, row, "o" if with_network else "s", ms=7, color=colour, zorder=4)
        lines = [with_interval(part.auc, part.auc_low, part.auc_high)]
        if isinstance(part.compared_with, str):
            ends = (part.difference, part.difference_low, part.difference_high, part.p_value_adjusted)
            lines += [f"to {part.compared_with}:", difference_text(*ends)]
        axes.annotate(
            "\n".join(lines),
            (1, row),
            (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            size=style.SMALL_SIZE,
            color=style.INK,
            annotation_clip=False,
        )
    axes.set_yticks(range(count), list(parts["part"]))
    axes.set_ylim(count - 0.4, -0.6)
    return figure
