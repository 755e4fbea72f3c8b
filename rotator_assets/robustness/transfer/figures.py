"""Figure of training on another survey, and of the differences between the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.plots import legends, style
from rotator_assets.plots.roc_axes import UNDEFINED
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 25


def transfer_figure(
    rows: pd.DataFrame,
    own: pd.DataFrame,
    others: dict[str, pd.DataFrame],
    variables: dict[str, str],
    *,
    dataset: str,
    synthetic: bool,
) -> Figure:
    """Draw the AUC on the dataset's galaxies by training sample, next to the distributions of the samples.

    Parameters
    ----------
    rows
        Rows of ``transfer``, and the metrics of the reference. Bars are 95 % intervals.
    own
        The dataset's galaxies, one row per galaxy.
    others
        Galaxies of other datasets, by dataset.
    variables
        Labels of the columns of ``own`` and ``others`` to show.
    dataset, synthetic
        For the title; a synthetic figure is stamped.
    """
    figure = style.new_figure(
        style.WIDE,
        max(4.8, 1.7 * len(variables), 2.2 + 0.45 * len(rows)),
        title="Training on another survey",
        dataset=dataset,
        recipe=None,
        synthetic=synthetic,
    )
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.4, 1))[0]
    _forest(left.subplots(), rows)
    panels = np.atleast_1d(right.subplots(max(len(variables), 1), 1))
    for axes, (name, label) in zip(panels, variables.items(), strict=False):
        _distributions(axes, name, label, {f"{dataset} (tested)": own, **others})
    if variables:
        legends.below(panels[-1], columns=1)
    else:
        style.say(panels[0], "No property is known for both samples")
    return figure


def _forest(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw one line per recipe, the first on top; diamonds are weighted to the distribution of the training sample."""
    if rows.empty:
        style.say(axes, UNDEFINED)
        return
    place = np.arange(len(rows))
    for prefix, colour, marker, label, shift in (
        ("auc", style.INK, "o", "tested galaxies unweighted", 0.0),
        ("auc_reweighted", style.OTHER_COLOURS[1], "D", "tested galaxies weighted to the training sample", 0.22),
    ):
        value, low, high = (numbers(rows, name) for name in (prefix, f"{prefix}_low", f"{prefix}_high"))
        known = np.isfinite(value)
        if known.any():
            bars = np.array([value - low, high - value])[:, known]
            axes.errorbar(
                value[known], place[known] + shift, xerr=bars, fmt=marker, ms=5, color=colour, capsize=2, label=label
            )
    axes.axvline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
    axes.set_yticks(place, [f"{row.recipe}\n{row.n_galaxies}: {row.n_slow} slow" for row in rows.itertuples()])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    style.dress(axes, x="AUC")
    legends.below(axes, columns=1)


def _distributions(axes: Axes, name: str, label: str, samples: dict[str, pd.DataFrame]) -> None:
    """Draw the distributions of one variable, without the outermost percent."""
    values = {key: numbers(frame, name) for key, frame in samples.items() if name in frame}
    every = np.concatenate([found[np.isfinite(found)] for found in values.values()])
    low, high = np.quantile(every, [0.005, 0.995])
    colours = (style.INK, *style.OTHER_COLOURS)
    for (key, found), colour in zip(values.items(), colours, strict=False):
        inside = found[(found >= low) & (found <= high)]
        axes.hist(
            inside,
            bins=np.linspace(low, high, _BINS),
            density=True,
            histtype="step",
            lw=1.5,
            color=colour,
            label=f"{key}, n = {np.isfinite(found).sum()}",
        )
    axes.set_yticks([])
    style.dress(axes, x=label, y="Density")
