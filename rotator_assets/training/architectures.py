"""Architectures from an image to the outputs of a network, built only from Keras' own layers and operations.

Each is a function of the layer maker and of the image. The first output is the logit. Saved models load in safe mode.
A recipe's ``regularization`` means the same in all architectures except ``mobilenet``: batch normalization (momentum
0.9) after each convolution, or dropout of 0.25 in its place and dropout of 0.5 after a dense layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

FILTERS = (32, 64, 128)
SMALL_FILTERS = (16, 32, 64, 96)
COMPACT_FILTERS = ((32, 48), (64, 96), (128,))
"""Filters of the convolutions of ``compact``, with 2x2 max pooling between the groups."""
COMPACT_BLOCK_PX = 2
"""Side of the blocks of pixels that the first convolution of ``compact`` sees as bands."""
RESIDUAL_FILTERS = (16, 32, 64)
BLOCKS_PER_STAGE = 2
KERNEL_PX = 3
DENSE_UNITS = 64
BATCHNORM_MOMENTUM = 0.9
"""With Keras' default 0.99, inference agrees with training only after some hundred updates."""
DROPOUT_CONVOLUTION, DROPOUT_DENSE = 0.25, 0.5
_QUANTILE_STEP = 0.25
"""Scale of the distance between quantiles of lambda_R, about its standard deviation."""
DATA_FORMAT = "channels_last"
"""Order of an image's axes, as stored, independent of Keras' configuration."""


