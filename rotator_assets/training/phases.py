"""Phases of a training: epochs in which a pretrained encoder stays as it is, then epochs in which all layers learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from rotator_assets.core.recipes import Augmentation, Recipe
from rotator_assets.training.encoders import encoder_layers
from rotator_assets.training.fused import new_optimizer

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

NOT_COMPILED: dict[str, Any] = {
    **{"name": "any", "seed": 0},
    **{"population": "early", "label": "settings", "boundary_gap": 0.0},
    **{"split": "kfold", "folds": 5, "repeats": 1, "training_fraction": 1.0, "validation_fraction": 0.15},
    **{"normalization": "none", "augmentation": Augmentation(), "mask_neighbours": False, "batch_size": 64},
    **{"members": 1, "patience": 8, "fusion": "none", "test_time_averaging": False},
}
"""Settings that change neither a network nor its optimizer nor its loss, at any value."""


class Phase:
    """The epochs up to ``end`` in which the same layers of a network learn, compiled once for all folds.

    The layers of a frozen encoder do not change, and its batch normalization is in inference mode.

    Parameters
    ----------
    network
        The network; all phases share its layers.
    recipe
        Gives the optimizer.
    loss, metrics
        As for Keras.
    end
        Number of epochs after this phase.
    frozen
        Whether the encoder stays as it is.
    feeding
        Returns the model that is fitted, with the layers of the network behind another input; None: the network.
    """

    def __init__(
        self,
        network: keras.Model,
        recipe: Recipe,
        loss: Callable,
        end: int,
        metrics: list[Callable] | None = None,
        *,
        frozen: bool = False,
        feeding: Callable[[keras.Model], keras.Model] | None = None,
    ) -> None:
        from keras import Model

        self.end, self._encoder, self._learns = end, encoder_layers(network), not frozen
        own = Model(network.inputs, network.outputs, name=network.name) if frozen else network
        self.network = own if feeding is None else feeding(own)
        self.network.compile(optimizer=new_optimizer(recipe), loss=loss, metrics=metrics, jit_compile=False)
        self._set_trainable()
        self.network.optimizer.build(self.network.trainable_variables)

    def fit(self, batches: tf.data.Dataset, epochs_done: int, steps_per_epoch: int, **callbacks: Callable) -> None:
        """Train from the epochs done to the end of the phase; ``callbacks`` are those of Keras' LambdaCallback."""
        from keras.callbacks import LambdaCallback

        self._set_trainable()  # read when the first batch is traced
        self.network.fit(
            batches,
            initial_epoch=epochs_done,
            epochs=self.end,
            steps_per_epoch=steps_per_epoch,
            shuffle=False,
            verbose=0,
            callbacks=[LambdaCallback(**callbacks)],
        )

    def _set_trainable(self) -> None:
        for layer in self._encoder:
            layer.trainable = self._learns


def phases(
    network: keras.Model,
    recipe: Recipe,
    loss: Callable,
    metrics: list[Callable] | None,
    feeding: Callable[[keras.Model], keras.Model] | None = None,
) -> list[Phase]:
    """Return the phases of a recipe's training in order, usually one; parameters as for `Phase`."""
    frozen = min(recipe.frozen_epochs, recipe.epochs)
    found = [Phase(network, recipe, loss, frozen, metrics, frozen=True, feeding=feeding)] if frozen else []
    if frozen < recipe.epochs:
        found.append(Phase(network, recipe, loss, recipe.epochs, metrics, feeding=feeding))
    return found


def learning_rate(recipe: Recipe, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 0; all batches of an epoch have the same.

    ``cosine``: half a cosine from the recipe's learning rate to 0 after the last epoch, as Loshchilov & Hutter (2017,
    ICLR, arXiv:1608.03983, eq. 5) without restarts. It is lower by the recipe's factor while an encoder also learns.
    """
    fine_tuning = recipe.pretrained is not None and epoch >= recipe.frozen_epochs
    rate = recipe.learning_rate * (recipe.fine_tuning_rate if fine_tuning else 1.0)
    if recipe.schedule == "constant":
        return rate
    return rate * 0.5 * (1 + math.cos(math.pi * epoch / recipe.epochs))


def assign(variables: Sequence[Any], values: Sequence[ArrayLike]) -> None:
    """Assign values to variables, in the same order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
