"""Recipes, baselines and columns of a fusion in one table, each compared with the study's recipe for its population."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.comparison.classifiers import compare_classifiers
from rotator_assets.comparison.tables import TABLES
from rotator_assets.core.statistics import holm
from rotator_assets.evaluation.auc import auc_difference, auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.summary import against_baselines
from rotator_assets_tests.comparison.test_comparisons import SMALL, predictions

POPULATIONS = {"thesis": "early", "log": "early", "fusion": "early", "all-types": "all", "more": "all"}
PARTS = ("network", "network + catalogue", "catalogue")


def training_of(name, count=90):
    return predictions(SMALL, name, seed=list(POPULATIONS).index(name), count=count)


def baselines_of(name, count):
    sample = training_of(name, count)
    scores = {"ellipticity": np.random.default_rng(9).normal(size=count) + 0.5 * sample["rotator_type"].to_numpy()}
    return against_baselines(sample, sample, scores).assign(recipe=name)


@pytest.fixture(scope="module")
def tables():
    counts = {name: 120 if population == "all" else 90 for name, population in POPULATIONS.items()}
    repeats = pd.concat([training_of(name, count) for name, count in counts.items()])
    metrics = pd.DataFrame({"recipe": POPULATIONS.keys(), "population": POPULATIONS.values()})
    metrics = metrics.assign(parameters=7, seconds=2.0)
    baselines = pd.concat([baselines_of(name, counts[name]) for name in ("thesis", "log", "all-types")])
    parts = [predictions(SMALL, "fusion", seed=20 + number).assign(part=part) for number, part in enumerate(PARTS)]
    return repeats, metrics, baselines, pd.concat(parts)


@pytest.fixture(scope="module")
def table(tables):
    return compare_classifiers(*tables)


def test_every_classifier_is_in_its_population_best_first(table):
    named = table.groupby("population")["classifier"].agg(set)
    assert named["early"] == {"thesis", "log", "fusion", "ellipticity", "fusion: catalogue"}
    assert named["all"] == {"all-types", "more", "ellipticity"}
    kinds = table.set_index(["population", "classifier"])["kind"]
    assert kinds["early", "fusion: catalogue"] == "columns" and kinds["all", "ellipticity"] == "baseline"
    for _, rows in table.groupby("population"):
        assert rows["auc"].is_monotonic_decreasing
    assert dict(zip(table["population"], table["reference"], strict=True)) == {"early": "thesis", "all": "all-types"}
    assert {*table.columns, "dataset", "synthetic"} == set(TABLES["classifier_comparison"].column_names)
    networks = table[table["kind"] == "recipe"]
    assert (networks["parameters"] == 7).all() and table.loc[table["kind"] != "recipe", "seconds"].isna().all()


def test_differences_are_those_from_the_studys_recipe(table, tables):
    repeats, _, baselines, parts = tables
    early = table[table["population"] == "early"].set_index("classifier")
    reference = NetworkScores.of(repeats[repeats["recipe"] == "thesis"])
    columns = NetworkScores.of(parts[parts["part"] == "catalogue"])
    expected = auc_difference(columns, reference)
    assert early.loc["fusion: catalogue", ["auc_difference", "p_value"]].tolist() == [
        expected.difference,
        expected.p_value,
    ]
    assert early.loc["fusion: catalogue", "auc"] == auc_interval(columns).auc
    gain = baselines.set_index("recipe").loc["thesis"]
    row = early.loc["ellipticity"]
    assert row["auc_difference"] == -gain["auc_gain"] and row["p_value"] == gain["p_value"]
    assert (row["auc_difference_low"], row["auc_difference_high"]) == (-gain["auc_gain_high"], -gain["auc_gain_low"])
    assert row["auc_difference"] == pytest.approx(row["auc"] - early.loc["thesis", "auc"])
    assert np.isnan(early.loc["thesis", "auc_difference"])


def test_p_values_are_corrected_within_a_population(table):
    for _, rows in table.groupby("population"):
        expected = holm(rows["p_value"].to_numpy(float))
        np.testing.assert_array_equal(rows["p_value_adjusted"].to_numpy(float), expected)


def test_without_the_studys_recipe_there_are_aucs_and_no_differences(tables):
    repeats, metrics, baselines, parts = tables
    table = compare_classifiers(repeats[repeats["recipe"] == "fusion"], metrics, baselines, parts)
    assert set(table["classifier"]) == {"fusion", "ellipticity", "fusion: catalogue"}
    recipes = table[table["kind"] != "baseline"]
    assert recipes["auc"].notna().all() and recipes["auc_difference"].isna().all()


def test_trainings_without_metrics_are_left_out(tables):
    repeats, metrics, baselines, parts = tables
    known = metrics[~metrics["recipe"].isin(["log", "fusion"])]
    found = compare_classifiers(repeats, known, baselines, parts)
    assert set(found["classifier"]) == {"thesis", "all-types", "more", "ellipticity"}
    assert compare_classifiers(repeats, metrics[:0], baselines, parts).empty
