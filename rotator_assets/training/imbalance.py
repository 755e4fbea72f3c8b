"""What makes up for classes of unequal size: weights, the focal loss, drawing the rarer class again, or nothing.

Whichever a recipe names, training and validation measure the same loss: what oversampling does to the classes' shares
in training, weights do in validation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe

if TYPE_CHECKING:
    import keras

FOCAL_GAMMA = 2.0
"""Power of 1 - p in the focal loss, p the probability given to the true class (the value Lin et al. 2017 find best)."""


def class_weights(labels: NDArray[np.integer], recipe: Recipe) -> NDArray[np.float32]:
    """Weights of the classes slow and fast in the recipe's loss, float32 (2,), from the labels of the training part.

    Inverse to the classes' shares and 1 on average over the training part; all 1 where the recipe does nothing.
    """
    if recipe.imbalance == "none":
        return np.ones(2, dtype=np.float32)
    counts = np.bincount(labels, minlength=2)
    return (len(labels) / (2 * counts)).astype(np.float32)


def sample_weights(labels: NDArray[np.integer], recipe: Recipe) -> NDArray[np.float32]:
    """Weight of each training galaxy, float32 (n,): its class's, or 1 where the rarer class is drawn more often."""
    if recipe.imbalance == "oversample":
        return np.ones(len(labels), dtype=np.float32)
    return class_weights(labels, recipe)[labels]


def images_per_epoch(labels: NDArray[np.integer], recipe: Recipe) -> int:
    """How many images an epoch shows: every galaxy once, or twice as many as the commoner class has."""
    return 2 * int(np.bincount(labels).max()) if recipe.imbalance == "oversample" else len(labels)


def epoch_order(labels: NDArray[np.integer], recipe: Recipe, generator: np.random.Generator) -> NDArray[np.int64]:
    """Positions of the galaxies of one epoch, in the order in which they are shown, int64 (images_per_epoch,).

    Every galaxy once; where the rarer class is oversampled, more of it drawn with replacement until both are equal.
    """
    order = np.arange(len(labels))
    if recipe.imbalance == "oversample":
        counts = np.bincount(labels, minlength=2)
        rarer = np.flatnonzero(labels == np.argmin(counts))
        order = np.concatenate([order, generator.choice(rarer, counts.max() - counts.min())])
    return generator.permutation(order)


def training_loss(recipe: Recipe) -> keras.losses.Loss:
    """Keras' loss of logits: binary cross-entropy, or the focal loss of Lin et al. (2017, ICCV, arXiv:1708.02002).

    The focal loss's alpha is in the weights: those inverse to the classes' shares are, but for a factor common to both
    classes, alpha = the share of the other class.
    """
    tensorflow()
    from keras import losses

    if recipe.imbalance == "focal":
        return losses.BinaryFocalCrossentropy(gamma=FOCAL_GAMMA, from_logits=True)
    return losses.BinaryCrossentropy(from_logits=True)


def mean_loss(
    labels: NDArray[np.integer], logits: NDArray[np.float64], weights: NDArray[np.float32], recipe: Recipe
) -> float:
    """The recipe's loss of these galaxies, nats, with the weights of the classes (2,)."""
    losses = np.logaddexp(0, logits) - labels * logits
    if recipe.imbalance == "focal":
        losses = (-np.expm1(-losses)) ** FOCAL_GAMMA * losses
    return float((weights[labels] * losses).mean())
