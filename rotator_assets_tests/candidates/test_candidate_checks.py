"""Checks of candidates fail on damaged tables."""

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.candidates.checks import (
    intervals_contain_the_probability,
    no_network_has_seen_its_candidate,
    probabilities_are_calibrated,
    ranks_follow_the_probability,
)
from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets_tests.checking import KEY, checked, write

CHECKS = (
    intervals_contain_the_probability,
    no_network_has_seen_its_candidate,
    probabilities_are_calibrated,
    ranks_follow_the_probability,
)
MEMBERS = 3


def ranked() -> pd.DataFrame:
    """Two tested galaxies, a repeat observation of one of them, one that the fold 1 was not trained on, and another.

    The first two have a single network per fold, and no interval.
    """
    probability = np.array([0.9, 0.8, 0.8, 0.4, 0.1])
    frame = pd.DataFrame(
        {
            "rank": range(1, 6),
            "galaxy_id": list("abcde"),
            "object_id": ["1", "2", "2", "3", "4"],
            "probability_slow": probability,
            "probability_slow_low": probability - 0.05,
            "probability_slow_high": probability + 0.05,
            "n_networks": [MEMBERS, MEMBERS, MEMBERS, MEMBERS, 2 * MEMBERS],
        }
    )
    frame.loc[:1, ["probability_slow_low", "probability_slow_high"]] = np.nan
    return frame


@pytest.fixture
def store(tmp_path):
    store = open_store(DataRoot(tmp_path))
    write(store, "candidates", ranked())
    write(store, "training_history", pd.DataFrame({"fold": [0, 0, 0, 1, 1, 1], "member": [0, 1, 2, 0, 1, 2]}))
    write(store, "training_folds", pd.DataFrame({"galaxy_id": ["a", "b"], "object_id": ["1", "2"], "fold": [0, 1]}))
    unseen = pd.DataFrame({"galaxy_id": ["a", "b", "d"], "object_id": ["1", "2", "3"], "fold": [0, 1, 1]})
    write(store, "unseen_galaxies", unseen.assign(tested=[True, True, False]))
    calibrated = pd.DataFrame({"population": ["early types", "late types", "all types"], "ece_low": [0, 0, 0.04]})
    write(store, "candidate_metrics", calibrated)
    return store


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.check_key.name)
@pytest.mark.parametrize("partition", [None, KEY])
def test_good_candidates_pass(store, check, partition):
    assert checked(check, store, partition).passed


def damage(store, column: str, row: int, value: object) -> None:
    frame = ranked()
    frame.loc[row, column] = value
    write(store, "candidates", frame)


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("rank", 4, 6),
        ("rank", 4, 4),
        ("rank", 0, 0),
        ("probability_slow", 4, 0.5),
        ("probability_slow", 4, np.nan),
        ("galaxy_id", 4, "d"),
    ],
)
def test_ranks_in_another_order_or_with_gaps_are_found(store, column, row, value):
    damage(store, column, row, value)
    found = checked(ranks_follow_the_probability, store)
    assert not found.passed and found.severity == dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("probability_slow", 0, 1.2),
        ("probability_slow", 0, np.nan),
        ("probability_slow_low", 3, 0.5),
        ("probability_slow_high", 3, 0.3),
        ("probability_slow_low", 4, -0.1),
        ("probability_slow_high", 2, 1.1),
    ],
)
def test_a_probability_outside_its_interval_is_found(store, column, row, value):
    damage(store, column, row, value)
    assert checked(intervals_contain_the_probability, store).metadata["count"].value == 1


@pytest.mark.parametrize("row", [0, 1, 2, 3], ids=["tested", "tested", "repeat observation", "additional"])
def test_a_network_that_has_seen_the_candidate_is_found(store, row):
    damage(store, "n_networks", row, MEMBERS + 1)
    assert checked(no_network_has_seen_its_candidate, store).metadata["count"].value == 1


def test_probabilities_that_are_not_calibrated_give_a_warning(store):
    write(store, "candidate_metrics", pd.DataFrame({"population": ["early types", "late types"], "ece_low": [0.02, 0]}))
    found = checked(probabilities_are_calibrated, store)
    assert not found.passed and found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["which"].value == f"{KEY}: early types"
