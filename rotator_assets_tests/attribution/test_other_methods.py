"""Other attribution methods: exact for simple networks, independent of batches, and able to find an injected mark."""

import numpy as np
import pytest

from rotator_assets.attribution import other_methods as saliency
from rotator_assets.attribution.faithfulness.measures import fraction_within
from rotator_assets.attribution.other_methods import Explainer
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.store.models import load_model
from rotator_assets.synthetic.injected_differences import mark_pixels, marked_galaxies
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets.training.network import averaged_network, build_network
from rotator_assets.training.pipeline import network_input, symmetries

SHAPE = (8, 6, 3)
GENERATOR = np.random.default_rng(0)
WEIGHTS, BASELINE = GENERATOR.normal(size=(2, *SHAPE)).astype(np.float32)
IMAGES = GENERATOR.normal(size=(5, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def linear():
    tensorflow()
    from keras import Input, Model, layers

    image = Input(SHAPE)
    model = Model(image, layers.Dense(1)(layers.Flatten()(image)))
    model.set_weights([WEIGHTS.reshape(-1, 1), np.array([0.3])])
    return Explainer(model)


def test_a_linear_network_gives_weights_times_difference(linear):
    exact = (WEIGHTS * (IMAGES - BASELINE)).sum(axis=-1)
    np.testing.assert_allclose(linear.gradient_times_input(IMAGES, BASELINE), exact, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(linear.occlusion(IMAGES, BASELINE, 1, 1), exact, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        linear.smooth_grad(IMAGES, seed=1), np.broadcast_to(WEIGHTS.sum(axis=-1), (5, 8, 6)), rtol=1e-5
    )


def test_occlusion_is_the_mean_over_the_patches_that_cover_a_pixel(linear):
    part = (WEIGHTS * (IMAGES - BASELINE)).sum(axis=-1)
    found = linear.occlusion(IMAGES, BASELINE, patch_px=4, stride_px=3)
    rows, columns = (0, 3, 4), (0, 2)  # the last patch ends at the edge
    expected = np.zeros_like(part), np.zeros(SHAPE[:2])
    for y in rows:
        for x in columns:
            expected[0][:, y : y + 4, x : x + 4] += part[:, y : y + 4, x : x + 4].sum(axis=(1, 2))[:, None, None]
            expected[1][y : y + 4, x : x + 4] += 1
    np.testing.assert_allclose(found, expected[0] / expected[1], rtol=1e-3, atol=1e-4)


def test_one_baseline_per_image_equals_one_for_all(linear):
    several = np.broadcast_to(BASELINE, IMAGES.shape)
    np.testing.assert_array_equal(linear.occlusion(IMAGES, several), linear.occlusion(IMAGES, BASELINE))
    np.testing.assert_array_equal(
        linear.gradient_times_input(IMAGES, several), linear.gradient_times_input(IMAGES, BASELINE)
    )


def test_grad_cam_of_averaged_features_is_the_weighted_sum_of_features():
    """With global average pooling, a feature's importance is its weight over the number of positions (eq. 1)."""
    tensorflow()
    from keras import Input, Model, layers

    image = Input((8, 8, 3))
    features = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    model = Model(image, layers.Dense(1)(layers.GlobalAveragePooling2D()(features)))
    images = GENERATOR.normal(size=(3, 8, 8, 3)).astype(np.float32)
    values, weights = Model(image, features)(images).numpy(), model.layers[-1].get_weights()[0][:, 0]
    np.testing.assert_allclose(Explainer(model).grad_cam(images), values @ weights / 64, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("architecture", ["thesis", "small", "compact", "residual", "dihedral"])
def test_grad_cam_works_for_every_architecture(architecture):
    explainer = Explainer(build_network(Recipe(name="x", architecture=architecture), 32))
    images = GENERATOR.random((2, 32, 32, 3), dtype=np.float32)
    maps = explainer.grad_cam(images)
    assert maps.shape == (2, 32, 32) and np.isfinite(maps).all() and np.ptp(maps[0]) > 0
    if architecture == "dihedral":  # all views have the same logit, so the maps are rotations of one map
        views = [explainer.grad_cam(np.ascontiguousarray(view)) for view in symmetries(images)]
        turned = [map_[..., 0] for map_ in symmetries(maps[..., None])]
        np.testing.assert_allclose(views, turned, atol=1e-4 * np.abs(maps).max())


@pytest.mark.parametrize("architecture", ["compact", "dihedral"])
def test_grad_cam_of_averaged_networks_is_the_mean_of_their_maps(architecture):
    recipe = Recipe(name="x", architecture=architecture, members=2)
    networks = [build_network(recipe, 32, seed=seed) for seed in (1, 2)]
    images = GENERATOR.random((2, 32, 32, 3), dtype=np.float32)
    expected = np.mean([Explainer(network).grad_cam(images) for network in networks], axis=0)
    found = Explainer(averaged_network(recipe, 32, networks)).grad_cam(images)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_batches_do_not_matter_and_noise_is_seeded(linear, monkeypatch):
    network = Explainer(build_network(Recipe(name="x", architecture="small"), 16))
    images = GENERATOR.random((5, 16, 16, 3), dtype=np.float32)

    def maps():
        sky = np.zeros_like(images)
        yield network.gradient_times_input(images, sky)
        yield network.smooth_grad(images, seed=3)
        yield network.occlusion(images, sky)
        yield network.grad_cam(images)

    together = list(maps())
    monkeypatch.setattr(saliency, "_BATCH", 2)
    for one, two in zip(together, maps(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4 * np.abs(one).max())
    assert np.abs(network.smooth_grad(images, seed=4) - together[1]).max() > 1e-3 * np.abs(together[1]).max()
    assert np.abs(network.smooth_grad(images, seed=3, noise=0.0) - together[1]).max() > 0


def test_all_methods_find_an_injected_mark(tmp_path):
    """Two classes that differ only in a corner mark, which has several times its fraction of each map."""
    from rotator_assets.attribution.integrated_gradients import integrated_gradients

    galaxies = marked_galaxies(64, seed=1, size_px=32)
    recipe = Recipe(name="tiny", folds=2, epochs=8, batch_size=16)
    names = np.arange(64)
    trained = cross_validate(galaxies.images, galaxies.labels, names, names, recipe, model_folder=tmp_path)
    tested = trained.predictions
    assert ((tested["probability_fast"] > 0.5) == (galaxies.labels == 1)).mean() > 0.95
    marked = np.flatnonzero((tested["fold"] == 0) & (galaxies.labels == 1))[:10]
    seen = network_input(galaxies.images, marked, recipe)
    sky = np.zeros_like(seen[0])
    model = load_model(tmp_path / "fold-0.keras")
    explainer, mark = Explainer(model), mark_pixels(32)
    maps = {
        "integrated gradients": integrated_gradients(model, seen, sky, 10).maps.sum(axis=-1),
        "gradient times input": explainer.gradient_times_input(seen, sky),
        "SmoothGrad": explainer.smooth_grad(seen, seed=1),
        "occlusion": explainer.occlusion(seen, sky),
        "Grad-CAM": explainer.grad_cam(seen),
    }
    shares = {method: fraction_within(found, mark).mean() / mark.mean() for method, found in maps.items()}
    assert min(shares.values()) > 2.5, shares
    assert shares["integrated gradients"] > 10 and shares["occlusion"] > 5, shares
    assert (maps["integrated gradients"][:, mark].sum(axis=1) > 0).all()  # the mark favours fast
