"""ROC axes, their lines and legends, shared by every figure with ROC curves.

Fast is the positive class and the score is ``probability_fast``: a false positive is a slow rotator classified as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rotator_assets.core.number_text import p_text, with_interval
from rotator_assets.plots import legends, style
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FALSE_POSITIVES = "False-positive rate (slow rotators classified as fast)"
TRUE_POSITIVES = "True-positive rate (fast rotators classified as fast)"
UNDEFINED = "Not defined: needs galaxies\nof both classes"
LINES = ("-", *style.DASHES)


@dataclass(frozen=True)
class Curve:
    """A ROC curve and its legend entry; ``points`` has false_positive_rate and true_positive_rate."""

    name: str
    points: pd.DataFrame
    auc: float
    auc_low: float
    auc_high: float
    n_galaxies: int
    n_slow: int

    @classmethod
    def of(cls, name: str, metrics: pd.Series, points: pd.DataFrame) -> Curve:
        """Return the curve of one row of ``model_metrics``.

        Parameters
        ----------
        name : str
            Name in the legend.
        metrics : Series
            The row: ``auc``, ``auc_low``, ``auc_high``, ``n_galaxies``, ``n_slow``.
        points : DataFrame
            Its rows of ``roc_curves``.

        Returns
        -------
        Curve
            The curve.
        """
        return cls(name, points, *(metrics[key] for key in ("auc", "auc_low", "auc_high", "n_galaxies", "n_slow")))

    @property
    def label(self) -> str:
        """Name, AUC with interval, and sample, one per line."""
        auc = f"AUC {with_interval(self.auc, self.auc_low, self.auc_high)}"
        return f"{self.name}\n{auc}\n{self.n_galaxies} galaxies, {self.n_slow} slow"


def overlay(title: str, dataset: str, recipe: str, synthetic: bool, detail: str) -> tuple[Figure, Axes]:
    """Return a figure with empty ROC axes.

    Parameters
    ----------
    title, dataset, recipe, detail : str
        Title and parts of the subtitle.
    synthetic : bool
        Stamp the figure as synthetic.

    Returns
    -------
    tuple of (Figure, Axes)
        The figure and its axes.
    """
    figure = style.new_figure(
        style.WIDE, 5.6, title=title, dataset=dataset, recipe=recipe, synthetic=synthetic, detail=detail
    )
    axes = figure.subplots()
    style.dress(axes, x=FALSE_POSITIVES, y=TRUE_POSITIVES)
    return figure, axes


def finish(axes: Axes, drawn: bool) -> None:
    """Draw the diagonal, and the legend to the right of the axes."""
    chance_line(axes)
    if not drawn:
        style.say(axes, UNDEFINED)
    legends.right_of(axes, title="AUC with 95 % interval", alignment="left", labelspacing=1)


def look_of(number: int) -> tuple[str, object]:
    """Return colour and dashes of one of up to 24 curves shown with the reference."""
    return style.OTHER_COLOURS[number % len(style.OTHER_COLOURS)], LINES[(number + 1) % len(LINES)]


def chance_line(axes: Axes) -> None:
    """Draw the diagonal of a random score, and set the limits of the axes."""
    axes.plot([0, 1], [0, 1], color=style.GREY, lw=0.8, ls="--", label="chance")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")


def roc_line(axes: Axes, curve: pd.DataFrame, label: str | None, **look: Any) -> None:
    """Draw one curve.

    Parameters
    ----------
    axes : Axes
        ROC axes.
    curve : DataFrame
        ``false_positive_rate`` and ``true_positive_rate``.
    label : str or None
        Legend entry.
    **look
        Options of ``Axes.plot``.
    """
    x, y = numbers(curve, "false_positive_rate"), numbers(curve, "true_positive_rate")
    axes.plot(x, y, label=label, **look)


def difference_text(difference: float, low: float, high: float, p_value_adjusted: float) -> str:
    """Return a difference of AUCs as text.

    Parameters
    ----------
    difference, low, high : float
        The difference and the ends of its interval.
    p_value_adjusted : float
        Its p-value after Holm's correction, NaN without a test.

    Returns
    -------
    str
        Such as ``+0.021 [-0.004, +0.046], p = 0.10 (Holm)``.
    """
    if np.isnan(p_value_adjusted):
        return f"{with_interval(difference, np.nan, np.nan, signed=True)}, no test"
    return f"{with_interval(difference, low, high, signed=True)}, {p_text(p_value_adjusted)} (Holm)"
