"""The convolutional network: Keras layers in a functional model, one logit out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.learning.backend import tensorflow
from rotator_assets.recipes import Recipe

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

FILTERS = (32, 64, 128)
KERNEL_PX = 3
DENSE_UNITS = 64
BATCHNORM_MOMENTUM = 0.9
"""Keras' default 0.99 needs some hundred updates before inference agrees with training; trainings here may be short."""
DROPOUT_CONVOLUTION, DROPOUT_DENSE = 0.25, 0.5


def build_network(
    recipe: Recipe, size_px: int, *, seed: int | Sequence[int] | None = None, policy: str = "float32"
) -> keras.Model:
    """The recipe's network with fresh weights.

    Architecture ``thesis``: three convolutions, the first two followed by 2x2 max pooling, then a dense layer of 64
    units and one output. The study gives the 131072 values that enter the dense layer at 128 px (32 x 32 pixels x 128
    filters), its 64 units, the one output, and the choice between batch normalization and dropout. This project's
    choices within that: 32, 64 and 128 filters of 3x3 pixels with 'same' padding; batch normalization (momentum 0.9)
    after the pooling, where it costs a third less time than before it, and after the dense layer, whose
    units otherwise die in the first steps of some trainings; dropout of 0.25 after each convolution and 0.5
    after the dense layer; ReLU throughout; Keras' default initial weights.

    Parameters
    ----------
    recipe
        Gives architecture, regularization and number of bands.
    size_px
        Side of the images.
    seed
        Of the initial weights and of dropout (default: the recipe's).
    policy
        Keras dtype policy of every layer but the last, which is float32. No global state is touched.

    Returns
    -------
    Functional model from normalized images, float32 (n, size_px, size_px, n_bands), to the logit of being a fast
    rotator, float32 (n, 1).
    """
    tensorflow()
    from keras import Input, Model, initializers, layers

    seeds = np.random.default_rng(recipe.seed if seed is None else seed)

    def weights() -> initializers.Initializer:
        return initializers.GlorotUniform(seed=_draw(seeds))

    inputs = x = Input((size_px, size_px, len(recipe.bands)), name="image")
    batchnorm = recipe.regularization == "batchnorm"
    for block, filters in enumerate(FILTERS, start=1):
        x = layers.Conv2D(
            filters,
            KERNEL_PX,
            padding="same",
            use_bias=not batchnorm,
            kernel_initializer=weights(),
            dtype=policy,
            name=f"convolution_{block}",
        )(x)
        if block < len(FILTERS):
            x = layers.MaxPooling2D(dtype=policy, name=f"pooling_{block}")(x)
        if batchnorm:
            x = layers.BatchNormalization(momentum=BATCHNORM_MOMENTUM, dtype=policy, name=f"batchnorm_{block}")(x)
        else:
            x = layers.Dropout(DROPOUT_CONVOLUTION, seed=_draw(seeds), dtype=policy, name=f"dropout_{block}")(x)
        x = layers.ReLU(dtype=policy, name=f"relu_{block}")(x)
    x = layers.Flatten(dtype=policy, name="flatten")(x)
    x = layers.Dense(DENSE_UNITS, use_bias=not batchnorm, kernel_initializer=weights(), dtype=policy, name="dense")(x)
    if batchnorm:
        x = layers.BatchNormalization(momentum=BATCHNORM_MOMENTUM, dtype=policy, name="batchnorm_dense")(x)
    x = layers.ReLU(dtype=policy, name="relu_dense")(x)
    if not batchnorm:
        x = layers.Dropout(DROPOUT_DENSE, seed=_draw(seeds), dtype=policy, name="dropout_dense")(x)
    logit = layers.Dense(1, kernel_initializer=weights(), dtype="float32", name="logit")(x)
    return Model(inputs, logit, name=recipe.architecture)


def settle_batchnorm(model: keras.Model, images: NDArray[np.float32]) -> None:
    """Set the moving means and variances of fresh weights to those of a first batch of training images.

    They start at 0 and 1, and normalized images, mostly dark sky, have variances hundreds of times smaller: without
    this, inference is far from training for the first hundred batches.
    """
    from keras import layers

    normalizations = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    if not normalizations:
        return
    for layer in normalizations:
        layer.momentum = 0.0
    model(images, training=True)
    for layer in normalizations:
        layer.momentum = BATCHNORM_MOMENTUM


def inference_function(model: keras.Model) -> Callable[[NDArray[np.float32]], tf.Tensor]:
    """The model in inference mode, compiled once for batches of any size.

    The function maps normalized images, float32 (b, ny, nx, bands), to logits, a float32 tensor (b, 1), by the
    weights the model has when it is called.
    """
    tf = tensorflow()
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    compiled = tf.function(lambda images: model(images, training=False)).get_concrete_function(signature)

    def infer(images: NDArray[np.float32], model: keras.Model = model) -> tf.Tensor:  # keeps the model's weights alive
        return compiled(tf.constant(images, tf.float32))

    return infer


def describe(model: keras.Model) -> list[dict[str, str | int]]:
    """One row a layer: name, kind, output shape ('32 x 32 x 128'), number of parameters."""
    return [
        {
            "layer": layer.name,
            "kind": type(layer).__name__,
            "output": " x ".join(map(str, layer.output.shape[1:])),
            "parameters": layer.count_params(),
        }
        for layer in model.layers
    ]


def _draw(generator: np.random.Generator) -> int:
    """A seed for one layer."""
    return int(generator.integers(2**31))
