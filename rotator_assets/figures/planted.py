"""What the network finds of a difference of known strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.figures import style
from rotator_assets.figures.style import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def planted_figure(rows: pd.DataFrame) -> Figure:
    """AUC of networks and of the best possible classifier against the planted strength; ``rows``: ``planted_truth``."""
    n, n_slow = int(rows["n_galaxies"].max()), int(rows["n_slow"].max())
    figure = style.new_figure(
        7.2,
        4.8,
        title="Is what is there found, and nothing where nothing is?",
        dataset="galaxies that differ in their discs alone",
        recipe=None,
        synthetic=True,
        detail=f"{n} galaxies each: {n_slow} slow, {n - n_slow} fast",
    )
    axes = figure.subplots()
    strength, auc = numbers(rows, "strength"), numbers(rows, "auc")
    axes.plot(
        strength, numbers(rows, "best_auc_expected"), color=style.GREY, lw=1.2, ls="--", label="best possible, expected"
    )
    axes.plot(strength, numbers(rows, "best_auc"), "D", ms=6, mfc="white", mec=style.GREY, label="best possible, here")
    bars = np.array([auc - numbers(rows, "auc_low"), numbers(rows, "auc_high") - auc])
    axes.errorbar(
        strength, auc, yerr=bars, fmt="o-", color=style.INK, ms=6, capsize=2, label="network, 95 % interval (DeLong)"
    )
    axes.axhline(0.5, color=style.GREY, lw=0.8, ls=":", label="chance")
    axes.set_ylim(0.35, 1.02)
    style.dress(axes, x="Discs of fast rotators brighter by (standard deviations of the disc's share)", y="AUC")
    style.legend(axes, loc="lower right")
    return figure
