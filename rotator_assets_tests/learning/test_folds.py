"""Splits: no object on two sides, classes balanced, the same whatever the order of the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator_assets.errors import InputError
from rotator_assets.learning.folds import assign_folds, check_no_leak, validation_mask


@st.composite
def surveys(draw, least=6):
    """Labels and object ids of a small survey with repeats, some of them labelled differently, rows in any order."""
    n_slow, n_fast = draw(st.integers(least, 20)), draw(st.integers(least, 40))
    labels = np.repeat([0, 1], [n_slow, n_fast])
    objects = np.array([f"1-{number}" for number in range(n_slow + n_fast)])
    repeats = draw(st.lists(st.integers(0, n_slow + n_fast - 1), max_size=8))
    flips = draw(st.lists(st.booleans(), min_size=len(repeats), max_size=len(repeats)))
    labels = np.concatenate([labels, np.where(flips, 1 - labels[repeats], labels[repeats])]).astype(int)
    objects = np.concatenate([objects, objects[repeats]])
    order = np.random.default_rng(draw(st.integers(0, 1000))).permutation(len(labels))
    return labels[order], objects[order]


few = settings(max_examples=60, deadline=None)


@few
@given(survey=surveys(), n_folds=st.integers(2, 6), seed=st.integers(0, 2**31))
def test_folds_hold_whole_objects_and_both_classes(survey, n_folds, seed):
    labels, objects = survey
    folds = assign_folds(labels, objects, n_folds, seed)
    assert folds.dtype == np.int8 and folds.shape == labels.shape
    assert set(folds) == set(range(n_folds))
    check_no_leak(objects, *(folds == fold for fold in range(n_folds)))
    for fold in range(n_folds):
        assert set(labels[folds == fold]) == {0, 1}


@few
@given(survey=surveys(), seed=st.integers(0, 2**31), shuffle=st.integers(0, 100))
def test_splits_depend_on_the_objects_and_the_seed_not_on_the_order(survey, seed, shuffle):
    labels, objects = survey
    order = np.random.default_rng(shuffle).permutation(len(labels))
    folds = assign_folds(labels, objects, 4, seed)
    np.testing.assert_array_equal(assign_folds(labels[order], objects[order], 4, seed), folds[order])
    mask = validation_mask(labels, objects, 0.2, seed)
    np.testing.assert_array_equal(validation_mask(labels[order], objects[order], 0.2, seed), mask[order])


@few
@given(survey=surveys(least=10), fraction=st.floats(0.05, 0.45), seed=st.integers(0, 2**31))
def test_validation_holds_whole_objects_both_classes_and_its_share(survey, fraction, seed):
    labels, objects = survey
    mask = validation_mask(labels, objects, fraction, seed)
    check_no_leak(objects, mask, ~mask)
    assert set(labels[mask]) == set(labels[~mask]) == {0, 1}
    n_objects = len(np.unique(objects))
    assert abs(len(np.unique(objects[mask])) - fraction * n_objects) <= 2


def test_shares_of_the_classes_are_nearly_equal():
    labels = np.repeat([0, 1], [50, 450])
    folds = assign_folds(labels, np.arange(500), 5, seed=1)
    assert [np.sum(labels[folds == fold] == 0) for fold in range(5)] == [10] * 5
    assert not np.array_equal(folds, assign_folds(labels, np.arange(500), 5, seed=2))


def test_too_few_galaxies_say_what_to_do():
    labels = np.repeat([0, 1], [4, 30])
    objects = np.arange(34)
    with pytest.raises(InputError, match=r"^4 slow and 30 fast rotators are too few for 5 folds: .* fewer folds"):
        assign_folds(labels, objects, 5, seed=0)
    objects[:4] = 0  # four observations of one galaxy
    with pytest.raises(InputError, match=r"^1 slow and 30 fast"):
        assign_folds(labels, objects, 2, seed=0)
    with pytest.raises(InputError, match="validation"):
        validation_mask(labels, objects, 0.2, seed=0)
    with pytest.raises(InputError, match=r"^0 slow and 0 fast"):
        assign_folds([], [], 2, seed=0)


def test_unknown_labels_are_refused():
    with pytest.raises(ValueError, match="labels must be 0"):
        assign_folds([0, 1, 2], [1, 2, 3], 2, seed=0)


def test_a_leak_is_named():
    objects = np.array(["a", "b", "a"])
    check_no_leak(objects, [0, 2], [1])
    with pytest.raises(ValueError, match="object a stands on more than one side"):
        check_no_leak(objects, [0], [1], [2])
