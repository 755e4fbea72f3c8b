r"""Self-supervised training before the training: a network learns features of images without labels, by VICReg.

Two random views of each image (`random_transforms`) shall have similar features. Three terms, for the projections z
and z' of the two views, each (n, d):

    25 mean (z - z')^2  +  25 sum_z mean_j max(0, 1 - sqrt(Var z_j + 0.0001))  +  sum_z 1/d sum_{i != j} Cov(z)_ij^2

The second keeps the features from becoming equal for all galaxies, the third from repeating each other (Bardes, Ponce &
LeCun 2022, ICLR, arXiv:2105.04906, section 4 and Algorithm 1). The projections come from two dense layers with batch
normalization and ReLU and a third dense layer, behind the input of the network's outputs; they are not used afterwards.

Images are those of the training part of the fold, whether they have labels or not. No image of a test or validation
object is used. The networks of a fold start from the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.checkpoints import Checkpoints, EpochLog, FoldState
from rotator_assets.training.folds import Split
from rotator_assets.training.fused import TrainingMaker
from rotator_assets.training.network import build_network, settle_batchnorm, weights_by_layer
from rotator_assets.training.phases import NOT_COMPILED, Phase, assign, learning_rate
from rotator_assets.training.pipeline import Images, augmented, prepared, random_transforms

if TYPE_CHECKING:
    from pathlib import Path

    import keras
    import tensorflow as tf

INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0
"""Weights of the terms of the loss."""
_SMALLEST_VARIANCE = 1e-4
PROJECTION_UNITS, PROJECTION_LAYERS = 256, 3


def vicreg_loss(views: tf.Tensor) -> tf.Tensor:
    """Return the loss of projections (2n, d), float32, n at least 2: rows k and n + k are views of one image."""
    tf = tensorflow()
    first, second = tf.split(views, 2)
    n, d = tf.cast(tf.shape(first)[0], tf.float32), tf.cast(tf.shape(first)[1], tf.float32)
    total = INVARIANCE * tf.reduce_mean((first - second) ** 2)
    for view in (first, second):
        view -= tf.reduce_mean(view, axis=0)
        covariance = tf.matmul(view, view, transpose_a=True) / (n - 1)
        variance = tf.linalg.diag_part(covariance)
        total += VARIANCE * tf.reduce_mean(tf.nn.relu(1 - tf.sqrt(variance + _SMALLEST_VARIANCE)))
        total += COVARIANCE * (tf.reduce_sum(covariance**2) - tf.reduce_sum(variance**2)) / d
    return total


@dataclass(frozen=True)
class PairedViews:
    """Batches of two random views of each image, for all epochs in sequence; each depends only on seed and number.

    ``rows``: rows of the images, int64 (n,). ``first``: number of the batch that is returned as number 0.
    """

    images: Images
    rows: NDArray[np.int64]
    recipe: Recipe
    seed: tuple[int, ...]
    first: int = 0

    @property
    def per_epoch(self) -> int:
        """Number of batches per epoch, each of at least two images."""
        return max(1, len(self.rows) // max(self.recipe.batch_size, 2))

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the views (2b, ny, nx, bands), first those of all images and then the others, and unused answers."""
        number = self.first + int(number)
        epoch, position = divmod(number, self.per_epoch)
        order = np.random.default_rng((*self.seed, 2, epoch)).permutation(len(self.rows))
        chosen = self.rows[np.array_split(order, self.per_epoch)[position]]
        generator = np.random.default_rng((*self.seed, 3, number))
        transforms = random_transforms(self.recipe.augmentation, 2 * len(chosen), self.images.shape[1], generator)
        views = augmented(self.images, np.concatenate([chosen, chosen]), self.recipe, transforms)
        return views, np.zeros((len(views), 1), dtype=np.float32)

    def dataset(self) -> tf.data.Dataset:
        """Return the batches of the recipe's epochs."""
        size, bands = self.images.shape[1], len(self.recipe.bands)
        return prepared(self.__getitem__, self.per_epoch * self.recipe.epochs, ((None, size, size, bands), (None, 1)))


