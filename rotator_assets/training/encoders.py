"""Encoders: parts of networks, trained elsewhere, from which a recipe starts (`pretrained`).

An encoder is a functional Keras model from one image to features, pooled (n, features) or with their place
(n, ny, nx, features). Its layers become layers of the new network, which saves, explains and loads it like any other.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rotator_assets.core.encoder_files import encoder_file, published_network
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing
from rotator_assets.core.recipes import Recipe
from rotator_assets.store.models import read_model
from rotator_assets.training import published_encoder
from rotator_assets.training.architectures import DATA_FORMAT, DROPOUT_DENSE, Maker

if TYPE_CHECKING:
    import keras

PREFIX = "encoder_"
"""Begins the names of an encoder's layers."""
_DOWNLOAD_SECONDS = 600


def load_encoder(recipe: Recipe, folder: Path) -> keras.Model:
    """Load the encoder of a recipe in safe mode, which runs no code of the file; download a published one once.

    Parameters
    ----------
    recipe
        Names the encoder and the bands.
    folder
        Folder of the encoders.

    Returns
    -------
    Functional model from images, (n, ny, nx, channels), to features.

    Raises
    ------
    InputError
        If the file cannot be read or downloaded, or its input or output does not fit.
    """
    pretrained = _named(recipe)
    path = encoder_file(pretrained, folder)
    if (name := published_network(pretrained)) and not path.is_file():
        _download(name, path)
    if not path.is_file():
        raise InputError(
            f"recipe '{recipe.name}': there is no encoder {path}; put the file there, or change pretrained"
        )
    encoder = read_model(path, "is no encoder that can be used", "save a functional Keras model of Keras' own layers")
    if problem := _problem(encoder, len(recipe.bands)):
        raise InputError(f"recipe '{recipe.name}': encoder {path} {problem}")
    return encoder


def encoder_version(recipe: Recipe, folder: Path) -> str:
    """Return a hash of the content of the recipe's encoder, which exists."""
    with encoder_file(_named(recipe), folder).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _named(recipe: Recipe) -> str:
    """Return the recipe's ``pretrained``; raise ValueError for a recipe without an encoder."""
    if recipe.pretrained is None:
        raise ValueError(f"recipe '{recipe.name}' has no encoder")
    return recipe.pretrained


def encoded(make: Maker, image: keras.KerasTensor, encoder: keras.Model) -> keras.KerasTensor:
    """Build the layers of an encoder, with its weights, and the outputs of the network.

    The bands of the image are the channels of the encoder, in the order g, r, i; a single band is repeated. An image of
    another size than the encoder's is resized bilinearly. Features with a place are averaged over the image.
    ``regularization: dropout`` adds dropout of 0.5 before the outputs. Raises InputError if the layers do not fit.
    """
    copies: list[tuple[keras.Layer, keras.Layer]] = []
    seen = _fitted(make, image, encoder.inputs[0].shape)
    try:
        x = _inlined(encoder, seen, _copier(make, copies), make.prefix + PREFIX)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the encoder cannot be applied to images of {image.shape[1]} pixels ({reason})") from None
    for original, copy in copies:
        copy.set_weights(original.get_weights())
    if len(x.shape) == 4:
        x = make.averaged(x)
    if not make.batchnorm:
        x = make.dropout("average", DROPOUT_DENSE)(x)
    return make.outputs(x)


def encoder_layers(network: keras.Model) -> list[keras.Layer]:
    """Return the layers of a network that come from its encoder."""
    return [layer for layer in network.layers if layer.name.startswith(PREFIX)]


def _problem(encoder: keras.Model, n_bands: int) -> str | None:
    """Return why an encoder cannot be used; None if it can."""
    if len(inputs := getattr(encoder, "inputs", None) or []) != 1 or len(inputs[0].shape) != 4:
        return "does not take one batch of images, (n, ny, nx, channels)"
    if (channels := inputs[0].shape[-1]) not in ({3, 1} if n_bands == 1 else {n_bands}):
        return f"takes {channels} channels, but the recipe has {n_bands} bands"
    if len(encoder.outputs) != 1 or len(shape := encoder.outputs[0].shape) not in (2, 4) or shape[-1] is None:
        return "does not give features, (n, features) or (n, ny, nx, features); save it without its last layers"
    return None


def _fitted(make: Maker, image: keras.KerasTensor, shape: tuple[int | None, ...]) -> keras.KerasTensor:
    """Return the image with the size and the number of channels of the encoder's input."""
    from keras import layers, ops

    _, ny, nx, channels = shape
    size = (ny or image.shape[1], nx or image.shape[2])
    if size != tuple(image.shape[1:3]):
        image = ops.image.resize(image, size, interpolation="bilinear", data_format=DATA_FORMAT)
    if channels is not None and channels != image.shape[-1]:
        image = layers.Concatenate(dtype="float32", name=f"{make.prefix}bands_of_encoder")([image] * channels)
    return image


def _copier(make: Maker, copies: list) -> Callable[[keras.Layer, str], keras.Layer]:
    """Return a function that copies a layer without its weights, and adds the pair to ``copies``."""
    from keras import layers

    def copied(layer: keras.Layer, prefix: str) -> keras.Layer:
        config = layer.get_config()
        if "name" in config:
            config["name"] = prefix + config["name"]
        if isinstance(layer, layers.Layer):  # others are plain sums and products
            config["dtype"] = make.policy
        copy = type(layer).from_config(config)
        if isinstance(layer, layers.Layer):
            copies.append((layer, copy))
        return copy

    return copied


def _inlined(
    model: keras.Model, x: keras.KerasTensor, copied: Callable[[keras.Layer, str], keras.Layer], prefix: str
) -> keras.KerasTensor:
    """Apply copies of the layers of a model, and of the models within it, to a tensor.

    Models within a network would hide their layers from the attribution.
    """
    from keras import Model

    def called(layer: keras.Layer, *arguments: Any, **options: Any) -> keras.KerasTensor:
        if isinstance(layer, Model):
            return _inlined(layer, arguments[0], copied, f"{prefix}{layer.name}_")
        return layer(*arguments, **options)

    def made(layer: keras.Layer) -> keras.Layer:
        return layer if isinstance(layer, Model) else copied(layer, prefix)

    functional = Model(model.inputs[0], model.outputs[0])  # also of a Sequential model
    # As keras.models.clone_model, which however accepts no tensor that is a result of layers.
    return functional._run_through_graph(x, operation_fn=made, call_fn=called)


def _download(name: str, path: Path) -> None:
    """Save a published network; another process does it, as Keras keeps downloads in the folder of its settings."""
    script = Path(published_encoder.__file__)
    with replacing(path, ending=".keras") as temporary, TemporaryDirectory() as cache:
        reason = _failure(
            [sys.executable, "-P", str(script), name, str(temporary)],
            {**os.environ, "KERAS_HOME": cache, "CUDA_VISIBLE_DEVICES": ""},
        )
        if reason is not None:
            raise InputError(
                f"network {name} with ImageNet weights cannot be downloaded ({reason}); on a machine that can, run "
                f"`python {script.name} {name} {path.name}` with {script}, and put the file into {path.parent}"
            )


def _failure(command: list[str], environment: dict[str, str]) -> str | None:
    """Run a command and return the last line of its errors; None if it succeeds."""
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {_DOWNLOAD_SECONDS} s"
    return (ended.stderr.strip().splitlines() or ["it was stopped"])[-1] if ended.returncode else None
