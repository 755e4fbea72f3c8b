"""Figures of attribution maps by integrated gradients, single and averaged.

A map has, for every pixel and band, the contribution of this pixel to the logit of P(fast) relative to the baseline
image: positive values favour a fast rotator, negative values a slow one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.attribution.map_panels import band_sum, draw_bar, draw_half_light, draw_map, symmetric_limit
from rotator_assets.imaging.centre import middle
from rotator_assets.plots import legends, style
from rotator_assets.plots.galleries import Images, galaxy_label, rgb, spread_examples
from rotator_assets.plots.style import CLASSES, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPLETENESS = r"Completeness error $|\delta|\,/\,|F(x) - F(\mathrm{baseline})|$"


def attribution_examples(predictions: pd.DataFrame, examples: int = 5) -> dict[int, NDArray[np.intp]]:
    """Return the rows of the galaxies that `attribution_figure` shows, by ``rotator_type``."""
    kind, score = numbers(predictions, "rotator_type"), numbers(predictions, "probability_fast")
    chosen = {}
    for look in CLASSES:
        rows = np.flatnonzero(kind == look.value)
        chosen[look.value] = rows[spread_examples(score[rows], examples)]
    return chosen


def attribution_figure(
    images: Images,
    maps: Images,
    predictions: pd.DataFrame,
    *,
    dataset: str,
    recipe: str,
    synthetic: bool,
    calibrated: ArrayLike = True,
    half_light: pd.DataFrame | None = None,
    examples: int = 5,
) -> Figure:
    """Draw galaxies of both classes above their attribution maps (figures 16, 22, 27, 30 and 31 of the study).

    All maps share a colour scale, symmetric about zero, that ends at the 99.5th percentile of the values shown.

    Parameters
    ----------
    images : array (n, ny, nx, 3)
        The galaxies.
    maps : array (n, ny, nx) or (n, ny, nx, bands)
        Attributions in logits, summed over bands here.
    predictions : DataFrame
        One row per galaxy: ``galaxy_id``, ``probability_fast``, ``rotator_type`` and, if known, ``threshold``, which is
        shown next to the score.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.
    calibrated : bool or array (n,)
        See `rgb`.
    half_light : DataFrame, optional
        One row per galaxy: ``r_eff_pixels`` (semi-major axis) and, for an ellipse instead of a circle, ``axis_ratio``
        and ``angle_deg`` (major axis, counter-clockwise from +x). Rows with missing values draw nothing.
    examples : int
        Number of galaxies per class.

    Returns
    -------
    Figure
        With a message if there are no galaxies.
    """
    width, height = style.WIDE, 7.7
    figure = style.new_figure(
        width,
        height,
        title="Attribution maps of slow and fast rotators",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="integrated gradients",
        arranged=False,
    )
    calibrated = np.broadcast_to(np.asarray(calibrated, dtype=bool), len(predictions))
    chosen = attribution_examples(predictions, examples)
    sums = {int(row): band_sum(maps[row]) for rows in chosen.values() for row in rows}
    limit = symmetric_limit(sums.values())
    place = {"left": 1.05 / width, "right": 1 - 1.3 / width, "top": 1 - 1.0 / height, "bottom": 0.15 / height}
    rows = figure.add_gridspec(5, examples, height_ratios=(1, 1, 0.2, 1, 1), wspace=0.1, hspace=0.06, **place)
    grid = np.array([[figure.add_subplot(rows[row, column]) for column in range(examples)] for row in (0, 1, 3, 4)])
    scale = None
    for axes in grid.flat:
        style.bare(axes)
    for number, look in enumerate(CLASSES):
        above, below = grid[2 * number], grid[2 * number + 1]
        for axes, text in ((above[0], f"True {look.name}\nimage"), (below[0], "attribution")):
            axes.set_ylabel(text, size=style.TEXT_SIZE, color=look.colour, rotation=0, ha="right", va="center")
        if not chosen[look.value].size:
            style.say(above[0], "none")
        for top, bottom, row in zip(above, below, chosen[look.value], strict=False):
            top.imshow(rgb(images[row], calibrated=bool(calibrated[row])), origin="lower", interpolation="nearest")
            scale = draw_map(bottom, sums[row], limit)
            if half_light is not None:
                draw_half_light(top, sums[row].shape, half_light.iloc[row], "white")
                draw_half_light(bottom, sums[row].shape, half_light.iloc[row], style.INK)
            label = galaxy_label(predictions.iloc[row])
            top.set_title(label, size=style.SMALL_SIZE, color=style.INK, pad=3, parse_math=False)
    if scale is not None:
        strip = figure.add_axes((1 - 1.05 / width, 0.5 / height, 0.16 / width, 1 - 1.75 / height))
        draw_bar(figure, strip, scale, "vertical")
    return figure


def mean_attribution_figure(
    mean_abs_maps: Mapping[int, ArrayLike],
    *,
    counts: Mapping[int, int],
    dataset: str,
    recipe: str,
    synthetic: bool,
    r_eff_pixels: float | None = None,
) -> Figure:
    """Draw the mean |attribution| of slow and fast rotators, and its fraction within each radius.

    Parameters
    ----------
    mean_abs_maps : mapping of int to array (ny, nx) or (ny, nx, bands)
        By ``rotator_type``, in any unit. Each map is divided by its total.
    counts : mapping of int to int
        Number of galaxies averaged, by ``rotator_type``.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.
    r_eff_pixels : float, optional
        Median half-light radius, pixels; drawn if known.

    Returns
    -------
    Figure
        With a message if there are no maps.
    """
    figure = style.new_figure(
        style.WIDE,
        4.7,
        title="Mean absolute attribution",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="mean over galaxies, unrotated",
    )
    *panels, profile = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
    fractions = {}
    for kind, values in mean_abs_maps.items():
        total = band_sum(np.abs(values))
        if np.isfinite(total).all() and total.sum() > 0:
            fractions[kind] = 100 * total / total.sum()
    limit = max((np.percentile(fraction, 99.9) for fraction in fractions.values()), default=1.0)
    picture = uniform = None
    for axes, look in zip(panels, CLASSES, strict=True):
        style.bare(axes)
        title = f"{look.name.capitalize()} rotators ({counts.get(look.value, 0)})"
        axes.set_title(title, size=style.LABEL_SIZE, color=look.colour)
        if look.value not in fractions:
            axes.set_aspect("equal")
            style.say(axes, f"No maps of\n{look.name} rotators")
            continue
        fraction = fractions[look.value]
        picture = axes.imshow(fraction, origin="lower", cmap="viridis", vmin=0, vmax=limit, interpolation="nearest")
        if r_eff_pixels is not None:
            draw_half_light(axes, fraction.shape, pd.Series({"r_eff_pixels": r_eff_pixels}), "white")
        radius, enclosed, area = enclosed_fraction(fraction)
        uniform = radius, area
        profile.plot(radius, enclosed, color=look.colour, lw=2, label=f"{look.name} rotators")
    if picture is not None and uniform is not None:
        radius, area = uniform
        bar = figure.colorbar(picture, ax=panels, shrink=0.85, aspect=30)
        bar.set_label("Fraction of the map's total per pixel (%)", size=style.TEXT_SIZE)
        bar.ax.tick_params(labelsize=style.SMALL_SIZE)
        profile.plot(radius, area, color=style.GREY, lw=1, ls="--", label="uniform")
        if r_eff_pixels is not None and np.isfinite(r_eff_pixels):
            profile.axvline(r_eff_pixels, color=style.INK, lw=1, ls=":", label="median half-light radius")
        profile.set(xlim=(0, radius[-1]), ylim=(0, 101))
    else:
        style.say(profile, "No attribution maps")
    style.dress(profile, x="Radius from the centre (pixels)", y="|Attribution| within the radius (%)")
    legends.below(profile)
    return figure


def attribution_profile_figure(attributions: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw histograms of the completeness error and of the fraction within the half-light radius, by class.

    Parameters
    ----------
    attributions : DataFrame
        ``completeness_error`` (|delta| / |F(x) - F(baseline)|), ``fraction_within_half_light`` (of |attribution|) and
        ``rotator_type``.
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
        4.6,
        title="Completeness and concentration of the attributions",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
    )
    left, right = figure.subplots(1, 2)
    kind = numbers(attributions, "rotator_type")
    error, inside = numbers(attributions, "completeness_error"), numbers(attributions, "fraction_within_half_light")
    floor, ceiling = 1e-5, 10.0
    left.set_xscale("log")
    panels = (
        (left, np.clip(error, floor, ceiling), np.geomspace(floor, ceiling, 37), COMPLETENESS),
        (right, inside, np.linspace(0, 1, 26), "Fraction of |attribution| within the half-light radius"),
    )
    for axes, values, bins, name in panels:
        for look in CLASSES:
            chosen = values[(kind == look.value) & np.isfinite(values)]
            if not chosen.size:
                continue
            common = {"bins": bins, "weights": np.full(chosen.size, 100 / chosen.size), "color": look.colour}
            axes.hist(chosen, histtype="stepfilled", alpha=0.25, **common)
            label = f"{look.name}: {chosen.size}, median {np.median(chosen):.2g}"
            axes.hist(chosen, histtype="step", lw=1.6, label=label, **common)
        axes.set_xlim(bins[0], bins[-1])
        axes.minorticks_off()
        style.dress(axes, x=name, y="Fraction of the class per bin (%)")
        if not axes.patches:
            style.say(axes, "Not known for any galaxy")
        legends.below(axes, columns=1)
    return figure


def enclosed_fraction(values: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray]:
    """Return radii (every pixel), and the percentages of the map's total and of its area within each radius."""
    ny, nx = values.shape
    y, x = np.mgrid[:ny, :nx]
    distance = np.hypot(x - middle(nx), y - middle(ny))
    radius = np.arange(int(np.ceil(distance.max())) + 1, dtype=np.float64)
    order = np.argsort(distance, axis=None)
    within = np.searchsorted(distance.ravel()[order], radius, side="right")
    running = np.concatenate(([0.0], np.cumsum(values.ravel()[order])))
    return radius, 100 * running[within] / running[-1], 100 * within / values.size
