"""Checks of ROC reports fail on damaged tables."""

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.evaluation.checks import (
    auc_is_above_chance,
    auc_is_the_area_under_the_curve,
    curve_runs_from_corner_to_corner,
    metrics_are_those_of_the_predictions,
)
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.roc_curves import roc_curve_frame
from rotator_assets.evaluation.summary import summarize
from rotator_assets.tables import open_store
from rotator_assets_tests.checking import KEY, checked, write

CHECKS = (
    auc_is_above_chance,
    auc_is_the_area_under_the_curve,
    curve_runs_from_corner_to_corner,
    metrics_are_those_of_the_predictions,
)


def predicted() -> pd.DataFrame:
    """Galaxies that two networks separate well, with scores on different scales."""
    random = np.random.default_rng(3)
    label, fold = np.arange(120) % 3 > 0, np.arange(120) % 2
    score = np.clip((0.35 + 0.3 * label + random.normal(0, 0.15, 120)) * (1 - 0.2 * fold), 0.01, 0.99)
    names = [f"g{number}" for number in range(120)]
    frame = pd.DataFrame({"galaxy_id": names, "object_id": names, "rotator_type": label.astype(int), "fold": fold})
    return frame.assign(
        repeat=0,
        probability_fast=score,
        probability_fast_calibrated=score,
        threshold=0.45,
        predicted_type=(score >= 0.45).astype(int),
    )


@pytest.fixture
def store(tmp_path):
    store, frame = open_store(DataRoot(tmp_path)), predicted()
    for table in ("predictions", "repeat_predictions"):
        write(store, table, frame)
    write(store, "roc_curves", roc_curve_frame(NetworkScores.of(frame)))
    write(store, "model_metrics", pd.DataFrame([{**summarize(frame, frame), "optimal_threshold": 0.45}]))
    return store


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.check_key.name)
@pytest.mark.parametrize("partition", [None, KEY])
def test_a_good_report_passes(store, check, partition):
    found = checked(check, store, partition)
    assert found.passed and found.metadata["which"].value == "none"


def change(store, table: str, **values) -> None:
    """Replace values of one row: the column, and the number of the row with its value."""
    frame = store.read(table, KEY)
    for column, (row, value) in values.items():
        frame.loc[frame.index[row], column] = value
    write(store, table, frame)


@pytest.mark.parametrize(
    "damage",
    [
        {"false_positive_rate": (0, 0.01)},
        {"true_positive_rate": (-1, 0.99)},
        {"true_positive_rate": (20, 0.0)},
        {"false_positive_rate": (20, 0.0)},
        {"threshold": (20, 0.99)},
        {"threshold": (20, np.nan)},
    ],
    ids=["start", "end", "falls", "goes back", "threshold rises", "no threshold"],
)
def test_a_damaged_curve_is_found(store, damage):
    change(store, "roc_curves", **damage)
    found = checked(curve_runs_from_corner_to_corner, store)
    assert not found.passed and found.metadata["which"].value == KEY
    assert found.severity == dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(
    "damage", [{"auc": (0, 0.7)}, {"auc_low": (0, 0.999)}, {"auc_high": (0, 0.6)}, {"auc_high": (0, 1.1)}]
)
def test_an_auc_that_is_not_the_area_or_outside_its_interval_is_found(store, damage):
    change(store, "model_metrics", **damage)
    assert not checked(auc_is_the_area_under_the_curve, store).passed


@pytest.mark.parametrize("column", ["auc", "n_slow", "true_fast", "fold_auc_min", "auc_pooled"])
def test_metrics_of_other_predictions_are_found(store, column):
    change(store, "model_metrics", **{column: (0, 2)})
    assert not checked(metrics_are_those_of_the_predictions, store).passed


def test_new_predictions_and_an_impossible_threshold_are_found(store):
    change(store, "model_metrics", optimal_threshold=(0, 1.5))
    assert not checked(metrics_are_those_of_the_predictions, store).passed
    change(store, "model_metrics", optimal_threshold=(0, 0.5))
    assert checked(metrics_are_those_of_the_predictions, store).passed
    change(store, "repeat_predictions", probability_fast=(0, 0.98))
    assert not checked(metrics_are_those_of_the_predictions, store).passed


def test_an_auc_like_that_of_chance_gives_a_warning(store):
    change(store, "model_metrics", auc_low=(0, 0.49))
    found = checked(auc_is_above_chance, store)
    assert not found.passed and found.severity == dg.AssetCheckSeverity.WARN
