"""Checkpoints of a cross-validated training, from which it resumes after an interruption.

One ``.npz`` file per fold with plain arrays, never pickled. A file is replaced atomically: a process killed while
writing leaves the previous one.
"""

from __future__ import annotations

import math
import time
import zipfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.files import replacing
from rotator_assets.core.recipes import Recipe

MOST_TIME_WRITING = 0.03
"""Fraction of a training's time that checkpoints may take; if epochs are short, only some are saved."""


@dataclass(frozen=True)
class EpochLog:
    """State of the training after one epoch.

    Attributes
    ----------
    fold
        Number of the fold, from 0, continuing over the repeats.
    n_folds
        Number of folds.
    epoch
        From 1.
    n_epochs
        Largest number of epochs of a fold.
    loss, val_loss
        The recipe's loss of the class (`imbalance`) of the training and the validation part, nats.
    val_auc
        AUC of the validation part. Like its loss, it is NaN in self-supervised training, which has no validation.
    images_per_second
        Of the training, without validation.
    seconds_left
        Until the last fold ends if none stops early.
    member
        Number of the network among those of its fold, from 0.
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
    member: int = 0

    @property
    def is_self_supervised(self) -> bool:
        """True for an epoch of self-supervised training."""
        return math.isnan(self.val_loss)


@dataclass
class FoldState:
    """State of the training of one fold.

    Attributes
    ----------
    epochs
        Logs of the completed epochs.
    kept
        Values of the network's variables after the epoch that is kept.
    network, optimizer
        Variables of the network, including the random state of dropout, and of the optimizer, after the last epoch.
        Not needed once the fold is finished.
    seconds
        Time spent on the fold.
    """

    epochs: list[EpochLog] = field(default_factory=list)
    kept: Sequence[ArrayLike] = ()
    network: Sequence[ArrayLike] = ()
    optimizer: Sequence[ArrayLike] = ()
    seconds: float = 0.0

    @property
    def best_epoch(self) -> int:
        """Epoch of the smallest validation loss, the first of several equal ones; 0 before the first epoch."""
        return min(self.epochs, key=lambda log: log.val_loss).epoch if self.epochs else 0

    def kept_epoch(self, recipe: Recipe) -> int:
        """Epoch whose weights the recipe keeps; 0 before the first epoch."""
        return self.best_epoch if recipe.kept_epoch == "best" else len(self.epochs)

    def is_finished(self, recipe: Recipe) -> bool:
        """Return whether the last epoch is done, or the loss has not improved for as many epochs as the patience.

        A recipe that keeps the last epoch does not stop early.
        """
        done = len(self.epochs)
        return done >= recipe.epochs or (recipe.kept_epoch == "best" and done - self.best_epoch >= recipe.patience)


class Checkpoints:
    """Saved states of a recipe's folds, in the folder of one training; without a folder nothing is saved.

    ``policy``: the dtype policy of the training; checkpoints of another policy are ignored.
    """

    def __init__(self, folder: Path | None, recipe: Recipe, policy: str) -> None:
        self._folder, self._recipe, self._policy = folder, recipe, policy
        self._next = 0.0

    def save(self, fold: int, state: FoldState) -> None:
        """Save the state of a fold.

        A finished fold is always saved, without the variables that only training needs. A fold in training is skipped
        if the last write is so recent that writing would take more than its fraction of the time. Raises OSError if
        the disk is full or gone.
        """
        started = time.monotonic()
        finished = state.is_finished(self._recipe)
        if self._folder is None or not (finished or started >= self._next):
            return
        parts = {part: getattr(state, part) for part in _PARTS[: 1 if finished else None]}
        arrays = {f"{part}.{i}": np.asarray(value) for part, values in parts.items() for i, value in enumerate(values)}
        arrays["epochs"] = np.array([astuple(log) for log in state.epochs], dtype=np.float64)
        arrays["seconds"] = np.array(state.seconds, dtype=np.float64)
        arrays["policy"] = np.array(self._policy)
        with replacing(_file(self._folder, fold), ending=".npz") as temporary:
            np.savez(temporary, allow_pickle=False, **arrays)
        ended = time.monotonic()
        self._next = ended + (ended - started) * (1 / MOST_TIME_WRITING - 1)

    def load(self, fold: int, like: FoldState) -> FoldState | None:
        """Return the saved state of a fold; None if it is missing, damaged, or of another network or policy.

        ``like``: a state whose network and optimizer have the expected shapes and types. Raises OSError if the disk
        cannot be read.
        """
        if self._folder is None or not (file := _file(self._folder, fold)).is_file():
            return None
        try:
            with zipfile.ZipFile(file) as archive:
                if archive.testzip() is not None:
                    return None
            with np.load(file, allow_pickle=False) as arrays:
                if arrays["policy"] != self._policy:
                    return None
                state = FoldState(
                    epochs=[
                        EpochLog(*map(int, row[:4]), *map(float, row[4:-1]), member=int(row[-1]))
                        for row in arrays["epochs"]
                    ],
                    seconds=float(arrays["seconds"]),
                    **{part: _numbered(arrays, part) for part in _PARTS},
                )
        except (zipfile.BadZipFile, NotImplementedError, ValueError, KeyError, TypeError, EOFError):
            return None
        fits = _same_kind(state.kept, like.network) and (
            state.is_finished(self._recipe)
            or (_same_kind(state.network, like.network) and _same_kind(state.optimizer, like.optimizer))
        )
        return state if fits else None


_PARTS = ("kept", "network", "optimizer")


def _file(folder: Path, fold: int) -> Path:
    return folder / f"fold-{fold}.npz"


def _numbered(arrays: np.lib.npyio.NpzFile, part: str) -> list[NDArray]:
    """Return the arrays ``part.0``, ``part.1`` and so on."""
    n = sum(name.startswith(f"{part}.") for name in arrays.files)
    return [arrays[f"{part}.{i}"] for i in range(n)]


def _same_kind(values: Sequence[ArrayLike], expected: Sequence[ArrayLike]) -> bool:
    """Return whether both have the same number of arrays, with the same shapes and types."""
    kinds = [[(np.shape(v), np.asarray(v).dtype) for v in some] for some in (values, expected)]
    return kinds[0] == kinds[1]
