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
from rotator_assets.learning.evaluation import youden_threshold
from rotator_assets.learning.folds import Split, plan_splits
from rotator_assets.learning.network import build_network, inference_function, settle_batchnorm
from rotator_assets.learning.pipeline import TrainingBatches, network_input
from rotator_assets.recipes import Recipe

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class TrainingStopped(KeyboardInterrupt):
    """``should_stop`` asked for the training to end; the folds finished before are saved."""


@dataclass(frozen=True)
class EpochLog:
    """State of the training after one epoch; folds count from 0, epochs from 1.

    ``loss`` and ``val_loss``: binary cross-entropy in nats, classes weighted as the recipe says. ``val_auc``: exact AUC
    of the validation part. ``images_per_second``: training only, without validation. ``seconds_left``: until the last
    fold ends if none stops early.
    """

    fold: int
    n_folds: int
    epoch: int
    n_epochs: int
    loss: float
    val_loss: float
    val_auc: float
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class CrossValidation:
    """What a cross-validated training gives.

    ``predictions``: one row a galaxy in the order given: galaxy_id, object_id, fold, probability_fast (float64),
    rotator_type, predicted_type, threshold (of its fold). ``history``: one row a fold and epoch: fold, epoch, loss,
    val_loss, val_auc. ``folds``: one row a fold: fold, n_train, n_validation, n_test, epochs, best_epoch, threshold,
    seconds. ``device``: name of the processor or GPU; ``policy``: Keras dtype policy of the training.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    folds: pd.DataFrame
    device: str
    policy: str
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
    on_epoch
        Called after every epoch.
    should_stop
        Asked after every batch; True ends the training by raising TrainingStopped.

    Raises InputError, before anything is trained, when there are too few galaxies for the folds; also when the loss
    is no longer finite.
    """
    started = time.monotonic()
    labels, object_ids = np.asarray(labels, dtype=np.int8), np.asarray(object_ids)
    rows = np.arange(len(labels)) if rows is None else np.asarray(rows, dtype=np.int64)
    splits = plan_splits(labels, object_ids, recipe.folds, recipe.validation_fraction, recipe.seed)
    trainer = _Trainer(images, rows, labels, recipe, on_epoch, should_stop)

    fold_of = np.empty(len(labels), dtype=np.int8)
    probability, threshold = np.empty(len(labels)), np.empty(len(labels))
    history, folds = [], []
    for split in splits:
        fold_started = time.monotonic()
        network, epochs = trainer.train(split)
        with replacing(model_folder / f"fold-{split.fold}.keras", ending=".keras") as temporary:
            network.save(temporary)

        infer = inference_function(network)
        validated = _logits(infer, images, rows[split.validation], recipe)
        tested = _logits(infer, images, rows[split.test], recipe)
        fold_of[split.test] = split.fold
        threshold[split.test] = youden_threshold(labels[split.validation], _probability(validated))
        probability[split.test] = _probability(tested)
        history += epochs
        folds.append(
            {
                "fold": split.fold,
                "n_train": len(split.train),
                "n_validation": len(split.validation),
                "n_test": len(split.test),
                "epochs": len(epochs),
                "best_epoch": min(epochs, key=lambda log: log.val_loss).epoch,
                "threshold": threshold[split.test[0]],
                "seconds": time.monotonic() - fold_started,
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
        seconds=time.monotonic() - started,
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


class _Trainer:
    """One compiled network for all folds: tracing it costs seconds, giving it fresh weights costs nothing."""

    def __init__(
        self,
        images: NDArray[np.float32],
        rows: NDArray[np.int64],
        labels: NDArray[np.int8],
        recipe: Recipe,
        on_epoch: Callable[[EpochLog], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        tensorflow()
        from keras import losses, optimizers

        self.images, self.rows, self.labels, self.recipe = images, rows, labels, recipe
        self.on_epoch, self.should_stop = on_epoch, should_stop
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

    def train(self, split: Split) -> tuple[keras.Model, list[EpochLog]]:
        """The fold's network, in float32, with the weights of its best epoch; and the log of its epochs."""
        from keras import callbacks

        recipe = self.recipe
        network = build_network(recipe, self.images.shape[1], seed=(recipe.seed, split.fold))
        _assign(self.network.optimizer.variables, self._fresh_optimizer)
        weights = self._weights(split.train)
        batches = TrainingBatches(
            self.images,
            self.rows[split.train],
            self.labels[split.train],
            weights[self.labels[split.train]],
            recipe,
            seed=(recipe.seed, split.fold),
        )
        settle_batchnorm(network, batches[0][0])
        _assign(self.network.variables, network.variables)
        epochs: list[EpochLog] = []
        epoch_started = 0.0

        def on_epoch_begin(epoch: int, logs: dict) -> None:
            nonlocal epoch_started
            epoch_started = time.monotonic()

        def on_train_batch_end(batch: int, logs: dict) -> None:
            if self.should_stop is not None and self.should_stop():
                raise TrainingStopped(f"stopped in fold {split.fold}, epoch {len(epochs) + 1}")

        def on_epoch_end(epoch: int, logs: dict) -> None:
            rate = len(split.train) / (time.monotonic() - epoch_started)
            logs.update(self._validate(split.validation, weights))  # EarlyStopping, called next, reads val_loss
            epochs.append(self._log(split.fold, epoch + 1, rate, logs))
            if self.on_epoch is not None:
                self.on_epoch(epochs[-1])

        self.network.fit(
            batches.dataset(),
            epochs=recipe.epochs,
            steps_per_epoch=batches.per_epoch,
            shuffle=False,
            verbose=0,
            callbacks=[
                callbacks.LambdaCallback(
                    on_epoch_begin=on_epoch_begin, on_train_batch_end=on_train_batch_end, on_epoch_end=on_epoch_end
                ),
                callbacks.EarlyStopping(
                    monitor="val_loss", mode="min", patience=recipe.patience, restore_best_weights=True
                ),
            ],
        )
        _assign(network.variables, self.network.variables)
        return network, epochs

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
