"""Layers and optimizers of networks in training that pass over their data once, by kernels of TensorFlow.

Keras composes batch normalization and Adam of a dozen elementwise operations. Each reads and writes whole arrays, so
that memory limits them; where products are fast they take most of a training. The values agree up to rounding. Saved
networks consist of Keras' own layers, whose variables are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.architectures import BATCHNORM_MOMENTUM, Maker

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

NO_WEIGHT_DECAY = ("bias", "gamma", "beta")
"""Variables without weight decay: offsets, and the scales of batch normalization."""


@dataclass(frozen=True)
class TrainingMaker(Maker):
    """Makes the layers of a network in training."""

    def normalization(self, name: str) -> keras.Layer:
        """Return batch normalization in one pass."""
        return _fused_batchnorm()(momentum=BATCHNORM_MOMENTUM, dtype=self.policy, name=f"{self.prefix}batchnorm_{name}")


@cache
def _fused_batchnorm() -> type[keras.layers.BatchNormalization]:
    tf = tensorflow()
    from keras import layers

    class FusedBatchNormalization(layers.BatchNormalization):
        """Batch normalization of images (n, ny, nx, filters) in one pass; of vectors as Keras does it."""

        def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
            if len(inputs.shape) != 4:
                return super().call(inputs, training=training, mask=mask)
            learns = bool(training and self.trainable)
            moving = [self.moving_mean, self.moving_variance]
            scale, offset, mean, variance = (
                tf.cast(variable, tf.float32) for variable in (self.gamma, self.beta, *moving)
            )
            outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=scale,
                offset=offset,
                mean=[] if learns else mean,
                variance=[] if learns else variance,
                epsilon=self.epsilon,
                is_training=learns,
            )
            if learns:
                n = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
                for variable, seen in zip(moving, (mean, variance * (n - 1) / n), strict=True):  # Keras divides by n
                    variable.assign(variable * self.momentum + seen * (1 - self.momentum))
            return outputs

    return FusedBatchNormalization


def new_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Return Adam, with decoupled weight decay (Loshchilov & Hutter 2019, ICLR, arXiv:1711.05101) if there is any."""
    plain, decaying = _fused_adams()
    if not recipe.weight_decay:
        return plain(recipe.learning_rate)
    optimizer = decaying(recipe.learning_rate, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=list(NO_WEIGHT_DECAY))
    return optimizer


@cache
def _fused_adams() -> tuple[Any, Any]:
    """Return Keras' Adam and AdamW, with the update of each variable in one pass."""
    tf = tensorflow()
    from keras import optimizers

    class Fused:
        def update_step(self: Any, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
            step = tf.cast(self.iterations + 1, tf.float32)
            index = self._get_variable_index(variable)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                beta1_power=self.beta_1**step,
                beta2_power=self.beta_2**step,
                lr=tf.cast(learning_rate, tf.float32),
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=tf.cast(gradient, variable.dtype),
            )

    class FusedAdam(Fused, optimizers.Adam):
        pass

    class FusedAdamW(Fused, optimizers.AdamW):
        pass

    return FusedAdam, FusedAdamW
