"""Figure of predicted and measured lambda_R."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rotator_assets.core.frames import row_at
from rotator_assets.evaluation.galaxy_results import EARLY, LATE, populations
from rotator_assets.evaluation.spin_accuracy import COVERAGE, coverage_by_prediction
from rotator_assets.plots import legends, style
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOKS = {EARLY: (style.INK, "o"), LATE: ("#CC79A7", "s")}
"""Colour and marker of the coverage of each population."""


def lambda_r_figure(
    results: pd.DataFrame, accuracy: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool
) -> Figure:
    """Draw predicted against measured lambda_R, and the coverage of the predicted intervals.

    Parameters
    ----------
    results
        Rows of ``galaxy_results`` with a label and with predicted lambda_R.
    accuracy
        Rows of ``lambda_r_accuracy`` for the values that give the labels.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    """
    figure = style.new_figure(
        style.WIDE,
        6.0,
        title="Predicted spin parameter",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{len(results)} galaxies, out of fold",
    )
    left, right = figure.subplots(1, 2)
    _draw_galaxies(left, results)
    right.axhline(COVERAGE, color=style.GREY, lw=1.0, ls="--", label=f"stated: {COVERAGE:.2f}")
    numbers_of = accuracy.set_index("population")
    for name, members in populations(results).items():
        if name in _LOOKS:
            row = row_at(numbers_of, name)
            label = (
                f"{name}, {len(members)}: {row['coverage']:.3f} [{row['coverage_low']:.3f}, {row['coverage_high']:.3f}]"
            )
            style.points_with_intervals(
                right,
                coverage_by_prediction(members),
                "lambda_r_predicted",
                ("coverage", "coverage_low", "coverage_high"),
                *_LOOKS[name],
                label,
            )
    right.set(xlim=(0, 1), ylim=(0, 1.02))
    style.dress(right, x=r"Predicted $\lambda_R$, mean of the bin", y="Fraction within the 68 % interval")
    legends.below(right, columns=1)
    return figure


def _draw_galaxies(axes: Axes, results: pd.DataFrame) -> None:
    """Draw each galaxy with its class; late types hollow."""
    axes.plot([0, 1], [0, 1], color=style.GREY, lw=0.9, ls="--", label="predicted = measured")
    for name, members in populations(results).items():
        if name not in _LOOKS:
            continue
        for look in style.CLASSES:
            shown = members[members["rotator_type"] == look.value]
            axes.scatter(
                numbers(shown, "lambda_r"),
                numbers(shown, "lambda_r_predicted"),
                s=12,
                marker=look.marker,
                facecolors=look.colour if name == EARLY else "none",
                edgecolors=look.colour,
                linewidths=0.5,
                alpha=0.6,
                label=f"{look.name}, {name}: {len(shown)}",
            )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    style.dress(axes, x=r"Measured $\lambda_R$", y=r"Predicted $\lambda_R$ (median)")
    legends.below(axes)
