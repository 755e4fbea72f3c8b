"""Figures of calibration and of precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rotator_assets.core.number_text import with_interval
from rotator_assets.plots import legends, style
from rotator_assets.plots.roc_axes import UNDEFINED
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STAGES = (("before", "as predicted", style.INK, "o"), ("after", "after calibration", "#009E73", "D"))
_OTHERS = (("s", "#CC79A7"), ("v", "#E69F00"))
"""Looks of the populations that are not tested, or not the whole tested one."""


def reliability_figure(
    curves: pd.DataFrame,
    metrics: dict,
    by_population: pd.DataFrame,
    *,
    dataset: str,
    recipe: str,
    synthetic: bool,
) -> Figure:
    """Draw the observed fraction of fast rotators against the predicted probability, before and after calibration.

    Parameters
    ----------
    curves
        Rows of ``calibration_curves``. Bars are Wilson intervals.
    metrics
        The row of ``referee_metrics``, which gives Brier scores and calibration errors.
    by_population
        Rows of ``population_metrics``; populations other than the tested one are drawn after calibration.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    """
    n = metrics["n_galaxies"]
    figure = style.new_figure(
        style.MEDIUM,
        8.2,
        title="Calibration of the probabilities",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{n} galaxies: {metrics['n_slow']} slow, {n - metrics['n_slow']} fast",
    )
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=style.GREY, lw=0.8, ls="--", label="perfect calibration")
    fraction = 1 - metrics["prevalence"]
    axes.axhline(fraction, color=style.GREY, lw=0.9, ls=":", label=f"fraction of fast rotators: {fraction:.2f}")
    tested = by_population.loc[by_population["tested"], "population"]
    for stage, name, colour, marker in _STAGES:
        ending = "_calibrated" if stage == "after" else ""
        shown = curves[(curves["stage"] == stage) & curves["population"].isin(tested)]
        _curve(axes, shown, f"{name}:\n{_errors(metrics, ending)}", colour, marker)
    others = by_population[~by_population["tested"]].to_dict("records")
    for row, (marker, colour) in zip(others, _OTHERS, strict=False):
        shown = curves[(curves["stage"] == "after") & (curves["population"] == row["population"])]
        _curve(
            axes,
            shown,
            f"{row['population']}, after calibration, {row['n_galaxies']}:\n{_errors(row, '')}",
            colour,
            marker,
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    style.dress(axes, x=r"Predicted $P(\mathrm{fast})$, mean of the bin", y="Observed fraction of fast rotators")
    legends.below(axes)
    return figure


def _curve(axes: Axes, curve: pd.DataFrame, label: str, colour: str, marker: str) -> None:
    if len(curve):
        style.points_with_intervals(
            axes, curve, "probability_mean", ("fraction_fast", "fraction_low", "fraction_high"), colour, marker, label
        )


def _errors(metrics: dict, ending: str) -> str:
    """Return calibration error and Brier score with their intervals, as two lines of a legend."""
    error, brier = (
        f"{metrics[f'{name}{ending}']:.3f} "
        f"[{metrics[f'{name}_low{ending}']:.3f}, {metrics[f'{name}_high{ending}']:.3f}]"
        for name in ("ece", "brier")
    )
    return f"calibration error {error},\nBrier score {brier}"


def precision_recall_figure(
    curve: pd.DataFrame, metrics: dict, *, dataset: str, recipe: str, synthetic: bool
) -> Figure:
    """Draw precision against recall of finding the slow rotators, and the precision of random classification.

    Parameters
    ----------
    curve
        Columns recall and precision.
    metrics
        The row of ``referee_metrics``.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    """
    n, n_slow = metrics["n_galaxies"], metrics["n_slow"]
    figure = style.new_figure(
        style.MEDIUM,
        5.6,
        title="Precision and recall of slow rotators",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{n} galaxies: {n_slow} slow, {n - n_slow} fast",
    )
    axes = figure.subplots()
    if curve.empty:
        style.say(axes, UNDEFINED)
    else:
        area = with_interval(metrics["pr_auc_slow"], metrics["pr_auc_slow_low"], metrics["pr_auc_slow_high"])
        label = f"network: average precision {area}"
        recall, precision = numbers(curve, "recall"), numbers(curve, "precision")
        axes.step(recall, precision, where="pre", color=style.SLOW_COLOUR, lw=1.8, label=label)
    prevalence = metrics["prevalence"]
    label = f"random: fraction of slow rotators, {prevalence:.3f}"
    axes.axhline(prevalence, color=style.GREY, lw=1.0, ls="--", label=label)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    style.dress(
        axes,
        x="Recall: fraction of the slow rotators that is found",
        y="Precision: fraction of slow rotators among them",
    )
    legends.below(axes)
    return figure
