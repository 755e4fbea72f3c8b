"""Figures of aligned mean maps, radial profiles, fractions within ellipses, orientation and sign of attributions.

R_e is the half-light semi-major axis. Attribution is given as a fraction of each galaxy's absolute attribution, and
light as a fraction of each galaxy's light, so that all galaxies have equal weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.attribution.alignment import REACH_R_EFF, RunningMean
from rotator_assets.attribution.attribution_shape import RADII_R_EFF
from rotator_assets.attribution.map_panels import TOWARDS
from rotator_assets.core.frames import row_at
from rotator_assets.plots import legends, style
from rotator_assets.plots.style import CLASSES, OUTCOMES, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WITHIN = {"half_r_eff": "0.5", "r_eff": "1", "two_r_eff": "2"}
_OUTCOMES = sorted(OUTCOMES, key=lambda outcome: (outcome.rotator_type, not outcome.right))
_COLOURS = {look.value: look.colour for look in CLASSES}
_SIGNED, _ABSOLUTE = 0, 1
"""Planes of the aligned means."""
_SURE = 2.0
"""Differences below this number of standard errors are drawn pale."""
PER_AREA = r"per $R_e^2$"
_NOTE = (
    f"Each panel extends {REACH_R_EFF:g} $R_e$ from the centre. Signed: red favours slow, blue favours fast.\n"
    f"Differences have their own scales; orange: more in slow rotators; pale: below {_SURE:g} standard errors."
)


def aligned_attribution_figure(
    means: Mapping[str, RunningMean], *, axis_ratio: float, dataset: str, recipe: str, synthetic: bool
) -> Figure:
    """Draw aligned mean maps of both classes, their difference, and the four outcomes.

    Parameters
    ----------
    means : mapping of str to RunningMean (cells, cells, 3)
        Signed attribution, absolute attribution and light on the grid of `alignment`, by class or outcome in lower
        case.
    axis_ratio : float
        Median axis ratio, for the ellipses at 0.5, 1 and 2 R_e.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.

    Returns
    -------
    Figure
        With a message in each panel without galaxies.
    """
    width, height = style.WIDE, 4.1
    figure = style.new_figure(
        width,
        height,
        title="Mean attribution maps aligned with the major axis",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="ellipses at 0.5, 1 and 2 $R_e$",
        arranged=False,
    )
    place = {"left": 0.4 / width, "right": 1 - 1.0 / width, "top": 1 - 0.85 / height, "bottom": 0.6 / height}
    shape = {"width_ratios": (1, 1, 1, 0.08, 1, 1, 1, 1), "wspace": 0.06, "hspace": 0.05}
    grid = figure.add_gridspec(2, 8, **place, **shape)
    named = [("slow", style.SLOW_COLOUR), ("fast", style.FAST_COLOUR), None, None]
    named += [(outcome.name.lower(), _COLOURS[outcome.rotator_type]) for outcome in _OUTCOMES]
    for line, plane in enumerate((_SIGNED, _ABSOLUTE)):
        scale = _scale([mean.mean[..., plane] for mean in means.values()], plane)
        drawn = None
        for column, group in enumerate(named):
            if column == 3:
                continue
            axes = figure.add_subplot(grid[line, column])
            style.bare(axes)
            if group is None:
                _draw_difference(axes, means, plane, axis_ratio)
                title, colour = "Slow − fast", style.INK
            else:
                (name, colour), title = group, group[0].capitalize()
                count = int(means[name].count.max()) if name in means else 0
                title = f"{title} ({count})"
                if count:
                    drawn = _draw_aligned(axes, means[name].mean[..., plane], axis_ratio, **scale)
                else:
                    axes.set_aspect("equal")
                    style.say(axes, "none", size=style.TEXT_SIZE)
            if line == 0:
                axes.set_title(title, size=style.TEXT_SIZE, color=colour)
            if column == 0:
                axes.set_ylabel(("Signed", "Absolute")[plane], size=style.TEXT_SIZE, color=style.INK)
                if plane == _ABSOLUTE:
                    axes.text(
                        0, -0.1, _NOTE, transform=axes.transAxes, va="top", size=style.TEXT_SIZE, color=style.GREY
                    )
        if drawn is not None:
            box = grid[line, 7].get_position(figure)
            strip = figure.add_axes((1 - 0.9 / width, box.y0 + 0.04, 0.13 / width, box.height - 0.08))
            bar = figure.colorbar(drawn, cax=strip, extend="both")
            bar.set_label(f"Fraction {PER_AREA}", size=style.TEXT_SIZE)
            bar.ax.tick_params(labelsize=style.SMALL_SIZE)
    return figure


def attribution_radial_figure(profiles: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw mean radial profiles by class and by outcome: absolute attribution and light, and signed attribution.

    Parameters
    ----------
    profiles : DataFrame
        Rows of ``attribution_profiles`` of one training.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.

    Returns
    -------
    Figure
        With a message if no radii are known.
    """
    figure = style.new_figure(
        style.WIDE,
        8.4,
        title="Attribution and light against radius",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="mean over galaxies, 95 % intervals",
    )
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    classes = [(look.name, f"{look.name} rotators", look.colour, "-") for look in CLASSES]
    outcomes = [
        (outcome.name.lower(), outcome.name, _COLOURS[outcome.rotator_type], "-" if outcome.right else "--")
        for outcome in _OUTCOMES
    ]
    for axes, groups in zip(panels[0], (classes, outcomes), strict=True):
        _logarithmic(axes)
        for group in groups:
            _draw_profile(axes, profiles, "absolute", *group)
            if groups is classes:
                _draw_profile(axes, profiles, "light", group[0], f"light of {group[1]}", group[2], ":")
        style.dress(axes, y=f"|Attribution| {PER_AREA}" if groups is classes else "")
    for axes, groups in zip(panels[1], (classes, outcomes), strict=True):
        axes.axhline(0, color=style.GREY, lw=0.8)
        for group in groups:
            _draw_profile(axes, profiles, "signed", *group)
        y = f"Signed attribution {PER_AREA}" if groups is classes else ""
        style.dress(axes, x="Elliptical radius ($R_e$)", y=y)
    for axes in panels.flat:
        axes.set_xlim(0, REACH_R_EFF)
        if len(axes.get_legend_handles_labels()[1]):
            legends.below(axes)
        else:
            style.say(axes, "No half-light radius is known")
    return figure


