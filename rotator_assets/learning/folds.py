"""Who trains, who validates, who is tested: splits by physical galaxy, balanced in the classes.

An object (``object_id``) is a physical galaxy; repeat observations share it and never stand on two sides. Every split
is a function of the seed and of the set of (object, label) pairs alone: shuffling the rows moves no object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.errors import InputError


@dataclass(frozen=True)
class Split:
    """One fold: row numbers (int64, ascending) of the galaxies that train, validate and are tested."""

    fold: int
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def plan_splits(
    labels: ArrayLike, object_ids: ArrayLike, n_folds: int, validation_fraction: float, seed: int
) -> list[Split]:
    """Every fold's split: each galaxy is tested once, by a network that saw none of its observations.

    Raises InputError when a class has too few objects for a training, a validation and a test part in every fold.
    """
    labels, object_ids = np.asarray(labels), np.asarray(object_ids)
    folds = assign_folds(labels, object_ids, n_folds, seed)
    splits = []
    for fold in range(n_folds):
        rest = np.flatnonzero(folds != fold)
        validates = validation_mask(labels[rest], object_ids[rest], validation_fraction, seed)
        split = Split(fold, rest[~validates], rest[validates], np.flatnonzero(folds == fold))
        for part in (split.train, split.validation, split.test):
            _require([int(np.sum(labels[part] == label)) for label in (0, 1)], 1, f"part of fold {fold}")
        check_no_leak(object_ids, split.train, split.validation, split.test)
        splits.append(split)
    return splits


def assign_folds(labels: ArrayLike, object_ids: ArrayLike, n_folds: int, seed: int) -> NDArray[np.int8]:
    """Fold in which each galaxy is tested, 0 to n_folds - 1, int8 of shape (n,).

    Objects stay whole and the classes' shares are nearly equal in all folds (scikit-learn's ``StratifiedGroupKFold``).

    Parameters: labels, 0 slow and 1 fast, shape (n,); object_ids, any type that sorts, shape (n,).
    Raises InputError when a class has fewer objects than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    labels, object_ids = _checked(labels), np.asarray(object_ids)
    _require([len(np.unique(object_ids[labels == label])) for label in (0, 1)], n_folds, f"{n_folds} folds")
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = np.empty(len(labels), dtype=np.int8)
    for fold, (_, test) in enumerate(splitter.split(labels, labels, object_ids)):
        folds[test] = fold
    return folds


def validation_mask(labels: ArrayLike, object_ids: ArrayLike, fraction: float, seed: int) -> NDArray[np.bool_]:
    """True for the part of the training galaxies set aside for validation, bool of shape (n,).

    Of the objects of each class the share ``fraction`` is drawn, at least one and never all; an object observed
    several times with different labels counts in its most frequent class (fast in a tie).

    Raises InputError when a class has fewer than two objects.
    """
    labels = _checked(labels)
    objects, inverse = np.unique(object_ids, return_inverse=True)
    is_fast = np.bincount(inverse, labels) / np.bincount(inverse) >= 0.5
    _require([np.sum(~is_fast), np.sum(is_fast)], 2, "a training and a validation part in every fold")
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(objects), dtype=bool)
    for members in (np.flatnonzero(~is_fast), np.flatnonzero(is_fast)):
        count = np.clip(round(fraction * len(members)), 1, len(members) - 1)
        chosen[generator.permutation(members)[:count]] = True
    return chosen[inverse]


def check_no_leak(object_ids: ArrayLike, *parts: NDArray) -> None:
    """Raise ValueError if an object stands in two of the parts (row indices or masks: training, validation, test)."""
    object_ids = np.asarray(object_ids)
    members = [np.unique(object_ids[part]) for part in parts]
    objects, counts = np.unique(np.concatenate(members), return_counts=True)
    if (counts > 1).any():
        raise ValueError(f"object {objects[counts > 1][0]} stands on more than one side of the split")


def _checked(labels: ArrayLike) -> NDArray[np.int8]:
    """The labels as int8; raises ValueError if one is neither 0 nor 1."""
    labels = np.asarray(labels)
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 (slow) or 1 (fast)")
    return labels.astype(np.int8)


def _require(counts: Sequence[int], least: int, purpose: str) -> None:
    """Raise InputError unless both classes, slow and fast, count at least ``least`` objects."""
    if min(counts) < least:
        raise InputError(
            f"{counts[0]} slow and {counts[1]} fast rotators are too few for {purpose}: each class needs at least "
            f"{least} different galaxies; use fewer folds or more galaxies"
        )
