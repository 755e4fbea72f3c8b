"""The folds of a training one after the other in this process, or at the same time on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from rotator_assets.core.backend import compute_policy
from rotator_assets.core.errors import InputError
from rotator_assets.engine.pools import Pool, on_cluster, open_pool
from rotator_assets.engine.processes import ProcessEnded
from rotator_assets.training.checkpoints import EpochLog
from rotator_assets.training.fold_training import (
    FoldTrainer,
    OnEpoch,
    TrainedFirst,
    TrainedFold,
    TrainedInner,
    Training,
    train_first,
    train_fold,
    train_inner,
)

Part = TrainedFirst | TrainedFold | TrainedInner


def is_spread(training: Training) -> bool:
    """Return whether the folds are trained on a cluster: this needs checkpoints, in a folder shared by all machines."""
    return training.checkpoint_folder is not None and on_cluster()


def trained_parts(training: Training, on_epoch: OnEpoch | None) -> Generator[tuple[int, Part]]:
    """Yield the first network and its number 0, then each fold and inner network with its number, in any order.

    On a cluster its machines decide the dtype policy, the same for all of them.
    """
    if not is_spread(training):
        yield from _one_by_one(training, on_epoch)
        return
    with open_pool(1, trains=True) as pool:
        policy = pool.submit(compute_policy).result()
        yield from _Spread(pool, replace(training, policy=policy), on_epoch or (lambda log: None)).parts()


def _one_by_one(training: Training, on_epoch: OnEpoch | None) -> Iterator[tuple[int, Part]]:
    trainer, material = FoldTrainer(training, on_epoch), training.material()
    yield 0, trainer.first()
    for number in range(len(material.splits)):
        yield number, trainer.fold(number)
    for number in range(len(material.inner)):
        yield number, trainer.inner(number)


class _Spread:
    """The requests of a training. Epochs are reported in this thread, as they are told."""

    def __init__(self, pool: Pool, training: Training, on_epoch: OnEpoch) -> None:
        self._pool, self._training, self._on_epoch = pool, training, on_epoch
        self._told: SimpleQueue[EpochLog | Future[Part]] = SimpleQueue()
        self._asked: dict[Future[Part], tuple[str, int]] = {}

    def parts(self) -> Iterator[tuple[int, Part]]:
        """Yield the parts as they are finished; the first network is trained before all others."""
        material = self._training.material()
        if material.first is not None:
            self._ask("the first network", train_first)
            yield from self._finished()
        for number in range(len(material.splits)):
            self._ask(f"fold {number + 1} of {len(material.splits)}", train_fold, number)
        for number in range(len(material.inner)):
            self._ask(f"network {number + 1} of {len(material.inner)} without two folds", train_inner, number)
        yield from self._finished()

    def _ask(self, name: str, function: Callable[..., Any], *number: int) -> None:
        future = self._pool.submit(function, self._training, *number, on_report=self._told.put)
        self._asked[future] = name, sum(number)
        future.add_done_callback(self._told.put)

    def _finished(self) -> Iterator[tuple[int, Part]]:
        while self._asked:
            told = self._told.get()
            if isinstance(told, EpochLog):
                self._on_epoch(told)
                continue
            name, number = self._asked.pop(told)
            try:
                yield number, told.result()
            except ProcessEnded as ended:
                reason = f"{name} of recipe '{self._training.recipe.name}': {ended} on the cluster"
                raise InputError(f"{reason}; where memory is short, start workers with fewer threads") from None
