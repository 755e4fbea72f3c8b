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
from rotator_assets.training.folds import HOLDOUT_PARTS, Split, check_no_leak, fraction_mask, repeat_seed
from rotator_assets.training.targets import UNLABELED, Answers

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
    divided at random, with nearly the same fractions of slow, fast and unlabelled galaxies in all folds;
    ``training_fraction`` of them are trained on, more for a larger fraction.

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
    objects = np.asarray(additional.object_ids)
    everything, known = np.concatenate([tested, objects]), np.isin(objects, tested)
    used = fraction_mask((additional.labels == 1).astype(np.int8), objects, recipe.training_fraction, recipe.seed)
    added = []
    for split in splits:
        folds = _folds_of_new(additional, ~known, recipe, repeat_seed(recipe.seed, split.repeat))
        in_fold = np.isin(folds, split.tested_folds)
        unseen = np.where(known, np.isin(objects, tested[split.test]), in_fold)
        trained = np.where(known, np.isin(objects, tested[split.train]), ~in_fold & used)
        train = np.concatenate([split.train, rows[trained]])
        check_no_leak(everything, train, split.validation, np.concatenate([split.test, rows[unseen]]))
        added.append(replace(split, train=train, unseen=rows[unseen]))
    return added


def _folds_of_new(
    additional: AdditionalGalaxies, new: NDArray[np.bool_], recipe: Recipe, seed: int
) -> NDArray[np.int64]:
    """Return the fold of each galaxy, shape (n,), -1 for objects that are not new; the order does not matter."""
    objects, inverse = np.unique(additional.object_ids[new], return_inverse=True)
    classes = np.full(len(objects), UNLABELED)
    np.maximum.at(classes, inverse, additional.labels[new])
    # Objects in random order within each class, dealt out to the folds one after the other.
    order = np.lexsort((np.random.default_rng((seed, _SEED_OF_FOLDS)).random(len(objects)), classes))
    of_objects = np.empty(len(objects), dtype=np.int64)
    of_objects[order] = np.arange(len(objects)) % (recipe.folds if recipe.split == "kfold" else HOLDOUT_PARTS)
    folds = np.full(len(new), -1)
    folds[new] = of_objects[inverse]
    return folds
