"""Figures of slow-rotator candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.attribution.map_panels import band_sum, draw_bar, draw_half_light, draw_map, symmetric_limit
from rotator_assets.candidates.follow_up import MEASURED
from rotator_assets.candidates.sheet import SHEET_COLUMNS, Sheet
from rotator_assets.plots import legends, style
from rotator_assets.plots.galleries import rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_SIDE, _BETWEEN = 1.5, 0.05
"""Side of a panel, and the space between an image and its map, inches."""
_LINE = 0.135
"""Height of a line of text above a panel, inches."""
_ACROSS, _DOWN = 2 * _SIDE + _BETWEEN + 0.25, _SIDE + 0.17
"""Distance between neighbouring galaxies in inches: across, and down without the lines of text."""
_ABOVE, _BELOW, _BESIDE = 0.72, 0.72, 0.175
"""Margins, inches."""


def follow_up_figure(follow_up: pd.DataFrame, labels: str, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw slow rotators found, completeness and purity against the number of candidates observed.

    Parameters
    ----------
    follow_up
        Rows of table ``follow_up``.
    labels
        What the labels are, for the subtitle.
    dataset, recipe
        For the title.
    synthetic
        True where any galaxy is synthetic.
    """
    figure = style.new_figure(
        style.WIDE,
        4.6,
        title="Slow rotators among the first candidates",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=labels,
    )
    found, complete, pure = figure.subplots(1, 3)
    for number, (sample, rows) in enumerate(follow_up.groupby("sample", sort=True)):
        color = style.shade(number, 2)
        for axes, name in ((found, "slow_found"), (complete, "completeness"), (pure, "purity")):
            x = rows["n_observed"].to_numpy(float)
            low, high = (style.numbers(rows, f"{name}_{end}") for end in ("low", "high"))
            axes.fill_between(x, low, high, color=color, alpha=0.25, linewidth=0)
            axes.plot(x, style.numbers(rows, name), color=color, label=str(sample))
        if sample == MEASURED:
            found.plot(
                x, style.numbers(rows, "slow_expected"), color=color, linestyle="--", label="sum of their probabilities"
            )
    style.dress(found, x="Candidates observed", y="Slow rotators found", title="Found")
    style.dress(complete, x="Candidates observed", y="Fraction of all slow rotators", title="Completeness")
    style.dress(pure, x="Candidates observed", y="Fraction of slow rotators", title="Purity")
    for axes in (complete, pure):
        axes.set_ylim(0, 1.02)
    legends.of_panels(figure, found, columns=3)
    return figure


