"""Checks of predictions fail on damaged tables."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets.training.checks import (
    classes_follow_the_threshold,
    no_object_predicted_by_two_folds,
    predictions_are_whole,
    probabilities_are_from_0_to_1,
)
from rotator_assets_tests.checking import KEY, checked, write

CHECKS = (
    classes_follow_the_threshold,
    no_object_predicted_by_two_folds,
    predictions_are_whole,
    probabilities_are_from_0_to_1,
)
OTHER = "manga-observed-64|log"


def rows(repeats: int = 2) -> pd.DataFrame:
    """Six galaxies, two of them of one object, which two folds test in each of the repeats; perfectly classified."""
    galaxies = pd.DataFrame(
        {
            "galaxy_id": list("abcdef"),
            "object_id": ["1", "1", "2", "3", "4", "5"],
            "rotator_type": [0, 0, 1, 0, 1, 1],
            "fold": [0, 0, 0, 1, 1, 1],
        }
    )
    galaxies["probability_fast"] = np.where(galaxies["rotator_type"] == 1, 0.9, 0.2)
    parts = [galaxies.assign(repeat=n, fold=galaxies["fold"] + 2 * n) for n in range(repeats)]
    whole = pd.concat(parts, ignore_index=True)
    return whole.assign(
        threshold=0.5, predicted_type=whole["rotator_type"], probability_fast_calibrated=whole["probability_fast"]
    )


@pytest.fixture
def store(tmp_path):
    store, tested = open_store(DataRoot(tmp_path)), rows()
    for table in ("training_folds", "repeat_predictions"):
        write(store, table, tested)
    for table in ("predictions", "galaxy_predictions"):
        write(store, table, tested[tested["repeat"] == 0])
    return store


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.check_key.name)
@pytest.mark.parametrize("partition", [None, KEY])
def test_good_predictions_pass(store, check, partition):
    assert checked(check, store, partition).passed


def damaged(change: dict, galaxy: int = 0) -> pd.DataFrame:
    """The predictions with other values of a galaxy."""
    frame = rows(repeats=1).astype({"galaxy_id": object})
    for column, value in change.items():
        frame.loc[galaxy, column] = value
    return frame


@pytest.mark.parametrize(
    "frame",
    [
        rows(repeats=1).iloc[1:],
        pd.concat([rows(repeats=1), rows(repeats=1).iloc[:1]]),
        damaged({"galaxy_id": "x"}),
        damaged({"fold": 1}),
        damaged({"rotator_type": 1}),
    ],
    ids=["missing", "repeated", "unknown", "other fold", "other label"],
)
def test_each_galaxy_is_predicted_once_by_its_fold(store, frame):
    write(store, "predictions", frame)
    found = checked(predictions_are_whole, store)
    assert not found.passed and found.metadata["count"].value in (1, 2)


@pytest.mark.parametrize("table", ["predictions", "repeat_predictions", "galaxy_predictions"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_a_probability_that_is_none_is_found(store, table, value):
    write(store, table, damaged({"probability_fast": value}))
    found = checked(probabilities_are_from_0_to_1, store)
    assert not found.passed and found.metadata["count"].value == 1


def test_a_class_that_contradicts_the_threshold_is_found(store):
    write(store, "predictions", damaged({"predicted_type": 1}))
    assert checked(classes_follow_the_threshold, store).metadata["count"].value == 1
    write(store, "predictions", damaged({"threshold": 0.2}))  # reached
    assert checked(classes_follow_the_threshold, store).metadata["count"].value == 1


def test_an_object_that_two_folds_predict_is_found(store):
    write(store, "repeat_predictions", damaged({"fold": 1}))
    assert checked(no_object_predicted_by_two_folds, store).metadata["count"].value == 1


def test_after_a_run_only_its_training_is_checked(store):
    """Another training may have new networks whose predictions do not exist yet."""
    write(store, "training_folds", rows(), OTHER)
    write(store, "predictions", damaged({"fold": 1}), OTHER)
    assert checked(predictions_are_whole, store, KEY).passed
    assert not checked(predictions_are_whole, store).passed
