"""Measures of faithfulness: equal to other implementations; randomized layers and curves are exact."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from rotator_assets.attribution.faithfulness import measures as sanity
from rotator_assets.attribution.other_methods import Explainer
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.network import averaged_network, build_network

GENERATOR = np.random.default_rng(0)
MAPS, OTHERS = GENERATOR.normal(size=(2, 6, 16, 16))
LABELS = np.array([0, 1] * 3)


def test_correlations_equal_scipys():
    absolute, signed = sanity.correlations(MAPS, OTHERS)
    patches = [values.reshape(6, 8, 2, 8, 2).sum(axis=(2, 4)) for values in (MAPS, OTHERS)]
    for row in range(6):
        assert absolute[row] == pytest.approx(spearmanr(*(np.abs(m[row]).ravel() for m in (MAPS, OTHERS))).statistic)
        assert signed[row] == pytest.approx(spearmanr(*(m[row].ravel() for m in patches)).statistic)


def test_a_map_correlates_with_itself_and_not_with_its_negative():
    np.testing.assert_allclose(sanity.correlations(MAPS, 3 * MAPS), 1)
    absolute, signed = sanity.correlations(MAPS, -MAPS)
    np.testing.assert_allclose(absolute, 1)
    np.testing.assert_allclose(signed, -1)


def test_a_constant_map_has_no_correlation():
    maps = MAPS.copy()
    maps[2] = 0
    found = sanity.correlations(maps, OTHERS)
    assert np.isnan(found[:, 2]).all() and np.isfinite(np.delete(found, 2, axis=1)).all()
    row = sanity.summary(found, LABELS, np.arange(6))
    assert row["n_galaxies"] == 5
    assert row["correlation"] == pytest.approx(np.nanmedian(found[0]))
    assert row["signed_correlation_low"] <= row["signed_correlation"] <= row["signed_correlation_high"]
    nothing = sanity.summary(np.full((2, 6), np.nan), LABELS, np.arange(6))
    assert nothing["n_galaxies"] == 0 and np.isnan(nothing["correlation_high"])


def test_a_weighted_median_is_the_median_of_repeated_values():
    values, weights = GENERATOR.normal(size=7), GENERATOR.integers(0, 4, size=(50, 7))
    weights[0] = 1
    weights = weights[weights.sum(axis=1) > 0]
    expected = [np.median(np.repeat(values, row)) for row in weights]
    np.testing.assert_allclose(sanity._weighted_median(values, weights.astype(float)), expected)


def test_intervals_cover_the_mean_and_the_median_of_known_galaxies():
    """For 60 draws of 40 normal numbers, about 57 intervals contain the true value 0."""
    draws = np.random.default_rng(1).normal(size=(60, 40))
    labels = np.arange(40) % 2
    for interval in (sanity.mean_with_interval, sanity.median_with_interval):
        found = [interval(draw, labels, np.arange(40)) for draw in draws]
        assert sum(one.low < 0 < one.high for one in found) >= 51
    one = sanity.mean_with_interval(draws[0], labels, np.arange(40))
    assert one.value == pytest.approx(draws[0].mean())
    assert one.error == pytest.approx(draws[0].std() / np.sqrt(40), rel=0.15)


@pytest.mark.parametrize(
    ("interval", "statistic"), [(sanity.mean_with_interval, np.mean), (sanity.median_with_interval, np.median)]
)
def test_repeat_observations_do_not_widen_an_interval_by_their_number(interval, statistic):
    """Compare with a plain bootstrap over objects, for values far from zero."""
    generator = np.random.default_rng(2)
    members = np.split(np.arange(200), [*range(1, 101), *range(105, 200, 5)])  # 100 objects once, 20 five times
    objects = np.repeat(np.arange(120), [len(rows) for rows in members])
    values = 10 + generator.normal(size=120)[objects]
    labels = np.where(objects % 2, 1, 0)
    replicates = []
    for _ in range(2000):
        drawn = np.r_[2 * generator.integers(0, 60, 60), 2 * generator.integers(0, 60, 60) + 1]
        replicates.append(statistic(values[np.concatenate([members[number] for number in drawn])]))
    found = interval(values, labels, objects)
    assert (found.low, found.high) == pytest.approx(np.quantile(replicates, [0.025, 0.975]), abs=0.03)
    assert found.error == pytest.approx(np.std(replicates), rel=0.08)


@pytest.mark.parametrize("architecture", ["thesis", "residual", "dihedral", "mobilenet"])
def test_layers_are_randomized_from_the_output_down(architecture):
    recipe = Recipe(name="x", architecture=architecture, seed=5)
    trained = build_network(recipe, 32)
    for layer in trained.layers:
        layer.set_weights([weights + 0.5 for weights in layer.get_weights()])
    before = trained.get_weights()
    depths = []
    for name, model in sanity.cascade(trained, recipe, seed=6):
        same = [
            all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True))
            for one, two in zip(trained.layers, model.layers, strict=True)
            if one.weights
        ]
        kept = sum(same)
        assert same == [True] * kept + [False] * (len(same) - kept), name  # all layers above it, none below
        depths.append((name, kept))
    assert [kept for _, kept in depths] == sorted((kept for _, kept in depths), reverse=True)
    assert depths[-1][1] == 0 and 2 < len(depths) <= sanity.MOST_DEPTHS
    if architecture == "thesis":
        assert [name for name, _ in depths] == ["logit", "dense", "convolution_3", "convolution_2", "convolution_1"]
    first = build_network(recipe, 32)  # weights before training
    layers = zip(first.layers, model.layers, strict=True)
    kernels = [(one.get_weights()[0], two.get_weights()[0]) for one, two in layers if hasattr(one, "kernel")]
    assert not any(np.array_equal(a, b) for a, b in kernels)
    for one, two in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", ["members", "pretrained"])
def test_layers_of_other_networks_are_randomized_too(kind):
    """Means of several networks, and layers from an encoder, whose initial weights no recipe gives."""
    tensorflow()
    from keras import Input, Model, Sequential, layers

    if kind == "members":
        recipe = Recipe(name="x", architecture="small", members=2, lambda_r_interval=1.0)
        mean = averaged_network(recipe, 16, [build_network(recipe, 16, seed=seed) for seed in (1, 2)])
        trained, first, last = Model(mean.inputs, mean.output[:, :1]), "logit", "convolution_1"
    else:
        recipe = Recipe(name="x", pretrained="a.keras")
        encoder = Sequential([Input((16, 16, 3)), layers.Conv2D(4, 3, name="in"), layers.Conv2D(2, 3, name="out")])
        trained, first, last = build_network(recipe, 16, encoder=encoder), "logit", "encoder_in"
    before, names, kernels = trained.get_weights(), [], []
    for name, model in sanity.cascade(trained, recipe, seed=6):
        names.append(name)
        kernels.append(model.get_layer(names[0]).get_weights()[0])
    assert first in names[0] and last in names[-1]
    for kernel in kernels[1:]:  # randomized once
        np.testing.assert_array_equal(kernel, kernels[0])
    for one, two in zip(trained.layers, model.layers, strict=True):
        assert not hasattr(one, "kernel") or not np.allclose(one.get_weights()[0], two.get_weights()[0], atol=1e-3)
    for one, two in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    (_, again), *_ = sanity.cascade(trained, recipe, seed=6)
    np.testing.assert_array_equal(again.get_layer(names[0]).get_weights()[0], kernels[0])


def test_pixels_are_ordered_by_score_and_ties_are_random():
    order = sanity.pixel_order(MAPS)
    np.testing.assert_allclose(np.take_along_axis(MAPS.reshape(6, -1), order, axis=1), -np.sort(-MAPS.reshape(6, -1)))
    level = sanity.pixel_order(np.zeros((1, 16, 16)), seed=3)[0]
    assert sorted(level) == list(range(256)) and abs(np.corrcoef(level, np.arange(256))[0, 1]) < 0.2


def test_curves_of_a_linear_network_are_sums_of_its_terms():
    tensorflow()
    from keras import Input, Model, layers

    image = Input((10, 10, 2))
    model = Model(image, layers.Dense(1)(layers.Flatten()(image)))
    weights, galaxy, sky = GENERATOR.normal(size=(3, 1, 10, 10, 2)).astype(np.float32)
    model.set_weights([weights.reshape(-1, 1), np.array([0.2])])
    terms = (weights * (galaxy - sky)).sum(axis=-1)
    start, order = float((weights * galaxy).sum() + 0.2), sanity.pixel_order(terms)
    curve = sanity.replacement_curve(Explainer(model), galaxy, sky, order)
    falling = np.concatenate([[0], np.cumsum(-np.sort(-terms.ravel()))])
    np.testing.assert_allclose(
        curve[0], start - falling[np.round(100 * sanity.FRACTIONS).astype(int)], rtol=1e-3, atol=1e-3
    )
    back = sanity.replacement_curve(Explainer(model), sky, galaxy, order)
    np.testing.assert_allclose(back[0, [0, -1]], curve[0, [-1, 0]], rtol=1e-5)
    random = sanity.replacement_curve(Explainer(model), galaxy, sky, sanity.pixel_order(GENERATOR.random((1, 10, 10))))
    assert sanity.area_under(curve)[0] < sanity.area_under(random)[0]


def test_the_area_is_the_mean_over_fractions():
    np.testing.assert_allclose(
        sanity.area_under(np.stack([np.full(len(sanity.FRACTIONS), 3.0), sanity.FRACTIONS])), [3, 0.5]
    )


def test_fraction_within_a_mask():
    maps = np.ones((3, 4, 4))
    maps[1] *= -1
    maps[2] = 0
    mask = np.zeros((4, 4), dtype=bool)
    mask[:2, :2] = True
    maps[0, 0, 0] = -5
    share = sanity.fraction_within(maps, mask)
    assert share[:2] == pytest.approx([8 / 20, 4 / 16]) and np.isnan(share[2])
