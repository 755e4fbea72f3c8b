"""Figures of attribution maps by several methods, and of the tests of their faithfulness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rotator_assets.attribution.map_panels import TOWARDS
from rotator_assets.core.frames import parts_of, rows_of
from rotator_assets.plots import legends, style
from rotator_assets.plots.galleries import Images, rgb
from rotator_assets.plots.style import CLASSES, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHOD_NAMES = {
    "ig_sky": "integrated\ngradients,\nsky",
    "ig_blurred": "integrated\ngradients,\nblurred",
    "ig_noise": "integrated\ngradients,\nnoise",
    "gradient_times_input": "gradient\ntimes input",
    "smooth_grad": "SmoothGrad",
    "occlusion": "occlusion",
    "grad_cam": "Grad-CAM",
    "brightness": "brightness",
    "random": "random",
}
_COLOURS = {
    "ig_sky": style.INK,
    "ig_blurred": style.OTHER_COLOURS[4],
    "ig_noise": style.OTHER_COLOURS[5],
    "gradient_times_input": style.OTHER_COLOURS[0],
    "smooth_grad": style.OTHER_COLOURS[1],
    "occlusion": style.OTHER_COLOURS[2],
    "grad_cam": style.OTHER_COLOURS[3],
    "brightness": style.GREY,
    "random": style.GREY,
}
_DASHES = {"ig_blurred": "--", "ig_noise": "-.", "brightness": "--", "random": ":"}
COMPLETENESS_LIMIT = 0.05


def method_name(method: str) -> str:
    """Return the method's name in one line."""
    return METHOD_NAMES[method].replace("\n", " ")


def methods_figure(
    images: Images,
    maps: Mapping[str, Images],
    galaxies: pd.DataFrame,
    *,
    dataset: str,
    recipe: str,
    synthetic: bool,
    calibrated: ArrayLike = True,
) -> Figure:
    """Draw galaxies, one per row, with their maps by every method.

    The methods have different units, so each map has its own colour scale, symmetric about zero, that ends at the
    99.5th percentile of its absolute values.

    Parameters
    ----------
    images : array (n, ny, nx, 3)
        The galaxies.
    maps : mapping of str to array (n, ny, nx)
        By method.
    galaxies : DataFrame
        One row per galaxy: ``galaxy_id``, ``rotator_type`` and ``probability_fast``.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.
    calibrated : bool or array (n,)
        See `rgb`.

    Returns
    -------
    Figure
        With a message if there are no galaxies.
    """
    columns, rows = 1 + len(maps), len(galaxies)
    left, top, width = 1.15, 1.2, style.WIDE
    side = min((width - left - 0.1) / columns, 1.6)
    height = top + side * max(rows, 1) + 0.45
    figure = style.new_figure(
        width,
        height,
        title="Attribution maps by several methods",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="each map on its own scale",
        arranged=False,
    )
    place = {"left": left / width, "right": (left + side * columns) / width, "top": 1 - top / height}
    place["bottom"] = 0.45 / height
    grid = figure.subplots(max(rows, 1), columns, squeeze=False, gridspec_kw={**place, "wspace": 0.05, "hspace": 0.05})
    calibrated = np.broadcast_to(np.asarray(calibrated, dtype=bool), rows)
    for axes in grid.flat:
        style.bare(axes)
    for axes, name in zip(grid[0], ["image", *(METHOD_NAMES[method] for method in maps)], strict=True):
        axes.set_title(name, size=style.SMALL_SIZE, color=style.INK, pad=4)
    looks = {look.value: look for look in CLASSES}
    for row, galaxy in enumerate(rows_of(galaxies)):
        look = looks[galaxy.rotator_type]
        label = f"{galaxy.galaxy_id}\n{look.name}\nP(fast) = {galaxy.probability_fast:.2f}"
        first = grid[row, 0]
        first.set_ylabel(
            label, size=style.SMALL_SIZE, color=look.colour, rotation=0, ha="right", va="center", parse_math=False
        )
        first.imshow(rgb(images[row], calibrated=bool(calibrated[row])), origin="lower", interpolation="nearest")
        for axes, values in zip(grid[row, 1:], maps.values(), strict=True):
            values = np.asarray(values[row], dtype=np.float64)
            limit = float(np.percentile(np.abs(values), 99.5)) or 1.0
            axes.imshow(values, origin="lower", cmap=TOWARDS, vmin=-limit, vmax=limit, interpolation="nearest")
            for spine in axes.spines.values():
                spine.set(color=style.PALE, linewidth=0.8, visible=True)
    if not rows:
        style.say(grid[0, 0], "none")
    for look, x, align in zip(CLASSES, (left / width, 1 - 0.1 / width), ("left", "right"), strict=True):
        side_name = "red" if look.value == style.SLOW else "blue"
        text = f"{side_name}: favours {look.name}"
        figure.text(x, 0.16 / height, text, ha=align, size=style.TEXT_SIZE, color=look.colour, weight="bold")
    return figure


