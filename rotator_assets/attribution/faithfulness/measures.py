"""Measures of the faithfulness of attribution maps: agreement, dependence on trained weights, deletion and insertion.

Maps are (n, ny, nx), positive where a pixel favours a fast rotator. Two maps of a galaxy are compared by Spearman's
rank correlation in two ways: of absolute values pixel by pixel (where the network looks), and of the maps summed in
patches of an eighth of the side (which class they favour), as the signs of single pixels alternate in all maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from rotator_assets.attribution.other_methods import Explainer
from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.resampling import Bootstrap, bootstrap
from rotator_assets.training.network import build_network
from rotator_assets.training.targets import n_outputs

if TYPE_CHECKING:
    import keras

FRACTIONS = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0])
"""Fractions of pixels replaced at which deletion and insertion curves are computed."""
MOST_DEPTHS = 6
"""Largest number of depths to which a network is randomized."""


def correlations(maps: NDArray, others: NDArray) -> NDArray[np.float64]:
    """Return rank correlations of two maps of each galaxy, float64 (2, n): of absolute values, and of patches.

    They are NaN if one of the two maps is constant.
    """
    absolute = (np.abs(values).reshape(len(values), -1) for values in (maps, others))
    return np.stack([_spearman(*absolute), _spearman(_in_patches(maps), _in_patches(others))])


def summary(found: NDArray[np.float64], labels: ArrayLike, object_ids: ArrayLike, seed: int = 0) -> dict:
    """Summarize correlations of a sample.

    Parameters
    ----------
    found : float64 (2, n)
        From `correlations`.
    labels : int (n,)
        Classes; each is resampled separately.
    object_ids : str (n,)
        Physical galaxies, the units of the bootstrap.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``n_galaxies``, and medians over galaxies with 95 % intervals by column name.
    """
    row = {"n_galaxies": int(np.isfinite(found[0]).sum())}
    for name, values in zip(("correlation", "signed_correlation"), found, strict=True):
        median = median_with_interval(values, labels, object_ids, seed)
        row |= {name: median.value, f"{name}_low": median.low, f"{name}_high": median.high}
    return row


def median_with_interval(values: ArrayLike, labels: ArrayLike, object_ids: ArrayLike, seed: int = 0) -> Bootstrap:
    """Return the median over galaxies with its 95 % bootstrap interval.

    Parameters
    ----------
    values : float64 (n,)
        One value per galaxy; NaN is ignored.
    labels, object_ids, seed
        As for `summary`.

    Returns
    -------
    Bootstrap
        NaN if no galaxy has a value.
    """
    return _over_galaxies(_weighted_median, values, labels, object_ids, seed)


def mean_with_interval(values: ArrayLike, labels: ArrayLike, object_ids: ArrayLike, seed: int = 0) -> Bootstrap:
    """Return the mean over galaxies with its 95 % bootstrap interval.

    The mean of a replicate is over the galaxies drawn; their number varies if objects have repeat observations.

    Parameters
    ----------
    values : float64 (n,)
        One value per galaxy; NaN is ignored.
    labels, object_ids, seed
        As for `summary`.

    Returns
    -------
    Bootstrap
        NaN if no galaxy has a value.
    """
    return _over_galaxies(
        lambda known, weights: weights @ known / weights.sum(axis=1), values, labels, object_ids, seed
    )


def cascade(model: keras.Model, recipe: Recipe, seed: int) -> Iterator[tuple[str, keras.Model]]:
    """Randomize the layers of a network one after the other, from the output to the image.

    A map that depends on the trained weights is destroyed by this. Batch normalization is reset together with the layer
    it follows, including its statistics.

    Parameters
    ----------
    model : keras.Model
        The trained network; it is not changed.
    recipe : Recipe
        The recipe of the network.
    seed : int
        Of the random weights, which are drawn by the layers' own initializers.

    Yields
    ------
    (str, keras.Model)
        Name of the last convolution or dense layer randomized, and the network, at most `MOST_DEPTHS` times. It is the
        same object each time, with changed weights.

    References
    ----------
    Adebayo et al. 2018, NeurIPS, arXiv:1810.03292, section 4.
    """
    from keras import models

    untrained, randomized = _untrained(model, recipe, seed), models.clone_model(model)
    randomized.set_weights(model.get_weights())
    names = [layer.name for layer in reversed(randomized.layers) if hasattr(layer, "kernel")]
    shown = {names[round(place)] for place in np.linspace(0, len(names) - 1, min(len(names), MOST_DEPTHS))}
    for layer, fresh in zip(reversed(randomized.layers), reversed(untrained.layers), strict=True):
        layer.set_weights(fresh.get_weights())
        if layer.name in shown:
            yield layer.name, randomized


def _untrained(model: keras.Model, recipe: Recipe, seed: int) -> keras.Model:
    """Return a network with the layers of the model and random weights."""
    from keras import models

    if recipe.members == 1 and recipe.pretrained is None and n_outputs(recipe) == (0, 0):
        return build_network(recipe, model.input_shape[1], seed=seed)
    seeds = np.random.default_rng(seed)

    def seeded(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        for name, value in config.items():
            if name.endswith("_initializer") and isinstance(value, dict) and "seed" in value["config"]:
                value["config"]["seed"] = int(seeds.integers(2**31))
        return type(layer).from_config(config)

    return models.clone_model(model, clone_function=seeded)


def pixel_order(scores: NDArray, seed: int = 0) -> NDArray[np.intp]:
    """Return the pixels of scores (n, ny, nx) from highest to lowest, as indices of the flattened image, (n, ny nx).

    Ties are in random order, so a constant map gives a random order.
    """
    flat = scores.reshape(len(scores), -1)
    shuffled = np.random.default_rng(seed).permutation(flat.shape[1])
    return shuffled[np.argsort(-flat[:, shuffled], axis=1, kind="stable")]


def replacement_curve(
    explainer: Explainer, start: NDArray[np.float32], end: NDArray[np.float32], order: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the logits while pixels of one image are replaced by those of another.

    Deletion goes from the galaxy to the baseline image, insertion from the baseline image to the galaxy.

    Parameters
    ----------
    explainer : Explainer
        The network.
    start, end : float32 (n, ny, nx, bands)
        Images before and after all pixels are replaced.
    order : int (n, ny nx)
        From `pixel_order`.

    Returns
    -------
    float64 (n, len(FRACTIONS))
        Logits at each fraction of pixels replaced.

    References
    ----------
    Petsiuk, Das & Saenko 2018, BMVC, arXiv:1806.07421.
    """
    n, ny, nx, _ = start.shape
    place = np.argsort(order, axis=1).reshape(n, ny, nx, 1)
    steps = [np.where(place < round(fraction * ny * nx), end, start) for fraction in FRACTIONS]
    return explainer.logits(np.concatenate(steps)).reshape(len(FRACTIONS), n).T.astype(np.float64)


