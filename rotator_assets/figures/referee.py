"""What a referee asks to see: calibration, precision and recall, label noise, and what more galaxies would give."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rotator_assets.figures import style
from rotator_assets.figures.roc_axes import UNDEFINED, auc_text
from rotator_assets.figures.style import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rotator_assets.learning.learning_curve import LearningCurve

_STAGES = (("before", "as predicted", style.INK, "o"), ("after", "after calibration", "#009E73", "D"))
_EXTRAPOLATED = 100


def reliability_figure(curves: pd.DataFrame, metrics: dict, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Observed share of fast rotators against predicted probability, before and after calibration.

    ``curves``: as ``calibration_curves``; ``metrics``: its Brier scores and calibration errors by the names of
    ``referee_metrics``. Bars are Wilson intervals; on the diagonal probabilities are true.
    """
    n = metrics["n_galaxies"]
    figure = style.new_figure(
        7.2,
        6.8,
        title="Are the probabilities true?",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{n} galaxies: {metrics['n_slow']} slow, {n - metrics['n_slow']} fast",
    )
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=style.GREY, lw=0.8, ls="--", label="true probabilities")
    share = 1 - metrics["prevalence"]
    axes.axhline(share, color=style.GREY, lw=0.9, ls=":", label=f"share of fast rotators: {share:.2f}")
    for stage, name, colour, marker in _STAGES:
        curve = curves[curves["stage"] == stage]
        if curve.empty:
            continue
        ending = "_calibrated" if stage == "after" else ""
        label = f"{name}: calibration error {metrics[f'ece{ending}']:.3f},\nBrier score {metrics[f'brier{ending}']:.3f}"
        label += f" [{metrics[f'brier_low{ending}']:.3f}, {metrics[f'brier_high{ending}']:.3f}]"
        _points(
            axes, curve, "probability_mean", ("fraction_fast", "fraction_low", "fraction_high"), colour, marker, label
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    style.dress(axes, x=r"Predicted $P(\mathrm{fast})$, mean of the bin", y="Observed share of fast rotators")
    style.legend_below(axes)
    return figure


def precision_recall_figure(
    curve: pd.DataFrame, metrics: dict, *, dataset: str, recipe: str, synthetic: bool
) -> Figure:
    """Precision against recall of finding the slow rotators, with the share of slow rotators that a guess reaches.

    ``curve``: ``recall`` and ``precision``; ``metrics``: by the names of ``referee_metrics``.
    """
    n, n_slow = metrics["n_galaxies"], metrics["n_slow"]
    figure = style.new_figure(
        6.6,
        5.4,
        title="Finding slow rotators",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{n} galaxies: {n_slow} slow, {n - n_slow} fast",
    )
    axes = figure.subplots()
    if curve.empty:
        style.say(axes, UNDEFINED)
    else:
        area = auc_text(metrics["pr_auc_slow"], metrics["pr_auc_slow_low"], metrics["pr_auc_slow_high"])
        label = f"network: average precision {area}"
        recall, precision = numbers(curve, "recall"), numbers(curve, "precision")
        axes.step(recall, precision, where="pre", color=style.SLOW_COLOUR, lw=1.8, label=label)
    prevalence = metrics["prevalence"]
    label = f"guess: share of slow rotators, {prevalence:.3f}"
    axes.axhline(prevalence, color=style.GREY, lw=1.0, ls="--", label=label)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    style.dress(
        axes, x="Recall: share of the slow rotators that is found", y="Precision: share of slow rotators among them"
    )
    style.legend(axes, loc="upper right")
    return figure


def label_noise_figure(variants: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """AUC of the same scores against other labels, and against how far galaxies are from the threshold.

    ``variants``: rows of ``label_noise``. Bars are 95 % intervals. Open marks: the same galaxies, labels as trained.
    """
    cut = numbers(variants, "distance_cut")
    listed = variants[np.isnan(cut) & np.isfinite(numbers(variants, "auc"))]
    near = variants[~np.isnan(cut) & np.isfinite(numbers(variants, "auc"))].sort_values("distance_cut")
    figure = style.new_figure(
        11.0,
        1.9 + 0.45 * max(len(listed), 6),
        title="How much of the AUC do the labels allow?",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
    )
    forest, by_distance = figure.subplots(1, 2, width_ratios=(1.5, 1))
    _forest(forest, listed)
    whole = numbers(listed, "auc")[:1]
    if len(near):
        _points(by_distance, near, "distance_cut", ("auc", "auc_low", "auc_high"), style.INK, "o", "network")
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
        by_distance, x=r"Kept: $|\lambda_R - $threshold$|$ larger than", y="AUC", title="Away from the threshold"
    )
    by_distance.margins(y=0.15)
    style.legend(by_distance, loc="upper left")
    return figure


def learning_curve_figure(
    points: pd.DataFrame, fit: LearningCurve | None, *, dataset: str, needs: str, synthetic: bool
) -> Figure:
    """AUC against the number of training galaxies, the fitted power law, and its interval up to 100 times as many.

    ``points``: rows of ``learning_curve``. Without a ``fit`` the figure says what it ``needs``.
    """
    figure = style.new_figure(
        8.0, 5.2, title="What would more galaxies give?", dataset=dataset, recipe=None, synthetic=synthetic
    )
    axes = figure.subplots()
    if len(points):
        _points(
            axes, points, "n_train", ("auc", "auc_low", "auc_high"), style.INK, "o", "trainings, 95 % interval (DeLong)"
        )
    if fit is not None:
        _extrapolation(axes, points, fit)
    else:
        _note(axes, "\n".join(textwrap.wrap(needs, 90)))
    if len(points):
        axes.set_xscale("log")
    axes.axhline(0.5, color=style.GREY, lw=0.8, ls="--", label="chance")
    axes.set_ylim(0.38, 1.02)
    style.dress(axes, x="Galaxies trained on, a fold", y="AUC")
    style.legend(axes, loc="lower right")
    return figure


def _extrapolation(axes: Axes, points: pd.DataFrame, fit: LearningCurve) -> None:
    """The law where there are trainings (solid) and beyond (dashed), its interval, and what it says of more."""
    colour = style.OTHER_COLOURS[0]
    n = np.geomspace(numbers(points, "n_train").min(), _EXTRAPOLATED * fit.n_largest, 200)
    low, high = fit.interval(n)
    known = n <= fit.n_largest
    error = np.sqrt(fit.covariance[0, 0])
    end = f"{fit.a:.3f} ± {error:.3f}" if np.isfinite(error) else f"{fit.a:.3f}"
    axes.plot(
        n[known], fit.at(n[known]), color=colour, lw=1.6, label=rf"$a - b\,n^{{-c}}$, $a$ = {end}, $c$ = {fit.c:.2f}"
    )
    axes.plot(n[~known], fit.at(n[~known]), color=colour, lw=1.6, ls="--")
    axes.fill_between(n, low, high, color=colour, alpha=0.18, lw=0, label="95 % interval of the law")
    for times in (10, _EXTRAPOLATED):
        more = times * fit.n_largest
        low, high = fit.interval(more)
        label = f"{times} times as many: {auc_text(float(fit.at(more)), float(low), float(high))}"
        axes.plot(more, fit.at(more), "s", ms=6, mfc="white", mec=colour, mew=1.5, label=label)
    if not fit.constrained:
        _note(axes, "The trainings do not say where the curve ends.")


def _note(axes: Axes, text: str) -> None:
    """What to beware of, in the upper left, where no curve begins."""
    axes.text(
        0.02,
        0.93,
        text,
        transform=axes.transAxes,
        va="top",
        size=style.TEXT_SIZE,
        color=style.SLOW_COLOUR,
        gid="message",
    )


def _forest(axes: Axes, rows: pd.DataFrame) -> None:
    """A line a variant, the first on top."""
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
        label="same galaxies, labels as trained",
    )
    for column, name, colour, marker in (
        ("ceiling", "knowing every class", style.OTHER_COLOURS[1], "|"),
        ("ceiling_ranked", r"knowing $\lambda_R$ itself", style.OTHER_COLOURS[4], "D"),
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
    style.dress(axes, x="AUC", title="Other labels, same scores")
    axes.tick_params(axis="y", labelsize=style.SMALL_SIZE)
    style.legend(axes, loc="upper center", bbox_to_anchor=(0.4, -0.14), ncols=2, frameon=False)


def _points(
    axes: Axes, rows: pd.DataFrame, x: str, columns: tuple[str, str, str], colour: str, marker: str, label: str
) -> None:
    """Values with the ends of their intervals, three columns, as marks with bars."""
    value, low, high = (numbers(rows, column) for column in columns)
    axes.errorbar(
        numbers(rows, x),
        value,
        yerr=[value - low, high - value],
        fmt=marker,
        ms=5.5,
        color=colour,
        mec="white",
        lw=1.2,
        capsize=2,
        label=label,
    )
