"""Integrated gradients: exact for simple models, complete, equal to alibi, independent of batches."""

import logging

import numpy as np
import pytest

from rotator_assets.attribution import integrated_gradients as attribution
from rotator_assets.attribution.baseline_images import N_SKIES, baselines
from rotator_assets.attribution.gradients import PathGradients
from rotator_assets.attribution.integrated_gradients import (
    alibi_maps,
    check_against_alibi,
    explain,
    integrated_gradients,
)
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.store.models import load_model
from rotator_assets.training.cross_validation import predict_logits
from rotator_assets.training.network import build_network, settle_batchnorm
from rotator_assets.training.pipeline import network_input
from rotator_assets_tests.training.made_up_training import SIZE_PX, TINY, rounding

BASELINE = np.zeros((SIZE_PX, SIZE_PX, len(TINY.bands)), dtype=np.float32)


@pytest.fixture(scope="module")
def network(trained):
    """A trained network with batch normalization, loaded from its file."""
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
@pytest.mark.parametrize("one_an_image", [False, True])
def test_a_linear_model_gives_weight_times_difference(method, one_an_image):
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(5, 4, 3)).astype(np.float32)
    images = generator.normal(size=(4, 5, 4, 3)).astype(np.float32)
    start = generator.normal(size=images.shape[0 if one_an_image else 1 :]).astype(np.float32)
    result = integrated_gradients(linear_model(weights), images, start, n_steps=7, method=method)
    np.testing.assert_allclose(result.maps, weights * (images - start), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(result.logit, (weights * images).sum(axis=(1, 2, 3)) + 0.3, rtol=1e-5)
    at_start = np.broadcast_to(np.sum(weights * start, axis=(-3, -2, -1)) + 0.3, 4)
    np.testing.assert_allclose(result.logit_baseline, at_start, rtol=1e-5)
    assert result.maps.dtype == np.float32 and result.completeness_error.dtype == np.float64
    assert result.completeness_error.max() < 1e-5
    assert result.n_steps.dtype == np.int32 and (result.n_steps == 7).all()


def test_a_quadrature_whose_weights_do_not_add_up_is_refused():
    with pytest.raises(ValueError, match="unknown quadrature 'riemann_trapezoid'"):
        integrated_gradients(None, np.zeros((1, 4, 4, 3)), np.zeros((4, 4, 3)), method="riemann_trapezoid")


def test_the_baseline_itself_has_zero_attribution(network):
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
    expected = predict_logits(network, survey[0], np.arange(6), TINY)
    np.testing.assert_allclose(result.logit, expected, rtol=0, atol=rounding(network, expected))


@pytest.mark.parametrize("method", attribution.METHODS)
def test_equal_to_alibi_as_it_comes(network, images, method):
    assert check_against_alibi(network, images[:2], BASELINE, 8, method) < 1e-5
    assert check_against_alibi(network, images[:2], 0.5 * images[2:4], 8, method) < 1e-5


def test_a_map_of_zeros_is_compared_too(network):
    assert check_against_alibi(network, BASELINE[None], BASELINE, n_steps=5) == 0


@pytest.mark.parametrize("architecture", ["thesis", "small", "residual", "dihedral", "mobilenet"])
def test_maps_equal_alibis_for_every_architecture(architecture):
    size_px = 32
    generator = np.random.default_rng(5)
    network = build_network(Recipe(name="a", architecture=architecture), size_px)
    settle_batchnorm(network, generator.random((8, size_px, size_px, 3), np.float32))
    image, start = generator.random((2, 1, size_px, size_px, 3), np.float32)
    assert check_against_alibi(network, image, start, n_steps=4) < 1e-4


@pytest.mark.parametrize("method", ["riemann_middle", "gausslegendre"])
def test_integrated_gradients_follow_their_definition(network, images, method):
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


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batches_do_not_matter_and_progress_is_reported(network, images, batch_size):
    expected = integrated_gradients(network, images[:3], BASELINE, 20)
    steps = []
    result = integrated_gradients(
        network, images[:3], BASELINE, 20, batch_size=batch_size, on_progress=lambda *step: steps.append(step)
    )
    np.testing.assert_allclose(result.maps, expected.maps, atol=1e-5 * np.abs(expected.maps).max())
    error = rounding(network, expected.logit)
    np.testing.assert_allclose(result.logit, expected.logit, rtol=0, atol=error)
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_maps_do_not_depend_on_other_images(network, images):
    together = integrated_gradients(network, images, BASELINE, 10)
    alone = integrated_gradients(network, images[3:4], BASELINE, 10)
    np.testing.assert_allclose(alone.maps[0], together.maps[3], atol=1e-5 * np.abs(together.maps).max())


def test_no_images_give_no_maps(network):
    result = integrated_gradients(network, np.zeros((0, SIZE_PX, SIZE_PX, 3), np.float32), BASELINE)
    assert result.maps.shape == (0, SIZE_PX, SIZE_PX, 3) and result.completeness_error.shape == (0,)


def test_the_network_is_unchanged_and_nothing_is_logged(network, images, caplog):
    before = network.get_weights()
    with caplog.at_level(logging.WARNING):
        check_against_alibi(network, images[:1], BASELINE, 5)
    assert caplog.records == []
    assert logging.getLogger("alibi.explainers.integrated_gradients").level == logging.NOTSET
    assert network.trainable
    for one, two in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_baseline_steps_and_method_come_from_the_recipe(network, survey):
    recipe = TINY.model_copy(update={"attribution_steps": 9, "attribution_method": "gausslegendre"})
    rows = np.array([4, 0])
    seen = network_input(survey[0], rows, recipe)
    for kind in ("sky", "blurred"):
        told = []
        result = explain(
            network,
            survey[0],
            rows,
            recipe.model_copy(update={"attribution_baseline": kind}),
            tolerance=np.inf,
            on_progress=lambda *step, told=told: told.append(step),
        )
        start = baselines(survey[0], rows, recipe, kind)[:, 0]
        expected = integrated_gradients(network, seen, start, 9, "gausslegendre")
        for name in ("maps", "logit", "logit_baseline", "delta", "completeness_error", "n_steps"):
            np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))
        assert told == [(1, 2), (2, 2)]