def area_under(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area under replacement curves (n, len(FRACTIONS)), which is their mean logit, float64 (n,)."""
    return scipy.integrate.trapezoid(curves, FRACTIONS, axis=1)


def fraction_within(maps: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the fraction of absolute attribution inside a mask (ny, nx), float64 (n,); NaN if the map is zero."""
    weight = np.abs(maps).astype(np.float64)
    total = weight.sum(axis=(1, 2))
    return np.divide(weight[:, mask].sum(axis=1), total, out=np.full(len(maps), np.nan), where=total > 0)


def _in_patches(maps: NDArray) -> NDArray[np.float64]:
    """Sum maps in patches of an eighth of the side, at least one pixel, (n, patches)."""
    sums = np.asarray(maps, dtype=np.float64)
    for axis in (1, 2):
        side = sums.shape[axis]
        sums = np.add.reduceat(sums, np.arange(0, side, max(1, side // 8)), axis=axis)
    return sums.reshape(len(sums), -1)


def _spearman(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Return Spearman's rank correlation along the second axis, (n,); NaN if one of the two is constant."""
    a, b = (scipy.stats.rankdata(values, axis=1) for values in (a, b))
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (a, b))
    spread = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), spread, out=np.full(len(a), np.nan), where=spread > 0)


def _over_galaxies(
    statistic: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    values: ArrayLike,
    labels: ArrayLike,
    object_ids: ArrayLike,
    seed: int,
) -> Bootstrap:
    """Bootstrap a statistic of values (n,) and weights (b, n) over the galaxies with a value; NaN if none has one."""
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        return Bootstrap(np.nan, np.nan, np.nan, np.nan)
    labels, object_ids = np.asarray(labels)[known], np.asarray(object_ids)[known]
    return bootstrap(lambda weights: statistic(values[known], weights), labels, object_ids, seed=seed)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the medians (b,) of values (n,) repeated as often as their weights (b, n) say."""
    order = np.argsort(values)
    ordered, running = values[order], np.cumsum(weights[:, order], axis=1)
    half = running[:, -1:] / 2
    lower, upper = (ordered[np.argmax(reached, axis=1)] for reached in (running >= half, running > half))
    return (lower + upper) / 2
