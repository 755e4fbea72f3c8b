"""Splits: no object in two parts, balanced classes, independent of the order of the rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.training import folds as folds_module
from rotator_assets.training.folds import (
    HOLDOUT_PARTS,
    assign_folds,
    check_no_leak,
    fraction_mask,
    plan_splits,
    repeat_seed,
    validation_mask,
)


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


@given(survey=surveys(), n_folds=st.integers(2, 6), seed=st.integers(0, 2**31))
def test_folds_hold_whole_objects_and_both_classes(survey, n_folds, seed):
    labels, objects = survey
    folds = assign_folds(labels, objects, n_folds, seed)
    assert folds.dtype == np.int8 and folds.shape == labels.shape
    assert set(folds) == set(range(n_folds))
    check_no_leak(objects, *(folds == fold for fold in range(n_folds)))
    for fold in range(n_folds):
        assert set(labels[folds == fold]) == {0, 1}


@given(survey=surveys(), seed=st.integers(0, 2**31), shuffle=st.integers(0, 100))
def test_splits_do_not_depend_on_the_order_of_rows(survey, seed, shuffle):
    labels, objects = survey
    order = np.random.default_rng(shuffle).permutation(len(labels))
    folds = assign_folds(labels, objects, 4, seed)
    np.testing.assert_array_equal(assign_folds(labels[order], objects[order], 4, seed), folds[order])
    mask = validation_mask(labels, objects, 0.2, seed)
    np.testing.assert_array_equal(validation_mask(labels[order], objects[order], 0.2, seed), mask[order])


@given(survey=surveys(least=10), fraction=st.floats(0.05, 0.45), seed=st.integers(0, 2**31))
def test_validation_holds_whole_objects_of_both_classes(survey, fraction, seed):
    labels, objects = survey
    mask = validation_mask(labels, objects, fraction, seed)
    check_no_leak(objects, mask, ~mask)
    assert set(labels[mask]) == set(labels[~mask]) == {0, 1}
    n_objects = len(np.unique(objects))
    assert abs(len(np.unique(objects[mask])) - fraction * n_objects) <= 2


def test_class_fractions_are_nearly_equal_in_all_folds():
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
    with pytest.raises(ValueError, match="object a is in more than one part"):
        check_no_leak(objects, [0], [1], [2])


def made_up(n_slow=40, n_fast=110, n_repeated=15, seed=0):
    """Labels and object ids of a survey in which some objects are observed twice."""
    labels = np.repeat([0, 1], [n_slow, n_fast])
    objects = np.arange(n_slow + n_fast)
    again = np.random.default_rng(seed).choice(len(objects), n_repeated, replace=False)
    return np.concatenate([labels, labels[again]]), np.concatenate([objects, objects[again]])


def splits_of(survey, **changes):
    return plan_splits(*survey, Recipe(name="x", **changes))


def test_each_repeat_tests_every_galaxy_once():
    survey = made_up()
    splits = splits_of(survey, folds=4, repeats=3)
    assert [split.fold for split in splits] == list(range(12))
    assert [split.repeat for split in splits] == [0] * 4 + [1] * 4 + [2] * 4
    assert len({split.seed for split in splits}) == 12
    assignments = []
    for repeat in range(3):
        tests = [split.test for split in splits if split.repeat == repeat]
        assert sorted(np.concatenate(tests)) == list(range(len(survey[0])))
        assignments.append({frozenset(test) for test in tests})
    assert not assignments[0] & assignments[1] and not assignments[1] & assignments[2]


def test_more_repeats_do_not_change_the_first():
    survey = made_up()
    alone, first = splits_of(survey, folds=4), splits_of(survey, folds=4, repeats=2)[:4]
    for one, other in zip(alone, first, strict=True):
        assert one.fold == other.fold and one.seed == other.seed == (2020, one.fold)
        for part in ("train", "validation", "test"):
            np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
    assert repeat_seed(5, 0) == 5 and len({repeat_seed(seed, k) for seed in (5, 6) for k in range(4)}) == 8


def test_the_held_out_part_is_a_fifth_as_in_the_study():
    survey = made_up()
    (split,) = splits_of(survey, split="holdout", folds=2)  # for any number of folds
    assert split.fold == 0 and HOLDOUT_PARTS == 5
    assert len(split.test) == pytest.approx(len(survey[0]) / 5, rel=0.05)
    assert np.mean(survey[0][split.test]) == pytest.approx(np.mean(survey[0]), abs=0.02)
    fold = splits_of(survey, folds=5)[0]
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(split, part), getattr(fold, part))
    tests = [tuple(split.test) for split in splits_of(survey, split="holdout", repeats=3)]
    assert len(set(tests)) == 3


def test_smaller_fractions_are_subsets_of_larger_ones():
    survey = made_up()
    before = splits_of(survey, training_fraction=0.1)
    for fraction in (0.2, 0.4, 0.7, 1.0):
        now = splits_of(survey, training_fraction=fraction)
        for small, large in zip(before, now, strict=True):
            assert set(small.train) < set(large.train) and set(small.validation) <= set(large.validation)
            np.testing.assert_array_equal(small.test, large.test)
            whole = splits_of(survey)[large.fold]
            assert len(large.train) == pytest.approx(fraction * len(whole.train), abs=6)
            assert np.mean(survey[0][large.train]) == pytest.approx(np.mean(survey[0][whole.train]), abs=0.1)
        before = now


@given(survey=surveys(), fraction=st.floats(0.01, 1), seed=st.integers(0, 2**31), shuffle=st.integers(0, 100))
def test_a_fraction_holds_whole_objects_of_both_classes(survey, fraction, seed, shuffle):
    labels, objects = survey
    mask = fraction_mask(labels, objects, fraction, seed)
    check_no_leak(objects, mask, ~mask)
    assert mask.any() and (fraction < 1 or mask.all())
    order = np.random.default_rng(shuffle).permutation(len(labels))
    np.testing.assert_array_equal(fraction_mask(labels[order], objects[order], fraction, seed), mask[order])


@pytest.mark.parametrize(
    "changes", [{}, {"repeats": 2}, {"split": "holdout"}, {"training_fraction": 0.3}, {"repeats": 2, "folds": 3}]
)
def test_no_object_is_in_two_parts(changes):
    labels, objects = made_up(seed=4)
    for split in splits_of((labels, objects), **changes):
        sides = [set(objects[part]) for part in (split.train, split.validation, split.test)]
        assert all(sides) and sum(map(len, sides)) == len(set.union(*sides))


def test_folds_that_divide_an_object_are_refused(monkeypatch):
    labels, objects = made_up()
    monkeypatch.setattr(folds_module, "assign_folds", lambda labels, *_: np.arange(len(labels)) % 5)
    with pytest.raises(ValueError, match="is in more than one part"):
        splits_of((labels, objects))
