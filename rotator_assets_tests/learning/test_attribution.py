"""Integrated gradients: exact where theory is, complete, equal to alibi, independent of how the work is cut."""

import logging

import numpy as np
import pytest

from rotator_assets.learning import attribution
from rotator_assets.learning.attribution import (
    check_against_alibi,
    empty_sky_baseline,
    fraction_within_radius,
    integrated_gradients,
)
from rotator_assets.learning.backend import tensorflow
from rotator_assets.learning.pipeline import network_input
from rotator_assets.learning.training import load_model, predict_logits
from rotator_assets.recipes import Recipe
from rotator_assets_tests.learning.planted import SIZE_PX, TINY

BASELINE = empty_sky_baseline(TINY, SIZE_PX)


@pytest.fixture(scope="module")
def network(trained):
    """A trained network with batch normalization, back from its file."""
    _, folder, _ = trained
    return load_model(folder / "fold-0.keras")


@pytest.fixture(scope="module")
def images(survey):
    return network_input(survey[0], np.arange(6), TINY)


def linear_model(weights, bias=0.3):
    tensorflow()
    from keras import Input, Model, layers

    inputs = Input(weights.shape)
    model = Model(inputs, layers.Dense(1)(layers.Flatten()(inputs)))
    model.set_weights([weights.reshape(-1, 1), np.array([bias])])
    return model


