"""Architectures: size, invariance, repeatability, loading, and learning."""

import numpy as np
import pytest

from rotator_assets.attribution.integrated_gradients import integrated_gradients
from rotator_assets.core.backend import computes_bfloat16
from rotator_assets.core.recipes import Recipe
from rotator_assets.store.models import load_model
from rotator_assets.training.architectures import ARCHITECTURES, BATCHNORM_MOMENTUM
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets.training.imbalance import training_loss
from rotator_assets.training.network import build_network, settle_batchnorm
from rotator_assets.training.pipeline import symmetries
from rotator_assets_tests.training.made_up_training import TINY, galaxy_ids, planted_survey, rounding

PX = 32
OURS = ["thesis", "small", "compact", "residual", "dihedral"]
"""All except the published one, which takes ten times as long to build."""


def recipe(architecture, **changes):
    return Recipe(name="x", architecture=architecture, **changes)


def images(n=6, bands=3, seed=0):
    return np.random.default_rng(seed).exponential(0.1, (n, PX, PX, bands)).astype(np.float32)


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_every_architecture_of_the_setting_exists():
    assert list(ARCHITECTURES) == [*OURS, "mobilenet"]
    assert list(ARCHITECTURES) == list(Recipe.model_fields["architecture"].annotation.__args__)


@pytest.mark.parametrize("regularization", ["batchnorm", "dropout"])
@pytest.mark.parametrize("architecture", OURS)
def test_regularization_is_what_the_recipe_says(architecture, regularization):
    network = build_network(recipe(architecture, regularization=regularization, bands="r"), PX, policy="mixed_bfloat16")
    used, unused = "BatchNormalization", "Dropout"
    if regularization == "dropout":
        used, unused = unused, used
    assert kinds(network).count(used) >= 3 and unused not in kinds(network)
    if computes_bfloat16():
        logit = network(images(2, bands=1))
        assert logit.shape == (2, 1) and logit.dtype == "float32"
    assert {layer.dtype_policy.name for layer in network.layers} == {"float32", "mixed_bfloat16"}
    assert {weight.dtype for weight in network.weights} == {"float32"}


@pytest.mark.parametrize("architecture", OURS)
def test_the_same_seed_gives_the_same_weights(architecture):
    first, same, other = (
        build_network(recipe(architecture), PX, seed=seed).get_weights() for seed in ((1, 0), (1, 0), (1, 1))
    )
    for one, two in zip(first, same, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other[0])


def test_small_networks_are_small_for_any_image_size():
    for architecture, most in (("small", 100_000), ("compact", 250_000), ("dihedral", 100_000), ("residual", 200_000)):
        at_64, at_128 = (build_network(recipe(architecture), px).count_params() for px in (64, 128))
        assert at_64 == at_128 < most
    assert build_network(recipe("thesis"), 128).count_params() > 8_000_000


def settled(architecture, **changes):
    """A network whose moving statistics are those of images, as in training."""
    network = build_network(recipe(architecture, **changes), PX, seed=3)
    settle_batchnorm(network, images(32, seed=9))
    return network


@pytest.mark.parametrize("regularization", ["batchnorm", "dropout"])
def test_the_dihedral_network_is_invariant(regularization, tmp_path):
    network = settled("dihedral", regularization=regularization)
    network.save(tmp_path / "network.keras")
    views = symmetries(images())
    assert len(views) == 8 and len({view.tobytes() for view in views}) == 8
    for one in (network, load_model(tmp_path / "network.keras")):
        logits = np.array([one(view, training=False) for view in views])
        same = np.broadcast_to(logits[0], logits.shape)
        np.testing.assert_allclose(logits, same, rtol=0, atol=rounding(one, logits))
        assert np.ptp(logits[0]) > 1e-4  # it tells images apart
    other = settled("small", regularization=regularization)
    assert np.ptp([other(view, training=False) for view in views], axis=0).min() > 1e-5


