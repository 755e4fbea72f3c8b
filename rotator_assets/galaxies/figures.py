"""Figures of spin and ellipticity, of the numbers of galaxies per class, and of the losses in matching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.frames import rows_of
from rotator_assets.kinematics.spin import boundary_of, spin_threshold
from rotator_assets.plots import legends, style
from rotator_assets.plots.style import CLASSES, OUTCOMES, numbers, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ELLIPTICITY = r"Ellipticity $\epsilon = 1 - b/a$"
SPIN = r"Spin parameter $\lambda_R$"
_BOUNDARY_LABELS = {
    "emsellem2011": r"$\lambda_R = 0.31\,\sqrt{\epsilon}$",
    "cappellari2016": r"$\lambda_R = 0.08 + \epsilon/4,\ \epsilon < 0.4$",
}
TYPES = ((1, "Early types"), (0, "Late types"))


def spin_ellipticity_figure(
    galaxies: pd.DataFrame,
    *,
    dataset: str,
    synthetic: bool,
    recipe: str | None = None,
    boundary: str = "emsellem2011",
) -> Figure:
    """Draw spin parameter against ellipticity for early and late types (figures 3 and 18 of the study).

    Parameters
    ----------
    galaxies : DataFrame
        ``lambda_r``, ``ellipticity``, ``rotator_type`` (0 slow, 1 fast, missing without a label) and ``is_early_type``.
        Rows without both numbers are counted in the panel's title.
    dataset : str
        Key of the survey or dataset.
    synthetic : bool
        Stamp the figure as synthetic.
    recipe : str, optional
        Name of the recipe.
    boundary : str
        Boundary between slow and fast rotators, as in ``kinematics.spin``.

    Returns
    -------
    Figure
        Two panels.
    """
    early = numbers(galaxies, "is_early_type")
    figure = style.new_figure(
        style.WIDE,
        5.8,
        title="Spin parameter and ellipticity",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=_of_unknown_type(early),
    )
    kind = numbers(galaxies, "rotator_type")
    ellipticity, spin = numbers(galaxies, "ellipticity"), numbers(galaxies, "lambda_r")
    known = np.isfinite(ellipticity) & np.isfinite(spin)
    for axes, (value, name) in zip(figure.subplots(1, 2, sharex=True, sharey=True), TYPES, strict=True):
        here = early == value
        _spin_plane(axes, boundary, spin[known])
        groups = [(f"{c.name} rotators", kind == c.value, c.colour, c.marker, True) for c in reversed(CLASSES)]
        groups.append(("not labelled", np.isnan(kind), style.GREY, "x", True))
        for label, of_group, colour, marker, filled in groups:
            chosen = here & known & of_group
            if chosen.any() or label != "not labelled":
                _points(axes, ellipticity, spin, chosen, f"{label}: {chosen.sum()}", colour, marker, filled)
        style.dress(axes, x=ELLIPTICITY, y=SPIN if value else "", title=_title(name, here, known))
        if not (here & known).any():
            style.say(axes, f"No {name.lower()} with\nspin parameter and ellipticity")
        legends.below(axes)
    return figure


def outcome_figure(predictions: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw spin parameter against ellipticity by outcome (figures 11, 15 and 21 of the study).

    Colours give the true class; the boundary drawn is that of the thresholds.

    Parameters
    ----------
    predictions : DataFrame
        ``rotator_type``, ``predicted_type``, ``lambda_r``, ``ellipticity``, ``spin_threshold``.
    dataset, recipe : str
        Keys for the subtitle.
    synthetic : bool
        Stamp the figure as synthetic.

    Returns
    -------
    Figure
        Correct classifications on the left, wrong ones on the right.
    """
    figure = style.new_figure(
        style.WIDE, 5.8, title="Correct and wrong classifications", dataset=dataset, recipe=recipe, synthetic=synthetic
    )
    true, predicted = numbers(predictions, "rotator_type"), numbers(predictions, "predicted_type")
    ellipticity, spin = numbers(predictions, "ellipticity"), numbers(predictions, "lambda_r")
    known = np.isfinite(ellipticity) & np.isfinite(spin)
    classified = np.isfinite(true) & np.isfinite(predicted)
    boundary = boundary_of(ellipticity, numbers(predictions, "spin_threshold"))
    for axes, right in zip(figure.subplots(1, 2, sharex=True, sharey=True), (True, False), strict=True):
        here = classified & ((true == predicted) == right)
        _spin_plane(axes, boundary, spin[known])
        for outcome in OUTCOMES:
            if outcome.right != right:
                continue
            look = CLASSES[outcome.rotator_type]
            chosen = here & (true == outcome.rotator_type)
            of_class = int((classified & (true == outcome.rotator_type)).sum())
            fraction = percent(int(chosen.sum()), of_class)
            label = f"{outcome.name}: {chosen.sum()} ({fraction} of {look.name})"
            _points(axes, ellipticity, spin, chosen & known, label, look.colour, look.marker, right)
        name = "Classified correctly" if right else "Classified wrongly"
        style.dress(axes, x=ELLIPTICITY, y=SPIN if right else "", title=_title(name, here, known))
        if not here.any():
            style.say(axes, f"No galaxy {name.lower()}")
        legends.below(axes, columns=1)
    return figure


