"""Layers and optimizers that pass over their data once agree with Keras' own."""

import numpy as np
import pytest

from rotator_assets.core.backend import tensorflow
from rotator_assets.training.architectures import Maker
from rotator_assets.training.fused import TrainingMaker, new_optimizer
from rotator_assets_tests.training.made_up_training import TINY


def normalizing(make):
    """A network of one batch normalization, with weights that are not the initial ones."""
    from keras import Input, Model

    image = Input((4, 5, 3))
    network = Model(image, make(True, "float32", np.random.default_rng(0)).normalization("1")(image))
    network.set_weights([np.arange(1, 4) * factor for factor in (0.5, 1, 2, 4)])
    return network


def test_batch_normalization_agrees_with_keras():
    """Outputs, gradients and moving moments of a training step, then outputs with these moments."""
    tf = tensorflow()
    images = tf.constant(np.random.default_rng(1).normal([1, -2, 5], [1, 2, 0.1], (7, 4, 5, 3)), tf.float32)
    factors = tf.constant(np.random.default_rng(2).normal(size=images.shape), tf.float32)
    found = []
    for network in map(normalizing, (Maker, TrainingMaker)):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = network(images, training=True)
            total = tf.reduce_sum(factors * outputs)
        gradients = tape.gradient(total, [images, *network.trainable_variables])
        found.append([outputs, *gradients, *network.get_weights(), network(images, training=False)])
    for expected, fused in zip(*found, strict=True):
        np.testing.assert_allclose(fused, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_optimizer_agrees_with_keras(decay):
    tf = tensorflow()
    from keras import Variable, optimizers

    generator = np.random.default_rng(3)
    start = generator.normal(size=(2, 50)).astype(np.float32)
    steps = generator.normal(0, [[1], [1e-6]], (5, 2, 50)).astype(np.float32)
    ends = []
    for optimizer in (
        optimizers.AdamW(3e-3, weight_decay=decay),
        new_optimizer(TINY.model_copy(update={"weight_decay": decay, "learning_rate": 3e-3})),
    ):
        kernel = Variable(start, name="kernel")
        for gradients in steps:
            optimizer.apply_gradients([(tf.constant(gradients), kernel)])
        ends.append(kernel.numpy())
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-5, atol=1e-7)
    assert np.abs(ends[0] - start).max() > 1e-3
