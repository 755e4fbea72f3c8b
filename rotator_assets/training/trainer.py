"""Trains the networks of a recipe one by one, and resumes them from checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.checkpoints import Checkpoints, EpochLog, FoldState
from rotator_assets.training.folds import Split, member_seed
from rotator_assets.training.fused import TrainingMaker
from rotator_assets.training.imbalance import class_weights, mean_loss, training_loss, training_weights
from rotator_assets.training.network import (
    averaged_network,
    build_network,
    inference_function,
    logits_of,
    set_weights,
    settle_batchnorm,
)
from rotator_assets.training.on_card import CardImages, is_possible
from rotator_assets.training.phases import NOT_COMPILED, Phase, assign, learning_rate, phases
from rotator_assets.training.pipeline import Images, TrainingBatches
from rotator_assets.training.self_supervision import SelfSupervision
from rotator_assets.training.targets import Answers, Standardization, answer_matrix, class_loss, combined_loss

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class _Compiled:
    """A network with the phases of its training and its inference, and the initial variables of its optimizers.

    ``card`` holds the training images where there is a GPU.
    """

    network: keras.Model
    phases: list[Phase]
    infer: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    optimizers: list[Any]
    fresh_optimizers: list[NDArray]
    card: CardImages | None

    @classmethod
    def of(
        cls, recipe: Recipe, size_px: int, policy: str, on_card: bool, encoder: keras.Model | None = None
    ) -> _Compiled:
        network = build_network(recipe, size_px, policy=policy, encoder=encoder, maker=TrainingMaker)
        loss = combined_loss(recipe) if recipe.learns_more else training_loss(recipe)
        metrics = [class_loss(recipe)] if recipe.learns_more else None
        card = CardImages(recipe, size_px) if on_card else None
        its_phases = phases(network, recipe, loss, metrics, None if card is None else card.feeding)
        optimizers = [variable for phase in its_phases for variable in phase.network.optimizer.variables]
        fresh = [variable.numpy() for variable in optimizers]
        return cls(network, its_phases, inference_function(network), optimizers, fresh, card)


_compiled = lru_cache(maxsize=2)(_Compiled.of)
"""Trainings of one process that differ in their galaxies or images alone share a compiled network."""


class Trainer:
    """One compiled network for all folds: tracing it takes seconds, while new weights cost nothing.

    Parameters
    ----------
    images
        Raw fluxes, float32 (m, size, size, 3).
    rows
        Row of ``images`` of each galaxy, int64 (n,).
    labels
        0 slow, 1 fast, -1 without a label; int8 (n,).
    answers
        What else is learned of the galaxies.
    recipe
        The recipe to train.
    policy
        Keras dtype policy.
    checkpoints
        Where states are saved and loaded.
    on_epoch
        Called after every epoch.
    encoder
        The encoder that the recipe names.
    pretraining
        Self-supervised training that gives each fold its initial weights; None without.
    """

    def __init__(
        self,
        images: Images,
        rows: NDArray[np.int64],
        labels: NDArray[np.int8],
        answers: Answers,
        recipe: Recipe,
        policy: str,
        checkpoints: Checkpoints,
        on_epoch: Callable[[EpochLog], None] | None,
        encoder: keras.Model | None = None,
        pretraining: SelfSupervision | None = None,
    ) -> None:
        tensorflow()
        self.images, self.rows, self.labels, self.answers, self.recipe = images, rows, labels, answers, recipe
        self.checkpoints, self.on_epoch = checkpoints, on_epoch
        self._encoder, self._pretraining = encoder, pretraining
        self.seconds_before = 0.0
        """Time spent before an interruption on the states that checkpoints hold."""
        on_card = is_possible(images, len(rows), recipe)
        if encoder is None:
            drawn = {"normalization": recipe.normalization} if on_card else {}
            structure = recipe.model_copy(update={**NOT_COMPILED, **drawn})
            # A frozen model is hashable.
            compiled = _compiled(structure, images.shape[1], policy, on_card)  # pyright: ignore[reportArgumentType]
        else:
            compiled = _Compiled.of(recipe, images.shape[1], policy, on_card, encoder)
        self._card = compiled.card
        if self._card is not None:
            self._card.hold(images, rows, recipe)
        self.network, self._phases, self._infer = compiled.network, compiled.phases, compiled.infer
        self._optimizers, self._fresh_optimizers = compiled.optimizers, compiled.fresh_optimizers
        self._initial: list[NDArray] | None = None
        self._n_folds, self._begun = recipe.networks + recipe.inner_networks, 0
        self._n_networks = self._n_folds * recipe.members
        self._started = time.monotonic()
        self._epochs_run = 0

    def train_first(self, split: Split) -> list[EpochLog]:
        """Train a network from whose weights all later ones start, and return the logs of its epochs."""
        self._n_folds, self._n_networks = self._n_folds + 1, self._n_networks + 1
        network, state = self._train_member(split, 0, self._pretrained(split))
        self._initial = [variable.numpy() for variable in network.variables]
        return state.epochs

    def train(self, split: Split) -> tuple[keras.Model, list[FoldState]]:
        """Return the mean of the fold's networks (`averaged_network`), float32, and the states of their trainings.

        Each network has the weights of the epoch that the recipe keeps.
        """
        weights = self._pretrained(split) if self._initial is None else {}
        trained = [self._train_member(split, member, weights) for member in range(self.recipe.members)]
        networks, states = zip(*trained, strict=True)
        return averaged_network(self.recipe, self.images.shape[1], networks, self._encoder), list(states)

    def _pretrained(self, split: Split) -> dict[str, list[NDArray]]:
        """Return the weights from the self-supervised training on the split's training part, by layer, if any."""
        return {} if self._pretraining is None else self._pretraining.weights(split)

    def _train_member(
        self, split: Split, member: int, weights: dict[str, list[NDArray]]
    ) -> tuple[keras.Model, FoldState]:
        """Return one network of the fold, with the weights of the kept epoch, and the state of its training.

        ``weights``: weights of layers that a self-supervised training has given the fold.
        """
        recipe, started = self.recipe, time.monotonic()
        self._begun += 1
        seed, number = member_seed(split.seed, member), split.fold * recipe.members + member
        network = build_network(recipe, self.images.shape[1], seed=seed, encoder=self._encoder)
        live = FoldState(network=self.network.variables, optimizer=self._optimizers)
        state = self.checkpoints.load(number, live) or FoldState()
        before = state.seconds
        self.seconds_before += before
        if not state.is_finished(recipe):
            if not state.epochs:
                self._start(network, self._batches(split, seed, 0), weights)
                state.network, state.optimizer = network.variables, self._fresh_optimizers
            assign(live.network, state.network)
            assign(live.optimizer, state.optimizer)
            state.network, state.optimizer = live.network, live.optimizer
            for phase in self._phases:
                if len(state.epochs) < phase.end and not state.is_finished(recipe):
                    self._fit(phase, split, member, state, started - before)
        assign(network.variables, state.kept)
        state.seconds = before + time.monotonic() - started
        return network, state

    def _start(self, network: keras.Model, batches: TrainingBatches, weights: dict[str, list[NDArray]]) -> None:
        """Give a new network the weights that its training starts from."""
        if self._initial is not None:
            assign(network.variables, self._initial)
        elif weights:
            set_weights(network, weights)
        elif self._encoder is None:  # the normalization of an encoder is settled
            settle_batchnorm(network, batches[0][0])

    def _batches(self, split: Split, seed: tuple[int, ...], epochs_done: int) -> TrainingBatches:
        """Return the batches of a network's remaining epochs."""
        labels, recipe = self.labels[split.train], self.recipe
        of_classes = training_weights(labels, recipe)
        if recipe.learns_more:  # the loss has the weights of the labels among the answers
            learned = self.answers.select(split.train)
            answers = answer_matrix(labels, of_classes, learned, Standardization.of(learned.targets))
            weights = np.ones(len(labels), dtype=np.float32)
        else:
            answers, weights = None, of_classes[labels]
        rows = self.rows[split.train]
        return TrainingBatches(self.images, rows, labels, weights, recipe, seed, answers, epochs_done)

    def _fit(self, phase: Phase, split: Split, member: int, state: FoldState, started: float) -> None:
        """Train to the end of the phase or of the training, and save the state after every epoch."""
        recipe, batches = self.recipe, self._batches(split, member_seed(split.seed, member), len(state.epochs))
        weights = class_weights(self.labels[split.train], recipe)
        epoch_started = 0.0

        def on_epoch_begin(epoch: int, logs: dict) -> None:
            nonlocal epoch_started
            epoch_started = time.monotonic()
            phase.network.optimizer.learning_rate = learning_rate(recipe, epoch)

        def on_epoch_end(epoch: int, logs: dict) -> None:
            rate = batches.images_per_epoch / (time.monotonic() - epoch_started)
            logs.update(self._validate(split.validation, weights))
            log = self._log(split.fold, member, epoch + 1, rate, logs)
            state.epochs.append(log)
            if state.kept_epoch(recipe) == log.epoch:
                state.kept = [variable.numpy() for variable in self.network.variables]
            state.seconds = time.monotonic() - started
            phase.network.stop_training = state.is_finished(recipe)
            self.checkpoints.save(split.fold * recipe.members + member, state)
            if self.on_epoch is not None:
                self.on_epoch(log)

        phase.fit(
            batches.dataset() if self._card is None else self._card.dataset(batches, split.train),
            len(state.epochs),
            batches.per_epoch,
            on_epoch_begin=on_epoch_begin,
            on_epoch_end=on_epoch_end,
        )
        if len(state.epochs) < phase.end and not state.is_finished(recipe):
            raise RuntimeError(f"Keras ended the training of fold {split.fold} after epoch {len(state.epochs)}")

    def _validate(self, validation: NDArray[np.int64], weights: NDArray[np.float32]) -> dict[str, float]:
        """Return loss and AUC of the validation part for the network in training, in inference mode."""
        from sklearn.metrics import roc_auc_score

        labels = self.labels[validation]
        logits = logits_of(self._infer, self.images, self.rows[validation], self.recipe, averaged=False)
        logits = logits.astype(np.float64)
        if not np.isfinite(logits).all():
            return {"val_loss": float("nan"), "val_auc": float("nan")}
        val_loss = mean_loss(labels, logits, weights, self.recipe)
        return {"val_loss": val_loss, "val_auc": float(roc_auc_score(labels, logits))}

    def _log(self, fold: int, member: int, epoch: int, images_per_second: float, logs: dict[str, float]) -> EpochLog:
        """Return the log of the epoch. Raises InputError if the loss is not finite."""
        if not np.isfinite([logs["loss"], logs["val_loss"]]).all():
            raise InputError(
                f"recipe '{self.recipe.name}': the loss is no longer finite in fold {fold}, epoch {epoch}; "
                f"lower learning_rate or choose another normalization"
            )
        recipe = self.recipe
        self._epochs_run += 1
        epochs_left = recipe.epochs * (self._n_networks - self._begun + 1) - epoch
        return EpochLog(
            fold=fold,
            n_folds=self._n_folds,
            epoch=epoch,
            n_epochs=recipe.epochs,
            loss=float(logs.get("class_loss", logs["loss"])),
            val_loss=logs["val_loss"],
            val_auc=logs["val_auc"],
            images_per_second=images_per_second,
            seconds_left=epochs_left * (time.monotonic() - self._started) / self._epochs_run,
            member=member,
        )
