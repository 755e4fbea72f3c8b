"""Attributions to the mean of several networks: the mean of their maps, of the images that each explains."""

import numpy as np
import pytest

from rotator_assets.attribution import several_networks
from rotator_assets.attribution.integrated_gradients import alibi_maps, explain
from rotator_assets.attribution.several_networks import mean_attributions
from rotator_assets.store.models import load_model
from rotator_assets.training.network import averaged_network
from rotator_assets.training.pipeline import network_input
from rotator_assets_tests.training.made_up_training import SIZE_PX, TINY

RECIPE = TINY.model_copy(update={"attribution_steps": 6, "attribution_doublings": 0})
FIELDS = ("logit", "logit_baseline", "delta")


@pytest.fixture(scope="module")
def networks(trained):
    _, folder, _ = trained
    return [load_model(folder / f"fold-{fold}.keras") for fold in range(3)]


@pytest.fixture(scope="module")
def images(survey):
    return survey[0][:5]


@pytest.fixture(scope="module")
def each(networks, images):
    return [explain(network, images, np.arange(5), RECIPE) for network in networks]


def test_the_mean_of_networks_equals_one_network_that_averages(networks, images):
    averaging = averaged_network(RECIPE, SIZE_PX, networks)
    seen = network_input(images, np.arange(5), RECIPE)
    expected = alibi_maps(averaging, seen, np.zeros_like(seen), RECIPE.attribution_steps)
    found = mean_attributions(networks, images, RECIPE)
    np.testing.assert_allclose(found.maps, expected, atol=1e-5 * np.abs(expected).max())
    assert found.maps.dtype == np.float32
    np.testing.assert_allclose(found.logit, averaging(seen, training=False)[:, 0], atol=1e-5)
    difference = found.logit - found.logit_baseline
    np.testing.assert_allclose(found.delta, found.maps.sum(axis=(1, 2, 3), dtype=float) - difference, atol=1e-5)
    np.testing.assert_allclose(found.completeness_error, np.abs(found.delta / difference))


def test_each_image_is_explained_by_its_own_networks_alone(networks, images, each):
    explains = np.array([[1, 0, 0, 1, 0], [1, 1, 0, 0, 0], [1, 0, 0, 1, 0]], dtype=bool)
    told = []
    found = mean_attributions(iter(networks), images, RECIPE, explains=explains, on_progress=told.append)
    for image in (0, 1, 3):
        expected = np.mean([one.maps[image] for one, its in zip(each, explains[:, image], strict=True) if its], axis=0)
        np.testing.assert_allclose(found.maps[image], expected, atol=1e-6 * np.abs(expected).max())
    assert np.isnan(found.maps[[2, 4]]).all() and np.isnan(found.logit[[2, 4]]).all()
    assert told == list(range(1, explains.sum() + 1))
    assert found.n_steps.tolist() == [6, 6, 0, 6, 0]


def test_a_single_network_gives_its_own_attributions(networks, images, each):
    found = mean_attributions(networks[:1], images, RECIPE)
    for name in ("maps", *FIELDS, "completeness_error", "n_steps"):
        np.testing.assert_array_equal(getattr(found, name), getattr(each[0], name))


def test_networks_are_loaded_one_by_one_and_maps_go_to_a_file(networks, images, tmp_path, monkeypatch):
    monkeypatch.setattr(several_networks, "_AT_ONCE", 2)
    expected = mean_attributions(networks, images, RECIPE)
    events, numbers = [], iter(range(3))

    def load():
        for network, number in zip(networks, numbers, strict=True):
            events.append(f"load {number}")
            yield network

    maps = np.lib.format.open_memmap(tmp_path / "maps.npy", mode="w+", dtype=np.float32, shape=expected.maps.shape)
    mean_attributions(load(), images, RECIPE, out=maps, on_progress=lambda done: events.append(done))
    maps.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "maps.npy"), expected.maps)
    assert events[:7] == ["load 0", 1, 2, 3, 4, 5, "load 1"] and len(events) == 3 * 6


def test_no_images_and_no_networks_give_no_maps(networks, images):
    assert mean_attributions(networks, images[:0], RECIPE).maps.shape == (0, SIZE_PX, SIZE_PX, 3)
    assert np.isnan(mean_attributions([], images, RECIPE).maps).all()
