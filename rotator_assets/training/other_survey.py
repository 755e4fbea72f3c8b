"""Training on galaxies of another survey.

The tested galaxies are always those of the dataset. Galaxies of the other survey are trained on before them, together
with them, or instead of them, and are never tested. No galaxy of the dataset is tested by a network trained on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.recipes import Recipe
from rotator_assets.training.folds import Split, check_no_leak, repeat_seed, validation_mask
from rotator_assets.training.targets import Answers


@dataclass(frozen=True)
class OtherGalaxies:
    """Labelled galaxies of another survey, with the same crop.

    Attributes
    ----------
    images
        Raw fluxes, float32 (m, size, size, 3); may be memory-mapped.
    rows
        Row of ``images`` of each galaxy, int64 (n,).
    labels
        0 slow, 1 fast; int8 (n,).
    object_ids
        Physical galaxies, shape (n,).
    answers
        What else is learned of them; None where nothing is.
    """

    images: NDArray[np.float32]
    rows: NDArray[np.int64]
    labels: NDArray[np.int8]
    object_ids: NDArray
    answers: Answers | None = None


class StackedImages:
    """Two arrays of images one after the other; only the requested rows are read."""

    def __init__(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
        if first.shape[1:] != second.shape[1:]:
            raise ValueError(f"images of {first.shape[1:]} and {second.shape[1:]} cannot train one network")
        self._first, self._second = first, second
        self.shape = (len(first) + len(second), *first.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Return copies of the images of these rows, float32 (len(rows), size, size, 3)."""
        rows = np.asarray(rows)
        images = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        in_first = rows < len(self._first)
        images[in_first] = self._first[rows[in_first]]
        images[~in_first] = self._second[rows[~in_first] - len(self._first)]
        return images


def with_other_galaxies(
    splits: Sequence[Split], n_own: int, other: OtherGalaxies, recipe: Recipe
) -> tuple[Split | None, list[Split]]:
    """Add the galaxies of another survey to the splits, as ``recipe.other_use`` says.

    - ``before``: a first network is trained on the other galaxies; all networks start from its weights;
    - ``beside``: the other galaxies join every training part, but no validation part;
    - ``instead``: one network per repeat, trained and validated on the other galaxies, tests all of the dataset.

    The validation part of a training on the other galaxies is drawn from them as in `folds.plan_splits`.

    Parameters
    ----------
    splits
        Splits of the dataset's galaxies.
    n_own
        Number of the dataset's galaxies. Row numbers of the other galaxies start here.
    other
        The other galaxies.
    recipe
        Gives ``other_use``, the validation fraction, the repeats and the seed.

    Returns
    -------
    The split of the first network, or None if there is none, and the splits of the networks that are tested.
    """
    others = n_own + np.arange(len(other.labels))
    seed = recipe.seed
    validates = validation_mask(other.labels, other.object_ids, recipe.validation_fraction, seed)
    if recipe.other_use == "beside":
        return None, [replace(split, train=np.concatenate([split.train, others])) for split in splits]
    alone = Split(0, 0, (seed, 0), (), others[~validates], others[validates], np.empty(0, dtype=np.int64))
    check_no_leak(np.asarray(other.object_ids), alone.train - n_own, alone.validation - n_own)
    if recipe.other_use == "before":
        return replace(alone, fold=len(splits)), list(splits)
    every = np.arange(n_own)
    return None, [
        replace(alone, fold=repeat, repeat=repeat, seed=(repeat_seed(seed, repeat), 0), test=every)
        for repeat in range(recipe.repeats)
    ]
