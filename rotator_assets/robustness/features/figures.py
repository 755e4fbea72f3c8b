"""Is it only ellipticity? The ladder of features beside the network, and the AUC among galaxies that are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.plots import style
from rotator_assets.plots.roc_axes import auc_text, difference_text
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK = "network"
"""The quantity of ``ellipticity_tests`` that is the network's AUC among all galaxies."""
_LOOKS = (("o", style.OTHER_COLOURS[0]), ("s", style.OTHER_COLOURS[4]))
_COLUMNS = {"AUC": 0.0, "Network minus this": 0.2, "Network's logit adds": 0.61}
"""What stands beside the ladder, and where: shares of its width."""
_VARIABLES = {
    "ellipticity": r"Ellipticity $\epsilon$",
    "log_mass": r"$\log_{10}$ stellar mass ($h^{-2}\,M_\odot$)",
    "r_eff_over_psf": r"$R_e$ / FWHM of the seeing",
    "redshift": "Redshift",
}


def ladder_figure(ladder: pd.DataFrame, tests: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """AUC of each step of features by each classifier, the network's AUC behind them, and other tests below.

    ``ladder``: rows of ``feature_baselines`` in the order shown; ``tests``: rows of ``ellipticity_tests``. Numbers
    beside a step: AUC with interval, the network's gain over it, and what the network's logit adds to it.
    """
    others = tests[tests["quantity"] != NETWORK]
    steps = list(dict.fromkeys(ladder["features"]))
    models = list(dict.fromkeys(ladder["model"]))
    count = max(len(steps) + len(others), 1)
    figure = style.new_figure(
        14.5,
        1.9 + 0.47 * max(count, 3),
        title="Is it only ellipticity?",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=_sample(tests),
    )
    axes, beside = figure.subplots(1, 2, width_ratios=(1, 1.5))
    style.dress(axes, x="Area under the ROC curve (95 % interval)")
    for number, model in enumerate(models):
        marker, colour = _LOOKS[number % len(_LOOKS)]
        shift = 0.4 * (number - (len(models) - 1) / 2)
        for row in ladder[ladder["model"] == model].itertuples():
            y = steps.index(row.features) + shift
            _interval(axes, row, y, marker, colour)
            axes.plot(row.auc_with_network, y, marker, ms=7, mfc="white", mec=colour, mew=1.3, zorder=3)
            gain = difference_text(row.network_gain, row.gain_low, row.gain_high, row.p_value_adjusted)
            added = difference_text(row.added, row.added_low, row.added_high, row.added_p_value_adjusted)
            _write(beside, y, (_auc(row), gain, added), colour)
        axes.plot([], [], marker=marker, color=colour, lw=2, label=model)
        axes.plot([], [], marker, mfc="white", mec=colour, mew=1.3, label="and the network's logit")
    for number, row in enumerate(others.itertuples()):
        _interval(axes, row, len(steps) + number, "D", style.INK)
        _write(beside, len(steps) + number, (_auc(row),), style.INK)
    for row in tests[tests["quantity"] == NETWORK].itertuples():
        axes.axvspan(row.auc_low, row.auc_high, color=style.PALE, alpha=0.6, lw=0)
        axes.axvline(row.auc, color=style.INK, lw=1.4, label=f"network: {_auc(row)}")
    axes.axvline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
    if ladder.empty and tests.empty:
        style.say(axes, "Nothing was compared")
    axes.set_yticks(range(len(steps) + len(others)), [*steps, *others["quantity"]])
    for panel in (axes, beside):
        panel.set_ylim(count - 0.4, -1.1)
    style.bare(beside)
    _write(beside, -0.75, _COLUMNS, style.INK, weight="bold")
    if steps and len(others):
        axes.axhline(len(steps) - 0.5, color=style.GREY, lw=0.8)
    beside.legend(
        *axes.get_legend_handles_labels(), fontsize=style.TEXT_SIZE, frameon=False, ncols=2, loc="lower right"
    )
    return figure


def bins_figure(bins: pd.DataFrame, tests: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """The network's AUC among galaxies alike in one property, a panel each; the line is that of all galaxies.

    ``bins``: rows of ``auc_in_bins``, side by side in their order, with their limits and numbers of galaxies.
    """
    shown = [name for name in _VARIABLES if (bins["variable"] == name).any()]
    columns = min(max(len(shown), 1), 2)
    rows = -(-max(len(shown), 1) // columns)
    figure = style.new_figure(
        5.0 * columns + 0.6,
        0.6 + 3.4 * rows,
        title="AUC among galaxies that are alike",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=_sample(tests),
    )
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, name in zip(panels, shown, strict=False):
        style.dress(axes, x=_VARIABLES[name], y="AUC (95 % interval)")
        _panel(axes, bins[bins["variable"] == name])
        for row in tests[tests["quantity"] == NETWORK].itertuples():
            axes.axhspan(row.auc_low, row.auc_high, color=style.PALE, alpha=0.6, lw=0)
            axes.axhline(row.auc, color=style.INK, lw=1.2, label=f"all galaxies: {_auc(row)}")
        axes.axhline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
        axes.set_ylim(min(0.35, np.nanmin([*numbers(bins, "auc_low"), 1.0]) - 0.05), 1.02)
    for axes in panels[max(len(shown), 1) :]:
        style.bare(axes)
    if shown:
        style.legend(panels[0], loc="upper left", ncols=2, fontsize=style.SMALL_SIZE)
    else:
        style.bare(panels[0])
        style.say(panels[0], "No property of the galaxies is known")
    return figure


def _panel(axes: Axes, bins: pd.DataFrame) -> None:
    """The bins of one variable, equally far apart however wide they are."""
    labels = []
    for position, row in enumerate(bins.itertuples()):
        labels.append(f"{row.low:.3g} – {row.high:.3g}\n{row.n_galaxies} galaxies\n{row.n_slow} slow")
        if np.isfinite(row.auc):
            axes.plot([position] * 2, [row.auc_low, row.auc_high], color=style.INK, lw=2)
            axes.plot(position, row.auc, "o", ms=7, color=style.INK)
    axes.set_xticks(range(len(labels)), labels, size=style.SMALL_SIZE)
    axes.set_xlim(-0.5, len(labels) - 0.5)


def _interval(axes: Axes, row, y: float, marker: str, colour: str) -> None:
    axes.plot([row.auc_low, row.auc_high], [y, y], color=colour, lw=2, solid_capstyle="butt")
    axes.plot(row.auc, y, marker, ms=7, color=colour, zorder=4)


def _write(axes: Axes, y: float, texts, colour: str, **look) -> None:
    """Texts in the columns beside the ladder, at the height ``y``."""
    for x, text in zip(_COLUMNS.values(), texts, strict=False):
        axes.text(x, y, text, va="center", size=style.SMALL_SIZE + 0.5, color=colour, **look)


def _auc(row) -> str:
    return auc_text(row.auc, row.auc_low, row.auc_high)


def _sample(tests: pd.DataFrame) -> str:
    """Galaxies and slow ones, the same in every row."""
    return f"{tests['n_galaxies'].iloc[0]} galaxies, {tests['n_slow'].iloc[0]} slow" if len(tests) else ""
