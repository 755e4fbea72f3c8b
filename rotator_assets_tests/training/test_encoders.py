"""Training from an encoder of the user: its weights, its input, frozen epochs, and files that cannot be used."""

import subprocess

import numpy as np
import pytest

from rotator_assets.attribution.integrated_gradients import integrated_gradients
from rotator_assets.attribution.other_methods import Explainer
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage.inputs import read_inputs
from rotator_assets.lineage.partitions import recipe_partitions
from rotator_assets.store.models import load_model
from rotator_assets.training import encoders
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets.training.encoders import encoder_layers, encoder_version, load_encoder
from rotator_assets.training.network import averaged_network, build_network
from rotator_assets.training.phases import learning_rate
from rotator_assets.training.published_encoder import publish
from rotator_assets_tests.training.made_up_training import (
    SIZE_PX,
    TINY,
    galaxy_ids,
    planted_survey,
    rounding,
    tiny_encoder,
)

PRETRAINED = TINY.model_copy(update={"pretrained": "tiny.keras", "split": "holdout", "epochs": 2, "kept_epoch": "last"})
GENERATOR = np.random.default_rng(5)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "encoders").mkdir()
    return tmp_path / "encoders"


def images(channels=3, size_px=SIZE_PX, n=4):
    return GENERATOR.uniform(0, 1, (n, size_px, size_px, channels)).astype(np.float32)