def class_histogram_figure(
    galaxies: pd.DataFrame, *, dataset: str, synthetic: bool, recipe: str | None = None
) -> Figure:
    """Draw the numbers of slow and fast rotators among early and late types (figures 8, 12 and 17 of the study).

    Percentages refer to the labelled galaxies of the type.

    Parameters
    ----------
    galaxies : DataFrame
        ``rotator_type`` and ``is_early_type``.
    dataset : str
        Key of the survey or dataset.
    synthetic : bool
        Stamp the figure as synthetic.
    recipe : str, optional
        The recipe whose sample the galaxies are; types outside it are left out.

    Returns
    -------
    Figure
        One panel.
    """
    early, kind = numbers(galaxies, "is_early_type"), numbers(galaxies, "rotator_type")
    types = [(value, name) for value, name in TYPES if recipe is None or (early == value).any()] or list(TYPES)
    figure = style.new_figure(
        style.MEDIUM if len(types) > 1 else style.NARROW,
        4.4,
        title="Training sample" if recipe else "Slow and fast rotators",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=_of_unknown_type(early),
    )
    axes = figure.subplots()
    ticks, top = [], 0
    for position, (value, name) in enumerate(types):
        here = early == value
        labelled = int((here & np.isfinite(kind)).sum())
        unlabelled = int(here.sum()) - labelled
        ticks.append(f"{name}\n{labelled} labelled" + ("" if recipe and not unlabelled else f", {unlabelled} not"))
        for shift, look in zip((-0.2, 0.2), CLASSES, strict=True):
            count = int((here & (kind == look.value)).sum())
            top = max(top, count)
            label = f"{look.name} rotators" if position == 0 else None
            axes.bar(position + shift, count, 0.36, color=look.colour, label=label)
            axes.annotate(
                f"{count}\n{percent(count, labelled)}",
                (position + shift, count),
                (0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                size=style.TEXT_SIZE,
                color=style.INK,
            )
    style.dress(axes, y="Number of galaxies")
    axes.grid(visible=False, axis="x")
    axes.set_xticks(range(len(types)), ticks)
    axes.set_xlim(-0.6, len(types) - 0.4)
    axes.set_ylim(0, max(1, 1.22 * top))
    legends.above(axes)
    if not top:
        style.say(axes, "No labelled galaxies")
    return figure


def match_figure(match_report: pd.DataFrame, *, dataset: str, synthetic: bool) -> Figure:
    """Draw the galaxies kept and lost in each step from the morphology catalogue to the labelled early types.

    ``match_report`` has one row per step, in order: ``step``, ``rows_in``, ``rows_out``, ``rows_dropped``, ``reason``.
    """
    steps = len(match_report)
    figure = style.new_figure(
        style.WIDE,
        1.6 + 0.55 * max(steps, 2),
        title="Galaxies kept and lost",
        dataset=dataset,
        recipe=None,
        synthetic=synthetic,
    )
    axes = figure.subplots()
    kept, lost = numbers(match_report, "rows_out"), numbers(match_report, "rows_dropped")
    rows_in = numbers(match_report, "rows_in")
    axes.barh(range(steps), kept, 0.5, color=style.GREY, label="galaxies kept")
    axes.barh(
        range(steps), lost, 0.5, left=kept, color="white", edgecolor=style.GREY, hatch="////", label="galaxies lost"
    )
    for row, reason in enumerate(match_report["reason"]):
        text = f"{kept[row]:.0f} of {rows_in[row]:.0f}"
        if lost[row] > 0 and isinstance(reason, str) and reason:
            text += f"; {lost[row]:.0f} lost: {reason if len(reason) <= 90 else reason[:89] + '…'}"
        axes.annotate(
            text,
            (0, row - 0.27),
            (2, 0),
            textcoords="offset points",
            va="bottom",
            size=style.TEXT_SIZE,
            color=style.INK,
            parse_math=False,
        )
    style.dress(axes, x="Number of galaxies")
    axes.grid(visible=False, axis="y")
    names = [
        str(step).replace("lambda_r", r"$\lambda_R$").replace("axis_ratio", "axis ratio")
        for step in match_report["step"]
    ]
    axes.set_yticks(range(steps), names)
    axes.set_ylim(steps - 0.5, -0.75)
    axes.set_xlim(0, max(1.0, 1.02 * np.nanmax(rows_in, initial=0)))
    if steps:
        legends.above(axes)
    else:
        style.say(axes, "No matching step was recorded")
    return figure


def _spin_plane(axes: Axes, boundary: str | None, spin: NDArray[np.float64]) -> None:
    """Draw the boundary between slow and fast rotators, and set the limits."""
    curve = np.linspace(0, 1, 401)
    if boundary is not None:
        label = _BOUNDARY_LABELS[boundary]
        axes.plot(curve, spin_threshold(curve, boundary), color=style.INK, lw=1.5, label=label, zorder=3)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(1.0, 1.05 * np.max(spin, initial=0)))