@dataclass(frozen=True)
class Maker:
    """Makes the layers of a network, with its dtype policy, its regularization, and a new seed for each layer.

    ``n_quantiles`` and ``n_targets`` are the numbers of outputs besides the logit. ``prefix`` begins the name of each
    layer.
    """

    batchnorm: bool
    policy: str
    seeds: np.random.Generator
    n_quantiles: int = 0
    n_targets: int = 0
    prefix: str = ""

    def weights(self) -> keras.initializers.Initializer:
        """Return Keras' default initial weights with a new seed."""
        from keras import initializers

        return initializers.GlorotUniform(seed=self._seed())

    def convolution(self, name: str, filters: int, *, kernel_px: int = KERNEL_PX, strides: int = 1) -> keras.Layer:
        """Return a convolution.

        Parameters
        ----------
        name
            Name of the layer.
        filters
            Number of filters.
        kernel_px
            Side of the kernel, pixels.
        strides
            Step along both axes, pixels.
        """
        from keras import layers

        return layers.Conv2D(
            filters,
            kernel_px,
            strides,
            padding="same",
            data_format=DATA_FORMAT,
            use_bias=not self.batchnorm,
            kernel_initializer=self.weights(),
            dtype=self.policy,
            name=self.prefix + name,
        )

    def normalization(self, name: str) -> keras.Layer:
        """Return batch normalization."""
        from keras import layers

        return layers.BatchNormalization(
            momentum=BATCHNORM_MOMENTUM, dtype=self.policy, name=f"{self.prefix}batchnorm_{name}"
        )

    def dropout(self, name: str, rate: float) -> keras.Layer:
        """Return dropout of this rate."""
        from keras import layers

        return layers.Dropout(rate, seed=self._seed(), dtype=self.policy, name=f"{self.prefix}dropout_{name}")

    def regularization(self, name: str) -> keras.Layer:
        """Return the layer that follows a convolution: batch normalization or dropout."""
        return self.normalization(name) if self.batchnorm else self.dropout(name, DROPOUT_CONVOLUTION)

    def relu(self, name: str) -> keras.Layer:
        """Return a rectifier."""
        from keras import layers

        return layers.ReLU(dtype=self.policy, name=f"{self.prefix}relu_{name}")

    def pooling(self, name: str) -> keras.Layer:
        """Return 2x2 max pooling."""
        from keras import layers

        return layers.MaxPooling2D(data_format=DATA_FORMAT, dtype=self.policy, name=f"{self.prefix}pooling_{name}")

    def averaged(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """Return the mean of each feature over the image, (n, filters)."""
        from keras import layers

        return layers.GlobalAveragePooling2D(data_format=DATA_FORMAT, dtype=self.policy, name=f"{self.prefix}average")(
            features
        )

    def outputs(self, features: keras.KerasTensor, name: str = "logit") -> keras.KerasTensor:
        """Return the outputs of the network, float32 (n, 1 + n_quantiles + n_targets).

        They are the logit, then quantiles of lambda_R in ascending order, then auxiliary targets.
        """
        found = [self._dense(name, 1)(features)]
        if self.n_quantiles:
            found += self._quantiles(self._dense("lambda_r", self.n_quantiles)(features))
        if self.n_targets:
            found.append(self._dense("targets", self.n_targets)(features))
        return self._concatenated(found)

    def _dense(self, name: str, units: int) -> keras.Layer:
        from keras import layers

        return layers.Dense(units, kernel_initializer=self.weights(), dtype="float32", name=self.prefix + name)

    def _quantiles(self, raw: keras.KerasTensor) -> list[keras.KerasTensor]:
        """Return the lower quantile, the median and the upper quantile, which cannot cross."""
        from keras import ops

        below, median, above = (raw[:, i : i + 1] for i in range(3))
        return [median - _QUANTILE_STEP * ops.softplus(below), median, median + _QUANTILE_STEP * ops.softplus(above)]

    def _concatenated(self, parts: list[keras.KerasTensor]) -> keras.KerasTensor:
        from keras import layers

        if len(parts) == 1:
            return parts[0]
        return layers.Concatenate(dtype="float32", name=f"{self.prefix}outputs")(parts)

    def _seed(self) -> int:
        return int(self.seeds.integers(2**31))


def thesis(make: Maker, image: keras.KerasTensor) -> keras.KerasTensor:
    """Build the study's network: three convolutions, 2x2 max pooling after two of them, a dense layer and one output.

    The study gives the 131072 values that enter the dense layer at 128 px (32 x 32 pixels x 128 filters), its 64 units,
    the one output, and the choice between batch normalization and dropout. This project adds: 32, 64 and 128 filters
    of 3x3 pixels with 'same' padding; batch normalization after the pooling, where it takes a third less time than
    before it, and after the dense layer, whose units otherwise die in the first steps of some trainings; dropout of
    0.25 after each convolution and 0.5 after the dense layer; ReLU throughout.
    """
    from keras import layers

    x = image
    for block, filters in enumerate(FILTERS, start=1):
        x = make.convolution(f"convolution_{block}", filters)(x)
        if block < len(FILTERS):
            x = make.pooling(f"{block}")(x)
        x = make.relu(f"{block}")(make.regularization(f"{block}")(x))
    x = layers.Flatten(data_format=DATA_FORMAT, dtype=make.policy, name=f"{make.prefix}flatten")(x)
    x = layers.Dense(
        DENSE_UNITS,
        use_bias=not make.batchnorm,
        kernel_initializer=make.weights(),
        dtype=make.policy,
        name=f"{make.prefix}dense",
    )(x)
    if make.batchnorm:
        x = make.normalization("dense")(x)
    x = make.relu("dense")(x)
    if not make.batchnorm:
        x = make.dropout("dense", DROPOUT_DENSE)(x)
    return make.outputs(x)


def small(make: Maker, image: keras.KerasTensor) -> keras.KerasTensor:
    """Build four convolutions (16, 32, 64, 96 filters) with 2x2 max pooling, global average pooling, and one output.

    It has eighty thousand trainable parameters for any image size (Lin, Chen & Yan 2014, arXiv:1312.4400, for the
    pooling).
    """
    return make.outputs(_small_features(make, image))


def compact(make: Maker, image: keras.KerasTensor) -> keras.KerasTensor:
    """Build five convolutions (32 to 128 filters) on blocks of 2x2 pixels, global average pooling, and the outputs.

    The blocks become bands before the first convolution (space to depth, as in Shi et al. 2016, CVPR,
    arXiv:1609.05158, in reverse), which keeps all pixels at a quarter of the cost of full resolution. Two hundred
    thousand trainable parameters for any image size. An odd last row and column are not used.
    """
    x = _space_to_depth(image, COMPACT_BLOCK_PX)
    for group, several in enumerate(COMPACT_FILTERS, start=1):
        for number, filters in enumerate(several):
            name = f"{group}{'ab'[number]}"
            x = make.convolution(f"convolution_{name}", filters)(x)
            x = make.relu(name)(make.regularization(name)(x))
        if group < len(COMPACT_FILTERS):
            x = make.pooling(f"{group}")(x)
    return make.outputs(make.averaged(x))


def residual(make: Maker, image: keras.KerasTensor) -> keras.KerasTensor:
    """Build a convolution of stride 2, three stages of two residual blocks (16, 32, 64 filters), and average pooling.

    Blocks are those of He et al. (2016, CVPR, arXiv:1512.03385): two 3x3 convolutions and a shortcut, which is a 1x1
    convolution if a stage halves the image. Dropout, if it replaces batch normalization, is in the convolution branch.
    """
    from keras import layers

    x = make.convolution("stem", RESIDUAL_FILTERS[0], strides=2)(image)
    x = make.relu("stem")(make.regularization("stem")(x))
    for stage, filters in enumerate(RESIDUAL_FILTERS, start=1):
        for block in range(1, BLOCKS_PER_STAGE + 1):
            name = f"{stage}_{block}"
            strides = 2 if block == 1 and stage > 1 else 1
            y = make.convolution(f"convolution_{name}a", filters, strides=strides)(x)
            y = make.relu(f"{name}a")(make.regularization(f"{name}a")(y))
            y = make.regularization(f"{name}b")(make.convolution(f"convolution_{name}b", filters)(y))
            if strides > 1:
                x = make.convolution(f"shortcut_{stage}", filters, kernel_px=1, strides=strides)(x)
            x = make.relu(f"{name}b")(layers.Add(dtype=make.policy, name=f"{make.prefix}sum_{name}")([x, y]))
    return make.outputs(make.averaged(x))


def dihedral(make: Maker, image: keras.KerasTensor) -> keras.KerasTensor:
    """Build the ``small`` network with its logit averaged over the eight symmetries of the square.

    The same weights see all eight views, in training and in inference, so the logit is invariant under them by
    construction (averaging over a group, as in Cohen & Welling 2016, ICML, arXiv:1602.07576, but of the output alone).
    """
    from keras import layers, ops

    turned = layers.Permute((2, 1, 3), dtype="float32", name=f"{make.prefix}diagonal")(image)
    seen = [ops.flip(x, axes) if axes else x for x in (image, turned) for axes in ((), (1,), (2,), (1, 2))]
    together = layers.Concatenate(axis=0, dtype="float32", name=f"{make.prefix}symmetries")(seen)
    outputs = make.outputs(_small_features(make, together), "logits")
    return ops.mean(ops.reshape(outputs, (len(seen), -1, outputs.shape[-1])), axis=0)


def mobilenet(make: Maker, image: keras.KerasTensor) -> keras.KerasTensor:
    """Build MobileNetV3-Small (Howard et al. 2019, ICCV, arXiv:1905.02244) of ``keras.applications``, untrained.

    Global average pooling and one output follow it. It always has batch normalization; ``regularization: dropout``
    adds dropout of 0.5 before the output. Images need at least 32 pixels per side.
    """
    from keras import applications, layers, models

    def remade(layer: keras.Layer) -> keras.Layer:
        """Return the layer with the maker's policy, seeds and momentum in place of Keras' global ones."""
        config = layer.get_config()
        if isinstance(layer, layers.Layer):  # others are plain sums and products
            config["dtype"] = make.policy
        if "name" in config:
            config["name"] = make.prefix + config["name"]
        for key in ("kernel_initializer", "depthwise_initializer"):
            if key in config:
                config[key] = make.weights()
        if "momentum" in config:
            config["momentum"] = BATCHNORM_MOMENTUM
        return type(layer).from_config(config)

    published = applications.MobileNetV3Small(
        input_shape=tuple(image.shape[1:]), include_top=False, weights=None, include_preprocessing=False
    )
    x = models.clone_model(published, input_tensors=image, clone_function=remade).output
    x = make.averaged(x)
    if not make.batchnorm:
        x = make.dropout("average", DROPOUT_DENSE)(x)
    return make.outputs(x)


ARCHITECTURES: dict[str, Callable[[Maker, keras.KerasTensor], keras.KerasTensor]] = {
    "thesis": thesis,
    "small": small,
    "compact": compact,
    "residual": residual,
    "dihedral": dihedral,
    "mobilenet": mobilenet,
}


def _small_features(make: Maker, image: keras.KerasTensor) -> keras.KerasTensor:
    """Return the input of the last layer of ``small``, (n, 96)."""
    x = image
    for block, filters in enumerate(SMALL_FILTERS, start=1):
        x = make.convolution(f"convolution_{block}", filters)(x)
        if block < len(SMALL_FILTERS):
            x = make.pooling(f"{block}")(x)
        x = make.relu(f"{block}")(make.regularization(f"{block}")(x))
    return make.averaged(x)


def _space_to_depth(image: keras.KerasTensor, block_px: int) -> keras.KerasTensor:
    """Return the pixels of each block as bands, (n, ny // block_px, nx // block_px, bands * block_px**2)."""
    from keras import ops

    _, ny, nx, bands = image.shape
    rows, columns = ny // block_px, nx // block_px
    blocks = image[:, : rows * block_px, : columns * block_px]
    blocks = ops.reshape(blocks, (-1, rows, block_px, columns, block_px, bands))
    return ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, bands * block_px**2))
