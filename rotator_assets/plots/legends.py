"""Legends outside the axes, where they cover no data. Draw them last: their place depends on labels and ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotator_assets.plots.style import LABEL_SIZE, TEXT_SIZE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE, _PAD = 1.25, 5.0
"""Distance between lines of text in units of their size, and between a label and the next thing, points."""
_POINT_AREA = 26
"""Area of points in a legend, square points; those of large samples are too small there."""


def below(axes: Axes, columns: int = 2, **options: Any) -> None:
    """Draw the legend below the label of the x axis.

    Parameters
    ----------
    axes : Axes
        The axes.
    columns : int
        Number of columns.
    **options
        Options of ``Axes.legend``.
    """
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "ncols": columns}
    _draw(axes, (0, -_height_of_labels(axes)), {**place, **options})


def above(axes: Axes, columns: int = 2, **options: Any) -> None:
    """Draw the legend above the right end of the axes, which have no title.

    Parameters
    ----------
    axes : Axes
        The axes.
    columns : int
        Number of columns.
    **options
        Options of ``Axes.legend``.
    """
    _draw(axes, (0, _PAD), {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": columns, **options})


def right_of(axes: Axes, **options: Any) -> None:
    """Draw the legend to the right of the axes, which move to the left; ``options`` are those of ``Axes.legend``."""
    axes.set_anchor("W")
    _draw(axes, (2 * _PAD, 0), {"loc": "upper left", "bbox_to_anchor": (1, 1), **options})


def of_panels(figure: Figure, axes: Axes, columns: int) -> None:
    """Draw the legend of several panels at the bottom of the figure.

    Parameters
    ----------
    figure : Figure
        The figure, arranged by Matplotlib.
    axes : Axes
        The panel that has the labels.
    columns : int
        Number of columns.
    """
    entries = axes.get_legend_handles_labels()
    if entries[1]:
        figure.legend(*entries, loc="outside lower left", ncols=columns, fontsize=TEXT_SIZE, frameon=False)


def _draw(axes: Axes, shift: tuple[float, float], options: dict[str, Any]) -> None:
    """Draw the legend, shifted by points from its place in the axes, if anything has a label."""
    from matplotlib.collections import PathCollection
    from matplotlib.transforms import ScaledTranslation

    if not axes.get_legend_handles_labels()[1]:
        return
    x, y = shift
    moved = axes.transAxes + ScaledTranslation(x / 72, y / 72, axes.figure.dpi_scale_trans)
    look = {"fontsize": TEXT_SIZE, "title_fontsize": TEXT_SIZE, "frameon": False, "borderaxespad": 0}
    box = axes.legend(**{**look, "columnspacing": 1.2, "bbox_transform": moved, **options})
    for handle in box.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([_POINT_AREA])


def _height_of_labels(axes: Axes) -> float:
    """Return the height of tick labels and label of the x axis, points."""
    height = _PAD
    ticks = (
        [label.get_text() for label in axes.get_xticklabels()] if axes.xaxis.get_tick_params()["labelbottom"] else []
    )
    if ticks:
        height += _PAD + _LINE * TEXT_SIZE * max(text.count("\n") + 1 for text in ticks)
    if label := axes.get_xlabel():
        height += _PAD + _LINE * LABEL_SIZE * (label.count("\n") + 1)
    return height