def test_several_noise_skies_give_the_mean_map(network, survey):
    recipe = TINY.model_copy(update={"attribution_steps": 6, "attribution_baseline": "noise"})
    result = explain(network, survey[0], [3], recipe, tolerance=np.inf)
    seen, starts = network_input(survey[0], [3], recipe), baselines(survey[0], [3], recipe)[0]
    each = integrated_gradients(network, np.repeat(seen, N_SKIES, axis=0), starts, 6)
    np.testing.assert_allclose(result.maps[0], each.maps.mean(axis=0), atol=1e-6 * np.abs(each.maps).max())
    error = rounding(network, each.logit)  # batches have different sizes
    np.testing.assert_allclose(result.logit_baseline, each.logit_baseline.mean(), rtol=0, atol=error)
    np.testing.assert_allclose(result.logit, each.logit[0], rtol=0, atol=error)
    np.testing.assert_allclose(result.delta, each.delta.mean(), rtol=0, atol=3 * error)


@pytest.mark.parametrize("kind", ["sky", "blurred"])
def test_the_mean_over_symmetries_equals_a_network_that_averages(network, survey, kind):
    """Alibi explains a network that rotates its image itself and averages the logits."""
    from keras import Input, Model, layers, ops

    image = Input((SIZE_PX, SIZE_PX, 3))
    turned = layers.Permute((2, 1, 3))(image)
    views = [ops.flip(x, axes) if axes else x for x in (image, turned) for axes in ((), (1,), (2,), (1, 2))]
    averaging = Model(image, layers.Average()([network(view) for view in views]))
    recipe = TINY.model_copy(update={"test_time_averaging": True, "attribution_steps": 6, "attribution_baseline": kind})
    rows = np.array([1, 5])
    seen, start = network_input(survey[0], rows, recipe), baselines(survey[0], rows, recipe)[:, 0]
    expected = alibi_maps(averaging, seen, start, 6)
    result = explain(network, survey[0], rows, recipe, tolerance=np.inf)
    np.testing.assert_allclose(result.maps, expected, atol=1e-5 * np.abs(expected).max())
    error = rounding(network, result.logit)
    np.testing.assert_allclose(result.logit, averaging(seen, training=False)[:, 0], rtol=0, atol=error)
    np.testing.assert_allclose(result.logit_baseline, averaging(start, training=False)[:, 0], rtol=0, atol=error)
    np.testing.assert_allclose(result.logit, predict_logits(network, survey[0], rows, recipe), rtol=0, atol=error)


