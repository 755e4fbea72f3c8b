"""Figure of the AUC with redrawn labels."""

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


def label_noise_figure(variants: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw the AUC of the same scores with other labels, and against the distance of galaxies from the threshold.

    Parameters
    ----------
    variants
        Rows of ``label_noise``. Bars are 95 % intervals; open marks show the same galaxies with their training labels.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    """
    cut = numbers(variants, "distance_cut")
    listed = variants[np.isnan(cut) & np.isfinite(numbers(variants, "auc"))]
    near = variants[~np.isnan(cut) & np.isfinite(numbers(variants, "auc"))].sort_values("distance_cut")
    figure = style.new_figure(
        style.WIDE,
        2.2 + 0.45 * max(len(listed), 6),
        title="AUC with redrawn labels",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
    )
    forest, by_distance = figure.subplots(1, 2, width_ratios=(1.5, 1))
    _forest(forest, listed)
    whole = numbers(listed, "auc")[:1]
    if len(near):
        style.points_with_intervals(
            by_distance, near, "distance_cut", ("auc", "auc_low", "auc_high"), style.INK, "o", "network"
        )
        by_distance.axhline(whole[0], color=style.GREY, lw=0.9, ls="--", label=f"all galaxies: {whole[0]:.3f}")
        for row in near.itertuples():
            by_distance.annotate(
                f"{row.n_galaxies}",
                (row.distance_cut, row.auc_low),
                xytext=(0, -11),
                textcoords="offset points",
                ha="center",
                size=style.SMALL_SIZE,
                color=style.GREY,
            )
    else:
        style.say(by_distance, UNDEFINED)
    style.dress(
        by_distance, x=r"Smallest $|\lambda_R - $threshold$|$", y="AUC", title="Without galaxies near the threshold"
    )
    by_distance.margins(y=0.15)
    legends.below(by_distance, columns=1)
    return figure


def _forest(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw one line per variant, the first on top."""
    if rows.empty:
        style.say(axes, UNDEFINED)
    place = np.arange(len(rows))
    auc, low, high = (numbers(rows, name) for name in ("auc", "auc_low", "auc_high"))
    axes.errorbar(
        auc, place, xerr=[auc - low, high - auc], fmt="o", ms=5, color=style.INK, lw=1.3, capsize=2, label="network"
    )
    axes.plot(
        numbers(rows, "reference_auc"),
        place,
        "o",
        ms=8,
        mfc="none",
        mec=style.GREY,
        mew=1.2,
        ls="",
        label="same galaxies, training labels",
    )
    for column, name, colour, marker in (
        ("ceiling", "classifier that knows every class", style.OTHER_COLOURS[1], "|"),
        ("ceiling_ranked", r"classifier that knows $\lambda_R$", style.OTHER_COLOURS[4], "D"),
    ):
        value = numbers(rows, column)
        if np.isfinite(value).any():
            axes.plot(
                value,
                place,
                marker,
                ms=9 if marker == "|" else 6,
                mew=2,
                color=colour,
                ls="",
                label=name,
            )
    names = [f"{row.variant}\n{row.n_galaxies}: {row.n_slow} slow" for row in rows.itertuples()]
    axes.set_yticks(place, [name.replace("lambda_R", r"$\lambda_R$") for name in names])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    style.dress(axes, x="AUC", title="Same scores with other labels")
    axes.tick_params(axis="y", labelsize=style.SMALL_SIZE)
    legends.below(axes, columns=1)
