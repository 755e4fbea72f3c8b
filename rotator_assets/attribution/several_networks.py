"""Integrated gradients of the mean logit of several networks.

Integrated gradients are linear in the network, so the map of the mean is the mean of the maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.attribution.integrated_gradients import Attributions, explain
from rotator_assets.core.recipes import Recipe

if TYPE_CHECKING:
    import keras

_AT_ONCE = 256
"""Images whose maps by one network are in memory at the same time."""


def mean_attributions(
    models: Iterable[keras.Model],
    images: NDArray[np.float32],
    recipe: Recipe,
    *,
    explains: NDArray[np.bool_] | None = None,
    out: NDArray[np.float32] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Attributions:
    """Return attributions of images to the mean logit of several networks, each as `explain` returns it.

    Networks are taken one after the other: if the iterable loads them, one is in memory at a time. With ``out`` in a
    file, memory does not grow with the number of images.

    Parameters
    ----------
    models : iterable of keras.Model
        Functional models in float32 from the recipe's images to one logit, as `TrainedModels.load` returns them.
    images : float32 (n, ny, nx, 3)
        Raw fluxes, as for `network_input`; may be memory-mapped.
    recipe : Recipe
        The recipe of the models, with the settings for attributions.
    explains : bool (n_models, n), optional
        Which images each model explains; by default all.
    out : float32 (n, ny, nx, bands), optional
        Where the maps are written, such as a memory map.
    on_progress : callable, optional
        Called after each map of a single network with the number of such maps done.

    Returns
    -------
    Attributions
        Of the mean over the models that explain an image; its n_steps is their largest. NaN for an image without any.
    """
    n, done = len(images), 0
    maps = np.empty((n, *images.shape[1:3], len(recipe.bands)), np.float32) if out is None else out
    maps[:] = np.nan
    scalars, n_steps, counts = np.full((n, 3), np.nan), np.zeros(n, np.int32), np.zeros(n, np.int64)
    for number, model in enumerate(models):
        explained = np.arange(n) if explains is None else np.flatnonzero(explains[number])
        for start in range(0, len(explained), _AT_ONCE):
            rows = explained[start : start + _AT_ONCE]
            told = None if on_progress is None else lambda here, _, before=done: on_progress(before + here)
            found = explain(model, images, rows, recipe, on_progress=told)
            counts[rows] += 1
            _average(maps, found.maps, rows, counts)
            _average(scalars, np.stack([found.logit, found.logit_baseline, found.delta], axis=1), rows, counts)
            n_steps[rows] = np.maximum(n_steps[rows], found.n_steps)
            done += len(rows)
    logit, logit_baseline, delta = scalars.T
    return Attributions(maps, logit, logit_baseline, delta, _completeness_error(delta, logit - logit_baseline), n_steps)


def _average(means: NDArray, values: NDArray, rows: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Take values into the means of these rows; ``counts`` includes them."""
    first, count = counts[rows] == 1, counts[rows].reshape(-1, *[1] * (values.ndim - 1))
    before = np.where(first.reshape(count.shape), 0, means[rows])
    means[rows] = before + (values - before) / count


def _completeness_error(delta: NDArray[np.float64], difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return |delta| / |difference|, 0 if both vanish."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(delta == 0, 0.0, np.abs(delta) / np.abs(difference))