def test_the_dihedral_network_is_the_small_one_averaged():
    small, dihedral = settled("small"), build_network(recipe("dihedral"), PX)
    dihedral.set_weights(small.get_weights())
    expected = np.mean([small(view, training=False) for view in symmetries(images())], axis=0)
    found = dihedral(images(), training=False)
    np.testing.assert_allclose(found, expected, rtol=0, atol=rounding(dihedral, expected))


@pytest.mark.parametrize("architecture", ["small", "compact", "residual", "dihedral"])
def test_a_loaded_network_is_the_same_and_can_be_explained(architecture, tmp_path):
    network = settled(architecture)
    network.save(tmp_path / "network.keras")
    loaded = load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(images(), training=False), network(images(), training=False))
    nearby = 0.8 * images(1)[0]  # a path so short that few units switch on it
    explained = integrated_gradients(loaded, images(1), nearby, n_steps=50)
    assert explained.completeness_error[0] < 0.05 and abs(explained.logit - explained.logit_baseline)[0] > 1e-3


@pytest.fixture(scope="module")
def mobilenet():
    """The network for one band, and its initial weights."""
    network = build_network(recipe("mobilenet", bands="r"), PX, seed=1)
    return network, network.get_weights()


def test_mobilenet_is_the_published_network(mobilenet, tmp_path):
    network, fresh = mobilenet
    mixed = build_network(recipe("mobilenet", bands="r"), PX, seed=1, policy="mixed_bfloat16")
    for one, two in zip(mixed.get_weights(), fresh, strict=True):
        np.testing.assert_array_equal(one, two)
    # Keras' own count of the published network without its classifier, for one band; then the logit.
    assert network.count_params() == 938_832 + 576 + 1
    normalizations = [layer for layer in network.layers if hasattr(layer, "momentum")]
    assert len(normalizations) > 30 and {layer.momentum for layer in normalizations} == {BATCHNORM_MOMENTUM}
    assert {layer.dtype_policy.name for layer in mixed.layers} == {"float32", "mixed_bfloat16"}
    assert {layer.dtype_policy.name for layer in network.layers} == {"float32"}
    if computes_bfloat16():
        assert mixed(images(2, bands=1)).dtype == "float32"

    network.set_weights(fresh)
    settle_batchnorm(network, images(16, bands=1, seed=9))
    network.save(tmp_path / "network.keras")
    loaded = load_model(tmp_path / "network.keras")
    seen = images(3, bands=1)
    np.testing.assert_array_equal(loaded(seen, training=False), network(seen, training=False))


def test_mobilenet_learns_a_planted_pattern(mobilenet):
    from keras import optimizers

    network, fresh = mobilenet
    network.set_weights(fresh)
    found, labels, _ = planted_survey(n_objects=40)
    seen = np.kron(found[..., 1:2] / found.max(axis=(1, 2, 3), keepdims=True), np.ones((1, 2, 2, 1), np.float32))
    loss = training_loss(recipe("mobilenet"))
    network.compile(optimizers.Adam(3e-3), loss, run_eagerly=True)  # six steps take less time than tracing one
    losses = network.fit(seen, labels[:, None], batch_size=len(seen), epochs=6, shuffle=False, verbose=0).history[
        "loss"
    ]
    assert losses[-1] < 0.75 * losses[0]


def learned(survey, folder, **changes):
    """History of fold 0 of a training on the planted survey."""
    found, labels, objects = survey
    trained = cross_validate(
        found,
        labels,
        objects,
        galaxy_ids(objects),
        TINY.model_copy(update={"split": "holdout", "epochs": 8, "patience": 8, "learning_rate": 3e-3, **changes}),
        model_folder=folder,
    )
    return trained.history


@pytest.mark.parametrize("architecture", ["small", "compact", "residual", "dihedral"])
def test_each_learns_a_planted_pattern(survey, tmp_path, architecture):
    history = learned(survey, tmp_path, architecture=architecture)
    assert history.loss.iloc[-1] < 0.75 * history.loss.iloc[0]
    assert history.val_auc.max() > 0.8
