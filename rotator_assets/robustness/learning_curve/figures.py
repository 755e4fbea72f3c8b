"""Figure of the AUC against the number of training galaxies."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.core.number_text import with_interval
from rotator_assets.plots import legends, style
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rotator_assets.robustness.learning_curve.power_law import LearningCurve


_EXTRAPOLATED = 100


@dataclass(frozen=True)
class Curve:
    """One learning curve: its reference recipe, rows of ``learning_curve``, the fit, or what a fit needs."""

    reference: str
    points: pd.DataFrame
    fit: LearningCurve | None
    needs: str


def learning_curve_figure(curves: Sequence[Curve], *, dataset: str, synthetic: bool) -> Figure:
    """Draw the AUC against the number of training galaxies, and the fitted power laws up to 100 times as many.

    Parameters
    ----------
    curves
        Learning curves.
    dataset, synthetic
        For the title; a synthetic figure is stamped.
    """
    figure = style.new_figure(
        style.MEDIUM, 5.8, title="Learning curve", dataset=dataset, recipe=None, synthetic=synthetic
    )
    axes = figure.subplots()
    for curve, colour, marker in zip(curves, style.OTHER_COLOURS, "osDv", strict=False):
        if len(curve.points):
            label = f"{curve.reference}: trainings, 95 % interval (DeLong)"
            style.points_with_intervals(
                axes, curve.points, "n_train", ("auc", "auc_low", "auc_high"), colour, marker, label
            )
            axes.set_xscale("log")
        if curve.fit is not None:
            _extrapolation(axes, curve.points, curve.fit, colour)
    notes = [curve.needs for curve in curves if curve.needs]
    loose = [curve.reference for curve in curves if curve.fit is not None and not curve.fit.constrained]
    notes += [f"The trainings do not constrain the asymptote of {reference}." for reference in loose]
    if notes:
        style.note(axes, "\n".join(textwrap.wrap("; ".join(notes), 90)))
    axes.axhline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
    axes.set_ylim(0.38, 1.02)
    style.dress(axes, x="Labelled training galaxies per fold", y="AUC")
    legends.below(axes)
    return figure


def _extrapolation(axes: Axes, points: pd.DataFrame, fit: LearningCurve, colour: str) -> None:
    """Draw the power law within the range of the trainings (solid) and beyond (dashed), with its interval."""
    n = np.geomspace(numbers(points, "n_train").min(), _EXTRAPOLATED * fit.n_largest, 200)
    low, high = fit.interval(n)
    known = n <= fit.n_largest
    error = np.sqrt(fit.covariance[0, 0])
    end = f"{fit.a:.3f} ± {error:.3f}" if np.isfinite(error) else f"{fit.a:.3f}"
    axes.plot(
        n[known], fit.at(n[known]), color=colour, lw=1.6, label=rf"$a - b\,n^{{-c}}$, $a$ = {end}, $c$ = {fit.c:.2f}"
    )
    axes.plot(n[~known], fit.at(n[~known]), color=colour, lw=1.6, ls="--")
    axes.fill_between(n, low, high, color=colour, alpha=0.18, lw=0, label="95 % interval of the power law")
    for times in (10, _EXTRAPOLATED):
        more = times * fit.n_largest
        low, high = fit.interval(more)
        label = f"{times} times as many: {with_interval(float(fit.at(more)), float(low), float(high))}"
        axes.plot(more, fit.at(more), "s", ms=6, mfc="white", mec=colour, mew=1.5, label=label)
