"""Compensation for classes of unequal size: class weights, the focal loss, oversampling, or none.

Training and validation measure the same loss for each of them: where training oversamples the rarer class, validation
weights it instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Imbalance, Recipe

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Compensation:
    """What one value of the recipe's ``imbalance`` does.

    ``weighted``: classes weigh inversely to their frequency. ``oversampled``: training shows the rarer class more
    often instead. ``gamma``: power of 1 - p in the focal loss, where p is the probability given to the true class; 0
    is the cross-entropy.
    """

    weighted: bool = True
    oversampled: bool = False
    gamma: float = 0.0


COMPENSATIONS: dict[Imbalance, Compensation] = {
    "weights": Compensation(),
    "focal": Compensation(gamma=2.0),  # the value that Lin et al. (2017) find best
    "oversample": Compensation(oversampled=True),
    "none": Compensation(weighted=False),
}


def class_weights(labels: NDArray[np.integer], recipe: Recipe) -> NDArray[np.float32]:
    """Weights of the classes slow and fast in the recipe's loss, float32 (2,), from the labels of the training part.

    Inverse to the frequencies of the classes and 1 on average over the labelled galaxies of the training part; all 1
    without compensation. Negative labels stand for galaxies without a label.
    """
    if not COMPENSATIONS[recipe.imbalance].weighted:
        return np.ones(2, dtype=np.float32)
    counts = _counts(labels)
    return (counts.sum() / (2 * counts)).astype(np.float32)


def training_weights(labels: NDArray[np.integer], recipe: Recipe) -> NDArray[np.float32]:
    """Return the `class_weights` of the training loss, float32 (2,): 1 if the rarer class is oversampled instead."""
    if COMPENSATIONS[recipe.imbalance].oversampled:
        return np.ones(2, dtype=np.float32)
    return class_weights(labels, recipe)


def images_per_epoch(labels: NDArray[np.integer], recipe: Recipe) -> int:
    """Return the number of images per epoch, that of the galaxies and of the repetitions by oversampling."""
    if COMPENSATIONS[recipe.imbalance].oversampled:
        return len(labels) + int(np.ptp(_counts(labels)))
    return len(labels)


def epoch_order(labels: NDArray[np.integer], recipe: Recipe, generator: np.random.Generator) -> NDArray[np.int64]:
    """Positions of the galaxies of one epoch, in the order in which they are shown.

    Parameters
    ----------
    labels
        0 slow, 1 fast, negative without a label; shape (n,).
    recipe
        Says whether the rarer class is oversampled.
    generator
        Source of the random order.

    Returns
    -------
    int64 (`images_per_epoch`,). Every galaxy once; with oversampling, also galaxies of the rarer class drawn with
    replacement until both classes are equal.
    """
    order = np.arange(len(labels))
    if COMPENSATIONS[recipe.imbalance].oversampled:
        counts = _counts(labels)
        rarer = np.flatnonzero(labels == np.argmin(counts))
        order = np.concatenate([order, generator.choice(rarer, counts.max() - counts.min())])
    return generator.permutation(order)


def _counts(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the numbers of slow and fast rotators."""
    return np.bincount(labels[labels >= 0], minlength=2)


def training_loss(recipe: Recipe) -> keras.losses.Loss:
    """Keras' loss of logits: binary cross-entropy, or the focal loss of Lin et al. (2017, ICCV, arXiv:1708.02002).

    The weights contain the focal loss's alpha: apart from a factor common to both classes, weights inverse to the
    frequencies of the classes are alpha = the fraction of the other class.
    """
    tensorflow()
    from keras import losses

    gamma = COMPENSATIONS[recipe.imbalance].gamma
    if gamma:
        return losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True)
    return losses.BinaryCrossentropy(from_logits=True)


def mean_loss(
    labels: NDArray[np.integer], logits: NDArray[np.float64], weights: NDArray[np.float32], recipe: Recipe
) -> float:
    """Return the recipe's mean loss of these galaxies, nats.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    logits
        Logits of being fast, shape (n,).
    weights
        Weights of the classes slow and fast, shape (2,).
    recipe
        Names the loss, as in `training_loss`.
    """
    losses = np.logaddexp(0, logits) - labels * logits
    gamma = COMPENSATIONS[recipe.imbalance].gamma
    if gamma:
        losses = (-np.expm1(-losses)) ** gamma * losses
    return float((weights[labels] * losses).mean())
