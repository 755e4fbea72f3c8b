r"""Integrated gradients: the contribution of each pixel to the logit, relative to an image without a galaxy.

With the logit F, the network's input x and the baseline image x0, the attribution of pixel i is

    (x_i - x0_i) \int_0^1 dF/dx_i (x0 + t (x - x0)) dt

(Sundararajan, Taly & Yan 2017, ICML, arXiv:1703.01365, eq. 1). Positive pixels favour a fast rotator, negative pixels
a slow one. Over the whole image they add up to F(x) - F(x0) (completeness). The logit is explained rather than the
probability, whose gradients vanish for confident predictions.

Nodes and weights of the quadrature are alibi's. Gradients are computed image by image (module `gradients`), so that the
map of an image and the memory needed do not depend on the other images. The reference is unmodified alibi
(`alibi_maps`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.attribution.baseline_images import baselines
from rotator_assets.attribution.gradients import PathGradients
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.pipeline import network_input, symmetries, turned_back

if TYPE_CHECKING:
    import keras

METHODS = ("riemann_middle", "gausslegendre", "riemann_left", "riemann_right")
"""Alibi's quadrature rules whose weights add up to 1; those of riemann_trapezoid add up to 1 - 1/n_steps."""
COMPLETENESS_TOLERANCE = 0.05
"""Images with a larger completeness error get more steps than the recipe's ``attribution_steps``."""
Quadrature = Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Function of the number of steps that returns nodes in [0, 1] and weights."""


@dataclass(frozen=True)
class Attributions:
    """Attributions of n images.

    ``maps``: float32 (n, ny, nx, bands), in logits. ``logit`` F(x), ``logit_baseline`` F(x0), ``delta`` (sum of the map
    minus F(x) - F(x0)) and ``completeness_error`` (|delta| / |F(x) - F(x0)|; 0 if both vanish): float64 (n,).
    ``n_steps``: quadrature points, int32 (n,).
    """

    maps: NDArray[np.float32]
    logit: NDArray[np.float64]
    logit_baseline: NDArray[np.float64]
    delta: NDArray[np.float64]
    completeness_error: NDArray[np.float64]
    n_steps: NDArray[np.int32]


def integrated_gradients(
    model: keras.Model,
    images: NDArray[np.float32],
    baselines: NDArray[np.float32],
    n_steps: int = 50,
    method: str = "riemann_middle",
    *,
    batch_size: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Attributions:
    """Return attributions of the model's logit, in inference mode.

    Parameters
    ----------
    model : keras.Model
        Functional model in float32 from images to one logit.
    images : float32 (n, ny, nx, bands)
        Normalized images, from `network_input`.
    baselines : float32 (ny, nx, bands) or (n, ny, nx, bands)
        Start of the paths, the same for all images or one per image.
    n_steps : int
        Number of quadrature points.
    method : str
        Quadrature rule, one of `METHODS`.
    batch_size : int, optional
        Points of a path whose gradients are computed together; by default as many as fit into the memory budget.
    on_progress : callable, optional
        Called after each image with the number of images done and n.

    Returns
    -------
    Attributions
        Of all images, in logits.

    Raises
    ------
    ValueError
        For an unknown method.

    References
    ----------
    Sundararajan, Taly & Yan 2017, ICML, arXiv:1703.01365, eq. 1.
    """
    quadrature = _quadrature(method)
    images = np.asarray(images, dtype=np.float32)
    starts = np.broadcast_to(np.asarray(baselines, dtype=np.float32), images.shape)
    network = PathGradients(model, batch_size)
    pairs = zip(images[:, None], starts[:, None], strict=True)
    explained = (_Paths(network, image, start).explained(n_steps, quadrature) for image, start in pairs)
    return _collected(explained, images.shape, on_progress)


def explain(
    model: keras.Model,
    images: NDArray[np.float32],
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    tolerance: float = COMPLETENESS_TOLERANCE,
    on_progress: Callable[[int, int], None] | None = None,
) -> Attributions:
    """Return attributions of some galaxies, with the bands, baseline, quadrature and steps of the recipe.

    For several baselines per image (``noise``), the attribution is the mean over baselines, and F(x0) is their mean
    logit. If the recipe predicts the mean logit over the eight `symmetries` of an image, this mean is explained:
    integrated gradients are linear in the network, so the map is the mean of the maps of all views, each rotated back.

    Parameters
    ----------
    model : keras.Model
        Functional model in float32 from the recipe's images to one logit.
    images : float32 (m, ny, nx, 3)
        Raw fluxes, as for `network_input`.
    rows : int64 (n,)
        Rows of ``images`` to explain.
    recipe : Recipe
        The recipe of the model.
    tolerance : float
        Images with a larger completeness error get twice as many steps, repeatedly up to the recipe's limit, and the
        map with the smallest error is kept. If F(x) and F(x0) are nearly equal, the error may stay above the tolerance.
    on_progress : callable, optional
        Called after each image with the number of images done and n.

    Returns
    -------
    Attributions
        Of the rows, in logits.
    """
    quadrature = _quadrature(recipe.attribution_method)
    network = PathGradients(model)
    explained = (_refined(_paths(network, images, row, recipe), recipe, quadrature, tolerance) for row in rows)
    return _collected(explained, (len(rows), *images.shape[1:3], len(recipe.bands)), on_progress)


def alibi_maps(
    model: keras.Model,
    images: NDArray[np.float32],
    baselines: NDArray[np.float32],
    n_steps: int = 50,
    method: str = "riemann_middle",
) -> NDArray[np.float32]:
    """Return the maps of unmodified alibi.

    Alibi differentiates the Keras model operation by operation and keeps all points of all paths in memory. It is slow
    and needs much memory, so use it for a few images only.

    Parameters
    ----------
    model, images, baselines, n_steps, method
        As for `integrated_gradients`.

    Returns
    -------
    float32 (n, ny, nx, bands)
        Attributions in logits.
    """
    tensorflow()
    from alibi.explainers import IntegratedGradients

    images = np.asarray(images, dtype=np.float32)
    starts = np.broadcast_to(np.asarray(baselines, dtype=np.float32), images.shape).copy()
    if len(images) == 0:
        return np.empty_like(images)
    explainer = IntegratedGradients(model, n_steps=n_steps, method=method)
    with _without_single_output_warning():
        return explainer.explain(images, baselines=starts, target=None).attributions[0].astype(np.float32)


def check_against_alibi(
    model: keras.Model,
    images: NDArray[np.float32],
    baselines: NDArray[np.float32],
    n_steps: int = 50,
    method: str = "riemann_middle",
) -> float:
    """Compare `integrated_gradients` with `alibi_maps`.

    Parameters
    ----------
    model, images, baselines, n_steps, method
        As for `integrated_gradients`.

    Returns
    -------
    float
        Largest difference, relative to alibi's largest attribution; absolute if all of alibi's attributions are zero.
    """
    reference = alibi_maps(model, images, baselines, n_steps, method)
    ours = integrated_gradients(model, images, baselines, n_steps, method).maps
    difference, largest = np.abs(ours - reference).max(initial=0), np.abs(reference).max(initial=0)
    return float(difference / largest if largest > 0 else difference)


@dataclass(frozen=True)
class _Explained:
    """Attributions of one image, as in `Attributions`."""

    map: NDArray[np.float32]
    logit: float
    logit_baseline: float
    n_steps: int

    @property
    def delta(self) -> float:
        return float(self.map.sum(dtype=np.float64)) - (self.logit - self.logit_baseline)

    @property
    def completeness_error(self) -> float:
        if self.delta == 0:
            return 0.0
        difference = abs(self.logit - self.logit_baseline)
        return abs(self.delta) / difference if difference > 0 else np.inf


class _Paths:
    """The paths of one image, from each baseline to each view of the image; its attribution is their mean.

    ``image``: (1, ny, nx, bands); ``starts``: (k, ny, nx, bands); ``averaged``: use all eight `symmetries`.
    """

    def __init__(
        self, network: PathGradients, image: NDArray[np.float32], starts: NDArray[np.float32], averaged: bool = False
    ) -> None:
        self._network = network
        self._images = symmetries(image) if averaged else [image]
        self._starts = symmetries(starts) if averaged else [starts]
        logits = network.logits(np.concatenate([*self._images, *self._starts]))
        self._logit = float(logits[: len(self._images)].mean())
        self._logit_baseline = float(logits[len(self._images) :].mean())

    def explained(self, n_steps: int, quadrature: Quadrature) -> _Explained:
        nodes, weights = quadrature(n_steps)
        maps = [
            np.mean([(image[0] - x0) * self._network.summed(image[0], x0, nodes, weights) for x0 in starts], axis=0)
            for image, starts in zip(self._images, self._starts, strict=True)
        ]
        mean = turned_back([view[None] for view in maps])[0] if len(maps) > 1 else maps[0]
        return _Explained(mean.astype(np.float32), self._logit, self._logit_baseline, n_steps)


def _paths(network: PathGradients, images: NDArray[np.float32], row: int, recipe: Recipe) -> _Paths:
    """Return the paths of one row."""
    rows = np.array([row], dtype=np.int64)
    seen, starts = network_input(images, rows, recipe), baselines(images, rows, recipe)[0]
    return _Paths(network, seen, starts, recipe.test_time_averaging)


def _refined(paths: _Paths, recipe: Recipe, quadrature: Quadrature, tolerance: float) -> _Explained:
    """Double the steps until the completeness error is within the tolerance; return the best attributions found."""
    best = paths.explained(recipe.attribution_steps, quadrature)
    for doubling in range(1, recipe.attribution_doublings + 1):
        if best.completeness_error <= tolerance:
            break
        finer = paths.explained(recipe.attribution_steps * 2**doubling, quadrature)
        best = min(best, finer, key=lambda explained: explained.completeness_error)
    return best


def _collected(
    explained: Iterable[_Explained], shape: tuple[int, ...], on_progress: Callable[[int, int], None] | None
) -> Attributions:
    """Combine the attributions of all images; ``shape`` is that of the maps."""
    n = shape[0]
    maps, scalars, n_steps = np.empty(shape, dtype=np.float32), np.empty((4, n)), np.empty(n, dtype=np.int32)
    for index, image in enumerate(explained):
        maps[index], n_steps[index] = image.map, image.n_steps
        scalars[:, index] = image.logit, image.logit_baseline, image.delta, image.completeness_error
        if on_progress is not None:
            on_progress(index + 1, n)
    logit, logit_baseline, delta, completeness_error = scalars
    return Attributions(maps, logit, logit_baseline, delta, completeness_error, n_steps)


def _quadrature(method: str) -> Quadrature:
    """Return alibi's quadrature rule of this name."""
    if method not in METHODS:
        raise ValueError(f"unknown quadrature '{method}': use {', '.join(METHODS)}")
    tensorflow()  # imported before alibi imports it, to silence its messages
    from alibi.utils.approximation_methods import approximation_parameters

    weights, nodes = approximation_parameters(method)
    return lambda n_steps: (np.asarray(nodes(n_steps)), np.asarray(weights(n_steps)))


@contextmanager
def _without_single_output_warning() -> Generator[None]:
    """Silence alibi's warning that a model with one output may need a target; the single output here is a logit."""
    logger = logging.getLogger("alibi.explainers.integrated_gradients")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
