"""Cross-validated training of a recipe's network, and predictions by trained networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from rotator_assets.errors import InputError
from rotator_assets.files import replacing
from rotator_assets.learning.backend import compute_policy, device_name, tensorflow
from rotator_assets.learning.checkpoints import Checkpoints, EpochLog, FoldState
from rotator_assets.learning.evaluation import youden_threshold
from rotator_assets.learning.folds import Split, plan_splits
from rotator_assets.learning.network import build_network, inference_function, settle_batchnorm
from rotator_assets.learning.pipeline import TrainingBatches, network_input
from rotator_assets.recipes import Recipe

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class TrainingStopped(KeyboardInterrupt):
    """``should_stop`` asked for the training to end; it goes on from its checkpoints."""


@dataclass(frozen=True)
class CrossValidation:
    """What a cross-validated training gives.

    ``predictions``: one row a galaxy in the order given: galaxy_id, object_id, fold, probability_fast (float64),
    rotator_type, predicted_type, threshold (of its fold). ``history``: one row a fold and epoch: fold, epoch, loss,
    val_loss, val_auc. ``folds``: one row a fold: fold, n_train, n_validation, n_test, epochs, best_epoch, threshold,
    seconds. ``device``: name of the processor or GPU; ``policy``: Keras dtype policy of the training.
    ``images_per_second``: median over the epochs. ``seconds``: with those before an interruption.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    folds: pd.DataFrame
    device: str
    policy: str
    images_per_second: float
    seconds: float


