"""Trainings side by side: recipes of a dataset, one recipe on two datasets, a training and those before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.figures import style
from rotator_assets.figures.roc import FALSE_POSITIVES, TRUE_POSITIVES, UNDEFINED, auc_text, chance_line, roc_line
from rotator_assets.figures.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = ("-", *style.DASHES)


@dataclass(frozen=True)
class Curve:
    """One ROC curve with what the legend says of it; ``points``: false_positive_rate, true_positive_rate."""

    name: str
    points: pd.DataFrame
    auc: float
    auc_low: float
    auc_high: float
    n_galaxies: int
    n_slow: int

    @classmethod
    def of(cls, name: str, metrics: pd.Series, points: pd.DataFrame) -> Curve:
        """The curve of one row of ``model_metrics``."""
        return cls(name, points, *(metrics[key] for key in ("auc", "auc_low", "auc_high", "n_galaxies", "n_slow")))

    @property
    def label(self) -> str:
        """Name, AUC with interval, and sample, a line each."""
        auc = f"AUC {auc_text(self.auc, self.auc_low, self.auc_high)}"
        return f"{self.name}\n{auc}\n{self.n_galaxies} galaxies, {self.n_slow} slow"


def comparison_figure(
    curves: pd.DataFrame,
    metrics: pd.DataFrame,
    *,
    dataset: str,
    synthetic: bool,
    title: str = "Recipes compared",
    reference: str | None = None,
    study: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """ROC curves of several recipes, and their AUCs with 95 % intervals (figures 23, 24, 25 and 28 of the study).

    ``curves``: ``recipe``, ``false_positive_rate``, ``true_positive_rate``. ``metrics``: one row a recipe in the order
    shown: ``recipe``, ``auc``, ``auc_low``, ``auc_high``, ``n_galaxies``, ``n_slow``; where it has ``auc_difference``
    with its interval and ``p_value_adjusted`` too, these are written under it. The ``reference`` is black. ``study``:
    lowest and highest AUC that the study gives, by recipe.
    """
    count = max(len(metrics), 1)
    figure = style.new_figure(
        11.5, max(5.2, 1.4 + 0.55 * count), title=title, dataset=dataset, recipe=None, synthetic=synthetic
    )
    axes, forest = figure.subplots(1, 2, width_ratios=(1.25, 1))
    style.dress(axes, x=FALSE_POSITIVES, y=TRUE_POSITIVES)
    others = [recipe for recipe in metrics["recipe"] if recipe != reference]
    for row, metric in enumerate(metrics.itertuples()):
        colour, dashes = (style.INK, "-") if metric.recipe == reference else _look(others.index(metric.recipe))
        if np.isfinite(metric.auc):
            roc_line(axes, curves[curves["recipe"] == metric.recipe], metric.recipe, color=colour, lw=1.4, ls=dashes)
            forest.plot([metric.auc_low, metric.auc_high], [row, row], color=colour, lw=2, solid_capstyle="butt")
            forest.plot(metric.auc, row, "o", ms=7, color=colour, zorder=4)
        forest.annotate(
            _beside(metric, reference),
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            size=style.SMALL_SIZE + 0.5,
            color=style.INK,
            annotation_clip=False,
        )
        if study and metric.recipe in study:
            low, high = study[metric.recipe]
            forest.plot([low, high], [row + 0.28] * 2, color=style.GREY, lw=2)
            forest.plot((low + high) / 2, row + 0.28, "D", ms=6, mfc="white", mec=style.GREY, mew=1.5)
    style.dress(forest, x="Area under the ROC curve\n(95 % interval)")
    forest.axvline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
    forest.set_yticks(range(len(metrics)), list(metrics["recipe"]))
    forest.set_ylim(count - 0.4, -0.6)
    lows = [*numbers(metrics, "auc_low"), *(low for low, _ in (study or {}).values()), 0.48]
    forest.set_xlim(max(0.0, np.nanmin(lows) - 0.03), 1.0)
    forest.plot([], [], "o-", color=style.INK, label="here")
    if study:
        forest.plot([], [], "D", ms=6, mfc="white", mec=style.GREY, mew=1.5, label="the study")
    if metrics.empty:
        style.say(axes, "No recipe was trained")
        style.say(forest, "No recipe was trained")
    forest.legend(
        fontsize=style.TEXT_SIZE, frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1
    )
    chance_line(axes)
    axes.set_anchor("N")
    style.legend(axes, loc="lower right", fontsize=style.TEXT_SIZE if count <= 8 else style.SMALL_SIZE)
    return figure


def dataset_figure(curves: Sequence[Curve], *, title: str, recipe: str, synthetic: bool, detail: str = "") -> Figure:
    """ROC curves of one recipe on several datasets (figures 26 and 29 of the study); ``detail``: how they differ."""
    names = " and ".join(curve.name for curve in curves)
    figure, axes = _overlay(title, names, recipe, synthetic, detail)
    for number, curve in enumerate(curves):
        colour, dashes = (style.INK, "-") if number == 0 else _look(number - 1)
        if np.isfinite(curve.auc):
            roc_line(axes, curve.points, curve.label, color=colour, ls=dashes, lw=1.8)
    _finish(axes, any(np.isfinite(curve.auc) for curve in curves))
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
    figure, axes = _overlay("Trained again: the ROC curve and those before it", dataset, recipe, synthetic, detail)
    if np.isfinite(now.auc):
        roc_line(axes, now.points, now.label, color=style.FAST_COLOUR, lw=2.2, zorder=4)
    for number, curve in enumerate(reversed(shown)):
        if np.isfinite(curve.auc):
            shade = str(round(0.45 + 0.4 * number / max(len(shown), 1), 2))
            roc_line(axes, curve.points, curve.label, color=shade, lw=1.4, ls=_LINES[(number + 1) % len(_LINES)])
    _finish(axes, np.isfinite(now.auc) or any(np.isfinite(curve.auc) for curve in shown))
    return figure


def _overlay(title: str, dataset: str, recipe: str, synthetic: bool, detail: str) -> tuple[Figure, Axes]:
    figure = style.new_figure(9.6, 5.4, title=title, dataset=dataset, recipe=recipe, synthetic=synthetic, detail=detail)
    axes = figure.subplots()
    style.dress(axes, x=FALSE_POSITIVES, y=TRUE_POSITIVES)
    return figure, axes


def _finish(axes: Axes, drawn: bool) -> None:
    """The diagonal, and the legend beside the axes, where its lines have room."""
    chance_line(axes)
    axes.set_anchor("W")
    if not drawn:
        style.say(axes, UNDEFINED)
    style.legend(
        axes,
        title="AUC with 95 % interval",
        title_fontsize=style.TEXT_SIZE,
        alignment="left",
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.02, 1),
        borderaxespad=0,
        labelspacing=1,
    )


def _beside(metric, reference: str | None) -> str:
    """AUC, sample and difference of one recipe, as the forest has them."""
    text = (
        f"{auc_text(metric.auc, metric.auc_low, metric.auc_high)}\n{metric.n_galaxies} galaxies, {metric.n_slow} slow"
    )
    if pd.notna(getattr(metric, "p_value_adjusted", np.nan)):
        numbers = (metric.auc_difference, metric.auc_difference_low, metric.auc_difference_high)
        text += f"\nto {reference}: {difference_text(*numbers, metric.p_value_adjusted)}"
    return text


def difference_text(difference: float, low: float, high: float, p_value_adjusted: float) -> str:
    """A difference of AUCs with its interval and its p-value after Holm's correction."""
    if np.isnan(p_value_adjusted):
        return f"{difference:+.3f}, no test"
    p_value = "< 0.001" if p_value_adjusted < 0.001 else f"{p_value_adjusted:.2g}"
    return f"{difference:+.3f} [{low:+.3f}, {high:+.3f}], p (Holm) {p_value}"


def _look(number: int) -> tuple[str, object]:
    """Colour and dashes of one of up to 24 curves beside the reference."""
    return style.OTHER_COLOURS[number % len(style.OTHER_COLOURS)], _LINES[(number + 1) % len(_LINES)]
