"""Compiled gradients: equal to those of a tape, ties as in TensorFlow, bounded memory."""

import gc
import weakref

import numpy as np
import pytest

from rotator_assets.attribution import gradients
from rotator_assets.attribution.gradients import PathGradients, points_at_once
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.network import build_network, settle_batchnorm
from rotator_assets_tests.training.made_up_training import rounding

PX = 32
NODES, WEIGHTS = np.array([0.1, 0.45, 0.8]), np.array([0.5, 0.2, 0.3])


def images(n=2, seed=0, size_px=PX):
    return np.random.default_rng(seed).random((n, size_px, size_px, 3), dtype=np.float32)


def settled(architecture, size_px=PX, seed=1, **settings):
    network = build_network(Recipe(name="a", architecture=architecture, **settings), size_px, seed=seed)
    settle_batchnorm(network, images(16, seed=9, size_px=size_px))
    return network


def by_tape(network, image, baseline, nodes=NODES, weights=WEIGHTS):
    """Sum of gradients with TensorFlow's own operations, point by point."""
    tf = tensorflow()
    total = 0
    for node, weight in zip(nodes, weights, strict=True):
        point = tf.constant((baseline.astype(float) + node * (image - baseline))[None].astype(np.float32))
        with tf.GradientTape() as tape:
            tape.watch(point)
            logit = network(point, training=False)
        total = total + weight * tape.gradient(logit, point)[0].numpy().astype(float)
    return total


def assert_equal_gradients(network, image, baseline):
    expected = by_tape(network, image, baseline)
    found = PathGradients(network).summed(image, baseline, NODES, WEIGHTS)
    assert found.dtype == np.float64 and np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def of_layers(size_px, *layers):
    """A network of these layers with random weights and one logit."""
    tensorflow()
    from keras import Input, Model
    from keras import layers as kl

    x = image = Input((size_px, size_px, 3))
    for layer in (*layers, kl.Flatten(), kl.Dense(1)):
        x = layer(x)
    network, generator = Model(image, x), np.random.default_rng(3)
    network.set_weights([generator.normal(0, 0.3, weights.shape) for weights in network.get_weights()])
    return network


@pytest.mark.parametrize("architecture", ["thesis", "residual"])  # all architectures: test_integrated_gradients
def test_a_network_has_the_gradients_of_a_tape(architecture):
    assert_equal_gradients(settled(architecture), *images())


def test_networks_with_biases_and_dropout_have_the_gradients_of_a_tape():
    network, (image, baseline) = settled("thesis", regularization="dropout"), images()
    network.set_weights([weights + 0.01 for weights in network.get_weights()])  # biases begin at zero
    assert_equal_gradients(network, image, baseline)
    assert_equal_gradients(network, image, np.zeros_like(image))


def test_at_the_empty_image_itself_ties_go_to_the_first_pixel():
    network, (image, _) = settled("thesis"), images()
    empty, nodes, weights = np.zeros_like(image), np.array([0.0, 0.5]), np.array([0.6, 0.4])
    expected = by_tape(network, image, empty, nodes, weights)
    found = PathGradients(network).summed(image, empty, nodes, weights)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_ties_in_a_flat_sky_go_to_the_first_pixel():
    """8-bit images have constant skies; ties must be resolved as in TensorFlow."""
    image = np.round(images(1)[0] * 3) / 3
    image[:12] = image[:, 20:] = 1 / 255
    assert_equal_gradients(settled("thesis"), image, np.zeros_like(image))


def layers_of_other_kinds():
    tensorflow()
    from keras import layers as kl

    return {
        "odd": (15, kl.Conv2D(8, 3, padding="same"), kl.MaxPooling2D(), kl.Conv2D(8, 3, padding="same")),
        "valid": (16, kl.Conv2D(8, 3), kl.Conv2D(8, 3)),
        "even kernel": (16, kl.Conv2D(8, 2, padding="same"), kl.Conv2D(8, 4, padding="same")),
        "oblong kernel": (16, kl.Conv2D(8, 3, padding="same"), kl.Conv2D(8, (5, 3), padding="same")),
        "strides": (16, kl.Conv2D(8, 3, 2, padding="same"), kl.Conv2D(8, 3, 2, padding="same")),
        "dilated": (16, kl.Conv2D(8, 3, padding="same"), kl.Conv2D(8, 3, dilation_rate=2, padding="same")),
        "activation": (16, kl.Conv2D(8, 3, activation="tanh", padding="same"), kl.Conv2D(8, 3, activation="relu")),
        "overlapping windows": (16, kl.Conv2D(8, 3, padding="same"), kl.MaxPooling2D(3, 2, padding="same")),
        "windows of three": (15, kl.Conv2D(8, 3, padding="same"), kl.MaxPooling2D(3)),
        "pooling first": (16, kl.MaxPooling2D(), kl.Conv2D(8, 3, padding="same")),
        "no convolution": (16, kl.Dense(4, activation="relu")),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "odd", "valid", "even kernel", "oblong kernel", "strides", "dilated", "activation", "overlapping windows",
        "windows of three", "pooling first", "no convolution",
    ],
)  # fmt: skip
def test_unknown_layers_keep_their_own_gradient(kind):
    size_px, *layers = layers_of_other_kinds()[kind]
    assert_equal_gradients(of_layers(size_px, *layers), *images(size_px=size_px))


