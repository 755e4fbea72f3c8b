"""Differences between recipes and between datasets against the paired and unpaired tests."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.comparison.dataset_pairs import DatasetPair
from rotator_assets.comparison.differences import compare_datasets, compare_recipes
from rotator_assets.evaluation.auc import auc_difference, auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.tables import TABLES
from rotator_assets_tests.evaluation.simulated import predictions


@pytest.fixture(scope="module")
def recipes():
    return pd.concat(
        [
            predictions("d", "thesis", range(150), 1.0, 1),
            predictions("d", "dropout", range(150), 0.9, 2),
            predictions("d", "all-types", range(50, 300), 3.0, 3),
            predictions("d", "unnormalized", range(150), 0.0, 4),
        ]
    )


def test_recipes_are_compared_on_the_galaxies_in_both(recipes):
    table = compare_recipes(recipes, "thesis").set_index("recipe")
    by_recipe = {name: rows.set_index("galaxy_id") for name, rows in recipes.groupby("recipe")}
    both = [f"g{number}" for number in range(50, 150)]
    thesis, other = by_recipe["thesis"].loc[both], by_recipe["all-types"].loc[both]
    expected = auc_difference(NetworkScores.of(other.reset_index()), NetworkScores.of(thesis.reset_index()))
    row = table.loc["all-types"]
    assert (row["n_galaxies"], row["n_in_both"]) == (250, 100)
    assert (row["auc_difference"], row["p_value"]) == pytest.approx((expected.difference, expected.p_value))
    assert (row["auc_difference_low"], row["auc_difference_high"]) == pytest.approx((expected.low, expected.high))
    assert list(table["auc"]) == sorted(table["auc"], reverse=True)


def test_p_values_are_corrected_for_the_comparisons_of_the_dataset(recipes):
    table = compare_recipes(recipes, "thesis").set_index("recipe")
    raw = table["p_value"].drop("thesis").sort_values()
    stepped = np.minimum(np.maximum.accumulate(raw.to_numpy() * [3, 2, 1]), 1)
    np.testing.assert_allclose(table.loc[raw.index, "p_value_adjusted"], stepped)
    assert table["significant"].drop("thesis").tolist() == [p < 0.05 for p in table["p_value_adjusted"].drop("thesis")]
    assert bool(table.loc["all-types", "significant"]) and bool(table.loc["unnormalized", "significant"])
    assert not bool(table.loc["dropout", "significant"])
    assert table.loc["thesis", ["p_value", "p_value_adjusted", "significant", "auc_difference"]].isna().all()


def test_without_the_reference_there_are_no_differences(recipes):
    table = compare_recipes(recipes[recipes["recipe"] != "thesis"], "thesis")
    assert len(table) == 3 and table["p_value_adjusted"].isna().all() and table["significant"].isna().all()
    alone = compare_recipes(recipes[recipes["recipe"] == "thesis"], "thesis")
    assert alone["recipe"].tolist() == ["thesis"] and alone["significant"].isna().all()


def test_too_few_common_galaxies_give_no_difference():
    rows = pd.concat([predictions("d", "thesis", range(30), 1, 1), predictions("d", "log", range(29, 60), 1, 2)])
    table = compare_recipes(rows, "thesis").set_index("recipe")
    assert np.isfinite(table.loc["log", "auc"]) and np.isnan(table.loc["log", "p_value_adjusted"])


PAIRS = [
    DatasetPair("crop", "sim-64", "sim-128", paired=True),
    DatasetPair("survey", "sim-64", "sky-64", paired=False),
]


@pytest.fixture(scope="module")
def datasets():
    return pd.concat(
        [
            predictions("sim-64", "thesis", range(120), 1.5, 5),
            predictions("sim-128", "thesis", range(20, 140), 0.5, 6),
            predictions("sky-64", "thesis", range(1000, 1090), 1.0, 7).assign(synthetic=True),
            predictions("sim-64", "log", range(120), 1.0, 8),
            predictions("sky-64", "log", range(1000, 1090), 1.0, 9),
            predictions("sim-128", "dropout", range(20, 140), 0.5, 10),
        ]
    )


def test_one_survey_is_compared_galaxy_by_galaxy(datasets):
    row = compare_datasets(datasets, PAIRS).set_index(["kind", "recipe"]).loc[("crop", "thesis")]
    both = [f"g{number}" for number in range(20, 120)]
    small, large = (
        datasets[(datasets["dataset"] == name) & (datasets["recipe"] == "thesis")].set_index("galaxy_id").loc[both]
        for name in ("sim-64", "sim-128")
    )
    expected = auc_difference(NetworkScores.of(small.reset_index()), NetworkScores.of(large.reset_index()))
    assert row["paired"] and not row["synthetic"] and row["n_galaxies"] == row["reference_n_galaxies"] == 100
    assert row["difference"] == pytest.approx(expected.difference) == pytest.approx(row["auc"] - row["reference_auc"])
    assert (row["low"], row["high"], row["p_value"]) == pytest.approx((expected.low, expected.high, expected.p_value))


def test_surveys_are_compared_as_independent_samples(datasets):
    row = compare_datasets(datasets, PAIRS).set_index(["kind", "recipe"]).loc[("survey", "thesis")]
    sim, sky = (
        datasets[(datasets["dataset"] == name) & (datasets["recipe"] == "thesis")] for name in ("sim-64", "sky-64")
    )
    expected = auc_difference(NetworkScores.of(sim), NetworkScores.of(sky), paired=False)
    assert not row["paired"] and row["synthetic"]
    assert (row["n_galaxies"], row["reference_n_galaxies"]) == (120, 90)
    assert row["auc"] == pytest.approx(auc_interval(NetworkScores.of(sim)).auc)
    assert (row["difference"], row["p_value"]) == pytest.approx((expected.difference, expected.p_value))


def test_missing_recipes_are_left_out_and_corrections_are_by_kind(datasets):
    table = compare_datasets(datasets, PAIRS)
    assert set(zip(table["kind"], table["recipe"], strict=True)) == {
        ("crop", "thesis"), ("survey", "thesis"), ("survey", "log")
    }  # fmt: skip
    crop, survey = table[table["kind"] == "crop"], table[table["kind"] == "survey"].sort_values("p_value")
    assert crop["p_value_adjusted"].tolist() == crop["p_value"].tolist()
    assert survey["p_value_adjusted"].iloc[0] == pytest.approx(min(2 * survey["p_value"].iloc[0], 1))
    assert set(table.columns) == set(TABLES["dataset_comparison"].column_names)


def test_nothing_to_compare_is_an_empty_table(datasets):
    for rows in (datasets.iloc[:0], datasets[datasets["dataset"] == "sky-64"], datasets[datasets["rotator_type"] == 1]):
        table = compare_datasets(rows, PAIRS)
        assert table.empty and set(table.columns) == set(TABLES["dataset_comparison"].column_names)


def test_a_recipe_is_compared_by_its_own_labels(recipes):
    """For another boundary, both scores are compared with the labels of the recipe."""
    other = predictions("d", "cappellari2016", range(150), 0.9, 2)
    other["rotator_type"] = (np.arange(150) % 5 > 0).astype(int)
    thesis = recipes[recipes["recipe"] == "thesis"]
    row = compare_recipes(pd.concat([thesis, other]), "thesis").set_index("recipe").loc["cappellari2016"]
    relabelled = thesis.assign(rotator_type=other["rotator_type"].to_numpy())
    expected = auc_difference(NetworkScores.of(other), NetworkScores.of(relabelled))
    assert (row["auc_difference"], row["p_value"]) == pytest.approx((expected.difference, expected.p_value))
