"""The recipe's network: Keras layers in a functional model, one logit out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.architectures import ARCHITECTURES, BATCHNORM_MOMENTUM, Maker
from rotator_assets.training.pipeline import network_input, symmetries

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def build_network(
    recipe: Recipe, size_px: int, *, seed: int | Sequence[int] | None = None, policy: str = "float32"
) -> keras.Model:
    """The recipe's network with fresh weights (`architectures`), Keras' default ones by seeds of their own.

    Parameters
    ----------
    recipe
        Gives architecture, regularization and number of bands.
    size_px
        Side of the images.
    seed
        Of the initial weights and of dropout (default: the recipe's).
    policy
        Keras dtype policy of every layer but the last, which is float32. No global policy or seed is touched.

    Returns
    -------
    Functional model from normalized images, float32 (n, size_px, size_px, n_bands), to the logit of being a fast
    rotator, float32 (n, 1).
    """
    tensorflow()
    from keras import Input, Model

    seeds = np.random.default_rng(recipe.seed if seed is None else seed)
    make = Maker(recipe.regularization == "batchnorm", policy, seeds)
    image = Input((size_px, size_px, len(recipe.bands)), dtype="float32", name="image")
    return Model(image, ARCHITECTURES[recipe.architecture](make, image), name=recipe.architecture)


def settle_batchnorm(model: keras.Model, images: NDArray[np.float32]) -> None:
    """Set the moving means and variances of fresh weights to those of a first batch of training images.

    They start at 0 and 1, and normalized images, mostly dark sky, have variances hundreds of times smaller: without
    this, inference is far from training for the first hundred batches. Raises ValueError where there is no image.
    """
    from keras import layers

    if len(images) == 0:
        raise ValueError("batch normalization cannot settle on no images")
    normalizations = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    if not normalizations:
        return
    for layer in normalizations:
        layer.momentum = 0.0
    model(images, training=True)
    for layer in normalizations:
        layer.momentum = BATCHNORM_MOMENTUM


def compiled(
    model: keras.Model, function: Callable[[tf.Tensor], tf.Tensor]
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """A function of a batch of the model's images, compiled once for batches of any size.

    The only way in which a network is given images outside its training. An empty batch gives an empty result and is
    never computed: there some processors' convolutions return the wrong shape.

    ``function``: of a tensor (b, ny, nx, bands), float32, to one with a row an image, of a shape that is known but for
    b. What is returned maps arrays to arrays, by the weights the model has when it is called.
    """
    tf = tensorflow()
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    concrete = tf.function(function).get_concrete_function(signature)
    result = concrete.structured_outputs
    nothing = np.empty((0, *result.shape[1:]), result.dtype.as_numpy_dtype)

    def run(images: NDArray[np.float32], model: keras.Model = model) -> NDArray[np.float32]:  # keeps its weights alive
        if len(images) == 0:
            return nothing.copy()
        return concrete(tf.constant(images, tf.float32)).numpy()

    return run


def inference_function(model: keras.Model) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The model in inference mode, `compiled`: normalized images (b, ny, nx, bands) to logits, float32 (b, 1)."""
    return compiled(model, lambda images: model(images, training=False))


def logits_of(
    infer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    images: NDArray[np.float32],
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    averaged: bool,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Logits, float32 (len(rows),), of these rows of the raw images by an `inference_function`.

    ``averaged``: the mean over the eight `symmetries` of each image, instead of the image as it is.
    """
    logits = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), batch_size):
        batch = slice(start, start + batch_size)
        seen = network_input(images, rows[batch], recipe)
        views = symmetries(seen) if averaged else [seen]
        logits[batch] = np.mean([infer(view)[:, 0] for view in views], axis=0)
    return logits