def test_the_image_may_feed_two_branches():
    tensorflow()
    from keras import Input, Model, layers

    image = Input((16, 16, 3))
    both = layers.Concatenate()([layers.Conv2D(4, 3, padding="same")(image), image])
    network = Model(image, layers.Dense(1)(layers.Flatten()(layers.MaxPooling2D()(both))))
    assert_equal_gradients(network, *images(size_px=16))


def test_batches_do_not_matter():
    network, (image, baseline) = settled("small"), images()
    nodes, weights = np.polynomial.legendre.leggauss(7)
    expected = PathGradients(network).summed(image, baseline, nodes, weights)
    for batch_size in (1, 3, 100):
        found = PathGradients(network, batch_size).summed(image, baseline, nodes, weights)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_logits_are_those_of_the_network():
    network = settled("small")
    many = images(7)
    expected = network(many, training=False).numpy()[:, 0]
    for batch_size in (None, 3, 7):
        logits = PathGradients(network, batch_size).logits(many)
        assert logits.shape == (7,) and logits.dtype == np.float64
        np.testing.assert_allclose(logits, expected, rtol=0, atol=rounding(network, expected))


def test_the_current_weights_are_used():
    network, (image, baseline) = settled("small"), images()
    PathGradients(network)
    network.set_weights([1.1 * weights for weights in network.get_weights()])
    assert_equal_gradients(network, image, baseline)


def test_networks_of_one_architecture_share_compiled_functions_but_no_weights():
    networks, (image, baseline) = [settled("small", seed=seed) for seed in (1, 2)], images()
    engines = [PathGradients(network) for network in networks]
    assert engines[0]._compiled is engines[1]._compiled
    for engine, network in zip(engines, networks, strict=True):
        expected = by_tape(network, image, baseline)
        found = engine.summed(image, baseline, NODES, WEIGHTS)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    larger = build_network(Recipe(name="a", architecture="small", bands="r"), PX)
    assert PathGradients(larger)._compiled is not engines[0]._compiled


def test_a_network_can_be_freed_and_few_compiled_functions_are_kept():
    for units in range(gradients._ARCHITECTURES_KEPT + 1):
        network = of_layers(4 + units)
        PathGradients(network)
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None and len(gradients._COMPILED) == gradients._ARCHITECTURES_KEPT


def test_batches_fit_into_the_memory_budget():
    network = of_layers(16)  # outputs: the image, the flattened image, and the logit
    bytes_a_point = 4 * gradients._COPIES * (2 * 16 * 16 * 3 + 1)
    assert points_at_once(network, 10 * bytes_a_point) == 10
    assert points_at_once(network, 10 * bytes_a_point - 1) == 9
    assert points_at_once(network, 1) == 1
    assert PathGradients(network).batch_size == points_at_once(network)


def test_the_eight_views_within_a_network_count():
    budget = 2**30
    ratio = points_at_once(settled("small"), budget) / points_at_once(settled("dihedral"), budget)
    assert 8 < ratio < 9


def test_no_batch_is_larger(monkeypatch):
    network, (image, baseline) = settled("small"), images()
    engine = PathGradients(network, batch_size=4)
    sizes = []
    way = engine._compiled.way(from_empty=False)
    summed = way.summed
    monkeypatch.setattr(way, "summed", lambda *given: (sizes.append(len(given[2])), summed(*given))[1])
    engine.summed(image, baseline, np.linspace(0, 1, 10), np.full(10, 0.1))
    assert sum(sizes) == 10 and max(sizes) <= 4


def test_reduced_precision_is_off_during_gradients():
    settings = tensorflow().config.experimental
    before = settings.tensor_float_32_execution_enabled()
    with pytest.raises(RuntimeError), gradients._full_float32():
        assert not settings.tensor_float_32_execution_enabled()
        raise RuntimeError
    assert settings.tensor_float_32_execution_enabled() == before