def expected_logits(network, features):
    kernel, bias = network.get_layer("logit").get_weights()
    features = np.asarray(features)
    return (features.mean(axis=(1, 2)) if features.ndim == 4 else features) @ kernel + bias


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_a_network_has_the_layers_and_weights_of_the_file(folder, pooled, nested):
    from keras import Model

    original = tiny_encoder(pooled=pooled, nested=nested)
    original.save(folder / "tiny.keras")
    network = build_network(PRETRAINED, SIZE_PX, encoder=load_encoder(PRETRAINED, folder))
    assert not any(isinstance(layer, Model) for layer in network.layers)
    found = [weights for layer in encoder_layers(network) for weights in layer.get_weights()]
    for one, two in zip(found, original.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    seen = images()
    expected = expected_logits(network, original(seen))
    np.testing.assert_allclose(network(seen), expected, atol=rounding(network, expected))


def test_a_single_band_is_repeated_and_an_image_resized(folder):
    recipe = PRETRAINED.model_copy(update={"bands": "r"})
    original = tiny_encoder(size_px=24)
    original.save(folder / "tiny.keras")
    network = build_network(recipe, SIZE_PX, encoder=load_encoder(recipe, folder))
    seen = images(channels=1)
    resized = tensorflow().image.resize(np.repeat(seen, 3, axis=-1), (24, 24))
    expected = expected_logits(network, original(resized))
    np.testing.assert_allclose(network(seen), expected, atol=10 * rounding(network, expected))


def test_a_mean_network_has_the_weights_of_its_members():
    encoder = tiny_encoder()
    recipe = PRETRAINED.model_copy(update={"members": 2})
    members = [build_network(recipe, SIZE_PX, seed=seed, encoder=encoder) for seed in (1, 2)]
    seen, mean = images(), averaged_network(recipe, SIZE_PX, members, encoder)
    expected = np.mean([member(seen) for member in members], axis=0)
    np.testing.assert_allclose(mean(seen), expected, atol=rounding(mean, expected))


def test_a_recipe_with_an_encoder_is_not_built_without_it():
    with pytest.raises(ValueError, match=r"pretrained is tiny.keras, but the encoder is None"):
        build_network(PRETRAINED, SIZE_PX)


class Interrupted(Exception):
    pass


def trained(encoder, folder, recipe, *, stop_after=None, **options):
    """The encoder's weights and those of the logit in the network."""
    survey, labels, objects = planted_survey(60)
    folder.mkdir(exist_ok=True)
    seen = []

    def on_epoch(log):
        seen.append(log)
        if len(seen) == stop_after:
            raise Interrupted

    cross_validate(
        survey,
        labels,
        objects,
        galaxy_ids(objects),
        recipe,
        model_folder=folder,
        encoder=encoder,
        on_epoch=on_epoch,
        **options,
    )
    network = load_model(folder / "fold-0.keras")
    of_encoder = [weights for layer in encoder_layers(network) for weights in layer.get_weights()]
    return of_encoder, network.get_layer("logit").get_weights()


def test_a_frozen_encoder_stays_and_then_learns(tmp_path):
    """Statistics of batch normalization included; the outputs learn from the first epoch."""
    encoder = tiny_encoder()
    frozen = PRETRAINED.model_copy(update={"frozen_epochs": 2})
    half, none = (frozen.model_copy(update={"frozen_epochs": n}) for n in (1, 0))
    results = {recipe.frozen_epochs: trained(encoder, tmp_path / "n", recipe) for recipe in (frozen, half, none)}
    start = build_network(frozen, SIZE_PX, seed=0, encoder=encoder)
    for one, two in zip(results[2][0], encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(results[2][1][1], start.get_layer("logit").get_weights()[1])
    for n_frozen in (0, 1):
        same = [np.array_equal(a, b) for a, b in zip(results[n_frozen][0], encoder.get_weights(), strict=True)]
        assert not any(same), n_frozen
    change = [np.abs(results[n][0][0] - encoder.get_weights()[0]).max() for n in (0, 1)]
    assert 0 < change[1] < change[0]


def test_an_interrupted_training_resumes_in_either_phase(tmp_path, monkeypatch):
    monkeypatch.setattr("rotator_assets.training.checkpoints.MOST_TIME_WRITING", 1.0)
    encoder, recipe = tiny_encoder(), PRETRAINED.model_copy(update={"epochs": 3, "frozen_epochs": 2})
    whole = trained(encoder, tmp_path / "whole", recipe)
    for stop_after in (1, 2):
        options = {"checkpoint_folder": tmp_path / f"kept-{stop_after}"}
        with pytest.raises(Interrupted):
            trained(encoder, tmp_path / "parts", recipe, stop_after=stop_after, **options)
        resumed = trained(encoder, tmp_path / "parts", recipe, **options)
        for one, two in zip([*whole[0], *whole[1]], [*resumed[0], *resumed[1]], strict=True):
            np.testing.assert_array_equal(one, two)


def test_the_learning_rate_falls_when_the_encoder_learns():
    recipe = Recipe(name="x", pretrained="a.keras", frozen_epochs=2, learning_rate=0.01, fine_tuning_rate=0.2)
    assert [learning_rate(recipe, epoch) for epoch in range(4)] == pytest.approx([0.01, 0.01, 0.002, 0.002])
    plain = Recipe(name="x", learning_rate=0.01, fine_tuning_rate=0.2)
    assert learning_rate(plain, 3) == 0.01


def test_attributions_of_an_encoders_network(tmp_path):
    """They are complete, and Grad-CAM sees the features of an encoder that gives them with their place."""
    encoder = tiny_encoder(size_px=24, nested=True)
    build_network(PRETRAINED, SIZE_PX, encoder=encoder).save(tmp_path / "fold-0.keras")
    network = load_model(tmp_path / "fold-0.keras")
    seen, sky = images(), np.zeros((SIZE_PX, SIZE_PX, 3), np.float32)
    found = integrated_gradients(network, seen, sky, n_steps=100)
    assert (found.completeness_error < 0.02).all()
    np.testing.assert_allclose(found.logit, np.asarray(network(seen))[:, 0], atol=1e-5)
    assert Explainer(network).grad_cam(seen).shape == (4, SIZE_PX, SIZE_PX)


def unusable(what, path):
    """Write a file that is no encoder for three bands."""
    tensorflow()
    import keras
    from keras import layers

    image = keras.Input((SIZE_PX, SIZE_PX, 3))
    if what == "missing":
        return
    if what == "damaged":
        path.write_bytes(b"PK no archive")
    elif what == "code":
        keras.Model(image, layers.Lambda(lambda x: x * 2)(image)).save(path)
    elif what == "channels":
        tiny_encoder(channels=4).save(path)
    elif what == "sequences":
        keras.Model(image, layers.Reshape((SIZE_PX, -1))(image)).save(path)
    elif what == "two images":
        keras.Model([image, keras.Input((SIZE_PX, SIZE_PX, 3))], layers.ReLU()(image)).save(path)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "there is no encoder"),
        ("damaged", "is no encoder that can be used"),
        ("code", "is no encoder that can be used .*Lambda"),
        ("channels", "takes 4 channels, but the recipe has 3 bands"),
        ("sequences", "does not give features"),
        ("two images", "does not take one batch of images"),
    ],
)
def test_unusable_files_are_refused_in_one_line(folder, what, message):
    unusable(what, folder / "tiny.keras")
    with pytest.raises(InputError, match=message) as raised:
        load_encoder(PRETRAINED, folder)
    assert "tiny.keras" in str(raised.value) and "\n" not in str(raised.value)


