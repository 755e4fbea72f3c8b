"""Folds that train side by side give the results of folds that train one by one, also after an interruption."""

import os
from contextlib import closing
from threading import Barrier, Event

import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.store.models import load_model
from rotator_assets.training import checkpoints, side_by_side
from rotator_assets.training.side_by_side import Stopped, in_order, networks_at_a_time
from rotator_assets_tests.training.made_up_training import TINY
from rotator_assets_tests.training.test_checkpoints import SHORT, train

N = 20


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)


def weights(folder):
    return [
        value for fold in range(SHORT.folds) for value in load_model(folder / f"models/fold-{fold}.keras").get_weights()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("regularization", ["batchnorm", "dropout"])
def test_folds_side_by_side_are_the_same(survey, tmp_path, monkeypatch, two_cores, regularization):
    """Although the first attempt is interrupted while two folds train."""
    monkeypatch.setattr(checkpoints, "MOST_TIME_WRITING", 1.0)
    recipe = SHORT.model_copy(update={"regularization": regularization})
    expected = train(survey, tmp_path / "alone", recipe)
    monkeypatch.setattr(side_by_side, "LEAST_PIXELS", 0)
    left = []

    def interrupted(log):
        left.append(log.epochs_left)
        if len(left) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(survey, tmp_path / "both", recipe, on_epoch=interrupted)
    assert sorted(left, reverse=True) == left
    found = train(survey, tmp_path / "both", recipe, on_epoch=lambda log: left.append(log.epochs_left))
    assert left[-1] == 0
    pd.testing.assert_frame_equal(found.history, expected.history)
    pd.testing.assert_frame_equal(found.tested, expected.tested)
    for one, other in zip(weights(tmp_path / "both"), weights(tmp_path / "alone"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_second_network_is_for_long_trainings(two_cores):
    assert networks_at_a_time(TINY.model_copy(update={"epochs": 20}), 5, 544, 64) == 2
    assert networks_at_a_time(TINY.model_copy(update={"epochs": 20}), 1, 5 * 544, 64) == 1
    assert networks_at_a_time(TINY, 3, 60, 16) == 1


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_results_keep_the_order(at_a_time):
    assert list(in_order(lambda item: item**2, range(N), at_a_time, Event())) == [item**2 for item in range(N)]


def test_two_items_are_worked_on_at_a_time():
    both = Barrier(2)
    assert sorted(in_order(lambda item: both.wait(10), range(2), 2, Event())) == [0, 1]


def test_an_error_ends_the_other_work_and_is_raised():
    stop, begun = Event(), []

    def work(item):
        begun.append(item)
        if item == 1:
            raise InputError("no more")
        if not stop.wait(10):
            raise AssertionError("never stopped")
        raise Stopped

    with pytest.raises(InputError, match="no more"):
        list(in_order(work, range(N), 2, stop))
    assert set(begun) <= {0, 1, 2}


def test_closing_ends_the_work():
    stop, begun = Event(), []

    def work(item):
        begun.append(item)
        if item and stop.wait(10):
            raise Stopped
        return item

    with closing(in_order(work, range(N), 2, stop)) as results:
        assert next(results) == 0
    assert len(begun) <= 3