def contact_sheet(sheet: Sheet, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw the first candidates, each with its image, its attribution map, probability, position and flags.

    All maps share a colour scale, as those of `attribution_figure`.

    Parameters
    ----------
    sheet
        At least one galaxy.
    dataset, recipe
        For the title.
    synthetic
        True where any galaxy is synthetic.
    """
    labels = [(_place_of(galaxy), _prediction_of(galaxy)) for _, galaxy in sheet.galaxies.iterrows()]
    n_lines, n_rows = max(len(lines) for both in labels for lines in both), -(-len(labels) // SHEET_COLUMNS)
    down = _DOWN + n_lines * _LINE
    height = _ABOVE + n_rows * down + _BELOW
    figure = style.new_figure(
        style.WIDE,
        height,
        title="Most probable slow rotators without measured kinematics",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="image and attribution map by networks that have not seen the galaxy",
        arranged=False,
    )
    sums = [band_sum(values) for values in sheet.maps]
    limit, scales = symmetric_limit(sums), []
    for number, (lines, image, values) in enumerate(zip(labels, sheet.images, sums, strict=True)):
        row, column = divmod(number, SHEET_COLUMNS)
        x, y = _BESIDE + column * _ACROSS, height - _ABOVE - row * down - n_lines * _LINE - _SIDE
        left, right = (_panel(figure, (x + shift, y, _SIDE, _SIDE)) for shift in (0, _SIDE + _BETWEEN))
        scales.append(_draw_galaxy(left, right, sheet.galaxies.iloc[number], image, values, limit))
        for axes, text, weight in zip((left, right), lines, ("bold", "normal"), strict=True):
            _write_label(axes, text, n_lines, weight)
    _draw_key(figure, scales[0])
    return figure


def _draw_galaxy(
    left: Axes, right: Axes, galaxy: pd.Series, image: NDArray[np.float32], values: NDArray[np.float64], limit: float
) -> AxesImage:
    """Draw a galaxy with its flags, and its map; return the map."""
    left.imshow(rgb(image, calibrated=galaxy["image_unit"] == "nanomaggies"), origin="lower", interpolation="nearest")
    scale = draw_map(right, values, limit)
    for axes, colour in ((left, "white"), (right, style.INK)):
        draw_half_light(axes, values.shape, galaxy, colour)
    _write_flags(left, galaxy)
    return scale


def _panel(figure: Figure, place: tuple[float, float, float, float]) -> Axes:
    """Add axes at x, y, width and height in inches from the lower left corner."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((place[0] / width, place[1] / height, place[2] / width, place[3] / height))
    style.bare(axes)
    return axes


def _write_label(axes: Axes, lines: list[str], n_lines: int, weight: str) -> None:
    """Write lines above a panel, from a height of ``n_lines`` down, the first one in this weight."""
    for number, line in enumerate(lines):
        font: dict[str, Any] = {"size": style.SMALL_SIZE, "color": style.INK, "weight": "normal" if number else weight}
        y = 1 + (n_lines - number) * _LINE / _SIDE
        axes.text(0, y, line, transform=axes.transAxes, va="top", parse_math=False, **font)


def _place_of(galaxy: pd.Series) -> list[str]:
    """Rank and name, and position, one per line."""
    lines = [f"{galaxy['rank']}: {galaxy['galaxy_id']}"]
    if pd.notna(galaxy["ra"]):
        lines.append(f"{galaxy['ra']:.4f} {galaxy['dec']:+.4f}")
    return lines


def _prediction_of(galaxy: pd.Series) -> list[str]:
    """Probability, predicted lambda_R and population, one per line."""
    probability = f"P(slow) {galaxy['probability_slow']:.2f}"
    if pd.notna(galaxy["probability_slow_low"]):
        probability += f" [{galaxy['probability_slow_low']:.2f}, {galaxy['probability_slow_high']:.2f}]"
    lines = [probability]
    if pd.notna(galaxy["lambda_r_predicted"]):
        lines.append(
            f"lambda_R {galaxy['lambda_r_predicted']:.2f} [{galaxy['lambda_r_low']:.2f}, {galaxy['lambda_r_high']:.2f}]"
        )
    if pd.notna(galaxy["population"]):
        lines.append(f"{galaxy['population']} type" + ("" if galaxy["population_known"] else " (predicted)"))
    return lines


def _write_flags(axes: Axes, galaxy: pd.Series) -> None:
    """Write what warns of the galaxy in the lower left corner of its image."""
    flags = [] if galaxy["in_domain"] else ["unlike the training sample"]
    if pd.notna(galaxy["excluded_from"]):
        flags.append(f"excluded from {galaxy['excluded_from']}")
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    if flags:
        axes.text(
            0.02,
            0.025,
            "\n".join(flags),
            transform=axes.transAxes,
            size=style.SMALL_SIZE,
            color=style.SLOW_COLOUR,
            bbox=box,
            gid="flags",
        )


def _draw_key(figure: Figure, scale: AxesImage) -> None:
    """Draw the colour bar of the maps, and say what the ellipses are."""
    from matplotlib.lines import Line2D

    width, _ = figure.get_size_inches()
    strip = _panel(figure, (0.3 * width, 0.5, 0.4 * width, 0.14))
    draw_bar(figure, strip, scale, "horizontal")
    ellipse = Line2D([], [], color=style.INK, lw=1, ls="--", label="half-light ellipse")
    strip.legend(
        handles=[ellipse], loc="center left", bbox_to_anchor=(1.18, 0.5), fontsize=style.TEXT_SIZE, frameon=False
    )