def attribution_fraction_figure(summary: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw mean fractions of absolute attribution and of light within ellipses, by class, and their differences.

    Parameters
    ----------
    summary : DataFrame
        Rows of ``attribution_summary`` of one training.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.

    Returns
    -------
    Figure
        With a message if no radii are known.
    """
    figure = style.new_figure(
        style.WIDE,
        4.9,
        title="Attribution and light within ellipses",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="mean over galaxies, 95 % intervals",
    )
    fractions, excess, contrast = figure.subplots(1, 3, sharey=True, width_ratios=(1.5, 1, 1))
    known = summary.set_index(["galaxies", "measure"]).dropna(subset=["mean"])
    for number, name in enumerate(_WITHIN):
        for look, shift in zip(CLASSES, (0.14, -0.14), strict=True):
            place, colour = number + shift, look.colour
            labels = (f"|attribution|, {look.name}", f"light, {look.name}") if number == 0 else (None, None)
            fraction, light, area, beyond = (
                (look.name, f"{what}_within_{name}") for what in ("fraction", "light", "area", "fraction_minus_light")
            )
            _draw_interval(fractions, known, fraction, place, look.marker, labels[0], color=colour)
            _draw_interval(fractions, known, light, place - 0.09, look.marker, labels[1], color=colour, mfc="white")
            fractions.plot([known["mean"].get(area, np.nan)], [place], "|", color=style.GREY, ms=11, mew=1.5)
            _draw_interval(excess, known, beyond, place, look.marker, None, color=colour)
        _draw_interval(contrast, known, ("slow minus fast", f"fraction_within_{name}"), number, "D", None, color="k")
    for axes, x in (
        (fractions, "Fraction within the ellipse"),
        (excess, "|Attribution| minus light"),
        (contrast, "|Attribution|, slow minus fast"),
    ):
        style.dress(axes, x=x)
        if known.empty:
            style.say(axes, "No half-light\nradius is known")
    for axes in (excess, contrast):
        axes.axvline(0, color=style.GREY, lw=0.9, ls="--")
    fractions.set_xlim(0, 1)
    fractions.set_yticks(range(len(_WITHIN)), [f"{radius} $R_e$" for radius in _WITHIN.values()])
    fractions.set_ylim(len(_WITHIN) - 0.45, -0.55)
    if not known.empty:
        fractions.plot([], [], "|", color=style.GREY, ms=11, mew=1.5, label="area")
    legends.below(fractions)
    return figure


def attribution_direction_figure(attributions: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw the angle between attribution and galaxy, both ellipticities, and the balance of signs.

    Parameters
    ----------
    attributions : DataFrame
        Rows of ``attributions`` of one training, with ``rotator_type``.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.

    Returns
    -------
    Figure
        With a message where nothing is known.
    """
    figure = style.new_figure(
        style.WIDE,
        4.9,
        title="Orientation, ellipticity and sign of the attribution",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
    )
    angle, shape, balance = figure.subplots(1, 3)
    kind = numbers(attributions, "rotator_type")
    widest = _limit([numbers(attributions, "sign_balance")])
    for look in CLASSES:
        rows = attributions[kind == look.value]
        _histogram(angle, numbers(rows, "angle_to_major_axis_deg"), np.linspace(0, 90, 10), look)
        _histogram(balance, numbers(rows, "sign_balance"), np.linspace(-widest, widest, 25), look)
        x, y = numbers(rows, "light_ellipticity"), numbers(rows, "attribution_ellipticity")
        count = int((np.isfinite(x) & np.isfinite(y)).sum())
        if count:
            label = f"{look.name}: {count}"
            shape.scatter(x, y, s=9, marker=look.marker, color=look.colour, alpha=0.5, lw=0, label=label)
    if angle.patches:
        angle.axhline(10, color=style.GREY, lw=1, ls="--", label="random directions")
    balance.axvline(0, color=style.GREY, lw=0.8)
    shape.axline((0, 0), slope=1, color=style.GREY, lw=1, ls="--")
    shape.set(xlim=(0, 0.8), ylim=(0, 0.8))
    fraction = "Fraction of the class per bin (%)"
    style.dress(angle, x="Angle between attribution\nand galaxy (deg)", y=fraction)
    style.dress(shape, x="Ellipticity of the light\nwithin 2 $R_e$", y="Ellipticity of |attribution|")
    style.dress(balance, x="Balance of signs\n(−1: all slow, 1: all fast)", y=fraction)
    angle.set_xlim(0, 90)
    balance.set_xlim(-widest, widest)
    for axes, drawn in ((angle, angle.patches), (shape, shape.collections), (balance, balance.patches)):
        if not drawn:
            style.say(axes, "Not known for any galaxy")
        legends.below(axes, columns=1)
    return figure


def _draw_aligned(axes: Axes, values: NDArray[np.float64], axis_ratio: float, **scale: Any):
    extent = (-REACH_R_EFF, REACH_R_EFF, -REACH_R_EFF, REACH_R_EFF)
    axes.set_facecolor(style.PALE)
    drawn = axes.imshow(values, origin="lower", extent=extent, interpolation="nearest", **scale)
    turn = np.linspace(0, 2 * np.pi, 181)
    for radius in RADII_R_EFF if np.isfinite(axis_ratio) else ():
        x, y = radius * np.cos(turn), radius * axis_ratio * np.sin(turn)
        colour = "white" if scale.get("cmap") == "viridis" else style.INK
        axes.plot(x, y, color=colour, lw=0.8, ls="--", scalex=False, scaley=False, gid="ellipse")
    return drawn


def _draw_difference(axes: Axes, means: Mapping[str, RunningMean], plane: int, axis_ratio: float) -> None:
    """Draw slow minus fast on its own scale, pale where it is not significant."""
    both = [means[look.name] for look in CLASSES if look.name in means and means[look.name].count.max() > 1]
    if len(both) < 2:
        axes.set_aspect("equal")
        style.say(axes, "needs both", size=style.TEXT_SIZE)
        return
    slow, fast = both
    difference = (slow.mean - fast.mean)[..., plane]
    error = np.hypot(slow.standard_error, fast.standard_error)[..., plane]
    limit = _limit([difference])
    cmap = TOWARDS if plane == _SIGNED else "PuOr_r"
    sure = np.where(np.abs(difference) >= _SURE * error, 1.0, 0.3)
    _draw_aligned(axes, difference, axis_ratio, cmap=cmap, vmin=-limit, vmax=limit, alpha=sure)
    axes.text(
        0.5, 0.03, rf"$\pm${limit:.2g}", transform=axes.transAxes, ha="center", size=style.SMALL_SIZE, color=style.INK
    )


def _draw_profile(
    axes: Axes, profiles: pd.DataFrame, quantity: str, group: str, label: str, colour: str, line: str
) -> None:
    rows = profiles[(profiles["quantity"] == quantity) & (profiles["galaxies"] == group)].sort_values("radius_r_eff")
    rows = rows[rows["mean"].notna()]
    if rows.empty:
        return
    radius = numbers(rows, "radius_r_eff")
    if quantity != "light":
        label = f"{label} ({int(rows['n_galaxies'].max())})"
        low, high = numbers(rows, "low"), numbers(rows, "high")
        axes.fill_between(radius, low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(radius, numbers(rows, "mean"), color=colour, ls=line, lw=1.8, label=label)


def _draw_interval(
    axes: Axes, known: pd.DataFrame, key: tuple[str, str], place: float, marker: str, label: str | None, **look: Any
) -> None:
    """Draw mean and interval of one group and measure, if known."""
    if key not in known.index:
        return
    row = row_at(known, key)
    axes.plot([row["low"], row["high"]], [place, place], color=look["color"], lw=1.6, solid_capstyle="butt")
    axes.plot([row["mean"]], [place], marker, ms=7, ls="none", label=label, **look)


def _histogram(axes: Axes, values: NDArray[np.float64], bins: NDArray[np.float64], look: style.RotatorClass) -> None:
    values = values[np.isfinite(values)]
    if not values.size:
        return
    common: dict[str, Any] = {"bins": bins, "weights": np.full(values.size, 100 / values.size), "color": look.colour}
    axes.hist(values, histtype="stepfilled", alpha=0.25, **common)
    label = f"{look.name}: {values.size}, median {np.median(values):.2g}"
    axes.hist(values, histtype="step", lw=1.6, label=label, **common)


def _scale(planes: list[NDArray[np.float64]], plane: int) -> dict[str, Any]:
    """Return the common colour scale of the means: symmetric if signed, logarithmic if absolute."""
    from matplotlib.colors import LogNorm

    limit = _limit(planes)
    if plane == _SIGNED:
        return {"cmap": TOWARDS, "vmin": -limit, "vmax": limit}
    values = np.concatenate([np.ravel(values) for values in planes] or [np.zeros(0)])
    positive = values[values > 0]
    return {"cmap": "viridis", "norm": LogNorm(np.percentile(positive, 1) if positive.size else limit / 10, limit)}


def _logarithmic(axes: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers at the ticks of one or two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _limit(planes: list[NDArray[np.float64]]) -> float:
    """Return the 99.5th percentile of the absolute values; 1 if all are zero."""
    values = np.abs(np.concatenate([np.ravel(plane) for plane in planes] or [np.zeros(1)]))
    finite = values[np.isfinite(values)]
    return (float(np.percentile(finite, 99.5)) or 1.0) if finite.size else 1.0
