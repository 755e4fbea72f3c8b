"""Nested feature sets: signals appear in their set, and the network adds its own signal."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.evaluation.auc import auc_difference
from rotator_assets.evaluation.baselines import CLASSIFIERS, LOGISTIC, tabular_baseline
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.robustness.features.feature_sets import PIXEL_STEP, STEPS, compare_feature_sets, feature_sets_of
from rotator_assets.tables import TABLES
from rotator_assets.training.folds import assign_folds

pytestmark = pytest.mark.slow
COUNT = 240


@pytest.fixture(scope="module")
def sample():
    """Sersic index and network are independently correlated with the label; ellipticity is not."""
    random = np.random.default_rng(1)
    kind = random.integers(0, 2, COUNT)
    frame = pd.DataFrame({column: random.normal(size=COUNT) for columns in STEPS.values() for column in columns})
    frame["sersic_n"] -= 1.2 * kind
    frame["log_mass"] = np.nan
    frame["gini"] = np.nan
    frame["g_minus_i"] = np.nan
    frame["rotator_type"] = kind
    frame["fold"] = assign_folds(kind, np.arange(COUNT), 3, seed=0)
    frame["probability_fast"] = 1 / (1 + np.exp(-1.5 * (kind - 0.5) - random.normal(size=COUNT)))
    frame.loc[:1, "probability_fast"] = [0.0, 1.0]
    names = np.arange(COUNT)
    return frame.assign(galaxy_id=names, object_id=names, probability_fast_calibrated=frame["probability_fast"])


@pytest.fixture(scope="module")
def compared(sample):
    pixels = np.random.default_rng(2).normal(size=(COUNT, 40)).astype(np.float32)
    return compare_feature_sets(sample, sample, pixels, seed=3)


def test_empty_columns_and_sets_are_left_out_and_listed(sample):
    found = feature_sets_of(sample)
    steps, missing = found.columns, found.missing
    assert list(steps) == ["ellipticity", "+ Sersic index", "+ size, mass", "+ Gini, M20, C, A"]
    assert missing == ["log_mass", "g_minus_i", "gini"]
    assert steps["+ size, mass"] == ["ellipticity", "sersic_n", "r_eff_arcsec"]
    assert steps["+ Gini, M20, C, A"][-3:] == ["m20", "concentration", "asymmetry"]


def test_every_set_and_classifier_has_a_row(compared):
    table = TABLES["feature_baselines"]
    assert set(table.column_names) - set(compared.columns) == {"dataset", "recipe", "synthetic"}
    assert compared["model"].tolist() == list(CLASSIFIERS) * 5
    assert compared["features"].iloc[-1] == PIXEL_STEP and (compared["n_galaxies"] == COUNT).all()


def test_the_signal_of_a_feature_appears_in_its_set(compared):
    for classifier in CLASSIFIERS:
        rows = compared[compared["model"] == classifier].set_index("features")
        assert rows.loc["ellipticity", "auc_low"] < 0.5 < rows.loc["ellipticity", "auc_high"]
        assert rows.loc["+ Sersic index", "auc_low"] > 0.6
        assert rows.loc["ellipticity", "gain_low"] > 0.1 and rows.loc["ellipticity", "p_value_adjusted"] < 0.001


def test_differences_agree_with_the_paired_test(sample, compared):
    row = compared.set_index(["features", "model"]).loc[("+ Sersic index", LOGISTIC)]
    alone = tabular_baseline(sample[["ellipticity", "sersic_n"]], sample["rotator_type"], sample["fold"])
    expected = auc_difference(NetworkScores.of(sample), NetworkScores.of(sample, alone))
    assert (row["network_gain"], row["gain_low"], row["gain_high"], row["p_value"]) == pytest.approx(
        (expected.difference, expected.low, expected.high, expected.p_value)
    )
    assert row["added"] == pytest.approx(row["auc_with_network"] - row["auc"])
    assert row["added_low"] > 0  # both have a signal of their own
    assert (compared["p_value_adjusted"] >= compared["p_value"]).all()
    assert (compared["added_p_value_adjusted"] >= compared["added_p_value"]).all()


def test_a_network_without_signal_adds_nothing(sample):
    random = np.random.default_rng(4)
    nothing = random.uniform(0.2, 0.8, COUNT)
    blind = sample.assign(probability_fast=nothing, probability_fast_calibrated=nothing)
    rows = compare_feature_sets(blind, blind, random.normal(size=(COUNT, 5)).astype(np.float32), seed=1)
    known = rows[(rows["features"] == "+ Sersic index")]
    assert (known["gain_high"] < 0).all()
    assert (known["added_low"] < 0).all() and known["added"].abs().max() < 0.05