def agreement_figure(agreement: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw median rank correlations between methods.

    Parameters
    ----------
    agreement : DataFrame
        Rows of ``attribution_agreement`` of one training.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.

    Returns
    -------
    Figure
        Two matrices: absolute values, and sums in patches.
    """
    n = int(numbers(agreement, "n_galaxies").max()) if len(agreement) else 0
    figure = style.new_figure(
        style.WIDE,
        5.6,
        title="Agreement of attribution methods",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"median rank correlation of {n} galaxies' maps",
    )
    methods = list(dict.fromkeys([*agreement["method"], *agreement["reference"]]))
    panels = figure.subplots(1, 2)
    titles = {
        "correlation": "Absolute values, pixel by pixel",
        "signed_correlation": "Signed values, summed in patches",
    }
    pictures = []
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        square = np.full((len(methods), len(methods)), np.nan)
        for row in agreement.itertuples():
            one, two = methods.index(row.method), methods.index(row.reference)
            square[one, two] = square[two, one] = getattr(row, column)
        pictures.append(axes.imshow(square, cmap="PuOr", vmin=-1, vmax=1, aspect="auto"))
        for (y, x), value in np.ndenumerate(square):
            if np.isfinite(value):
                colour = "white" if abs(value) > 0.7 else style.INK
                axes.text(
                    x,
                    y,
                    f"{value:.2f}".replace("-", "−"),
                    ha="center",
                    va="center",
                    size=style.SMALL_SIZE,
                    color=colour,
                )
        names = [METHOD_NAMES[method] for method in methods]
        style.dress(axes, title=title, grid=False)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names if axes is panels[0] else [])
        axes.tick_params(length=0, labelsize=style.SMALL_SIZE)
        for spine in axes.spines.values():
            spine.set_visible(False)
    bar = figure.colorbar(pictures[-1], ax=panels, shrink=0.8, aspect=30)
    bar.set_label("Spearman's rank correlation", size=style.TEXT_SIZE)
    bar.ax.tick_params(labelsize=style.SMALL_SIZE)
    return figure


def cascade_figure(sanity: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw the correlation of maps with those of increasingly randomized networks, and with those of other folds.

    Parameters
    ----------
    sanity : DataFrame
        Rows of ``attribution_sanity`` of one training.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.

    Returns
    -------
    Figure
        Bands are 95 % intervals.
    """
    n = int(numbers(sanity, "n_galaxies").max()) if len(sanity) else 0
    figure = style.new_figure(
        style.WIDE,
        5.2,
        title="Sensitivity of the maps to randomized weights",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{n} galaxies, layers randomized from the output down",
    )
    panels = figure.subplots(1, 2)
    columns = {
        "correlation": "Absolute values, pixel by pixel",
        "signed_correlation": "Signed values, summed in patches",
    }
    for axes, (column, title) in zip(panels, columns.items(), strict=True):
        for method, rows in parts_of(sanity[sanity["test"] == "cascade"], "method", sort=False):
            rows = rows.sort_values("depth")
            _interval_line(axes, [0, *rows["depth"]], rows, column, method)
        for method, rows in parts_of(sanity[sanity["test"] == "folds"], "method", sort=False):
            low, value, high = (float(rows[f"{column}{end}"].iloc[0]) for end in ("_low", "", "_high"))
            label = f"{method_name(method)}: other folds"
            axes.axhspan(low, high, color=_COLOURS[method], alpha=0.12, lw=0)
            axes.axhline(value, color=_COLOURS[method], lw=1.2, ls="--", label=label)
        axes.axhline(0, color=style.GREY, lw=0.8)
        layers = sanity[sanity["test"] == "cascade"].drop_duplicates("depth").sort_values("depth")["layer"]
        names = ["none", *(layer.replace("_", " ") for layer in layers)]
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_ylim(-1.05, 1.05)
        style.dress(axes, x="Randomized down to", y="Median rank correlation", title=title)
    legends.of_panels(figure, panels[1], columns=2)
    return figure


def deletion_figure(curves: pd.DataFrame, areas: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw logits while pixels are deleted from the galaxy, or inserted into an empty sky, in the order of each map.

    Parameters
    ----------
    curves : DataFrame
        Rows of ``deletion_curves`` of one training.
    areas : DataFrame
        Rows of ``deletion_areas`` of one training.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.

    Returns
    -------
    Figure
        The third panel has the gains over random order, with 95 % intervals.
    """
    n = int(numbers(areas, "n_galaxies").max()) if len(areas) else 0
    figure = style.new_figure(
        style.WIDE,
        6.2,
        title="Deletion and insertion of pixels in the order of each map",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=f"{n} galaxies",
    )
    *panels, gains = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
    titles = {"deletion": "Deletion: lower is better", "insertion": "Insertion: higher is better"}
    for axes, (kind, title) in zip(panels, titles.items(), strict=True):
        for method, rows in parts_of(curves[curves["kind"] == kind], "method", sort=False):
            look = {"color": _COLOURS[method], "ls": _DASHES.get(method, "-"), "lw": 2.4 if method == "ig_sky" else 1.5}
            axes.plot(100 * numbers(rows, "share"), numbers(rows, "logit"), label=method_name(method), **look)
        style.dress(axes, x="Pixels replaced (%)", y="Mean logit towards the predicted class", title=title)
    methods = [method for method in dict.fromkeys(areas["method"]) if method != "random"]
    for kind, shift, marker in (("deletion", -0.14, "o"), ("insertion", 0.14, "s")):
        rows = areas[areas["kind"] == kind].set_index("method").reindex(methods)
        gain, low, high = (numbers(rows, name) for name in ("gain", "gain_low", "gain_high"))
        place = np.arange(len(methods)) + shift
        face = {"mfc": "white"} if kind == "insertion" else {}
        gains.errorbar(
            gain, place, xerr=[gain - low, high - gain], fmt=marker, ms=5, color=style.INK, lw=1.2, label=kind, **face
        )
    gains.axvline(0, color=style.GREY, lw=0.9, ls=":")
    gains.set_yticks(range(len(methods)), [METHOD_NAMES[method] for method in methods])
    gains.set_ylim(len(methods) - 0.5, -0.6)
    style.dress(gains, x="Gain in area over\nrandom order (logits)", title="Gain over random order")
    gains.tick_params(axis="y", labelsize=style.SMALL_SIZE)
    legends.below(gains)
    legends.of_panels(figure, panels[0], columns=4)
    return figure


def convergence_figure(convergence: pd.DataFrame, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw the completeness error against the number of quadrature points.

    Parameters
    ----------
    convergence : DataFrame
        Rows of ``attribution_convergence`` of one training.
    dataset, recipe : str
        Written on the figure.
    synthetic : bool
        Whether to stamp the figure as synthetic data.

    Returns
    -------
    Figure
        Medians and 90th percentiles by class.
    """
    figure = style.new_figure(
        style.MEDIUM,
        5.2,
        title="Convergence of integrated gradients",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="from the empty sky",
    )
    axes = figure.subplots()
    for look in CLASSES:
        rows = convergence[numbers(convergence, "rotator_type") == look.value].sort_values("n_steps")
        if rows.empty:
            continue
        steps, count = numbers(rows, "n_steps"), int(rows["n_galaxies"].max())
        common: dict[str, Any] = {"color": look.colour, "marker": look.marker, "ms": 5}
        axes.plot(steps, numbers(rows, "median"), lw=1.8, label=f"{look.name} ({count}): median", **common)
        axes.plot(
            steps,
            numbers(rows, "ninety_percent"),
            lw=1.2,
            ls="--",
            mfc="white",
            label=f"{look.name}: 90th percentile",
            **common,
        )
    axes.axhline(COMPLETENESS_LIMIT, color=style.GREY, lw=1, ls=":", label="limit: 5 %")
    if axes.get_lines():
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        ticks = sorted(set(numbers(convergence, "n_steps")))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    style.dress(axes, x="Steps", y="Completeness error")
    legends.below(axes, columns=3)
    return figure


def _interval_line(axes: Axes, depths: list[int], rows: pd.DataFrame, column: str, method: str) -> None:
    """Draw a method's correlations with intervals, starting from 1 without randomization."""
    low, value, high = ([1.0, *numbers(rows, f"{column}{end}")] for end in ("_low", "", "_high"))
    axes.plot(depths, value, "o-", ms=4.5, lw=1.8, color=_COLOURS[method], label=method_name(method))
    axes.fill_between(depths, low, high, color=_COLOURS[method], alpha=0.15, lw=0)
