"""Splits into training, validation and test parts, by physical galaxy and balanced in the classes.

An object (``object_id``) is a physical galaxy; its repeat observations are never divided between parts. Every split
depends only on the seed and on the set of (object, label) pairs, not on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe

HOLDOUT_PARTS = 5
"""The study tests one of this number of parts, 20 %."""


@dataclass(frozen=True)
class Split:
    """The galaxies of one fold, or of a network trained without two folds (`plan_inner_splits`).

    Attributes
    ----------
    fold
        Number of the network, from 0, continuing over the repeats; also the number of the fold that it alone tests.
    repeat
        Number of the repeat, from 0.
    seed
        Seed of its training.
    tested_folds
        The folds of its repeat, from 0, whose galaxies are in no part but ``test`` and ``unseen``.
    train, validation, test
        Row numbers of the parts, int64, ascending.
    unseen
        Row numbers of further galaxies that are predicted although they are not tested, because no network of the fold
        was trained on them.
    """

    fold: int
    repeat: int
    seed: tuple[int, int]
    tested_folds: tuple[int, ...]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    unseen: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def plan_splits(labels: ArrayLike, object_ids: ArrayLike, recipe: Recipe) -> list[Split]:
    """Return the split of every network.

    In each repeat, a galaxy is tested at most once, by a network that was trained on none of its observations. Folds
    test every galaxy; a held-out part, the first of `HOLDOUT_PARTS` folds, is a fifth of them. A recipe that trains on
    a fraction of the galaxies has the same folds and tests the same galaxies as without it, and the training and
    validation parts of a smaller fraction are subsets of those of a larger one.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    object_ids
        Physical galaxies, shape (n,).
    recipe
        Gives split, folds, repeats, fractions and seed.

    Raises
    ------
    InputError
        If a class has too few objects for a training, a validation and a test part in every fold.
    """
    labels, object_ids = np.asarray(labels), np.asarray(object_ids)
    tested_in, per_repeat = (recipe.folds, recipe.folds) if recipe.split == "kfold" else (HOLDOUT_PARTS, 1)
    splits = []
    for repeat in range(recipe.repeats):
        folds = assign_folds(labels, object_ids, tested_in, repeat_seed(recipe.seed, repeat))
        for fold in range(per_repeat):
            number = repeat * per_repeat + fold
            splits.append(_split_without((fold,), fold, number, repeat, labels, object_ids, folds, recipe))
    return splits


def plan_inner_splits(labels: ArrayLike, object_ids: ArrayLike, recipe: Recipe) -> list[Split]:
    """Return a split for each pair of folds of each repeat, with the galaxies of both folds in the test part.

    Its network has seen no galaxy of either fold: its logits of the galaxies of one fold can train a model that is
    tested on the other one, and vice versa. The numbers of the networks follow those of `plan_splits`. Raises
    InputError as `plan_splits` does. Parameters as in `plan_splits`; without fusion there are no such splits.
    """
    labels, object_ids = np.asarray(labels), np.asarray(object_ids)
    splits: list[Split] = []
    for repeat in range(recipe.repeats if recipe.fuses else 0):
        folds = assign_folds(labels, object_ids, recipe.folds, repeat_seed(recipe.seed, repeat))
        for number, pair in enumerate(combinations(range(recipe.folds), 2), start=recipe.folds):
            network = recipe.networks + len(splits)
            splits.append(_split_without(pair, number, network, repeat, labels, object_ids, folds, recipe))
    return splits


def _split_without(
    tested: tuple[int, ...],
    number: int,
    network: int,
    repeat: int,
    labels: NDArray,
    object_ids: NDArray,
    folds: NDArray[np.int8],
    recipe: Recipe,
) -> Split:
    """Return the split of a network that tests some folds; ``number`` distinguishes its seed within the repeat."""
    seed = repeat_seed(recipe.seed, repeat)
    tests = np.isin(folds, tested)
    rest = np.flatnonzero(~tests)
    validates = validation_mask(labels[rest], object_ids[rest], recipe.validation_fraction, seed)
    train, validation = (
        part[fraction_mask(labels[part], object_ids[part], recipe.training_fraction, seed)]
        for part in (rest[~validates], rest[validates])
    )
    split = Split(network, repeat, (seed, number), tested, train, validation, np.flatnonzero(tests))
    for part in (split.train, split.validation, split.test):
        _require([int(np.sum(labels[part] == label)) for label in (0, 1)], 1, f"part of fold {network}")
    check_no_leak(object_ids, split.train, split.validation, split.test)
    return split


def repeat_seed(seed: int, repeat: int) -> int:
    """Return the seed of a repeat's folds and trainings; the first repeat has the recipe's seed."""
    return seed if repeat == 0 else int(np.random.SeedSequence((seed, repeat)).generate_state(1)[0])


def assign_folds(labels: ArrayLike, object_ids: ArrayLike, n_folds: int, seed: int) -> NDArray[np.int8]:
    """Return the fold that tests each galaxy, by scikit-learn's ``StratifiedGroupKFold``.

    Objects are not divided, and the classes have nearly the same fractions in all folds.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    object_ids
        Physical galaxies, any type that sorts, shape (n,).
    n_folds
        Number of folds.
    seed
        Seed of the shuffling.

    Returns
    -------
    int8 (n,), 0 to n_folds - 1.

    Raises
    ------
    InputError
        If a class has fewer objects than the number of folds.
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
    """Select the training galaxies that are set aside for validation.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,). An object with different labels counts in its most frequent class (fast in a tie).
    object_ids
        Physical galaxies, shape (n,).
    fraction
        Fraction of the objects of each class that is selected, at least one and never all.
    seed
        Seed of the draw.

    Returns
    -------
    bool (n,).

    Raises
    ------
    InputError
        If a class has fewer than two objects.
    """
    labels = _checked(labels)
    objects, inverse, is_fast = _objects(labels, object_ids)
    _require([int(np.sum(~is_fast)), int(np.sum(is_fast))], 2, "a training and a validation part in every fold")
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(objects), dtype=bool)
    for members in (np.flatnonzero(~is_fast), np.flatnonzero(is_fast)):
        count = np.clip(round(fraction * len(members)), 1, len(members) - 1)
        chosen[generator.permutation(members)[:count]] = True
    return chosen[inverse]


