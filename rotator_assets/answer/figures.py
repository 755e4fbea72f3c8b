"""The figure of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rotator_assets.answer.forest import BASELINES, COLUMNS, FUSIONS, NETWORKS
from rotator_assets.core.frames import rows_of
from rotator_assets.core.number_text import with_interval
from rotator_assets.plots import legends, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOKS = {
    NETWORKS: (style.INK, "o"),
    BASELINES: (style.OTHER_COLOURS[2], "s"),
    COLUMNS: (style.OTHER_COLOURS[0], "^"),
    FUSIONS: (style.OTHER_COLOURS[4], "D"),
}
_STUDY_COLOUR = "#B00020"


def forest_figure(
    rows: pd.DataFrame,
    *,
    dataset: str,
    detail: str,
    synthetic: bool,
    study: dict[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw the AUC of everything that classifies the same galaxies, with 95 % intervals (a forest plot).

    Parameters
    ----------
    rows : DataFrame
        From `forest_rows`.
    dataset, detail : str
        For the subtitle.
    synthetic : bool
        A synthetic figure is stamped.
    study : dict, optional
        Lowest and highest AUC of the study, by recipe.

    Returns
    -------
    Figure
    """
    count, groups = len(rows), list(dict.fromkeys(rows["group"]))
    places = [number + 0.5 * groups.index(group) for number, group in enumerate(rows["group"])]
    height = 1.75 + 0.3 * (count + 0.5 * len(groups))
    figure = style.new_figure(
        style.WIDE, height, title="AUC of everything that classifies these galaxies", dataset=dataset, recipe=None,
        synthetic=synthetic, detail=detail,
    )  # fmt: skip
    axes = figure.subplots()
    style.dress(axes, x="Area under the ROC curve (95 % interval)")
    axes.axvline(0.5, color=style.GREY, lw=0.9, ls="--")
    for place, row in zip(places, rows_of(rows), strict=True):
        colour, marker = _LOOKS[row.group]
        axes.plot([row.auc_low, row.auc_high], [place, place], color=colour, lw=2, solid_capstyle="butt")
        axes.plot(row.auc, place, marker, ms=6.5, color=colour, zorder=4)
        axes.annotate(
            with_interval(row.auc, row.auc_low, row.auc_high),
            (1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            size=style.TEXT_SIZE,
            color=style.INK,
            annotation_clip=False,
        )
        if study and row.recipe in study:
            low, high = study[row.recipe]
            axes.plot([low, high], [place + 0.33] * 2, color=_STUDY_COLOUR, lw=2)
            axes.plot((low + high) / 2, place + 0.33, "D", ms=5.5, mfc="white", mec=_STUDY_COLOUR, mew=1.5, zorder=5)
    axes.set_yticks(places, list(rows["label"]))
    axes.set_ylim(places[-1] + 0.7, places[0] - 0.7)
    axes.set_xlim(min(0.47, float(rows["auc_low"].min()) - 0.02), 1.0)
    _legend(axes, groups, bool(study and set(study) & set(rows["recipe"])))
    return figure


def _legend(axes: Axes, groups: list[str], study: bool) -> None:
    """Name the groups, the study and chance above the panel, where they hide no data."""
    for group in groups:
        colour, marker = _LOOKS[group]
        axes.plot([], [], marker=marker, color=colour, lw=2, label=group)
    if study:
        axes.plot([], [], "D", ms=5.5, mfc="white", mec=_STUDY_COLOUR, mew=1.5, label="the study")
    axes.plot([], [], color=style.GREY, lw=0.9, ls="--", label="chance")
    legends.above(axes, columns=6)
