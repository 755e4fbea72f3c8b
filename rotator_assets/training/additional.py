"""Additional galaxies of the same survey to train on: other types, and galaxies without a label.

Each physical galaxy belongs to one fold of every repeat, whether it is tested or not. Additional galaxies join the
training parts of the other folds; the networks of their own fold have not seen them and predict them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.recipes import Recipe
from rotator_assets.training.folds import HOLDOUT_PARTS, Split, check_no_leak, repeat_seed
from rotator_assets.training.targets import Answers

_SEED_OF_FOLDS = 2


@dataclass(frozen=True)
class AdditionalGalaxies:
    """Galaxies with an image that are not tested.

    Attributes
    ----------
    rows
        Row of the images of each galaxy, int64 (n,).
    labels
        0 slow, 1 fast, -1 without a label; int8 (n,).
    object_ids
        Physical galaxies, shape (n,), the same as those of the tested galaxies where the objects are the same.
    galaxy_ids
        Observations, shape (n,).
    answers
        What else is learned of them.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int8]
    object_ids: NDArray
    galaxy_ids: NDArray
    answers: Answers


def with_additional_galaxies(
    splits: Sequence[Split], object_ids: NDArray, additional: AdditionalGalaxies, recipe: Recipe
) -> list[Split]:
    """Add galaxies to the training parts of the folds that do not test their object, and to ``unseen`` of the others.

    An object that is also tested has the fold that tests it. A galaxy whose object is in the validation part of a fold,
    or is left out of its training part (``training_fraction``), is not trained on in this fold. Other objects are
    divided at random, with nearly the same fractions of slow, fast and unlabelled galaxies in all folds.

    Parameters
    ----------
    splits
        Splits of the tested galaxies.
    object_ids
        Physical galaxies of the tested galaxies, shape (n,).
    additional
        The galaxies to add; their row numbers start at n.
    recipe
        Gives the numbers of folds and repeats, and the seed.

    Returns
    -------
    The splits in the same order.
    """
    tested, rows = np.asarray(object_ids), len(object_ids) + np.arange(len(additional.labels))
    everything = np.concatenate([tested, additional.object_ids])
    n_folds = recipe.folds if recipe.split == "kfold" else HOLDOUT_PARTS
    per_repeat = len(splits) // recipe.repeats
    added = []
    for split in splits:
        number = split.fold - split.repeat * per_repeat
        seed = (repeat_seed(recipe.seed, split.repeat), _SEED_OF_FOLDS)
        in_fold = _random_folds(additional, n_folds, seed) == number
        known = np.isin(additional.object_ids, tested)
        unseen = np.where(known, np.isin(additional.object_ids, tested[split.test]), in_fold)
        trained = np.where(known, np.isin(additional.object_ids, tested[split.train]), ~in_fold)
        train = np.concatenate([split.train, rows[trained]])
        check_no_leak(everything, train, split.validation, np.concatenate([split.test, rows[unseen]]))
        added.append(replace(split, train=train, unseen=rows[unseen]))
    return added


def _random_folds(additional: AdditionalGalaxies, n_folds: int, seed: tuple[int, int]) -> NDArray[np.int64]:
    """Return the fold of each galaxy, shape (n,); it depends on the seed and the objects, not on their order."""
    objects, first, inverse = np.unique(additional.object_ids, return_index=True, return_inverse=True)
    generator = np.random.default_rng(seed)
    # Objects in random order within each class, dealt out to the folds one after the other.
    order = np.lexsort((generator.random(len(objects)), additional.labels[first]))
    folds = np.empty(len(objects), dtype=np.int64)
    folds[order] = np.arange(len(objects)) % n_folds
    return folds[inverse]