def test_steps_are_doubled_only_above_the_tolerance(network, survey):
    recipe = TINY.model_copy(update={"attribution_steps": 3, "attribution_doublings": 3})
    rows = np.arange(12)
    plain = explain(network, survey[0], rows, recipe, tolerance=np.inf)
    tolerance = float(np.median(plain.completeness_error))
    refined = explain(network, survey[0], rows, recipe, tolerance=tolerance)
    missed = plain.completeness_error > tolerance
    assert missed.sum() == 6 and (plain.n_steps == 3).all()
    assert (refined.n_steps[~missed] == 3).all() and set(refined.n_steps) <= {3, 6, 12, 24}
    np.testing.assert_array_equal(refined.maps[~missed], plain.maps[~missed])
    assert (refined.completeness_error[missed] <= plain.completeness_error[missed]).all()
    reached = refined.completeness_error <= tolerance
    assert (missed & reached).any()
    seen = network_input(survey[0], rows, recipe)
    for row in np.flatnonzero(missed):
        again = integrated_gradients(network, seen[[row]], BASELINE, int(refined.n_steps[row]))
        np.testing.assert_array_equal(refined.maps[row], again.maps[0])


def test_doublings_are_limited_and_the_best_map_is_kept(network, survey, monkeypatch):
    recipe, tried = TINY.model_copy(update={"attribution_steps": 2, "attribution_doublings": 3}), []
    summed = PathGradients.summed

    def counted(self, image, baseline, nodes, weights):
        tried.append(len(nodes))
        return summed(self, image, baseline, nodes, weights)

    monkeypatch.setattr(PathGradients, "summed", counted)
    result = explain(network, survey[0], [0], recipe, tolerance=-1)
    assert tried == [2, 4, 8, 16]
    seen = network_input(survey[0], [0], recipe)
    errors = [integrated_gradients(network, seen, BASELINE, steps).completeness_error[0] for steps in tried[:4]]
    assert result.completeness_error[0] == min(errors) and result.n_steps[0] == tried[int(np.argmin(errors))]


def test_an_image_equal_to_its_baseline_keeps_a_large_error(survey):
    """F(x) = F(x0), although F varies along the path."""
    tensorflow()
    from keras import Input, Model, layers, ops

    inputs = Input((SIZE_PX, SIZE_PX, 3))
    brightest = ops.max(layers.Flatten()(inputs), axis=1, keepdims=True)
    network = Model(inputs, ops.relu(brightest - 0.3) - ops.relu(brightest - 1.0) - 0.7 * ops.relu(brightest))
    recipe = TINY.model_copy(update={"attribution_steps": 2, "attribution_doublings": 2})
    result = explain(network, survey[0], [0], recipe)
    assert result.logit[0] == pytest.approx(0, abs=1e-6)
    assert result.completeness_error[0] > 0.05 and np.isfinite(result.maps).all()


def test_maps_do_not_depend_on_the_selection_of_rows(network, survey):
    recipe = TINY.model_copy(update={"attribution_steps": 4, "attribution_baseline": "noise"})
    rows = np.array([7, 2, 5])
    together = explain(network, survey[0], rows, recipe)
    for number, row in enumerate(rows):
        alone = explain(network, survey[0], [row], recipe)
        np.testing.assert_array_equal(alone.maps[0], together.maps[number])
        assert alone.completeness_error[0] == together.completeness_error[number]
    assert explain(network, survey[0], np.arange(0), recipe).maps.shape == (0, SIZE_PX, SIZE_PX, 3)


def test_a_recipe_of_one_band_gives_maps_of_one(survey):
    recipe = TINY.model_copy(update={"bands": "r", "normalization": "zscale", "attribution_steps": 3})
    result = explain(build_network(recipe, SIZE_PX), survey[0], [0, 1], recipe)
    assert result.maps.shape == (2, SIZE_PX, SIZE_PX, 1) and np.isfinite(result.maps).all()
