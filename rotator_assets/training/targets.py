"""What a network learns in addition to the class: auxiliary targets, lambda_R with an interval, weights of the labels.

A value that a galaxy lacks is NaN and adds nothing to the loss, so that galaxies without a label are learned from, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe

if TYPE_CHECKING:
    import tensorflow as tf

UNLABELED = -1
"""In place of a label, 0 slow or 1 fast, of a galaxy without one."""
QUANTILES = (0.16, 0.5, 0.84)
"""Predicted quantiles of lambda_R: the ends of the 68 % interval and the median."""
PREDICTED_SPIN = "lambda_r_predicted"
OUTPUTS = ("logit", "lambda_r_low", PREDICTED_SPIN, "lambda_r_high")
"""Outputs of the networks of a fold; networks that do not predict lambda_R have the first alone."""
MARGINS = ("lambda_r_margin", "lambda_r_margin_averaged")
"""Columns of table ``unseen_galaxies`` with margins of the intervals of lambda_R."""
_SPIN_SCALE = 0.25
"""Roughly the standard deviation of lambda_R, which makes its loss comparable with that of a standardized target."""


def _log10(values: pd.Series) -> pd.Series:
    values = values.astype(float)
    return values.where(values > 0).transform(np.log10)


_VALUES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "spin_offset": lambda galaxies: galaxies["lambda_r"] - galaxies["spin_threshold"],
    "p_s0": lambda galaxies: galaxies["p_s0"].where(galaxies["t_type"] <= 0),
    **{name: lambda galaxies, name=name: _log10(galaxies[name]) for name in ("sersic_n", "r_eff_arcsec", "redshift")},
}
"""Values of the targets that are not simply a column of ``galaxies``."""


@dataclass(frozen=True)
class Answers:
    """What is learned of some galaxies in addition to their class, one row per galaxy.

    Attributes
    ----------
    targets
        Auxiliary targets in the order of `Targets`, float32 (n, n_targets), NaN where missing.
    lambda_r
        float32 (n,), NaN where missing.
    label_weights
        Factor of the loss of the label, float32 (n,).
    """

    targets: NDArray[np.float32]
    lambda_r: NDArray[np.float32]
    label_weights: NDArray[np.float32]

    @classmethod
    def of(cls, galaxies: pd.DataFrame, recipe: Recipe) -> Answers:
        """Return the answers of galaxies: columns of table ``imaged_galaxies`` that the recipe needs."""
        names = recipe.targets.weights
        targets = [_VALUES.get(name, lambda g, name=name: g[name])(galaxies).to_numpy(np.float32) for name in names]
        weights = np.ones(len(galaxies), dtype=np.float32)
        if recipe.label_weights == "lambda_r_error":
            weights = label_weights(galaxies)
        return cls(
            targets=np.stack(targets, axis=1) if names else np.empty((len(galaxies), 0), dtype=np.float32),
            lambda_r=galaxies["lambda_r"].to_numpy(np.float32),
            label_weights=weights,
        )

    @classmethod
    def unknown(cls, n: int, recipe: Recipe) -> Answers:
        """Return the answers of ``n`` galaxies of which nothing but the class is known."""
        missing = np.full((n, len(recipe.targets.weights)), np.nan, dtype=np.float32)
        return cls(missing, np.full(n, np.nan, dtype=np.float32), np.ones(n, dtype=np.float32))

    def select(self, rows: NDArray[np.int64]) -> Answers:
        """Return the answers of some rows."""
        return Answers(self.targets[rows], self.lambda_r[rows], self.label_weights[rows])

    @classmethod
    def concatenated(cls, parts: Sequence[Answers]) -> Answers:
        """Return the answers of several groups of galaxies, one after the other."""
        return cls(
            *(np.concatenate([getattr(p, name) for p in parts]) for name in ("targets", "lambda_r", "label_weights"))
        )


def label_weights(galaxies: pd.DataFrame) -> NDArray[np.float32]:
    """Return how much more likely each label is right than wrong, P(right) - P(wrong), for normal errors of lambda_R.

    ``galaxies``: columns lambda_r, lambda_r_error and spin_threshold. Galaxies without a positive error have weight 1.
    Returns float32 (n,), 0 to 1.
    """
    from scipy.special import erf

    error = galaxies["lambda_r_error"].astype(float)
    distance = (galaxies["lambda_r"] - galaxies["spin_threshold"]).abs() / error.where(error > 0)
    return erf(distance.fillna(np.inf) / np.sqrt(2)).to_numpy(np.float32)


@dataclass(frozen=True)
class Standardization:
    """Mean and standard deviation of each target, from the training part alone; float64 (n_targets,)."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, targets: NDArray[np.float32]) -> Standardization:
        """Return those of the targets (n, n_targets); 0 and 1 for a target without values, 1 for a constant one."""
        known = np.isfinite(targets)
        counts = np.maximum(known.sum(axis=0), 1)
        values = np.where(known, targets, 0.0).astype(np.float64)
        mean = values.sum(axis=0) / counts
        scale = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / counts)
        return cls(mean, np.where(scale > 0, scale, 1.0))

    def __call__(self, targets: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return standardized targets, float32 (n, n_targets), NaN where missing."""
        return ((targets - self.mean) / self.scale).astype(np.float32)


def answer_matrix(
    labels: NDArray[np.integer], weights: NDArray[np.float32], answers: Answers, standardization: Standardization
) -> NDArray[np.float32]:
    """Return what `combined_loss` compares with the outputs of a network.

    Parameters
    ----------
    labels
        0 slow, 1 fast, `UNLABELED`; shape (n,).
    weights
        Weights of the classes slow and fast, shape (2,).
    answers
        What else is learned of the galaxies.
    standardization
        Of the targets.

    Returns
    -------
    float32 (n, 3 + n_targets): label, weight of the label (0 without one), lambda_R, and the standardized targets.
    """
    weight = np.where(labels == UNLABELED, 0, weights[labels] * answers.label_weights)
    return np.column_stack([labels, weight, answers.lambda_r, standardization(answers.targets)]).astype(np.float32)


def n_outputs(recipe: Recipe) -> tuple[int, int]:
    """Return the number of outputs besides the logit: quantiles of lambda_R, and auxiliary targets."""
    return len(QUANTILES) if recipe.lambda_r_interval else 0, len(recipe.targets.weights)


def class_loss(recipe: Recipe) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return the part of `combined_loss` that measures the labels: that of `imbalance.training_loss`, nats.

    The mean over the labelled galaxies of a batch, 0 without any.
    """
    tf = tensorflow()
    from rotator_assets.training.imbalance import COMPENSATIONS

    gamma = COMPENSATIONS[recipe.imbalance].gamma

    def class_loss(answers: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        labels, weights = answers[:, 0], answers[:, 1]
        missed = tf.nn.sigmoid_cross_entropy_with_logits(tf.maximum(labels, 0.0), outputs[:, 0])
        if gamma:
            missed *= (-tf.math.expm1(-missed)) ** gamma
        return _mean(weights * missed, labels >= 0)

    return class_loss


def combined_loss(recipe: Recipe) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return the loss of a recipe that learns more than the class, in nats plus the weighted losses of the others.

    `class_loss` measures the labels, Huber's loss (threshold 1) the targets, and pinball losses the quantiles of
    lambda_R. Each is the mean over the galaxies of a batch that have the value.
    """
    tf = tensorflow()
    n_quantiles, n_targets = n_outputs(recipe)
    of_labels = class_loss(recipe)
    target_weights = tf.constant(list(recipe.targets.weights.values()), tf.float32)
    levels = tf.constant(QUANTILES, tf.float32)

    def loss(answers: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        total, spin = of_labels(answers, outputs), answers[:, 2:3]
        if n_quantiles:
            known = tf.math.is_finite(spin)
            missed = (tf.where(known, spin, 0.0) - outputs[:, 1 : 1 + n_quantiles]) / _SPIN_SCALE
            pinball = tf.reduce_sum(tf.maximum(levels * missed, (levels - 1) * missed), axis=1)
            total += recipe.lambda_r_interval * _mean(pinball, known[:, 0])
        if n_targets:
            known = tf.math.is_finite(answers[:, 3:])
            missed = tf.abs(tf.where(known, answers[:, 3:], 0.0) - outputs[:, 1 + n_quantiles :])
            huber = tf.where(missed < 1, 0.5 * missed**2, missed - 0.5)
            total += tf.reduce_sum(target_weights * _mean(huber, known))
        return total

    return loss


def _mean(values: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Return the mean of the known values along the first axis; 0 without any."""
    tf = tensorflow()
    count = tf.reduce_sum(tf.cast(known, tf.float32), axis=0)
    return tf.reduce_sum(tf.where(known, values, 0.0), axis=0) / tf.maximum(count, 1.0)
