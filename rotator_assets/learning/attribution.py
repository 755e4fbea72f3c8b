r"""Integrated gradients: how much each pixel moves the network's logit away from that of an empty sky.

With F the logit, x the network's input and x0 the baseline, pixel i is given

    (x_i - x0_i) \int_0^1 dF/dx_i (x0 + t (x - x0)) dt

(Sundararajan, Taly & Yan 2017, ICML, arXiv:1703.01365, eq. 1). Positive pixels speak for a fast rotator, negative ones
for a slow one; over the whole image they add up to F(x) - F(x0) (completeness). The logit is explained, not the
probability, whose gradients vanish where the network is sure. The path, the quadrature and the sums are alibi's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.learning.backend import tensorflow
from rotator_assets.recipes import Recipe
from rotator_assets.science.normalization import normalize

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

METHODS = ("riemann_middle", "gausslegendre", "riemann_left", "riemann_right")
"""Alibi's rules of quadrature whose weights add up to 1; those of its riemann_trapezoid add up to 1 - 1/n_steps."""

_PATH_VALUES = 2**22
"""Most values of interpolated images held at once (above one image); alibi keeps a few float64 arrays of this size."""


@dataclass(frozen=True)
class Attributions:
    """Attributions of n images.

    ``maps``: float32 (n, ny, nx, bands), in logits. ``logit`` F(x), ``logit_baseline`` F(x0), ``delta`` (sum of the map
    minus F(x) - F(x0)) and ``completeness_error`` (|delta| / |F(x) - F(x0)|; 0 where both vanish): float64 (n,).
    """

    maps: NDArray[np.float32]
    logit: NDArray[np.float64]
    logit_baseline: NDArray[np.float64]
    delta: NDArray[np.float64]
    completeness_error: NDArray[np.float64]


def empty_sky_baseline(recipe: Recipe, size_px: int) -> NDArray[np.float32]:
    """What the network sees of an image without any flux, float32 (size_px, size_px, n_bands)."""
    empty = np.zeros((1, size_px, size_px, len(recipe.bands)), dtype=np.float32)
    return normalize(empty, recipe.normalization, recipe.bands)[0]


