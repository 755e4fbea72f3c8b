"""Fast gradients of a network's logit, summed along straight paths between images.

The forward pass uses the network's own operations, bit for bit. At a kink of the network (a ReLU at zero, two equal
pixels in a pooling window) the last bit decides on which side the gradient is taken, and maps that differ there differ
by a thousandth. Only the backward pass is computed differently; it is linear and therefore insensitive to rounding:

- Only the gradient with respect to the image is computed, in one compiled function that also makes the points of the
  path and sums over them.
- The gradient of a convolution with respect to its input is itself a convolution, with the kernel rotated by 180
  degrees and filters and channels exchanged. Computed this way it is a fifth faster than TensorFlow's operation.
- Max pooling over 2x2 pixels is the maximum of pairs of columns, then of pairs of rows, each with an elementwise
  gradient; TensorFlow's MaxPoolGrad searches each window again. Both assign ties to the first pixel.
- If the network begins with a convolution, gradients are summed over the path at the output of this convolution, and
  the sum is propagated back through it once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.training.network import inference_function

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

MEMORY_BUDGET, MEMORY_BUDGET_GPU = 2**28, 2**31
"""Memory for the values and gradients of a batch, bytes. On a CPU, larger batches only exceed the caches."""
_COPIES = 3
"""Arrays of the size of each layer's output in use at once: output, gradient, and one temporary."""
_FEWEST_CHANNELS = 8
"""With fewer input channels, TensorFlow's own gradient of a convolution is faster."""


