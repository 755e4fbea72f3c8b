"""Training images on a GPU: the card holds them all, and transforms and normalizes each batch.

Only the positions of a batch and its transforms are sent, as `pipeline` draws them, so a batch has the same values up
to rounding. Otherwise one core of the processor, which prepares some thousand images/s, would keep the card waiting.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import gpu_name, tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.imaging.normalization import ASINH_SOFTENING, LOG_STRETCH
from rotator_assets.training.pipeline import Images, TrainingBatches, prepared, raw_fluxes, transformed

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

LARGEST_BYTES = 4e9
"""Images that need more memory than this stay in that of the processor."""
_PEAKS = {"max_all": "gri", "log": "gri", "asinh": "gri", "max_g": "g", "max_r": "r"}
"""Normalizations relative to a maximum, and the bands from which it is taken."""
NORMALIZATIONS = (*_PEAKS, "none", "standard")


def is_possible(images: Images, n: int, recipe: Recipe) -> bool:
    """Return whether there is a GPU, for a recipe and ``n`` images that a card can hold and normalize."""
    n_bytes = 4 * n * images.shape[1] * images.shape[2] * len(recipe.bands)
    return recipe.normalization in NORMALIZATIONS and n_bytes <= LARGEST_BYTES and gpu_name() is not None


class CardImages:
    """Images on the card, and networks that take positions and transforms in place of images."""

    def __init__(self, recipe: Recipe, size_px: int) -> None:
        tf = tensorflow()
        shape = (None, size_px, size_px, len(recipe.bands))
        self._flux = tf.Variable(np.zeros((1, *shape[1:]), np.float32), trainable=False, shape=shape)
        self._recipe = recipe

    def hold(self, images: Images, rows: NDArray[np.int64], recipe: Recipe) -> None:
        """Put these rows on the card, in their order, in place of others."""
        self._flux.assign(raw_fluxes(images, rows, recipe))

    def feeding(self, network: keras.Model) -> keras.Model:
        """Return a model from positions (n,) and transforms (n, 8) to the outputs of the network, with its layers."""
        from keras import Input, Model

        drawn = [Input((), dtype="int32", name="positions"), Input((8,), dtype="float32", name="transforms")]
        seen = _drawing()(self._flux, self._recipe, name="drawn", dtype="float32")(drawn)
        return Model(drawn, network(seen), name=network.name)

    def dataset(self, batches: TrainingBatches, positions: NDArray[np.int64]) -> tf.data.Dataset:
        """Return all batches as a model of `feeding` takes them; ``positions``: place of each galaxy on the card."""

        def sent(number: int) -> tuple[NDArray, ...]:
            chosen, transforms = batches.drawn(number)
            return positions[chosen].astype(np.int32), transforms, *batches.compared(chosen)

        shapes = ((None,), (None, 8), (None, batches.answers.shape[1]), (None, 1))
        flat = prepared(sent, batches.n_batches, shapes, ("int32", "float32", "float32", "float32"))
        return flat.map(lambda positions, transforms, answers, weights: ((positions, transforms), answers, weights))


@cache
def _drawing() -> Any:
    """Return the layer that draws a batch from images on the card."""
    tf = tensorflow()
    from keras import layers

    class Drawing(layers.Layer):
        def __init__(self, flux: tf.Variable, recipe: Recipe, **options: Any) -> None:
            super().__init__(trainable=False, **options)
            self._flux, self._recipe = flux, recipe

        def call(self, drawn: list[tf.Tensor]) -> tf.Tensor:
            positions, transforms = drawn
            flux = transformed(tf.gather(self._flux, positions), transforms)
            return normalized(flux, self._recipe.normalization, self._recipe.bands)

        def compute_output_shape(self, drawn_shape: Any) -> tuple[int | None, ...]:
            return tuple(self._flux.shape)

    return Drawing


def normalized(flux: tf.Tensor, method: str, bands: str) -> tf.Tensor:
    """Return fluxes (n, ny, nx, n_bands) as `normalize` does, for the methods in `NORMALIZATIONS`."""
    tf = tensorflow()
    if method == "none":
        return flux
    if method == "standard":
        mean, variance = tf.nn.moments(flux, (1, 2, 3), keepdims=True)
        differ = tf.reduce_max(flux, (1, 2, 3), keepdims=True) > tf.reduce_min(flux, (1, 2, 3), keepdims=True)
        return tf.where(differ, (flux - mean) / tf.sqrt(variance), 0.0)
    of = [index for index, band in enumerate(bands) if band in _PEAKS[method]]
    peak = tf.reduce_max(tf.gather(flux, of, axis=-1), (1, 2, 3), keepdims=True)
    relative = tf.where(peak > 0, flux / tf.where(peak > 0, peak, 1.0), 0.0)
    relative = tf.clip_by_value(relative, tf.float32.min, tf.float32.max)
    if method == "log":
        return tf.math.log1p(LOG_STRETCH * tf.maximum(relative, 0)) / np.log1p(LOG_STRETCH)
    if method == "asinh":
        return tf.asinh(relative / ASINH_SOFTENING) / np.arcsinh(1 / ASINH_SOFTENING)
    return relative
