"""The logits of single networks and their features, of every architecture."""

import numpy as np
import pytest

from rotator_assets.candidates.networks import Networks
from rotator_assets.core.recipes import Recipe
from rotator_assets.store.models import load_model
from rotator_assets.training.architectures import ARCHITECTURES
from rotator_assets.training.cross_validation import predict_outputs
from rotator_assets.training.network import averaged_network, build_network

SIZE_PX = 32


@pytest.mark.parametrize(
    ("architecture", "members", "averaged"),
    [*((name, 1, False) for name in ARCHITECTURES), ("small", 2, False), ("small", 2, True), ("dihedral", 2, True)],
)
def test_logits_are_linear_in_the_features(architecture, members, averaged, tmp_path):
    settings = {"architecture": architecture, "members": members, "test_time_averaging": averaged}
    recipe = Recipe(name="x", lambda_r_interval=0.1, **settings)
    each = [build_network(recipe, SIZE_PX, seed=seed) for seed in range(members)]
    averaged_network(recipe, SIZE_PX, each).save(tmp_path / "network.keras")
    model = load_model(tmp_path / "network.keras")
    images = np.random.default_rng(0).random((5, SIZE_PX, SIZE_PX, 3), dtype=np.float32)
    found = Networks(model, recipe)(images, np.arange(5))
    np.testing.assert_allclose(found.outputs, predict_outputs(model, images, np.arange(5), recipe), atol=1e-5)
    assert found.outputs.shape == (5, 4) and found.members.shape == (5, members)
    np.testing.assert_allclose(found.members.mean(axis=1), found.outputs[:, 0], atol=1e-5)
    for number, features in enumerate(np.split(found.features, members, axis=1)):
        layer = next(layer for layer in each[number].layers if layer.name in ("logit", "logits"))
        kernel, bias = layer.get_weights()
        np.testing.assert_allclose(features @ kernel[:, 0] + bias, found.members[:, number], atol=1e-4)


def test_one_network_without_lambda_r_has_one_logit(tmp_path):
    recipe = Recipe(name="x", architecture="small")
    images = np.random.default_rng(0).random((3, SIZE_PX, SIZE_PX, 3), dtype=np.float32)
    found = Networks(build_network(recipe, SIZE_PX), recipe)(images, np.array([2, 0]))
    assert found.outputs.shape == found.members.shape == (2, 1)
    np.testing.assert_array_equal(found.outputs, found.members)