@pytest.mark.parametrize("method", attribution.METHODS)
def test_a_linear_model_gives_weight_times_difference(method):
    generator = np.random.default_rng(0)
    weights, baseline = generator.normal(size=(2, 5, 4, 3)).astype(np.float32)
    images = generator.normal(size=(4, 5, 4, 3)).astype(np.float32)
    result = integrated_gradients(linear_model(weights), images, baseline, n_steps=7, method=method)
    np.testing.assert_allclose(result.maps, weights * (images - baseline), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(result.logit, (weights * images).sum(axis=(1, 2, 3)) + 0.3, rtol=1e-5)
    np.testing.assert_allclose(result.logit_baseline, np.sum(weights * baseline) + 0.3, rtol=1e-5)
    assert result.maps.dtype == np.float32 and result.completeness_error.dtype == np.float64
    assert result.completeness_error.max() < 1e-5


def test_a_rule_whose_weights_do_not_add_up_is_refused():
    with pytest.raises(ValueError, match="unknown quadrature 'riemann_trapezoid'"):
        integrated_gradients(None, np.zeros((1, 4, 4, 3)), np.zeros((4, 4, 3)), method="riemann_trapezoid")


def test_the_baseline_itself_is_given_nothing(network):
    result = integrated_gradients(network, BASELINE[None], BASELINE, n_steps=5)
    assert (result.maps == 0).all() and result.completeness_error[0] == 0
    np.testing.assert_array_equal(result.logit, result.logit_baseline)


def test_attributions_add_up_the_better_the_more_steps(network, images):
    errors = [np.median(integrated_gradients(network, images, BASELINE, n).completeness_error) for n in (5, 40, 160)]
    assert errors[2] < errors[1] < errors[0] and errors[1] < 0.05
    result = integrated_gradients(network, images, BASELINE, 50)
    difference = result.logit - result.logit_baseline
    np.testing.assert_allclose(result.delta, result.maps.sum(axis=(1, 2, 3), dtype=float) - difference, atol=1e-9)
    np.testing.assert_allclose(result.completeness_error, np.abs(result.delta / difference))


def test_logits_are_those_of_the_predictions(network, images, survey):
    result = integrated_gradients(network, images, BASELINE, 5)
    np.testing.assert_allclose(result.logit, predict_logits(network, survey[0], np.arange(6), TINY), rtol=1e-5)


def test_equal_to_alibi_as_it_comes(network, images):
    assert check_against_alibi(network, images[:2], BASELINE, n_steps=20) < 1e-5
    assert check_against_alibi(network, BASELINE[None], BASELINE, n_steps=5) == 0


@pytest.mark.parametrize("method", ["riemann_middle", "gausslegendre"])
def test_equal_to_the_definition(network, images, method):
    """Nodes and weights from NumPy, gradients from a tape over the plain model."""
    tf = tensorflow()
    nodes, weights = np.polynomial.legendre.leggauss(20)
    nodes, weights = (nodes + 1) / 2, weights / 2
    if method == "riemann_middle":
        nodes, weights = (np.arange(20) + 0.5) / 20, np.full(20, 1 / 20)
    expected = np.zeros_like(images, dtype=np.float64)
    for node, weight in zip(nodes, weights, strict=True):
        point = tf.constant((BASELINE + node * (images - BASELINE)).astype(np.float32))
        with tf.GradientTape() as tape:
            tape.watch(point)
            logit = network(point, training=False)
        expected += weight * tape.gradient(logit, point).numpy()
    expected *= images - BASELINE
    result = integrated_gradients(network, images, BASELINE, n_steps=20, method=method)
    np.testing.assert_allclose(result.maps, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("path_values", "batch_size"), [(1, 32), (2 * 20 * SIZE_PX**2 * 3, 7), (2**24, 100)])
def test_chunks_and_batches_do_not_matter(network, images, monkeypatch, path_values, batch_size):
    expected = integrated_gradients(network, images, BASELINE, 20)
    monkeypatch.setattr(attribution, "_PATH_VALUES", path_values)
    steps = []
    result = integrated_gradients(
        network, images, BASELINE, 20, batch_size=batch_size, on_progress=lambda *step: steps.append(step)
    )
    np.testing.assert_allclose(result.maps, expected.maps, atol=1e-5 * np.abs(expected.maps).max())
    np.testing.assert_allclose(result.logit, expected.logit, rtol=1e-5)
    assert steps[-1] == (6, 6) and len(steps) == {1: 6, 2**24: 1}.get(path_values, 3)


def test_an_image_is_explained_as_if_it_were_alone(network, images):
    together = integrated_gradients(network, images, BASELINE, 10)
    alone = integrated_gradients(network, images[3:4], BASELINE, 10)
    np.testing.assert_allclose(alone.maps[0], together.maps[3], atol=1e-5 * np.abs(together.maps).max())


def test_no_images_give_no_maps(network):
    result = integrated_gradients(network, np.zeros((0, SIZE_PX, SIZE_PX, 3), np.float32), BASELINE)
    assert result.maps.shape == (0, SIZE_PX, SIZE_PX, 3) and result.completeness_error.shape == (0,)


def test_the_network_is_left_as_it_was_and_nothing_is_logged(network, images, caplog):
    before = network.get_weights()
    with caplog.at_level(logging.WARNING):
        integrated_gradients(network, images[:1], BASELINE, 5)
    assert caplog.records == []
    assert logging.getLogger("alibi.explainers.integrated_gradients").level == logging.NOTSET
    assert network.trainable
    for one, two in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("normalization", ["max_all", "log", "max_g", "max_r", "asinh", "none"])
def test_an_empty_sky_is_all_zeros_whatever_the_normalization(normalization):
    baseline = empty_sky_baseline(Recipe(name="x", normalization=normalization), 8)
    assert baseline.shape == (8, 8, 3) and baseline.dtype == np.float32 and (baseline == 0).all()


def test_fraction_within_a_radius():
    maps = np.ones((3, 64, 64, 3), np.float32)
    maps[1] *= -1
    maps[2] = 0
    maps[2, 31:33, 31:33] = [1, -2, 3]
    fraction = fraction_within_radius(maps, [16, np.nan, 1])
    assert fraction[0] == pytest.approx(np.pi * 16**2 / 64**2, rel=0.01)
    assert np.isnan(fraction[1]) and fraction[2] == 1
    np.testing.assert_allclose(fraction_within_radius(maps[:2], 100.0), 1)
    np.testing.assert_allclose(fraction_within_radius(maps, 0.0), 0)
    assert np.isnan(fraction_within_radius(np.zeros((1, 4, 4, 1), np.float32), 2.0)).all()
