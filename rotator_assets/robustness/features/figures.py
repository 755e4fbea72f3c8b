"""Figures of nested feature sets next to the network, and of the AUC among similar galaxies."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rotator_assets.core.frames import rows_of
from rotator_assets.core.number_text import p_number, with_interval
from rotator_assets.plots import legends, style
from rotator_assets.plots.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK = "network"
"""The quantity of ``ellipticity_tests`` that is the network's AUC among all galaxies."""
_LOOKS = (("o", style.OTHER_COLOURS[0]), ("s", style.OTHER_COLOURS[4]))
_COLUMNS = {"AUC": 0.0, "Network minus this": 0.26, "Gain from network's logit": 0.64}
"""Columns next to the intervals, and their positions as fractions of the width."""
_VARIABLES = {
    "ellipticity": r"Ellipticity $\epsilon$",
    "log_mass": r"$\log_{10}$ stellar mass ($h^{-2}\,M_\odot$)",
    "r_eff_over_psf": r"$R_e$ / FWHM of the seeing",
    "redshift": "Redshift",
}


def feature_sets_figure(
    baselines: pd.DataFrame, tests: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool
) -> Figure:
    """Draw the AUC of each feature set by each classifier, the network's AUC behind them, and other tests below.

    Next to each feature set are its AUC with interval, the network's gain over it, and the gain from adding the
    network's logit to it.

    Parameters
    ----------
    baselines
        Rows of ``feature_baselines``, in the order shown.
    tests
        Rows of ``ellipticity_tests``.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    """
    others = tests[tests["quantity"] != NETWORK]
    steps = list(dict.fromkeys(baselines["features"]))
    models = list(dict.fromkeys(baselines["model"]))
    count = max(len(steps) + len(others), 1)
    figure = style.new_figure(
        style.WIDE,
        2.4 + 0.47 * max(count, 3),
        title="Nested feature sets and the network",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=_sample(tests),
    )
    axes, texts = figure.subplots(1, 2, width_ratios=(1, 2.1))
    style.dress(axes, x="Area under the ROC curve\n(95 % interval)")
    for number, model in enumerate(models):
        marker, colour = _LOOKS[number % len(_LOOKS)]
        shift = 0.4 * (number - (len(models) - 1) / 2)
        for row in baselines[baselines["model"] == model].itertuples():
            y = steps.index(row.features) + shift
            _interval(axes, row, y, marker, colour)
            axes.plot(row.auc_with_network, y, marker, ms=7, mfc="white", mec=colour, mew=1.3, zorder=3)
            gain = _gain_text(row.network_gain, row.gain_low, row.gain_high, row.p_value_adjusted)
            added = _gain_text(row.added, row.added_low, row.added_high, row.added_p_value_adjusted)
            _write(texts, y, (_auc(row), gain, added), colour)
        axes.plot([], [], marker=marker, color=colour, lw=2, label=model)
        axes.plot([], [], marker, mfc="white", mec=colour, mew=1.3, label="with the network's logit")
    for number, row in enumerate(others.itertuples()):
        _interval(axes, row, len(steps) + number, "D", style.INK)
        _write(texts, len(steps) + number, (_auc(row),), style.INK)
    for row in tests[tests["quantity"] == NETWORK].itertuples():
        axes.axvspan(row.auc_low, row.auc_high, color=style.PALE, alpha=0.6, lw=0)
        axes.axvline(row.auc, color=style.INK, lw=1.4, label=f"network: {_auc(row)}")
    axes.axvline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
    if baselines.empty and tests.empty:
        style.say(axes, "No comparison")
    axes.set_yticks(
        range(len(steps) + len(others)), [textwrap.fill(name, 24) for name in (*steps, *others["quantity"])]
    )
    for panel in (axes, texts):
        panel.set_ylim(count - 0.4, -1.1)
    style.bare(texts)
    _write(texts, -0.75, _COLUMNS, style.INK, weight="bold")
    if steps and len(others):
        axes.axhline(len(steps) - 0.5, color=style.GREY, lw=0.8)
    texts.set_xlabel("In brackets: 95 % interval, then the p-value (Holm)", size=style.TEXT_SIZE, color=style.GREY)
    legends.of_panels(figure, axes, columns=3)
    return figure


def bins_figure(bins: pd.DataFrame, tests: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw the network's AUC among galaxies similar in one property, one panel per property.

    A line marks the AUC of all galaxies.

    Parameters
    ----------
    bins
        Rows of ``auc_in_bins``, shown in their order with their limits and numbers of galaxies.
    tests
        Rows of ``ellipticity_tests``.
    dataset, recipe, synthetic
        For the title; a synthetic figure is stamped.
    """
    shown = [name for name in _VARIABLES if (bins["variable"] == name).any()]
    columns = min(max(len(shown), 1), 2)
    rows = -(-max(len(shown), 1) // columns)
    figure = style.new_figure(
        style.WIDE if columns > 1 else style.NARROW,
        0.9 + 3.4 * rows,
        title="AUC among similar galaxies",
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
        legends.of_panels(figure, panels[0], columns=2)
    else:
        style.bare(panels[0])
        style.say(panels[0], "No property is known")
    return figure


def _panel(axes: Axes, bins: pd.DataFrame) -> None:
    """Draw the bins of one variable at equal distances, independent of their widths."""
    labels = []
    for position, row in enumerate(rows_of(bins)):
        labels.append(f"{row.low:.3g} – {row.high:.3g}\n{row.n_galaxies} galaxies\n{row.n_slow} slow")
        if np.isfinite(row.auc):
            axes.plot([position] * 2, [row.auc_low, row.auc_high], color=style.INK, lw=2)
            axes.plot(position, row.auc, "o", ms=7, color=style.INK)
    axes.set_xticks(range(len(labels)), labels, size=style.SMALL_SIZE)
    axes.set_xlim(-0.5, len(labels) - 0.5)


def _interval(axes: Axes, row: Any, y: float, marker: str, colour: str) -> None:
    axes.plot([row.auc_low, row.auc_high], [y, y], color=colour, lw=2, solid_capstyle="butt")
    axes.plot(row.auc, y, marker, ms=7, color=colour, zorder=4)


def _write(axes: Axes, y: float, texts: Iterable[str], colour: str, **look: Any) -> None:
    """Write texts into the columns at the height ``y``."""
    for x, text in zip(_COLUMNS.values(), texts, strict=False):
        axes.text(x, y, text, va="center", size=style.SMALL_SIZE, color=colour, **look)


def _gain_text(difference: float, low: float, high: float, p_value: float) -> str:
    return f"{with_interval(difference, low, high, signed=True)} ({p_number(p_value)})"


def _auc(row: Any) -> str:
    return with_interval(row.auc, row.auc_low, row.auc_high)


def _sample(tests: pd.DataFrame) -> str:
    """Describe the sample, which is the same in every row."""
    return f"{tests['n_galaxies'].iloc[0]} galaxies, {tests['n_slow'].iloc[0]} slow" if len(tests) else ""
