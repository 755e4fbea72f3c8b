"""Where a cross-validated training stands, kept on disk so that it goes on there after an interruption.

One ``.npz`` file a fold, plain arrays only and never pickled, replaced in one step: whoever is killed while writing
leaves the one before.
"""

from __future__ import annotations

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
"""Share of a training's time that checkpoints may take; where epochs are short, not every one is kept."""


@dataclass(frozen=True)
class EpochLog:
    """State of the training after one epoch; folds count from 0, on and on over the repeats, epochs from 1.

    ``loss`` and ``val_loss``: the recipe's loss in nats (`imbalance`). ``val_auc``: exact AUC
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


@dataclass
class FoldState:
    """What the training of one fold has come to.

    ``epochs``: logs of the epochs done. ``best``: values of the network's variables after the epoch of the smallest
    validation loss. ``network``, ``optimizer``: variables of the network, its dropout's random state among them, and of
    the optimizer, after the last epoch; not needed any more when the fold is finished. ``seconds``: spent on it.
    """

    epochs: list[EpochLog] = field(default_factory=list)
    best: Sequence[ArrayLike] = ()
    network: Sequence[ArrayLike] = ()
    optimizer: Sequence[ArrayLike] = ()
    seconds: float = 0.0

    @property
    def best_epoch(self) -> int:
        """The epoch of the smallest validation loss, the first where several are equal; 0 before the first."""
        return min(self.epochs, key=lambda log: log.val_loss).epoch if self.epochs else 0

    def is_finished(self, recipe: Recipe) -> bool:
        """True after the recipe's last epoch, or when as many as its patience were no better than the best."""
        done = len(self.epochs)
        return done >= recipe.epochs or done - self.best_epoch >= recipe.patience


class Checkpoints:
    """The states of a recipe's folds, in a folder of this training alone; without a folder nothing is kept.

    ``policy``: the dtype policy of the training; what was kept of another one is not gone on with.
    """

    def __init__(self, folder: Path | None, recipe: Recipe, policy: str) -> None:
        self._folder, self._recipe, self._policy = folder, recipe, policy
        self._next = 0.0

    def save(self, fold: int, state: FoldState) -> None:
        """Keep the state as it is now; of a finished fold always, without what only training needs.

        Of a fold in training not, while the last write is so recent that writing would take more than its share of
        the time. Raises OSError where the disk is full or gone.
        """
        started = time.monotonic()
        finished = state.is_finished(self._recipe)
        if self._folder is None or not (finished or started >= self._next):
            return
        parts = {part: getattr(state, part) for part in _PARTS[: 1 if finished else None]}
        arrays = {f"{part}.{i}": np.asarray(value) for part, values in parts.items() for i, value in enumerate(values)}
        arrays["epochs"] = np.array([astuple(log) for log in state.epochs], dtype=np.float64)
        arrays["seconds"] = np.float64(state.seconds)
        arrays["policy"] = np.array(self._policy)
        with replacing(self._path(fold), ending=".npz") as temporary:
            np.savez(temporary, allow_pickle=False, **arrays)
        ended = time.monotonic()
        self._next = ended + (ended - started) * (1 / MOST_TIME_WRITING - 1)

    def load(self, fold: int, like: FoldState) -> FoldState | None:
        """The state kept of a fold; None where there is none, or one that is damaged, of another network, or of
        another policy.

        ``like``: a state whose network and optimizer have the shapes and types to expect. Raises OSError where the
        disk does not answer.
        """
        if self._folder is None or not self._path(fold).is_file():
            return None
        try:
            with zipfile.ZipFile(self._path(fold)) as archive:
                if archive.testzip() is not None:
                    return None
            with np.load(self._path(fold), allow_pickle=False) as arrays:
                if arrays["policy"] != self._policy:
                    return None
                state = FoldState(
                    epochs=[EpochLog(*map(int, row[:4]), *map(float, row[4:])) for row in arrays["epochs"]],
                    seconds=float(arrays["seconds"]),
                    **{part: _numbered(arrays, part) for part in _PARTS},
                )
        except (zipfile.BadZipFile, NotImplementedError, ValueError, KeyError, TypeError, EOFError):
            return None
        fits = _same_kind(state.best, like.network) and (
            state.is_finished(self._recipe)
            or (_same_kind(state.network, like.network) and _same_kind(state.optimizer, like.optimizer))
        )
        return state if fits else None

    def _path(self, fold: int) -> Path:
        return self._folder / f"fold-{fold}.npz"


_PARTS = ("best", "network", "optimizer")


def _numbered(arrays: np.lib.npyio.NpzFile, part: str) -> list[NDArray]:
    """The arrays ``part.0``, ``part.1`` and so on."""
    n = sum(name.startswith(f"{part}.") for name in arrays.files)
    return [arrays[f"{part}.{i}"] for i in range(n)]


def _same_kind(values: Sequence[ArrayLike], expected: Sequence[ArrayLike]) -> bool:
    """True where there are as many, each of the same shape and type."""
    kinds = [[(np.shape(v), np.asarray(v).dtype) for v in some] for some in (values, expected)]
    return kinds[0] == kinds[1]