def test_layers_that_do_not_fit_the_image_are_refused():
    import keras
    from keras import layers

    image = keras.Input((None, None, 3))
    encoder = keras.Model(image, layers.Conv2D(2, 20)(image))
    with pytest.raises(InputError, match="the encoder cannot be applied to images of 16 pixels"):
        build_network(PRETRAINED, SIZE_PX, encoder=encoder)


def test_without_a_network_the_message_says_where_to_put_a_published_encoder(folder, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\nException: URL fetch failure on https://x/w.h5")
    monkeypatch.setattr(encoders.subprocess, "run", lambda *arguments, **options: failed)
    recipe = PRETRAINED.model_copy(update={"pretrained": "MobileNetV3Small:imagenet"})
    with pytest.raises(
        InputError, match=r"URL fetch failure on https://x/w.h5\); on a machine that can, run"
    ) as raised:
        load_encoder(recipe, folder)
    assert f"MobileNetV3Small-imagenet.keras` with {encoders.published_encoder.__file__}" in str(raised.value)
    assert str(folder) in str(raised.value) and "\n" not in str(raised.value)
    assert list(folder.iterdir()) == []


def test_a_published_network_is_an_encoder(folder):
    """With random weights: the real ones need a download. It takes bytes with the reddest band first."""
    recipe = PRETRAINED.model_copy(update={"pretrained": "MobileNetV2:imagenet"})
    publish("MobileNetV2", str(folder / "MobileNetV2-imagenet.keras"), weights=None)
    encoder = load_encoder(recipe, folder)
    network = build_network(recipe, 32, encoder=encoder)
    seen = images(size_px=32, n=2)
    inner = next(layer for layer in encoder.layers if hasattr(layer, "layers"))
    features = inner(seen[..., ::-1] * 255 / 127.5 - 1)
    expected = expected_logits(network, features)
    np.testing.assert_allclose(network(seen), expected, atol=rounding(network, expected))


def test_the_content_of_the_file_decides(tmp_path, monkeypatch):
    """Another file under the same name is another input of the training, and another version of the encoder."""
    name = recipe_partitions.get_partition_keys()[0]
    recipe = PRETRAINED.model_copy(update={"name": name})
    monkeypatch.setattr("rotator_assets.lineage.inputs.load_recipes", lambda: {name: recipe})
    root = DataRoot(tmp_path)
    root.encoders.mkdir()

    def versions():
        found = {one.asset: one for one in read_inputs(root) if one.partition == name}
        return found["training_recipe"].version, found["prediction_recipe"].version

    seen = [versions()]
    contents = []
    for _ in range(2):
        tiny_encoder().save(root.encoders / "tiny.keras")
        seen.append(versions())
        contents.append(encoder_version(recipe, root.encoders))
    assert len({training for training, _ in seen}) == 3 and len({prediction for _, prediction in seen}) == 1
    assert contents[0] != contents[1]
    assert versions() == seen[-1]


@pytest.mark.parametrize("name", ["weights.h5", "MobileNetV3Small", "Mobile Net:imagenet"])
def test_other_names_of_an_encoder_are_refused(name):
    with pytest.raises(ValueError, match=f"pretrained '{name}' is neither a .keras file nor a network NAME:imagenet"):
        Recipe(name="x", pretrained=name)
