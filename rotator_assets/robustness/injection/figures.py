"""Figures of the injection-recovery test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rotator_assets.plots import legends, style
from rotator_assets.plots.galleries import rgb
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def injection_figure(rows: pd.DataFrame) -> Figure:
    """Draw the AUC of networks and of the best possible classifier against the injected difference.

    ``rows``: of ``planted_truth``.
    """
    n, n_slow = int(rows["n_galaxies"].max()), int(rows["n_slow"].max())
    figure = style.new_figure(
        style.MEDIUM,
        5.4,
        title="Injection-recovery test: AUC",
        dataset="galaxies whose classes differ in their discs alone",
        recipe=None,
        synthetic=True,
        detail=f"{n} galaxies each: {n_slow} slow, {n - n_slow} fast",
    )
    axes = figure.subplots()
    strength, auc = numbers(rows, "strength"), numbers(rows, "auc")
    axes.plot(
        strength,
        numbers(rows, "best_auc_expected"),
        color=style.GREY,
        lw=1.2,
        ls="--",
        label="optimum, expected",
    )
    axes.plot(strength, numbers(rows, "best_auc"), "D", ms=6, mfc="white", mec=style.GREY, label="optimum, this sample")
    bars = np.array([auc - numbers(rows, "auc_low"), numbers(rows, "auc_high") - auc])
    axes.errorbar(
        strength, auc, yerr=bars, fmt="o-", color=style.INK, ms=6, capsize=2, label="network, 95 % interval (DeLong)"
    )
    axes.axhline(0.5, color=style.GREY, lw=0.8, ls=":", label="chance")
    axes.set_ylim(0.35, 1.02)
    style.dress(axes, x="Injected difference in disc brightness\n(standard deviations of the disc fraction)", y="AUC")
    legends.below(axes)
    return figure


def mark_figure(images: ArrayLike, mean_map: ArrayLike, mark: ArrayLike, *, found: dict) -> Figure:
    """Draw a galaxy without the mark, one with it, and the mean attribution map of marked galaxies.

    Parameters
    ----------
    images
        A slow rotator and a fast one, (2, ny, nx, 3).
    mean_map
        Mean absolute attribution of the marked images, (ny, nx).
    mark
        True in the mark, bool (ny, nx).
    found
        The row of ``planted_mark``.
    """
    figure = style.new_figure(
        style.WIDE,
        4.3,
        title="Injection-recovery test: attribution of a corner mark",
        dataset="identical galaxies with a corner mark on fast rotators",
        recipe=None,
        synthetic=True,
        detail=f"AUC {found['auc']:.3f}",
    )
    panels = figure.subplots(1, 3)
    for axes, image, look in zip(panels, np.asarray(images), style.CLASSES, strict=False):
        axes.imshow(rgb(image), origin="lower", interpolation="nearest")
        axes.set_title(f"{look.name.capitalize()} rotator", size=style.LABEL_SIZE, color=look.colour)
    fraction = 100 * np.asarray(mean_map) / np.sum(mean_map)
    picture = panels[2].imshow(fraction, origin="lower", cmap="viridis", vmin=0, interpolation="nearest")
    rows, columns = np.flatnonzero(np.any(mark, axis=1)), np.flatnonzero(np.any(mark, axis=0))
    x, y = columns[[0, -1, -1, 0, 0]], rows[[0, 0, -1, -1, 0]]
    edge = 0.5 * np.array([-1, 1, 1, -1, -1]), 0.5 * np.array([-1, -1, 1, 1, -1])
    panels[2].plot(x + edge[0], y + edge[1], color="white", lw=1.2, ls="--")
    panels[2].set_title("Mean |attribution|, fast rotators", size=style.LABEL_SIZE, color=style.INK)
    for axes in panels:
        style.bare(axes)
    low, high = 100 * found["share_in_mark_low"], 100 * found["share_in_mark_high"]
    text = f"{100 * found['share_in_mark']:.0f} % [{low:.0f}, {high:.0f}] of it in the mark,\n"
    text += f"which covers {100 * found['mark_area']:.1f} % of the area"
    panels[2].set_xlabel(text, size=style.TEXT_SIZE, color=style.INK)
    bar = figure.colorbar(picture, ax=panels[2], shrink=0.75)
    bar.set_label("Fraction of the total per pixel (%)", size=style.TEXT_SIZE)
    bar.ax.tick_params(labelsize=style.SMALL_SIZE)
    return figure
