"""Galaxies as colour pictures, and galleries of correct and wrong classifications."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.plots import style
from rotator_assets.plots.style import CLASSES, OUTCOMES, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAND_WEIGHTS = np.array([7.8, 5.7, 4.9]) / 5.7
"""Weights of g, r, i in colour pictures relative to r, as in the colour images of SDSS."""
SOFTENING = 30.0
"""Softening of the asinh stretch, which is linear below about peak / 30."""
_QUALITY = 80
"""Of small pictures (WebP)."""


def rgb(image: ArrayLike, *, calibrated: bool = True) -> NDArray[np.float32]:
    """Return a galaxy as red, green, blue in 0..1, shape ``(ny, nx, 3)``.

    ``image`` has shape ``(ny, nx, 3)`` in the order g, r, i, or ``(ny, nx, 1)`` for a grey picture. ``calibrated``
    fluxes (any linear unit) are stretched by asinh of the brightest band to the peak of each image, which preserves the
    hue (after Lupton et al. 2004, PASP 116, 133). Colour cut-outs (0..1, already stretched) stay
    unchanged. NaN is black.
    """
    flux = np.nan_to_num(np.asarray(image, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if flux.shape[-1] == 1:
        flux = np.repeat(flux, 3, axis=-1)
    elif calibrated:
        flux = flux * BAND_WEIGHTS
    if calibrated:
        flux = np.clip(flux, 0, None)
        brightest = flux.max(axis=-1, keepdims=True)
        peak = np.percentile(brightest, 99.8) or brightest.max() or 1.0
        stretched = np.minimum(np.arcsinh(SOFTENING * brightest / peak) / np.arcsinh(SOFTENING), 1.0)
        flux = flux * np.divide(stretched, brightest, out=np.zeros_like(brightest), where=brightest > 0)
    return np.clip(flux[..., ::-1], 0, 1).astype(np.float32)


def spread_examples(scores: ArrayLike, count: int) -> NDArray[np.intp]:
    """Return positions of at most ``count`` scores, highest first, evenly spread over their ranks.

    The choice is deterministic: the same scores give the same examples. NaN is never chosen.
    """
    scores = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")[: int(np.isfinite(scores).sum())]
    ranks = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return order[ranks]


def gallery_examples(predictions: pd.DataFrame, examples: int = 6) -> dict[str, NDArray[np.intp]]:
    """Return the row positions of the galaxies in ``gallery_figure`` by the name of their outcome."""
    true, predicted = numbers(predictions, "rotator_type"), numbers(predictions, "predicted_type")
    score = numbers(predictions, "probability_fast")
    chosen = {}
    for outcome in OUTCOMES:
        rows = np.flatnonzero((true == outcome.rotator_type) & (predicted == outcome.predicted_type))
        chosen[outcome.name] = rows[spread_examples(score[rows], examples)]
    return chosen


class Images(Protocol):
    """Images of which only the requested ones are read."""

    def __getitem__(self, row: int, /) -> ArrayLike: ...


def gallery_figure(
    images: Images,
    predictions: pd.DataFrame,
    *,
    dataset: str,
    recipe: str,
    synthetic: bool,
    calibrated: ArrayLike = True,
    examples: int = 6,
) -> Figure:
    """Draw examples of the four outcomes in colour (figures 10, 14 and 20 of the study).

    Examples are spread evenly over the scores of their outcome, highest first. Frames show the colour of the true
    class.

    Parameters
    ----------
    images : sequence, shape (n, ny, nx, 3)
        Images in the order g, r, i. Of a memory map only the examples are read.
    predictions : DataFrame
        One row per image in the same order: ``galaxy_id``, ``probability_fast``, ``rotator_type``, ``predicted_type``
        and, optionally, the ``threshold`` of the galaxy's fold.
    dataset, recipe : str
        Keys for the subtitle.
    synthetic : bool
        Stamp the figure as synthetic.
    calibrated : bool or array_like of bool
        As in ``rgb``, for all images or for each.
    examples : int
        Number of examples per outcome.

    Returns
    -------
    Figure
        One row of examples per outcome.
    """
    width, height = style.WIDE, 7.8
    figure = style.new_figure(
        width,
        height,
        title="Galaxies by outcome",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="examples spread evenly over P(fast), each with its fold's threshold",
        arranged=False,
    )
    calibrated = np.broadcast_to(np.asarray(calibrated, dtype=bool), len(predictions))
    true, predicted = numbers(predictions, "rotator_type"), numbers(predictions, "predicted_type")
    place = {"left": 1.45 / width, "right": 1 - 0.1 / width, "top": 1 - 1.05 / height, "bottom": 0.1 / height}
    grid = figure.subplots(len(OUTCOMES), examples, squeeze=False, gridspec_kw={**place, "wspace": 0.1, "hspace": 0.35})
    shown = gallery_examples(predictions, examples)
    for line, outcome in zip(grid, OUTCOMES, strict=True):
        look = CLASSES[outcome.rotator_type]
        count = int(((true == outcome.rotator_type) & (predicted == outcome.predicted_type)).sum())
        for axes in line:
            style.bare(axes)
        first = line[0]
        first.set_ylabel(
            f"{outcome.name}\n{look.name},\nclassified as {CLASSES[outcome.predicted_type].name}\nn = {count}",
            size=style.TEXT_SIZE,
            color=look.colour,
            rotation=0,
            ha="right",
            va="center",
            labelpad=8,
            linespacing=1.4,
        )
        if not count:
            first.set_aspect("equal")
            style.say(first, "none")
        for axes, row in zip(line, shown[outcome.name], strict=False):
            axes.imshow(rgb(images[row], calibrated=bool(calibrated[row])), origin="lower", interpolation="nearest")
            for spine in axes.spines.values():
                spine.set(color=look.colour, linewidth=2, visible=True)
            label = galaxy_label(predictions.iloc[row])
            axes.set_title(label, size=style.SMALL_SIZE, color=style.INK, pad=3, parse_math=False)
    return figure


def galaxy_label(galaxy: pd.Series) -> str:
    """Return the name of a galaxy with its score and its fold's threshold, with enough digits to distinguish them.

    ``galaxy`` has ``galaxy_id``, ``probability_fast`` and, optionally, ``threshold``.
    """
    score, threshold = float(galaxy["probability_fast"]), galaxy.get("threshold")
    if pd.isna(threshold):
        return f"{galaxy['galaxy_id']}\nP(fast) = {score:.2f}"
    sign = "≥" if score >= threshold else "<"
    digits = next((n for n in (2, 3, 4) if round(score, n) != round(threshold, n)), 2 if sign == "≥" else 6)
    return f"{galaxy['galaxy_id']}\nP(fast) {score:.{digits}f} {sign} {threshold:.{digits}f}"


def small_picture(colours: NDArray[np.float32], side_px: int | None = None) -> str:
    """Return red, green, blue in 0..1, shape (ny, nx, 3), as a data URL (WebP) with row 0 at the bottom.

    ``side_px`` limits its sides.
    """
    from PIL import Image

    picture = Image.fromarray((255 * colours[::-1]).round().astype(np.uint8))
    if side_px is not None:
        picture.thumbnail((side_px, side_px))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
