"""Other attribution methods, for comparison with integrated gradients.

Each explains the logit of a fast rotator, in inference mode, with one value per pixel for all bands: positive favours
fast, negative slow. Gradient times input and occlusion give the contribution of a pixel to the logit, SmoothGrad the
change of the logit with the pixel's light, and Grad-CAM the features of the last spatial layer that add to the logit.

They are implemented here in a few lines each, as no library with them is both maintained and light: xplique 2.0
excludes TensorFlow 2.21 and requires OpenCV; tf-keras-vis (for Keras 2) and PAIR's saliency (one image at a time) had
their last releases in March 2024, and tf-explain in 2021.
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
"""SmoothGrad: standard deviation of the noise as a fraction of the image's range, and number of copies averaged."""
Batched = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A compiled function from a batch of images, float32 (b, ny, nx, bands), to an array with one row per image."""
_BATCH = 64


class Explainer:
    """Maps of one network by several methods, each compiled once and evaluated with the network's current weights.

    ``model``: functional Keras model in float32 from images (b, ny, nx, bands) to one logit. All methods take images as
    the network sees them, float32 (n, ny, nx, bands), and a baseline image (ny, nx, bands), or one per image.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's logits, float32 (n,)."""
        return _in_batches(self._infer, images)[:, 0]

    def gradient_times_input(self, images: NDArray[np.float32], baseline: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (x - x0) dF/dx at the image, in logits, float32 (n, ny, nx); exact for a linear network."""
        return ((images - baseline) * _in_batches(self._gradient, images)).sum(axis=-1)

    def smooth_grad(
        self, images: NDArray[np.float32], seed: int, noise: float = NOISE, copies: int = NOISY_COPIES
    ) -> NDArray[np.float32]:
        """Return the mean gradient of the logit over noisy copies of each image, signed and summed over bands.

        Parameters
        ----------
        images : float32 (n, ny, nx, bands)
            As the network sees them.
        seed : int
            Of the noise.
        noise : float
            Standard deviation of the Gaussian noise, as a fraction of the image's range.
        copies : int
            Number of noisy copies.

        Returns
        -------
        float32 (n, ny, nx)
            In logits per unit of the input.

        References
        ----------
        Smilkov et al. 2017, arXiv:1706.03825, section 3.
        """
        generator = np.random.default_rng(seed)
        sigma = noise * np.ptp(images, axis=(1, 2, 3), keepdims=True)
        total = np.zeros(images.shape[:3], dtype=np.float32)
        for _ in range(copies):
            noisy = images + sigma * generator.standard_normal(images.shape, dtype=np.float32)
            total += _in_batches(self._gradient, noisy).sum(axis=-1)
        return (total / copies).astype(np.float32, copy=False)

    def occlusion(
        self,
        images: NDArray[np.float32],
        baseline: NDArray[np.float32],
        patch_px: int | None = None,
        stride_px: int | None = None,
    ) -> NDArray[np.float32]:
        """Return the decrease of the logit when a patch of the image is replaced by the baseline.

        Parameters
        ----------
        images : float32 (n, ny, nx, bands)
            As the network sees them.
        baseline : float32 (ny, nx, bands) or (n, ny, nx, bands)
            The replacement.
        patch_px : int, optional
            Side of the square patches, pixels; by default an eighth of the image's side.
        stride_px : int, optional
            Distance between patches, pixels; by default half a patch.

        Returns
        -------
        float32 (n, ny, nx)
            In logits: the mean over all patches that cover a pixel.

        References
        ----------
        Zeiler & Fergus 2014, ECCV, arXiv:1311.2901, section 4.2.
        """
        n, ny, nx, _ = images.shape
        patch = max(1, ny // 8) if patch_px is None else patch_px
        stride = max(1, patch // 2) if stride_px is None else stride_px
        baseline = np.broadcast_to(baseline, images.shape)
        whole = self.logits(images)
        falls, covers = np.zeros((n, ny, nx)), np.zeros((ny, nx))
        for y in _starts(ny, patch, stride):
            places = [np.s_[:, y : y + patch, x : x + patch] for x in _starts(nx, patch, stride)]
            occluded = np.repeat(images[None], len(places), axis=0)
            for copy, place in zip(occluded, places, strict=True):
                copy[place] = baseline[place]
            logits = self.logits(occluded.reshape(-1, *images.shape[1:])).reshape(len(places), n)
            for place, logit in zip(places, logits, strict=True):
                falls[place] += (whole - logit)[:, None, None]
                covers[place[1:]] += 1
        return (falls / covers).astype(np.float32)

    def grad_cam(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return Grad-CAM maps: features of the last spatial layer, weighted by their effect on the logit, (n, ny, nx).

        Selvaraju et al. (2017, ICCV, arXiv:1610.02391, eqs. 1 and 2), for the last convolution after its regularization
        and ReLU, enlarged bilinearly, float32. Eq. 2 keeps positive values for one class; with one logit for two
        classes, negative values favour the other class, so both signs are kept. If the network averages its logit over
        the eight symmetries of an image, the maps of all eight are rotated back and averaged.
        """
        views = _in_batches(self._weighted_features, images)
        return views[:, 0] if views.shape[1] == 1 else turned_back(list(views.swapaxes(0, 1)))

    @cached_property
    def _infer(self) -> Batched:
        return inference_function(self.model)

    @cached_property
    def _gradient(self) -> Batched:
        """Gradient of the logit with respect to the image, (b, ny, nx, bands)."""
        tf = tensorflow()
        return compiled(self.model, lambda batch: tf.gradients(self.model(batch, training=False), batch)[0])

    @cached_property
    def _weighted_features(self) -> Batched:
        """Grad-CAM maps of all views of each image that the last layer sees, (b, views, ny, nx)."""
        tf = tensorflow()
        from keras import KerasTensor, Model

        last_layers = _last_spatial_layers(self.model)
        with_features = Model(self.model.inputs, [*(layer.output for layer in last_layers), self.model.output])
        n_views = with_features.compute_output_spec(KerasTensor((1, *self.model.input_shape[1:])))[0].shape[0]

        def weighted_features(batch: tf.Tensor) -> tf.Tensor:
            *features, logit = with_features(batch, training=False)
            found = tf.add_n([enlarged(part, tf.gradients(logit, part)[0], batch.shape[1:3]) for part in features])
            by_view = tf.reshape(found, (n_views, -1, *batch.shape[1:3]))
            return tf.transpose(by_view, (1, 0, 2, 3))

        def enlarged(features: tf.Tensor, gradient: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
            importance = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
            return tf.image.resize(tf.reduce_sum(importance * features, axis=-1, keepdims=True), shape)[..., 0]

        return compiled(self.model, weighted_features)


def _last_spatial_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the last layer with more than one pixel, of each member of a `training.network.averaged_network`."""
    spatial = [layer for layer in model.layers if len(layer.output.shape) == 4 and layer.output.shape[1] > 1]
    of_members = {layer.name.partition("_")[0]: layer for layer in spatial if layer.name.startswith("member")}
    return list(of_members.values()) or spatial[-1:]


def _in_batches(function: Batched, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Evaluate a compiled function on all images."""
    batches = np.array_split(images, max(1, -(-len(images) // _BATCH)))
    return np.concatenate([function(batch) for batch in batches])


def _starts(side: int, patch: int, stride: int) -> list[int]:
    """Return the first pixels of patches that cover a whole side."""
    return sorted({*range(0, side - patch, stride), side - patch})
