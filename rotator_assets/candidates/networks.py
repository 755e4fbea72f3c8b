"""All that the networks of a fold say of an image: outputs, the logit of each network, and the features behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.recipes import Recipe
from rotator_assets.training.network import compiled, outputs_of
from rotator_assets.training.pipeline import N_SYMMETRIES, Images

if TYPE_CHECKING:
    import keras

_LAST_LAYER = re.compile(r"(member\d+_)?logit(s?)")
"""Name of the layer that makes a logit; with an s where it sees all symmetries of an image."""


@dataclass(frozen=True)
class NetworkOutputs:
    """What the networks of a fold, averaged into one model, say of n images.

    Attributes
    ----------
    outputs
        Mean logit of being fast, then quantiles of lambda_R if predicted; float32 (n, 1 + n_quantiles).
    members
        The logit of each network, float32 (n, n_networks).
    features
        What enters the last layers of all networks, float32 (n, n_features).
    """

    outputs: NDArray[np.float32]
    members: NDArray[np.float32]
    features: NDArray[np.float32]


def network_outputs(model: keras.Model, images: Images, rows: NDArray[np.int64], recipe: Recipe) -> NetworkOutputs:
    """Run the networks of a fold on images.

    Parameters
    ----------
    model
        The networks of a fold as saved, with all outputs.
    images
        Raw fluxes, float32 (m, size, size, 3).
    rows
        Rows of ``images``, int64 (n,).
    recipe
        Normalization, bands and averaging over the eight symmetries, of features too.
    """
    from keras import Model, ops

    members, features = zip(*map(_last_layer, _last_layers(model)), strict=True)
    everything = Model(model.inputs, [model.output, *members, *features])

    infer = compiled(everything, lambda seen: ops.concatenate(everything(seen, training=False), axis=-1))
    found = outputs_of(infer, images, rows, recipe, averaged=recipe.test_time_averaging)
    ends = np.cumsum([model.output.shape[-1], len(members)])
    outputs, logits, behind = np.split(found, ends, axis=1)
    return NetworkOutputs(outputs, logits, behind)


def _last_layers(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if _LAST_LAYER.fullmatch(layer.name)]


def _last_layer(layer: keras.Layer) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the logit that a layer makes and the features that enter it, means over the symmetries it sees."""
    from keras import ops

    tensors = (layer.output, layer.input)
    if not layer.name.endswith("s"):
        return tensors
    logit, features = (ops.mean(ops.reshape(x, (N_SYMMETRIES, -1, x.shape[-1])), axis=0) for x in tensors)
    return logit, features
