"""Examples of the galaxies of a dataset: early and late types, slow and fast rotators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.plots import style
from rotator_assets.plots.galleries import Images, rgb, spread_examples
from rotator_assets.plots.style import CLASSES, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS, COLUMNS = 2, 4
"""Examples of each group."""
TYPES = ((1, "Early types"), (0, "Late types"))
_TOP, _GROUP, _GAP = 0.75, 0.32, 0.3
"""Height of the header and of a group's title, and the space between the groups, inches."""
_SIDE, _LABEL, _EDGE = 1.13, 0.47, 0.13
"""Side of an image, height of its label, and the margin of the figure, inches."""


def examples_of_groups(galaxies: pd.DataFrame) -> dict[tuple[int, int], NDArray[np.intp]]:
    """Return the row positions of the examples by ``is_early_type`` and ``rotator_type``.

    Each group is sorted by lambda_R, and the examples are evenly spread over the ranks, highest first.
    """
    spin = numbers(galaxies, "lambda_r")
    return {group: rows[spread_examples(spin[rows], ROWS * COLUMNS)] for group, rows in _groups(galaxies).items()}


def _groups(galaxies: pd.DataFrame) -> dict[tuple[int, int], NDArray[np.intp]]:
    """Return the row positions of the galaxies with a T-type, by ``is_early_type`` and ``rotator_type``."""
    early, kind = numbers(galaxies, "is_early_type"), numbers(galaxies, "rotator_type")
    known = np.isfinite(numbers(galaxies, "t_type"))
    return {
        (is_early, look.value): np.flatnonzero(known & (early == is_early) & (kind == look.value))
        for is_early, _ in TYPES
        for look in CLASSES
    }


def examples_figure(images: Images, galaxies: pd.DataFrame, *, dataset: str, synthetic: bool) -> Figure:
    """Draw examples of early and late types, slow and fast rotators (figure 1 of the study).

    Parameters
    ----------
    images : sequence, shape (n, ny, nx, 3)
        Images in the order g, r, i. Of a memory map only the examples are read.
    galaxies : DataFrame
        One row per image in the same order: ``galaxy_id``, ``lambda_r``, ``ellipticity``, ``t_type``, ``rotator_type``,
        ``is_early_type`` and ``image_unit``.
    dataset : str
        Key for the subtitle.
    synthetic : bool
        Stamp the figure as synthetic.

    Returns
    -------
    Figure
        Two by two groups: early types above late ones, slow rotators to the left of fast ones.
    """
    groups = _groups(galaxies)
    group_height = _GROUP + ROWS * (_SIDE + _LABEL)
    height = _TOP + 2 * group_height + _EDGE
    figure = style.new_figure(
        style.WIDE,
        height,
        title="Examples of slow and fast rotators",
        dataset=dataset,
        recipe=None,
        synthetic=synthetic,
        detail=r"evenly spread over $\lambda_R$, highest first",
        arranged=False,
    )
    across = (style.WIDE - 2 * _EDGE - _GAP - 2 * COLUMNS * _SIDE) / (2 * (COLUMNS - 1))
    for (is_early, value), rows in examples_of_groups(galaxies).items():
        row, column = int(is_early == 0), int(value == style.FAST)
        left = _EDGE + column * (COLUMNS * _SIDE + (COLUMNS - 1) * across + _GAP)
        top = height - _TOP - row * group_height
        look = CLASSES[value]
        shown = f"{len(rows)} of {len(groups[is_early, value])}" if len(rows) else "none"
        title = f"{dict(TYPES)[is_early]}, {look.name} rotators: {shown}"
        figure.text(left / style.WIDE, top / height, title, va="top", size=style.LABEL_SIZE, color=look.colour)
        for number in range(max(len(rows), 1)):
            row, column = divmod(number, COLUMNS)
            x, y = left + column * (_SIDE + across), top - _GROUP - row * (_SIDE + _LABEL) - _SIDE
            axes = figure.add_axes((x / style.WIDE, y / height, _SIDE / style.WIDE, _SIDE / height))
            style.bare(axes)
            if not len(rows):
                style.say(axes, "none")
                continue
            galaxy = galaxies.iloc[int(rows[number])]
            picture = rgb(images[int(rows[number])], calibrated=galaxy["image_unit"] == "nanomaggies")
            axes.imshow(picture, origin="lower", interpolation="nearest")
            axes.set_xlabel(_label(galaxy), size=style.SMALL_SIZE, color=style.INK, labelpad=2)
    return figure


def _label(galaxy: pd.Series) -> str:
    """Return lambda_R and ellipticity, and the T-type, in two lines."""
    t_type = f"{galaxy['t_type']:.1f}".replace("-", "−")
    return f"$\\lambda_R$ {galaxy['lambda_r']:.2f}, $\\epsilon$ {galaxy['ellipticity']:.2f}\nT-type {t_type}"