def fraction_mask(labels: ArrayLike, object_ids: ArrayLike, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Select a fraction of the objects of each class; the selection of a smaller fraction is part of a larger one.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    object_ids
        Physical galaxies, shape (n,).
    fraction
        Above 0; at least one object is selected. 1 selects all.
    seed
        Seed of the draw.

    Returns
    -------
    bool (n,).
    """
    objects, inverse, is_fast = _objects(_checked(labels), object_ids)
    generator = np.random.default_rng((seed, 1))
    chosen = np.zeros(len(objects), dtype=bool)
    for members in (np.flatnonzero(~is_fast), np.flatnonzero(is_fast)):
        chosen[generator.permutation(members)[: max(1, round(fraction * len(members)))]] = True
    return chosen[inverse]


def _objects(labels: NDArray[np.int8], object_ids: ArrayLike) -> tuple[NDArray, NDArray[np.int64], NDArray[np.bool_]]:
    """Return the objects (m,), the object of each row (n,), and whether most rows of each object are fast (m,)."""
    objects, inverse = np.unique(object_ids, return_inverse=True)
    return objects, inverse, np.bincount(inverse, labels) / np.bincount(inverse) >= 0.5


def member_seed(seed: tuple[int, int], member: int) -> tuple[int, ...]:
    """Return the seed of one of the networks of a fold; the first member has the seed of the fold."""
    return seed if member == 0 else (*seed, member)


def check_no_leak(object_ids: ArrayLike, *parts: NDArray) -> None:
    """Raise ValueError if an object is in two of the parts (row numbers or masks)."""
    object_ids = np.asarray(object_ids)
    members = [np.unique(object_ids[part]) for part in parts]
    objects, counts = np.unique(np.concatenate(members), return_counts=True)
    if (counts > 1).any():
        raise ValueError(f"object {objects[counts > 1][0]} is in more than one part of the split")


def _checked(labels: ArrayLike) -> NDArray[np.int8]:
    """Return the labels as int8; raise ValueError if one is neither 0 nor 1."""
    labels = np.asarray(labels)
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 (slow) or 1 (fast)")
    return labels.astype(np.int8)


def _require(counts: Sequence[int], least: int, purpose: str) -> None:
    """Raise InputError unless both classes, slow and fast, have at least ``least`` objects."""
    if min(counts) < least:
        raise InputError(
            f"{counts[0]} slow and {counts[1]} fast rotators are too few for {purpose}: each class needs at least "
            f"{least} different galaxies; use fewer folds or more galaxies"
        )
