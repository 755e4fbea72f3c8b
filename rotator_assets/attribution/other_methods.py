"""Other ways to see what a network uses, beside integrated gradients: what all of them show is not the method's doing.

Each explains the logit of being a fast rotator, in inference mode, by one number a pixel, all bands together: positive
speaks for fast, negative for slow. Gradient times input and occlusion say how much a pixel adds to the logit,
SmoothGrad how much the logit would change with the pixel's light, Grad-CAM where the last layer that has places in the
image finds what it adds.

They are written here, in few lines each, since no library that does them is both kept and light: xplique 2.0 excludes
TensorFlow 2.21 and brings OpenCV, tf-keras-vis and PAIR's saliency had their last releases in March 2024 (the one for
Keras 2, the other one image at a time), tf-explain in 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.training.network import compiled, inference_function
from rotator_assets.training.pipeline import turned_back

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

NOISE, NOISY_COPIES = 0.1, 25
"""SmoothGrad: standard deviation of the noise as a fraction of the image's range, and copies averaged."""
Batched = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A compiled function of a batch of images, float32 (b, ny, nx, bands), to an array with a row an image."""
_BATCH = 64


class Explainer:
    """One network's maps by several methods, each compiled once, whatever weights the network has when it is asked.

    ``model``: functional Keras model in float32 from images (b, ny, nx, bands) to one logit. ``images`` of all methods:
    as the network sees them, float32 (n, ny, nx, bands); ``baseline``: the image that stands for nothing there,
    (ny, nx, bands), or one an image.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's logits, float32 (n,)."""
        return _in_batches(self._infer, images)[:, 0]

    def gradient_times_input(self, images: NDArray[np.float32], baseline: NDArray[np.float32]) -> NDArray[np.float32]:
        """(x - x0) dF/dx at the image itself, float32 (n, ny, nx): the crudest map, exact for a linear network."""
        return ((images - baseline) * _in_batches(self._gradient, images)).sum(axis=-1)

    def smooth_grad(
        self, images: NDArray[np.float32], seed: int, noise: float = NOISE, copies: int = NOISY_COPIES
    ) -> NDArray[np.float32]:
        """Mean gradient of the logit over noisy copies of each image, float32 (n, ny, nx), logits a unit of the input.

        ``noise`` is the standard deviation of the Gaussian noise as a fraction of the image's range (Smilkov et al.
        2017, arXiv:1706.03825, section 3). Signed, and summed over bands: a unit of light in all of them.
        """
        generator = np.random.default_rng(seed)
        sigma = noise * np.ptp(images, axis=(1, 2, 3), keepdims=True)
        total = np.zeros(images.shape[:3], dtype=np.float32)
        for _ in range(copies):
            noisy = images + sigma * generator.standard_normal(images.shape, dtype=np.float32)
            total += _in_batches(self._gradient, noisy).sum(axis=-1)
        return total / copies

    def occlusion(
        self,
        images: NDArray[np.float32],
        baseline: NDArray[np.float32],
        patch_px: int | None = None,
        stride_px: int | None = None,
    ) -> NDArray[np.float32]:
        """How much the logit falls when a patch of the image is replaced by the baseline, float32 (n, ny, nx), logits.

        Zeiler & Fergus (2014, ECCV, arXiv:1311.2901, section 4.2). A pixel is given the mean over the square patches of
        ``patch_px`` (default: an eighth of the side) that cover it, set ``stride_px`` apart (default: half a patch).
        """
        n, ny, nx, _ = images.shape
        patch = max(1, ny // 8) if patch_px is None else patch_px
        stride = max(1, patch // 2) if stride_px is None else stride_px
        baseline = np.broadcast_to(baseline, images.shape)
        whole = self.logits(images)
        falls, covers = np.zeros((n, ny, nx)), np.zeros((ny, nx))
        for y in _starts(ny, patch, stride):
            for x in _starts(nx, patch, stride):
                place = np.s_[:, y : y + patch, x : x + patch]
                occluded = images.copy()
                occluded[place] = baseline[place]
                falls[place] += (whole - self.logits(occluded))[:, None, None]
                covers[place[1:]] += 1
        return (falls / covers).astype(np.float32)

    def grad_cam(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of the last layer that has places in the image, weighted by what they do to the logit, (n, ny, nx).

        Grad-CAM (Selvaraju et al. 2017, ICCV, arXiv:1610.02391, eqs. 1 and 2) of the last convolution after its
        regularization and ReLU, enlarged bilinearly, float32. Eq. 2 keeps what is positive for one class; with one
        logit for two classes what is negative speaks for the other one, so both signs are kept. Of a network that
        averages its logit over the eight symmetries of an image the maps of all eight are turned back and averaged.
        """
        views = _in_batches(self._weighted_features, images)
        return views[:, 0] if views.shape[1] == 1 else turned_back(views.swapaxes(0, 1))

    @cached_property
    def _infer(self) -> Batched:
        return inference_function(self.model)

    @cached_property
    def _gradient(self) -> Batched:
        """The gradient of the logit by the image, (b, ny, nx, bands)."""
        tf = tensorflow()
        return compiled(self.model, lambda batch: tf.gradients(self.model(batch, training=False), batch)[0])

    @cached_property
    def _weighted_features(self) -> Batched:
        """Grad-CAM's maps of the views of each image that the last layer sees, (b, views, ny, nx)."""
        tf = tensorflow()
        from keras import KerasTensor, Model

        placed = [layer for layer in self.model.layers if len(layer.output.shape) == 4 and layer.output.shape[1] > 1]
        with_features = Model(self.model.inputs, [placed[-1].output, self.model.output])
        n_views = with_features.compute_output_spec(KerasTensor((1, *self.model.input_shape[1:])))[0].shape[0]

        def weighted_features(batch: tf.Tensor) -> tf.Tensor:
            features, logit = with_features(batch, training=False)
            importance = tf.reduce_mean(tf.gradients(logit, features)[0], axis=(1, 2), keepdims=True)
            found = tf.reduce_sum(importance * features, axis=-1, keepdims=True)
            found = tf.image.resize(found, batch.shape[1:3])[..., 0]
            by_view = tf.reshape(found, (n_views, -1, *batch.shape[1:3]))
            return tf.transpose(by_view, (1, 0, 2, 3))

        return compiled(self.model, weighted_features)


def _in_batches(function: Batched, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a compiled function gives of all images."""
    batches = np.array_split(images, max(1, -(-len(images) // _BATCH)))
    return np.concatenate([function(batch) for batch in batches])


def _starts(side: int, patch: int, stride: int) -> list[int]:
    """Where patches start along a side, so that they cover all of it."""
    return sorted({*range(0, side - patch, stride), side - patch})
