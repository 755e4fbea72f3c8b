"""Galaxies as colour pictures, and galleries of what the network called right and wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.plots import style
from rotator_assets.plots.style import CLASSES, OUTCOMES, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAND_WEIGHTS = np.array([7.8, 5.7, 4.9]) / 5.7
"""Of g, r, i in colour pictures, as in the colour images of SDSS, relative to r."""
SOFTENING = 30.0
"""How far the asinh stretch lifts faint parts: linear below about peak / 30."""


def rgb(image: ArrayLike, *, calibrated: bool = True) -> NDArray[np.float32]:
    """One galaxy as red, green, blue in 0..1, shape ``(ny, nx, 3)``.

    ``image``: ``(ny, nx, 3)`` in the order g, r, i, or ``(ny, nx, 1)`` for a grey picture. ``calibrated`` fluxes (any
    linear unit) are stretched by asinh of the brightest band, hue kept (after Lupton et al. 2004, PASP 116, 133), each
    image to its own peak; colour cut-outs (0..1, stretched when they were made) are shown as they are. NaN is black.
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
    """Positions of at most ``count`` of the scores, from the highest to the lowest, evenly spread over their ranks.

    No choice by eye and none by chance: the same scores give the same examples. NaN is never chosen.
    """
    scores = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")[: int(np.isfinite(scores).sum())]
    ranks = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return order[ranks]


def gallery_examples(predictions: pd.DataFrame, examples: int = 6) -> dict[str, NDArray[np.intp]]:
    """Row positions of the galaxies that ``gallery_figure`` shows, by the name of their outcome."""
    true, called = numbers(predictions, "rotator_type"), numbers(predictions, "predicted_type")
    score = numbers(predictions, "probability_fast")
    chosen = {}
    for outcome in OUTCOMES:
        rows = np.flatnonzero((true == outcome.rotator_type) & (called == outcome.predicted_type))
        chosen[outcome.name] = rows[spread_examples(score[rows], examples)]
    return chosen


def gallery_figure(
    images: ArrayLike,
    predictions: pd.DataFrame,
    *,
    dataset: str,
    recipe: str,
    synthetic: bool,
    calibrated: ArrayLike = True,
    examples: int = 6,
) -> Figure:
    """Examples of the four outcomes, in colour (figures 10, 14 and 20 of the study).

    ``images``: ``(n, ny, nx, 3)`` in the order g, r, i, a memory map perhaps: only what is shown is read.
    ``predictions``: a row an image, in the same order: ``galaxy_id``, ``probability_fast``, ``rotator_type``,
    ``predicted_type``, and where it is known ``threshold``, shown beside the score: each fold has its own.
    ``calibrated``: see ``rgb``; one value, or one an image. Examples are spread evenly over the scores of their
    outcome, highest first. Frames have the colour of what the galaxy truly is.
    """
    width, height = 1.3 * examples + 1.5, 7.4
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
    true, called = numbers(predictions, "rotator_type"), numbers(predictions, "predicted_type")
    place = {"left": 1.45 / width, "right": 1 - 0.1 / width, "top": 1 - 1.05 / height, "bottom": 0.1 / height}
    grid = figure.subplots(len(OUTCOMES), examples, squeeze=False, gridspec_kw={**place, "wspace": 0.1, "hspace": 0.35})
    shown = gallery_examples(predictions, examples)
    for line, outcome in zip(grid, OUTCOMES, strict=True):
        look = CLASSES[outcome.rotator_type]
        count = int(((true == outcome.rotator_type) & (called == outcome.predicted_type)).sum())
        for axes in line:
            style.bare(axes)
        first = line[0]
        first.set_ylabel(
            f"{outcome.name}\n{look.name}, called {CLASSES[outcome.predicted_type].name}\nn = {count}",
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
    """Name and score of a galaxy, beside the threshold of its fold, with as many digits as tell them apart.

    ``galaxy``: ``galaxy_id``, ``probability_fast`` and, where it is known, ``threshold``.
    """
    score, threshold = float(galaxy["probability_fast"]), galaxy.get("threshold")
    if pd.isna(threshold):
        return f"{galaxy['galaxy_id']}\nP(fast) = {score:.2f}"
    sign = "≥" if score >= threshold else "<"
    digits = next((n for n in (2, 3, 4) if round(score, n) != round(threshold, n)), 2 if sign == "≥" else 6)
    return f"{galaxy['galaxy_id']}\nP(fast) {score:.{digits}f} {sign} {threshold:.{digits}f}"
