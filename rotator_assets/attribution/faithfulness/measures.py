"""Tests of attribution maps: do methods agree, do maps depend on what was learned, does the network heed their pixels?

Maps are (n, ny, nx), positive where a pixel speaks for a fast rotator. Two of one galaxy are compared by Spearman's
rank correlation: of their absolute values pixel by pixel (where does the network look?), and of the maps summed in
patches of an eighth of the side (what speaks for which class?), as the signs of single pixels alternate in all maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import trapezoid
from scipy.stats import rankdata

from rotator_assets.attribution.other_methods import Explainer
from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.resampling import Bootstrap, bootstrap
from rotator_assets.training.network import build_network

if TYPE_CHECKING:
    import keras

SHARES = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0])
"""Shares of the pixels replaced, at which deletion and insertion curves are computed."""
MOST_DEPTHS = 6
"""Depths to which networks with more layers than this are randomized."""


def correlations(maps: NDArray, others: NDArray) -> NDArray[np.float64]:
    """Rank correlations of two maps of each galaxy, float64 (2, n): of the absolute values, and of the patches.

    NaN where one of the two is constant.
    """
    absolute = (np.abs(values).reshape(len(values), -1) for values in (maps, others))
    return np.stack([_spearman(*absolute), _spearman(_in_patches(maps), _in_patches(others))])


def summary(found: NDArray[np.float64], labels: ArrayLike, object_ids: ArrayLike, seed: int = 0) -> dict:
    """Medians of `correlations` (2, n) over the galaxies with their intervals, by column names, and ``n_galaxies``."""
    row = {"n_galaxies": int(np.isfinite(found[0]).sum())}
    for name, values in zip(("correlation", "signed_correlation"), found, strict=True):
        median = median_with_interval(values, labels, object_ids, seed)
        row |= {name: median.value, f"{name}_low": median.low, f"{name}_high": median.high}
    return row


def median_with_interval(values: ArrayLike, labels: ArrayLike, object_ids: ArrayLike, seed: int = 0) -> Bootstrap:
    """Median of a galaxy's number with its 95 % bootstrap interval; galaxies without it (NaN) are left out."""
    return _over_galaxies(_weighted_median, values, labels, object_ids, seed)


def mean_with_interval(values: ArrayLike, labels: ArrayLike, object_ids: ArrayLike, seed: int = 0) -> Bootstrap:
    """Mean of a galaxy's number with its 95 % bootstrap interval; galaxies without it (NaN) are left out.

    The mean of a replicate is over the galaxies drawn, whose number differs where objects have repeat observations.
    """
    return _over_galaxies(
        lambda known, weights: weights @ known / weights.sum(axis=1), values, labels, object_ids, seed
    )


def cascade(model: keras.Model, recipe: Recipe, seed: int) -> Iterator[tuple[str, keras.Model]]:
    """The network with more and more layers as they were before any training, from the output down to the image.

    Adebayo et al. (2018, NeurIPS, arXiv:1810.03292, section 4): a map that shows what was learned is destroyed. Gives
    the name of the last convolution or dense layer re-drawn and the network (one object, whose weights change), at most
    `MOST_DEPTHS` times; batch normalization is reset with the layer it follows, its statistics too. Weights are drawn
    by the layers' own initializers from ``seed``, so they differ from those the training began with.
    """
    size_px = model.input_shape[1]
    untrained = build_network(recipe, size_px, seed=seed)
    randomized = build_network(recipe, size_px)
    randomized.set_weights(model.get_weights())
    names = [layer.name for layer in reversed(randomized.layers) if hasattr(layer, "kernel")]
    shown = {names[round(place)] for place in np.linspace(0, len(names) - 1, min(len(names), MOST_DEPTHS))}
    for layer, fresh in zip(reversed(randomized.layers), reversed(untrained.layers), strict=True):
        layer.set_weights(fresh.get_weights())
        if layer.name in shown:
            yield layer.name, randomized


def pixel_order(scores: NDArray, seed: int = 0) -> NDArray[np.intp]:
    """Pixels of each galaxy (n, ny, nx), highest score first, by their number in the flattened image: (n, ny nx).

    Equal ones are in random order, so a map without any contrast gives a random one.
    """
    flat = scores.reshape(len(scores), -1)
    shuffled = np.random.default_rng(seed).permutation(flat.shape[1])
    return shuffled[np.argsort(-flat[:, shuffled], axis=1, kind="stable")]


def replacement_curve(
    explainer: Explainer, start: NDArray[np.float32], end: NDArray[np.float32], order: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Logits while pixels of the images ``start`` are replaced in this order by those of ``end``, (n, len(SHARES)).

    Deletion (Petsiuk, Das & Saenko 2018, BMVC, arXiv:1806.07421) goes from the galaxy to the baseline, insertion from
    the baseline to the galaxy. ``start``, ``end``: float32 (n, ny, nx, bands); ``order``: `pixel_order`.
    """
    n, ny, nx, _ = start.shape
    place = np.argsort(order, axis=1).reshape(n, ny, nx, 1)
    logits = np.empty((n, len(SHARES)))
    for number, share in enumerate(SHARES):
        logits[:, number] = explainer.logits(np.where(place < round(share * ny * nx), end, start))
    return logits


def area_under(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area under replacement curves (n, len(SHARES)) over the share of pixels: their mean logit, float64 (n,)."""
    return trapezoid(curves, SHARES, axis=1)


def share_within(maps: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of the absolute attribution in the pixels of a mask (ny, nx), float64 (n,); NaN where the map is zero."""
    weight = np.abs(maps).astype(np.float64)
    total = weight.sum(axis=(1, 2))
    return np.divide(weight[:, mask].sum(axis=1), total, out=np.full(len(maps), np.nan), where=total > 0)


def _in_patches(maps: NDArray) -> NDArray[np.float64]:
    """Sums of maps in patches of an eighth of the side (of a pixel where that is less), (n, patches)."""
    sums = np.asarray(maps, dtype=np.float64)
    for axis in (1, 2):
        side = sums.shape[axis]
        sums = np.add.reduceat(sums, np.arange(0, side, max(1, side // 8)), axis=axis)
    return sums.reshape(len(sums), -1)


def _spearman(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Spearman's rank correlation along the second axis, (n,); NaN where one of the two is constant."""
    a, b = (rankdata(values, axis=1) for values in (a, b))
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (a, b))
    spread = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), spread, out=np.full(len(a), np.nan), where=spread > 0)


def _over_galaxies(statistic, values: ArrayLike, labels: ArrayLike, object_ids: ArrayLike, seed: int) -> Bootstrap:
    """A statistic of values (n,) and weights (b, n), of the galaxies that have a value; NaN where none has one."""
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        return Bootstrap(np.nan, np.nan, np.nan, np.nan)
    labels, object_ids = np.asarray(labels)[known], np.asarray(object_ids)[known]
    return bootstrap(lambda weights: statistic(values[known], weights), labels, object_ids, seed=seed)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Medians (b,) of values (n,) that count as often as their weights (b, n), whole numbers, say."""
    order = np.argsort(values)
    ordered, running = values[order], np.cumsum(weights[:, order], axis=1)
    half = running[:, -1:] / 2
    lower, upper = (ordered[np.argmax(reached, axis=1)] for reached in (running >= half, running > half))
    return (lower + upper) / 2
