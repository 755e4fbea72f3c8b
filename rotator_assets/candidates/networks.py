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

    def of(self, rows: NDArray[np.int64]) -> NetworkOutputs:
        """Return what they say of some of the images."""
        return NetworkOutputs(self.outputs[rows], self.members[rows], self.features[rows])


class Networks:
    """The networks of a fold, as saved, compiled for batches of images.

    Parameters
    ----------
    model
        The networks averaged into one model, with all outputs.
    recipe
        Normalization, bands and averaging over the eight symmetries, of features too.
    """

    def __init__(self, model: keras.Model, recipe: Recipe) -> None:
        from keras import Model, ops

        members, features = zip(*map(_last_layer, _last_layers(model)), strict=True)
        everything = Model(model.inputs, [model.output, *members, *features])
        self._infer = compiled(everything, lambda seen: ops.concatenate(everything(seen, training=False), axis=-1))
        self._ends = np.cumsum([model.output.shape[-1], len(members)])
        self.n_features: int = sum(tensor.shape[-1] for tensor in features)
        """Number of features of all networks."""
        self._recipe = recipe

    def __call__(self, images: Images, rows: NDArray[np.int64]) -> NetworkOutputs:
        """Return what the networks say of some images.

        Parameters
        ----------
        images
            Raw fluxes, float32 (m, size, size, 3).
        rows
            Rows of ``images``, int64 (n,).
        """
        found = outputs_of(self._infer, images, rows, self._recipe, averaged=self._recipe.test_time_averaging)
        return NetworkOutputs(*np.split(found, self._ends, axis=1))


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