def cross_validate(
    images: NDArray[np.float32],
    labels: ArrayLike,
    object_ids: ArrayLike,
    galaxy_ids: ArrayLike,
    recipe: Recipe,
    *,
    model_folder: Path,
    rows: ArrayLike | None = None,
    checkpoint_folder: Path | None = None,
    on_epoch: Callable[[EpochLog], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> CrossValidation:
    """Train one network a fold; each galaxy is predicted by the network that saw none of its observations.

    Per fold: the validation part, drawn from the training galaxies, decides when to stop (weights of the epoch with
    the smallest validation loss are kept) and the threshold (`youden_threshold`). The test part is read only after
    that, for its predictions. Equal input and seed give equal results on the same machine and TensorFlow build (on a
    GPU to the rounding of its atomic sums).

    Parameters
    ----------
    images
        Raw fluxes (m, size, size, 3) in the order g, r, i; may be memory-mapped, nothing is copied but batches.
    labels, object_ids, galaxy_ids
        0 slow or 1 fast, the physical galaxy, and the observation; one entry a galaxy, shape (n,).
    recipe
        All that decides the training.
    model_folder
        Existing folder; gets ``fold-<k>.keras``, float32 networks for inference, each complete or absent.
    rows
        Row of ``images`` of each galaxy, shape (n,); default 0 to n - 1.
    checkpoint_folder
        Where the training's state is kept; made where absent, the caller's to remove. A folder that a training of the
        same arguments left when it was interrupted: the training goes on after the last epoch kept there, to the same
        networks as without the interruption. None: nothing is kept.
    on_epoch
        Called after every epoch trained.
    should_stop
        Asked after every batch; True ends the training by raising TrainingStopped.

    Raises InputError, before anything is trained, when there are too few galaxies for the folds; also when the loss
    is no longer finite. Raises OSError where a disk is full or gone.
    """
    labels, object_ids = np.asarray(labels, dtype=np.int8), np.asarray(object_ids)
    rows = np.arange(len(labels)) if rows is None else np.asarray(rows, dtype=np.int64)
    splits = plan_splits(labels, object_ids, recipe.folds, recipe.validation_fraction, recipe.seed)
    started = time.monotonic()
    trainer = _Trainer(images, rows, labels, recipe, Checkpoints(checkpoint_folder, recipe), on_epoch, should_stop)

    fold_of = np.empty(len(labels), dtype=np.int8)
    probability, threshold = np.empty(len(labels)), np.empty(len(labels))
    history, folds = [], []
    for split in splits:
        network, state = trainer.train(split)
        with replacing(model_folder / f"fold-{split.fold}.keras", ending=".keras") as temporary:
            network.save(temporary)

        infer = inference_function(network)
        validated = _logits(infer, images, rows[split.validation], recipe)
        tested = _logits(infer, images, rows[split.test], recipe)
        fold_of[split.test] = split.fold
        threshold[split.test] = youden_threshold(labels[split.validation], _probability(validated))
        probability[split.test] = _probability(tested)
        history += state.epochs
        folds.append(
            {
                "fold": split.fold,
                "n_train": len(split.train),
                "n_validation": len(split.validation),
                "n_test": len(split.test),
                "epochs": len(state.epochs),
                "best_epoch": state.best_epoch,
                "threshold": threshold[split.test[0]],
                "seconds": state.seconds,
            }
        )
    predictions = pd.DataFrame(
        {
            "galaxy_id": np.asarray(galaxy_ids),
            "object_id": object_ids,
            "fold": fold_of,
            "probability_fast": probability,
            "rotator_type": labels,
            "predicted_type": (probability >= threshold).astype(np.int8),
            "threshold": threshold,
        }
    )
    columns = ["fold", "epoch", "loss", "val_loss", "val_auc"]
    return CrossValidation(
        predictions=predictions,
        history=pd.DataFrame([[getattr(log, column) for column in columns] for log in history], columns=columns),
        folds=pd.DataFrame(folds),
        device=device_name(),
        policy=trainer.policy,
        images_per_second=float(np.median([log.images_per_second for log in history])),
        seconds=time.monotonic() - started + trainer.seconds_before,
    )


def predict_logits(
    model: keras.Model,
    images: NDArray[np.float32],
    rows: NDArray[np.int64],
    recipe: Recipe,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Logit of being a fast rotator for these rows of the raw images, float32 (len(rows),), in inference mode."""
    return _logits(inference_function(model), images, rows, recipe, batch_size)


def load_model(path: Path) -> keras.Model:
    """A saved network in Keras' safe mode (no code is run from the file). Raises InputError if it cannot be read."""
    tensorflow()
    from keras import saving

    try:
        return saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not a trained network ({reason}); materialize rotator_classifier again") from None


def _probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logistic function, float64."""
    return expit(logits.astype(np.float64))


def _logits(
    infer: Callable[[NDArray[np.float32]], tf.Tensor],
    images: NDArray[np.float32],
    rows: NDArray[np.int64],
    recipe: Recipe,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """`predict_logits` by a compiled inference function."""
    logits = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), batch_size):
        batch = slice(start, start + batch_size)
        logits[batch] = infer(network_input(images, rows[batch], recipe)).numpy()[:, 0]
    return logits


class _LaterBatches(TrainingBatches):
    """The batches of a fold after the epochs that are done, the first of them number 0."""

    def __init__(self, epochs_done: int, *arguments) -> None:
        super().__init__(*arguments)
        self._first = epochs_done * self.per_epoch

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        return super().__getitem__(self._first + int(number))


class _Trainer:
    """One compiled network for all folds: tracing it costs seconds, giving it fresh weights costs nothing."""

    def __init__(
        self,
        images: NDArray[np.float32],
        rows: NDArray[np.int64],
        labels: NDArray[np.int8],
        recipe: Recipe,
        checkpoints: Checkpoints,
        on_epoch: Callable[[EpochLog], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        tensorflow()
        from keras import losses, optimizers

        self.images, self.rows, self.labels, self.recipe = images, rows, labels, recipe
        self.checkpoints, self.on_epoch, self.should_stop = checkpoints, on_epoch, should_stop
        self.seconds_before = 0.0
        """Spent before an interruption on what its checkpoints hold."""
        self.policy = compute_policy()
        self.network = build_network(recipe, images.shape[1], policy=self.policy)
        self.network.compile(
            optimizer=optimizers.Adam(recipe.learning_rate),
            loss=losses.BinaryCrossentropy(from_logits=True),
            jit_compile=False,
        )
        self.network.optimizer.build(self.network.trainable_variables)
        self._infer = inference_function(self.network)
        self._fresh_optimizer = [variable.numpy() for variable in self.network.optimizer.variables]
        self._started = time.monotonic()
        self._epochs_run = 0

    def train(self, split: Split) -> tuple[keras.Model, FoldState]:
        """The fold's network, in float32, with the weights of its best epoch; and what its training came to."""
        recipe, started = self.recipe, time.monotonic()
        network = build_network(recipe, self.images.shape[1], seed=(recipe.seed, split.fold))
        live = FoldState(network=self.network.variables, optimizer=self.network.optimizer.variables)
        state = self.checkpoints.load(split.fold, live) or FoldState()
        before = state.seconds
        self.seconds_before += before
        if not state.is_finished(recipe):
            batches = self._batches(split, len(state.epochs))
            if not state.epochs:
                settle_batchnorm(network, batches[0][0])
                state.network, state.optimizer = network.variables, self._fresh_optimizer
            _assign(live.network, state.network)
            _assign(live.optimizer, state.optimizer)
            state.network, state.optimizer = live.network, live.optimizer
            self._fit(split, batches, state, started - before)
        _assign(network.variables, state.best)
        state.seconds = before + time.monotonic() - started
        return network, state

    def _batches(self, split: Split, epochs_done: int) -> TrainingBatches:
        """The batches of the fold's epochs that are left."""
        chosen = self.labels[split.train]
        weights = self._weights(split.train)[chosen]
        seed = (self.recipe.seed, split.fold)
        return _LaterBatches(epochs_done, self.images, self.rows[split.train], chosen, weights, self.recipe, seed)

    def _fit(self, split: Split, batches: TrainingBatches, state: FoldState, started: float) -> None:
        """Train until the fold is finished, the state, and its checkpoint, following every epoch."""
        from keras import callbacks

        weights = self._weights(split.train)
        epoch_started = 0.0

        def on_epoch_begin(epoch: int, logs: dict) -> None:
            nonlocal epoch_started
            epoch_started = time.monotonic()

        def on_train_batch_end(batch: int, logs: dict) -> None:
            if self.should_stop is not None and self.should_stop():
                raise TrainingStopped(f"stopped in fold {split.fold}, epoch {len(state.epochs) + 1}")

        def on_epoch_end(epoch: int, logs: dict) -> None:
            rate = len(split.train) / (time.monotonic() - epoch_started)
            logs.update(self._validate(split.validation, weights))
            log = self._log(split.fold, epoch + 1, rate, logs)
            state.epochs.append(log)
            if state.best_epoch == log.epoch:
                state.best = [variable.numpy() for variable in self.network.variables]
            state.seconds = time.monotonic() - started
            self.network.stop_training = state.is_finished(self.recipe)
            self.checkpoints.save(split.fold, state)
            if self.on_epoch is not None:
                self.on_epoch(log)

        self.network.fit(
            batches.dataset(),
            initial_epoch=len(state.epochs),
            epochs=self.recipe.epochs,
            steps_per_epoch=batches.per_epoch,
            shuffle=False,
            verbose=0,
            callbacks=[
                callbacks.LambdaCallback(
                    on_epoch_begin=on_epoch_begin, on_train_batch_end=on_train_batch_end, on_epoch_end=on_epoch_end
                )
            ],
        )

    def _weights(self, train: NDArray[np.int64]) -> NDArray[np.float32]:
        """Weights of the classes slow and fast: inverse to their share of the training part, 1 on average over it."""
        if not self.recipe.class_weights:
            return np.ones(2, dtype=np.float32)
        counts = np.bincount(self.labels[train], minlength=2)
        return (len(train) / (2 * counts)).astype(np.float32)

    def _validate(self, validation: NDArray[np.int64], weights: NDArray[np.float32]) -> dict[str, float]:
        """Loss and AUC of the validation part by the network in training, in inference mode."""
        from sklearn.metrics import roc_auc_score

        labels = self.labels[validation]
        logits = _logits(self._infer, self.images, self.rows[validation], self.recipe).astype(np.float64)
        if not np.isfinite(logits).all():
            return {"val_loss": float("nan"), "val_auc": float("nan")}
        losses = weights[labels] * (np.logaddexp(0, logits) - labels * logits)
        return {"val_loss": float(losses.mean()), "val_auc": float(roc_auc_score(labels, logits))}

    def _log(self, fold: int, epoch: int, images_per_second: float, logs: dict[str, float]) -> EpochLog:
        """The epoch's log. Raises InputError where the loss is not finite."""
        if not np.isfinite([logs["loss"], logs["val_loss"]]).all():
            raise InputError(
                f"recipe '{self.recipe.name}': the loss is no longer finite in fold {fold}, epoch {epoch}; "
                f"lower learning_rate or choose another normalization"
            )
        recipe = self.recipe
        self._epochs_run += 1
        epochs_left = recipe.epochs * (recipe.folds - fold) - epoch
        return EpochLog(
            fold=fold,
            n_folds=recipe.folds,
            epoch=epoch,
            n_epochs=recipe.epochs,
            loss=float(logs["loss"]),
            val_loss=logs["val_loss"],
            val_auc=logs["val_auc"],
            images_per_second=images_per_second,
            seconds_left=epochs_left * (time.monotonic() - self._started) / self._epochs_run,
        )


def _assign(variables: list[keras.Variable], values: list) -> None:
    """Give variables the values of others, in the same order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
