"""Figures that compare recipes of a dataset, and one recipe on several datasets: ROC curves and AUCs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rotator_assets.core.frames import rows_of
from rotator_assets.core.number_text import with_interval
from rotator_assets.plots import legends, style
from rotator_assets.plots.roc_axes import (
    FALSE_POSITIVES,
    TRUE_POSITIVES,
    Curve,
    chance_line,
    difference_text,
    finish,
    look_of,
    overlay,
    roc_line,
)
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    """Draw ROC curves of several recipes, and their AUCs with 95 % intervals (figures 23, 24, 25 and 28 of the study).

    Parameters
    ----------
    curves
        Columns recipe, false_positive_rate and true_positive_rate.
    metrics
        One row per recipe in the order shown: recipe, auc, auc_low, auc_high, n_galaxies and n_slow; auc_difference
        with its interval and p_value_adjusted are written under the AUC if they are there.
    dataset, synthetic, title
        For the title; a synthetic figure is stamped.
    reference
        Recipe drawn in black.
    study
        Lowest and highest AUC of the study, by recipe.
    """
    count = max(len(metrics), 1)
    figure = style.new_figure(
        style.WIDE,
        max(6.0 + 0.1 * count, 1.5 + 0.66 * count),
        title=title,
        dataset=dataset,
        recipe=None,
        synthetic=synthetic,
    )
    axes, forest = figure.subplots(1, 2, width_ratios=(1.1, 1))
    style.dress(axes, x=FALSE_POSITIVES, y=TRUE_POSITIVES)
    others = [recipe for recipe in metrics["recipe"] if recipe != reference]
    for row, metric in enumerate(rows_of(metrics)):
        colour, dashes = (style.INK, "-") if metric.recipe == reference else look_of(others.index(metric.recipe))
        if np.isfinite(metric.auc):
            roc_line(axes, curves[curves["recipe"] == metric.recipe], metric.recipe, color=colour, lw=1.4, ls=dashes)
            forest.plot([metric.auc_low, metric.auc_high], [row, row], color=colour, lw=2, solid_capstyle="butt")
            forest.plot(metric.auc, row, "o", ms=7, color=colour, zorder=4)
        forest.annotate(
            _numbers_text(metric, reference),
            (0, row),
            (4, -9),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="top",
            size=style.SMALL_SIZE,
            color=style.INK,
        )
        if study and metric.recipe in study:
            low, high = study[metric.recipe]
            forest.plot([low, high], [row - 0.2] * 2, color=style.GREY, lw=2)
            forest.plot((low + high) / 2, row - 0.2, "D", ms=6, mfc="white", mec=style.GREY, mew=1.5)
    style.dress(forest, x="Area under the ROC curve (95 % interval)")
    forest.axvline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
    forest.set_yticks(range(len(metrics)), list(metrics["recipe"]))
    forest.set_ylim(max(count, 4) - 0.3, -0.6)
    lows = [*numbers(metrics, "auc_low"), *(low for low, _ in (study or {}).values()), 0.48]
    forest.set_xlim(max(0.0, np.nanmin(lows) - 0.03), 1.0)
    forest.plot([], [], "o-", color=style.INK, label="this work")
    if study:
        forest.plot([], [], "D", ms=6, mfc="white", mec=style.GREY, mew=1.5, label="the study")
    if metrics.empty:
        style.say(axes, "No recipe has been trained")
        style.say(forest, "No recipe has been trained")
    legends.above(forest, columns=3)
    chance_line(axes)
    axes.set_anchor("N")
    legends.below(axes)
    return figure


def dataset_figure(curves: Sequence[Curve], *, title: str, recipe: str, synthetic: bool, detail: str = "") -> Figure:
    """Draw ROC curves of one recipe on several datasets (figures 26 and 29 of the study).

    Parameters
    ----------
    curves
        The curves, the first in black.
    title, recipe, synthetic
        For the title; a synthetic figure is stamped.
    detail
        Their difference, shown under the title.
    """
    names = " and ".join(curve.name for curve in curves)
    figure, axes = overlay(title, names, recipe, synthetic, detail)
    _draw_curves(axes, curves, [curve.label for curve in curves])
    return figure


def trainings_figure(curves: Sequence[Curve], *, synthetic: bool) -> Figure:
    """Draw ROC curves of trainings, the first in black; a synthetic figure is stamped."""
    figure, axes = overlay("Trainings compared", "ROC curves of the out-of-fold predictions", "", synthetic, "")
    aucs = [with_interval(curve.auc, curve.auc_low, curve.auc_high) for curve in curves]
    _draw_curves(axes, curves, [f"{curve.name}\nAUC {auc}" for curve, auc in zip(curves, aucs, strict=True)])
    return figure


def _draw_curves(axes: Axes, curves: Sequence[Curve], labels: Sequence[str]) -> None:
    """Draw ROC curves, the first in black, with a legend."""
    for number, (curve, label) in enumerate(zip(curves, labels, strict=True)):
        colour, dashes = (style.INK, "-") if number == 0 else look_of(number - 1)
        if np.isfinite(curve.auc):
            roc_line(axes, curve.points, label, color=colour, ls=dashes, lw=1.8)
    finish(axes, any(np.isfinite(curve.auc) for curve in curves))


def _numbers_text(metric: Any, reference: str | None) -> str:
    """Return AUC, sample and difference of one recipe, in lines."""
    sample = f"{metric.n_galaxies} galaxies, {metric.n_slow} slow"
    text = f"{with_interval(metric.auc, metric.auc_low, metric.auc_high)}  ·  {sample}"
    if pd.notna(getattr(metric, "p_value_adjusted", np.nan)):
        numbers = (metric.auc_difference, metric.auc_difference_low, metric.auc_difference_high)
        text += f"\nto {reference}: {difference_text(*numbers, metric.p_value_adjusted)}"
    return text
