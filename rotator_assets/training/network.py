"""The network of a recipe, a functional Keras model whose first output is the logit, and its inference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.architectures import ARCHITECTURES, BATCHNORM_MOMENTUM, Maker
from rotator_assets.training.encoders import encoded
from rotator_assets.training.pipeline import Images, network_input, symmetries
from rotator_assets.training.targets import n_outputs

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def build_network(
    recipe: Recipe,
    size_px: int,
    *,
    seed: int | Sequence[int] | None = None,
    policy: str = "float32",
    encoder: keras.Model | None = None,
    maker: type[Maker] = Maker,
) -> keras.Model:
    """Return the recipe's network (`architectures`) with new initial weights, Keras' default ones with own seeds.

    The network of a recipe with an encoder has the layers and weights of the encoder in place of an architecture.

    Parameters
    ----------
    recipe
        Gives architecture, regularization and number of bands.
    size_px
        Side of the images.
    seed
        Seed of the initial weights and of dropout (default: the recipe's).
    policy
        Keras dtype policy of every layer except the last, which is float32. Global policy and seed stay unchanged.
    encoder
        The encoder that the recipe names.
    maker
        Makes the layers.

    Returns
    -------
    Functional model from normalized images, float32 (n, size_px, size_px, n_bands), to the outputs, float32
    (n, n_outputs): the logit of being a fast rotator, then quantiles of lambda_R and auxiliary targets if the recipe
    learns them (`architectures.Maker.outputs`).
    """
    tensorflow()
    from keras import Input, Model

    seeds = np.random.default_rng(recipe.seed if seed is None else seed)
    make = maker(recipe.regularization == "batchnorm", policy, seeds, *n_outputs(recipe))
    image = Input((size_px, size_px, len(recipe.bands)), dtype="float32", name="image")
    return Model(image, _outputs(make, image, recipe, encoder), name=_name(recipe))


def _outputs(make: Maker, image: keras.KerasTensor, recipe: Recipe, encoder: keras.Model | None) -> keras.KerasTensor:
    """Build the layers of the recipe's network and return its outputs."""
    if (encoder is None) != (recipe.pretrained is None):
        raise ValueError(f"recipe '{recipe.name}': pretrained is {recipe.pretrained}, but the encoder is {encoder}")
    return ARCHITECTURES[recipe.architecture](make, image) if encoder is None else encoded(make, image, encoder)


def _name(recipe: Recipe) -> str:
    return recipe.architecture if recipe.pretrained is None else "pretrained"


def averaged_network(
    recipe: Recipe, size_px: int, members: Sequence[keras.Model], encoder: keras.Model | None = None
) -> keras.Model:
    """Return one network with the mean outputs of several, for inference; auxiliary targets are left out.

    A single member without auxiliary targets is returned as it is. A network of several members has their layers side
    by side; names of layers begin with ``member<k>_``.

    Parameters
    ----------
    recipe
        The recipe of the networks.
    size_px
        Side of the images.
    members
        Networks of `build_network`.
    encoder
        The encoder that the recipe names.

    Returns
    -------
    Functional model to float32 (n, 1 + n_quantiles): the logit, then quantiles of lambda_R if the recipe has them.
    """
    from keras import Input, Model, layers

    n_quantiles, n_targets = n_outputs(recipe)
    if len(members) == 1 and not n_targets:
        return members[0]
    image, seeds = Input((size_px, size_px, len(recipe.bands)), dtype="float32", name="image"), np.random.default_rng(0)
    outputs = []
    for number, member in enumerate(members):
        prefix = f"member{number}_" if len(members) > 1 else ""
        make = Maker(recipe.regularization == "batchnorm", "float32", seeds, n_quantiles, prefix=prefix)
        outputs.append(_outputs(make, image, recipe, encoder))
        weights = weights_by_layer(member)
        set_weights(Model(image, outputs[-1]), {f"{prefix}{layer}": values for layer, values in weights.items()})
    mean = outputs[0] if len(outputs) == 1 else layers.Average(dtype="float32", name="members")(outputs)
    return Model(image, mean, name=_name(recipe))


def weights_by_layer(network: keras.Model) -> dict[str, list[NDArray]]:
    """Return the weights of a network by the name of the layer."""
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def set_weights(network: keras.Model, weights: Mapping[str, list[NDArray]]) -> None:
    """Give the layers of a network weights by name; layers without any keep theirs, others are left out."""
    for layer in network.layers:
        if layer.name in weights:
            layer.set_weights(weights[layer.name])


def settle_batchnorm(model: keras.Model, images: NDArray[np.float32]) -> None:
    """Set the moving means and variances of a new network to those of a first batch of training images.

    They start at 0 and 1, but normalized images are mostly dark sky, with variances hundreds of times smaller. Without
    this, inference differs strongly from training for the first hundred batches. Raises ValueError without images.
    """
    from keras import layers

    if len(images) == 0:
        raise ValueError("batch normalization needs at least one image")
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
    """Compile a function of a batch of images once for batches of any size.

    All images outside the training reach a network through this function. An empty batch gives an empty result without
    computation, as convolutions of some processors return a wrong shape for it.

    ``function`` maps a tensor (b, ny, nx, bands), float32, to one with one row per image, whose shape is known except
    for b. The returned function maps arrays to arrays with the model's weights at the time of the call.
    """
    tf = tensorflow()
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    concrete = tf.function(function).get_concrete_function(signature)
    result = concrete.structured_outputs
    dtype: np.dtype[np.float32] = np.dtype(result.dtype.as_numpy_dtype)
    nothing = np.empty((0, *result.shape[1:]), dtype)

    def run(images: NDArray[np.float32], model: keras.Model = model) -> NDArray[np.float32]:  # keeps its weights alive
        if len(images) == 0:
            return nothing.copy()
        return concrete(tf.constant(images, tf.float32)).numpy()

    return run


def inference_function(model: keras.Model) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return the model in inference mode, `compiled`: normalized images (b, ny, nx, bands) to outputs, float32."""
    return compiled(model, lambda images: model(images, training=False))


def logits_of(
    infer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    images: Images,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    averaged: bool,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Return the logits of some images, float32 (n,): the first column of `outputs_of`, with the same parameters."""
    return outputs_of(infer, images, rows, recipe, averaged=averaged, batch_size=batch_size)[:, 0]


def outputs_of(
    infer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    images: Images,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    averaged: bool,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Return the outputs of a network for some images.

    Parameters
    ----------
    infer
        An `inference_function`.
    images
        Raw fluxes, float32 (m, size, size, 3).
    rows
        Rows of ``images``, int64 (n,).
    recipe
        Normalization and bands.
    averaged
        Average over the eight `symmetries` of each image.
    batch_size
        Number of images per batch.

    Returns
    -------
    float32 (n, n_outputs).
    """
    views = _outputs_of_views(infer, images, rows, recipe, symmetries if averaged else lambda seen: [seen], batch_size)
    return np.concatenate([np.mean(outputs, axis=0) for outputs in views])


def plain_and_averaged(
    infer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    images: Images,
    rows: NDArray[np.int64],
    recipe: Recipe,
    batch_size: int = 64,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the outputs of a network, and their means over the eight `symmetries`, float64 (n, n_outputs).

    They are those of `outputs_of` with the same parameters; an image itself is computed once for both.
    """
    views = list(_outputs_of_views(infer, images, rows, recipe, symmetries, batch_size))
    plain, averaged = [outputs[0] for outputs in views], [np.mean(outputs, axis=0) for outputs in views]
    return np.concatenate(plain).astype(np.float64), np.concatenate(averaged).astype(np.float64)


def _outputs_of_views(
    infer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    images: Images,
    rows: NDArray[np.int64],
    recipe: Recipe,
    views: Callable[[NDArray[np.float32]], list[NDArray[np.float32]]],
    batch_size: int,
) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the outputs of the views of each batch, at least once."""
    for start in range(0, max(len(rows), 1), batch_size):
        yield [infer(view) for view in views(network_input(images, rows[start : start + batch_size], recipe))]