class PathGradients:
    """Logits of a network and its gradients summed along paths, with the model's weights at the time of creation.

    ``model``: functional Keras model in float32 from images (n, ny, nx, bands) to one logit; compiled functions are
    cached as long as the model exists. ``batch_size``: points whose gradients are computed together, by default
    `points_at_once`.
    """

    def __init__(self, model: keras.Model, batch_size: int | None = None) -> None:
        if model not in _COMPILED:
            _COMPILED[model] = _Compiled(model)
        compiled = _COMPILED[model]
        compiled.clone.set_weights(model.get_weights())
        self.batch_size = batch_size or points_at_once(compiled.clone)
        self._infer, self._summed = compiled.infer, compiled.summed

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits of images (n, ny, nx, bands), float64 (n,)."""
        parts = np.split(images, range(self.batch_size, len(images), self.batch_size))
        with _full_float32():
            return np.concatenate([self._infer(part)[:, 0] for part in parts]).astype(np.float64)

    def summed(
        self,
        image: NDArray[np.float32],
        baseline: NDArray[np.float32],
        nodes: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Sum gradients along the path: weights[k] times the gradient at baseline + nodes[k] (image - baseline).

        Parameters
        ----------
        image, baseline : float32 (ny, nx, bands)
            End and start of the path.
        nodes, weights : float64 (n_steps,)
            The quadrature.

        Returns
        -------
        float64 (ny, nx, bands)
            In logits per unit of the image; zero without nodes.
        """
        if len(nodes) == 0:
            return np.zeros(image.shape)
        n_batches = -(-len(nodes) // self.batch_size)
        parts = zip(np.array_split(nodes, n_batches), np.array_split(weights, n_batches), strict=True)
        with _full_float32():
            return np.asarray(
                np.sum([self._summed(image, baseline, *part) for part in parts], axis=0, dtype=np.float64)
            )


def points_at_once(model: keras.Model, budget: int | None = None) -> int:
    """Return the number of images whose gradients fit into the memory budget (bytes), at least one.

    The outputs of all layers and operations count `_COPIES` times, in float32. The default budget depends on whether
    there is a GPU.
    """
    from keras import KerasTensor, Model

    if budget is None:
        budget = MEMORY_BUDGET_GPU if tensorflow().config.list_physical_devices("GPU") else MEMORY_BUDGET
    every_output = Model(model.inputs, [operation.output for operation in model.operations])
    outputs = every_output.compute_output_spec(KerasTensor((1, *model.input_shape[1:])))
    bytes_per_point = 4 * _COPIES * sum(int(np.prod(output.shape)) for output in outputs)
    return max(1, budget // bytes_per_point)


class _Compiled:
    """Compiled functions of a model. They refer only to a clone, so that the model itself can be freed."""

    def __init__(self, model: keras.Model) -> None:
        tf = tensorflow()
        self.clone = _clone(model)
        self.infer = inference_function(self.clone)
        image, steps = tf.TensorSpec(model.input_shape[1:], tf.float32), tf.TensorSpec((None,), tf.float64)
        self._signature = (image, image, steps, steps)
        self._function = tf.function(_sum_along_path(self.clone)).get_concrete_function(*self._signature)

    def summed(self, *arrays: NDArray) -> tf.Tensor:
        """Compute `PathGradients.summed` with all points in one batch, float32."""
        tf = tensorflow()
        given = zip(arrays, self._signature, strict=True)
        return self._function(*(tf.constant(array, spec.dtype) for array, spec in given))


def _sum_along_path(model: keras.Model) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return the function of image, baseline, nodes and weights that is compiled."""
    tf = tensorflow()
    from keras import Model

    first = _first_convolution(model)
    behind = model if first is None else Model(first.output, model.output)

    def summed(image: tf.Tensor, baseline: tf.Tensor, nodes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        way = tf.cast(image - baseline, tf.float64)
        points = tf.cast(baseline, tf.float64) + nodes[:, None, None, None] * way  # float64, as in alibi
        points = tf.cast(points, tf.float32)
        features = points if first is None else first(points)
        gradient = tf.gradients(behind(features, training=False), features)[0]
        total = tf.tensordot(tf.cast(weights, tf.float32), gradient, 1)
        if first is None:
            return total
        anywhere = baseline[None]  # a convolution's gradient is the same at every image
        return tf.gradients(first(anywhere), anywhere, total[None])[0][0]

    return summed


def _clone(model: keras.Model) -> keras.Model:
    """Clone the model without its weights, with faster gradients for the layers that have one.

    All layers compute the same values; other layers keep TensorFlow's gradient.
    """
    tf = tensorflow()
    from keras import layers, models

    @tf.custom_gradient
    def convolved(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        turned = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
        return tf.nn.conv2d(x, kernel, 1, "SAME"), lambda upstream: (tf.nn.conv2d(upstream, turned, 1, "SAME"), None)

    @tf.custom_gradient
    def larger(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def backward(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            to_a = upstream * tf.cast(a >= b, upstream.dtype)
            return to_a, upstream - to_a

        return tf.maximum(a, b), backward

    class Convolution(layers.Conv2D):
        def convolution_op(self, inputs: tf.Tensor, kernel: tf.Variable) -> tf.Tensor:
            return convolved(inputs, tf.convert_to_tensor(kernel))

    class Pooling(layers.MaxPooling2D):
        def call(self, inputs: Any) -> tf.Tensor:
            _, ny, nx, channels = inputs.shape
            columns = tf.reshape(inputs, (-1, ny, nx // 2, 2, channels))
            rows = tf.reshape(larger(*tf.unstack(columns, axis=3)), (-1, ny // 2, 2, nx // 2, channels))
            return larger(*tf.unstack(rows, axis=2))

    def faster(layer: keras.Layer) -> keras.Layer:
        kind = type(layer)
        if kind is layers.Conv2D and _is_plain_convolution(layer):
            kind = Convolution
        elif kind is layers.MaxPooling2D and _is_plain_pooling(layer):
            kind = Pooling
        return kind.from_config(layer.get_config())

    return models.clone_model(model, clone_function=faster)


def _is_plain_convolution(layer: keras.Layer) -> bool:
    """Return True if the layer's gradient with respect to its input is a convolution too, and faster as one."""
    return (
        layer.data_format == "channels_last"
        and layer.padding == "same"
        and all(side % 2 for side in layer.kernel_size)
        and set(layer.strides) == set(layer.dilation_rate) == {1}
        and layer.groups == 1
        and layer.input.shape[-1] >= _FEWEST_CHANNELS
    )


def _is_plain_pooling(layer: keras.Layer) -> bool:
    """Return True if the layer pools complete, non-overlapping windows of 2x2 pixels."""
    return (
        layer.data_format == "channels_last"
        and tuple(layer.pool_size) == tuple(layer.strides) == (2, 2)
        and all(side is not None and side % 2 == 0 for side in layer.input.shape[1:3])
    )


def _first_convolution(model: keras.Model) -> keras.Layer | None:
    """Return the convolution that is the only operation on the image and has no activation; None if there is none."""
    from keras import activations, layers, tree

    seeing = [
        operation
        for operation in model.operations
        if not isinstance(operation, layers.InputLayer)
        and any(tensor is model.inputs[0] for tensor in tree.flatten(operation.input))
    ]
    if len(seeing) != 1 or not isinstance(seeing[0], layers.Conv2D) or seeing[0].activation is not activations.linear:
        return None
    return seeing[0]


_COMPILED: WeakKeyDictionary[keras.Model, _Compiled] = WeakKeyDictionary()


@contextmanager
def _full_float32() -> Generator[None]:
    """Turn off TensorFloat-32, with which GPUs multiply float32 with 10 bits of mantissa, too few for gradients."""
    settings = tensorflow().config.experimental
    before = settings.tensor_float_32_execution_enabled()
    settings.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        settings.enable_tensor_float_32_execution(before)