class SelfSupervision:
    """The self-supervised training of the folds of a recipe, with one compiled network for all of them.

    Parameters
    ----------
    images
        Raw fluxes, float32 (m, size, size, 3).
    rows
        Row of ``images`` of each galaxy, int64 (n,).
    recipe
        Settings of the training.
    policy
        Keras dtype policy.
    folder
        Folder of the training's checkpoints; None without.
    on_epoch
        Called after every epoch.
    encoder
        The encoder that the recipe names.
    """

    def __init__(
        self,
        images: Images,
        rows: NDArray[np.int64],
        recipe: Recipe,
        policy: str,
        folder: Path | None,
        on_epoch: Callable[[EpochLog], None] | None,
        encoder: keras.Model | None = None,
    ) -> None:
        self._images, self._rows, self._encoder, self._on_epoch = images, rows, encoder, on_epoch
        self._recipe = recipe.model_copy(
            update={"epochs": recipe.pretraining_epochs, "kept_epoch": "last", "frozen_epochs": 0}
        )
        self._checkpoints = Checkpoints(None if folder is None else folder / "pretraining", self._recipe, policy)
        if encoder is None:
            structure = self._recipe.model_copy(update=NOT_COMPILED)
            # A frozen model is hashable.
            compiled = _compiled(structure, images.shape[1], policy)  # pyright: ignore[reportArgumentType]
        else:
            compiled = _compile(self._recipe, images.shape[1], policy, encoder)
        self._phase, self._fresh_optimizer = compiled
        self.seconds_before = 0.0
        """Time spent before an interruption on the states that checkpoints hold."""

    def weights(self, split: Split) -> dict[str, list[NDArray]]:
        """Train on the images of the split's training part, and return the weights by the name of the layer."""
        network = self._phase.network
        live = FoldState(network=network.variables, optimizer=network.optimizer.variables)
        state = self._checkpoints.load(split.fold, live) or FoldState()
        self.seconds_before += state.seconds
        if not state.is_finished(self._recipe):
            views = PairedViews(self._images, self._rows[split.train], self._recipe, split.seed)
            if not state.epochs:
                size_px = self._images.shape[1]
                fresh = build_network(
                    self._recipe, size_px, seed=split.seed, encoder=self._encoder, maker=_ProjectionMaker
                )
                if self._encoder is None:
                    settle_batchnorm(fresh, views[0][0])
                state.network, state.optimizer = fresh.variables, self._fresh_optimizer
            assign(live.network, state.network)
            assign(live.optimizer, state.optimizer)
            state.network, state.optimizer = live.network, live.optimizer
            self._fit(split, views, state)
        assign(network.variables, state.kept)
        return weights_by_layer(network)

    def _fit(self, split: Split, views: PairedViews, state: FoldState) -> None:
        """Train until the last epoch, and save the state after every epoch."""
        recipe, done = self._recipe, len(state.epochs)
        started = epoch_started = time.monotonic()
        before = state.seconds

        def on_epoch_begin(epoch: int, logs: dict) -> None:
            nonlocal epoch_started
            epoch_started = time.monotonic()
            self._phase.network.optimizer.learning_rate = learning_rate(recipe, epoch)

        def on_epoch_end(epoch: int, logs: dict) -> None:
            if not np.isfinite(logs["loss"]):
                raise InputError(
                    f"recipe '{recipe.name}': the self-supervised loss is no longer finite in fold {split.fold}, epoch "
                    f"{epoch + 1}; lower learning_rate or choose another normalization"
                )
            passed = time.monotonic() - epoch_started
            state.epochs.append(self._log(split.fold, epoch + 1, float(logs["loss"]), len(views.rows), passed))
            state.kept = [variable.numpy() for variable in self._phase.network.variables]
            state.seconds = before + time.monotonic() - started
            self._checkpoints.save(split.fold, state)
            if self._on_epoch is not None:
                self._on_epoch(state.epochs[-1])

        remaining = PairedViews(views.images, views.rows, recipe, views.seed, first=done * views.per_epoch)
        self._phase.fit(
            remaining.dataset(), done, views.per_epoch, on_epoch_begin=on_epoch_begin, on_epoch_end=on_epoch_end
        )

    def _log(self, fold: int, epoch: int, loss: float, n_images: int, seconds: float) -> EpochLog:
        recipe = self._recipe
        n_folds = recipe.networks + recipe.inner_networks
        epochs_left = recipe.epochs * (n_folds - fold) - epoch
        return EpochLog(
            fold=fold,
            n_folds=n_folds,
            epoch=epoch,
            n_epochs=recipe.epochs,
            loss=loss,
            val_loss=float("nan"),
            val_auc=float("nan"),
            images_per_second=n_images / seconds,
            seconds_left=max(epochs_left, 0) * seconds,
        )


class _ProjectionMaker(TrainingMaker):
    """Makes the layers of a network whose outputs are projections of its features."""

    def outputs(self, features: keras.KerasTensor, name: str = "") -> keras.KerasTensor:
        """Return the projections, float32 (n, PROJECTION_UNITS)."""
        from keras import layers

        x = features
        for number in range(1, PROJECTION_LAYERS + 1):
            last = number == PROJECTION_LAYERS
            name = f"projection_{number}"
            x = layers.Dense(
                PROJECTION_UNITS,
                use_bias=last,
                kernel_initializer=self.weights(),
                dtype="float32" if last else self.policy,
                name=name,
            )(x)
            if not last:
                x = self.relu(name)(self.normalization(name)(x))
        return x


def _compile(
    recipe: Recipe, size_px: int, policy: str, encoder: keras.Model | None = None
) -> tuple[Phase, list[NDArray]]:
    """Return the compiled network of a self-supervised training, and the initial variables of its optimizer."""
    network = build_network(recipe, size_px, policy=policy, encoder=encoder, maker=_ProjectionMaker)
    phase = Phase(network, recipe, lambda _, views: vicreg_loss(views), recipe.epochs)
    return phase, [variable.numpy() for variable in network.optimizer.variables]


_compiled = lru_cache(maxsize=1)(_compile)
"""Trainings of one process that differ in their galaxies or images alone share a compiled network."""
