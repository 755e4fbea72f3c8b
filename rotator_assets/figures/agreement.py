"""Where two sources of lambda_R agree, and where they change a galaxy's class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.figures import style
from rotator_assets.figures.style import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 3
_GROUPS = (
    ("slow in both", True, True, style.SLOW_COLOUR, "o"),
    ("fast in both", False, False, style.FAST_COLOUR, "^"),
    ("slow in {x} alone", True, False, style.INK, "x"),
    ("slow in {y} alone", False, True, style.INK, "+"),
)


def agreement_figure(pairs: pd.DataFrame, summary: pd.DataFrame, *, dataset: str, synthetic: bool) -> Figure:
    """lambda_R of each source against that of a more preferred one, a panel a pair of sources.

    ``pairs`` and ``summary``: ``surveys.agreement.lambda_r_pairs`` and ``agreement``. Marks tell the classes of both
    sources; what has no ellipticity, and so no class, is grey.
    """
    count = max(len(summary), 1)
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = style.new_figure(
        max(4.6 * columns, 6.0),
        0.5 + 5.3 * rows,
        title="Sources of the spin parameter compared",
        dataset=dataset,
        recipe=None,
        synthetic=synthetic,
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, row in zip(panels, summary.itertuples(), strict=False):
        pair = pairs[(pairs["reference"] == row.reference) & (pairs["source"] == row.source)]
        x, y = numbers(pair, "reference_lambda_r"), numbers(pair, "lambda_r")
        limit = max(1.0, 1.05 * max(np.max(x, initial=0), np.max(y, initial=0)))
        axes.plot([0, limit], [0, limit], color=style.GREY, lw=1, label="equal")
        if np.isfinite(row.median_ratio):
            label = f"median ratio {row.median_ratio:.2f}"
            axes.plot([0, limit], [0, row.median_ratio * limit], color=style.GREY, lw=1.2, ls="--", label=label)
        slow_x, slow_y = numbers(pair, "reference_slow"), numbers(pair, "slow")
        size = float(np.clip(3000 / max(len(pair), 1), 7, 22))
        for name, is_slow_x, is_slow_y, colour, marker in _GROUPS:
            chosen = (slow_x == is_slow_x) & (slow_y == is_slow_y)
            text = f"{name.format(x=row.reference, y=row.source)}: {chosen.sum()}"
            width = 1.1 if marker in "x+" else 0
            axes.scatter(
                x[chosen], y[chosen], s=size, c=colour, marker=marker, linewidths=width, alpha=0.75, label=text
            )
        unlabelled = np.isnan(slow_x) | np.isnan(slow_y)
        if unlabelled.any():
            text = f"no ellipticity: {unlabelled.sum()}"
            axes.scatter(x[unlabelled], y[unlabelled], s=size, c=style.PALE, marker="s", label=text)
        axes.set_xlim(0, limit)
        axes.set_ylim(0, limit)
        axes.set_aspect("equal")
        style.dress(
            axes,
            x=rf"$\lambda_R$ ({row.reference})",
            y=rf"$\lambda_R$ ({row.source})",
            title=f"{row.n_galaxies} galaxies, correlation {row.correlation:.2f}",
        )
        style.legend_below(axes)
    for axes in panels[len(summary) :]:
        style.bare(axes)
    if summary.empty:
        style.say(panels[0], r"No galaxy has $\lambda_R$ from two sources")
    return figure