def integrated_gradients(
    model: keras.Model,
    images: NDArray[np.float32],
    baseline: NDArray[np.float32],
    n_steps: int = 50,
    method: str = "riemann_middle",
    *,
    batch_size: int = 32,
    on_progress: Callable[[int, int], None] | None = None,
) -> Attributions:
    """Attributions of the model's logit, in inference mode, by alibi's `IntegratedGradients` at compiled speed.

    Images are explained in chunks, so memory does not grow with their number, and the result does not depend on how
    they are cut.

    Parameters
    ----------
    model
        Functional Keras model in float32 from images to one logit.
    images
        Normalized images (`network_input`), float32 (n, ny, nx, bands).
    baseline
        The image the path starts from, (ny, nx, bands).
    n_steps, method
        Points and rule of the quadrature, one of `METHODS`.
    batch_size
        Images whose gradients are computed at once.
    on_progress
        Called after each chunk with the number of images done and n.

    Raises ValueError for another method.
    """
    if method not in METHODS:
        raise ValueError(f"unknown quadrature '{method}': use {', '.join(METHODS)}")
    model = _CompiledLogit(model)
    images = np.asarray(images, dtype=np.float32)
    logit_baseline = float(model(baseline[None])[0, 0])
    maps = np.empty_like(images)
    logit = np.empty(len(images))
    chunk = max(1, _PATH_VALUES // (n_steps * int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), chunk):
        part = slice(start, min(start + chunk, len(images)))
        maps[part], logit[part] = _explain(model, images[part], baseline, n_steps, method, batch_size)
        if on_progress is not None:
            on_progress(part.stop, len(images))
    difference = logit - logit_baseline
    delta = maps.sum(axis=(1, 2, 3), dtype=np.float64) - difference
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(delta == 0, 0.0, np.abs(delta) / np.abs(difference))
    return Attributions(maps, logit, np.full(len(images), logit_baseline), delta, error)


def check_against_alibi(
    model: keras.Model, images: NDArray[np.float32], baseline: NDArray[np.float32], n_steps: int = 50
) -> float:
    """Largest difference between `integrated_gradients` and alibi as it comes, relative to the largest attribution.

    Alibi is handed the Keras model itself and differentiates it operation by operation: slow, so meant for a few
    images.
    """
    reference, _ = _explain(model, np.asarray(images, np.float32), baseline, n_steps, METHODS[0], batch_size=32)
    ours = integrated_gradients(model, images, baseline, n_steps).maps
    largest = np.abs(reference).max(initial=0)
    return float(np.abs(ours - reference).max(initial=0) / largest) if largest > 0 else float(np.abs(ours).max())


def fraction_within_radius(maps: NDArray[np.float32], radius_px: ArrayLike) -> NDArray[np.float64]:
    """Share of the absolute attribution, all bands together, in pixels whose centre lies in a circle; float64 (n,).

    The circle is centred on the image; ``radius_px``, in pixels, is one number or one an image (n,). NaN where the
    radius is NaN or the map is zero everywhere.
    """
    n, ny, nx, _ = maps.shape
    y, x = np.ogrid[:ny, :nx]
    distance = np.hypot(y - (ny - 1) / 2, x - (nx - 1) / 2)
    radius = np.broadcast_to(np.asarray(radius_px, dtype=np.float64), n)
    weight = np.abs(maps).sum(axis=3, dtype=np.float64)
    inside = np.sum(weight, axis=(1, 2), where=distance <= radius[:, None, None])
    total = weight.sum(axis=(1, 2))
    known = np.isfinite(radius) & (total > 0)
    return np.divide(inside, total, out=np.full(n, np.nan), where=known)


class _CompiledLogit:
    """A Keras model as alibi sees one, whose value and gradient come from one compiled function.

    Alibi records the model's operations one by one to differentiate them, which holds every activation and, were the
    forward pass alone compiled, would also compute the gradients of all weights. Here the gradient with respect to the
    image is part of the compiled function and handed over as the operation's own.
    """

    def __init__(self, model: keras.Model) -> None:
        tf = tensorflow()
        self.inputs, self.output_shape = model.inputs, model.output_shape
        self._model = model  # keeps the weights alive

        def logit_and_gradient(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            logit = model(images, training=False)
            return logit, tf.gradients(logit, images)[0]

        signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
        compiled = tf.function(logit_and_gradient).get_concrete_function(signature)

        @tf.custom_gradient
        def logit(images: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            value, gradient = compiled(images)

            def backward(upstream: tf.Tensor, variables: list | None = None) -> tuple[tf.Tensor, list]:
                return upstream[:, :, None, None] * gradient, [None] * len(variables or [])

            return value, backward

        self._logit = logit

    def __call__(self, images: ArrayLike) -> tf.Tensor:
        tf = tensorflow()
        return self._logit(tf.cast(images, tf.float32))


def _explain(
    model: keras.Model | _CompiledLogit,
    images: NDArray[np.float32],
    baseline: NDArray[np.float32],
    n_steps: int,
    method: str,
    batch_size: int,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Alibi's attributions (n, ny, nx, bands) and the model's logits (n,)."""
    tensorflow()
    from alibi.explainers import IntegratedGradients

    explainer = IntegratedGradients(model, n_steps=n_steps, method=method, internal_batch_size=batch_size)
    with _without_warning_of_one_output():
        explanation = explainer.explain(images, baselines=np.broadcast_to(baseline, images.shape).copy(), target=None)
    return explanation.attributions[0], explanation.predictions[:, 0]


@contextmanager
def _without_warning_of_one_output() -> Iterator[None]:
    """Alibi warns at each call that a model with one output is a regression or needs a target; ours is a logit."""
    logger = logging.getLogger("alibi.explainers.integrated_gradients")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