def _points(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    label: str,
    colour: str,
    marker: str,
    filled: bool,
) -> None:
    """Draw one group of galaxies, with smaller points for larger groups."""
    size = float(np.clip(3000 / max(int(chosen.sum()), 1), 7, 22))
    look: dict[str, Any] = {"c": colour} if filled or marker == "x" else {"facecolors": "none", "edgecolors": colour}
    width = 0 if filled and marker != "x" else 0.9
    axes.scatter(
        x[chosen], y[chosen], s=size, marker=marker, linewidths=width, alpha=0.7, label=label, rasterized=True, **look
    )


def _of_unknown_type(early: NDArray[np.float64]) -> str:
    unknown = int(np.isnan(early).sum())
    return f"{unknown} of unknown type not shown" if unknown else ""


def _title(name: str, here: NDArray[np.bool_], known: NDArray[np.bool_]) -> str:
    missing = int((here & ~known).sum())
    return f"{name} ({int(here.sum())}" + (rf"; {missing} without $\lambda_R$ or $\epsilon$)" if missing else ")")


_COLUMNS = 3
_GROUPS = (
    ("slow in both", True, True, style.SLOW_COLOUR, "o"),
    ("fast in both", False, False, style.FAST_COLOUR, "^"),
    ("slow in {x} alone", True, False, style.INK, "x"),
    ("slow in {y} alone", False, True, style.INK, "+"),
)


def agreement_figure(pairs: pd.DataFrame, summary: pd.DataFrame, *, dataset: str, synthetic: bool) -> Figure:
    """Draw lambda_R of each source against that of a preferred one, one panel per pair of sources.

    Marks show the classes by both sources; galaxies without ellipticity, and so without class, are grey.

    Parameters
    ----------
    pairs, summary : DataFrame
        Results of ``galaxies.agreement.lambda_r_pairs`` and ``agreement``.
    dataset : str
        Key of the survey.
    synthetic : bool
        Stamp the figure as synthetic.

    Returns
    -------
    Figure
        The panels, at least one.
    """
    count = max(len(summary), 1)
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = style.new_figure(
        style.WIDE if columns > 1 else style.NARROW,
        0.5 + (5.4 if columns > 1 else 6.6) * rows,
        title=r"Sources of $\lambda_R$ compared",
        dataset=dataset,
        recipe=None,
        synthetic=synthetic,
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, row in zip(panels, rows_of(summary), strict=False):
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
        legends.below(axes, columns=1)
    for axes in panels[len(summary) :]:
        style.bare(axes)
    if summary.empty:
        style.say(panels[0], r"No galaxy has $\lambda_R$ from two sources")
    return figure
