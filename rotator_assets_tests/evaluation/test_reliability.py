"""The row of referee's numbers: each is that of its own function, and missing where there is nothing to compute."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score, brier_score_loss

from rotator_assets.evaluation.auc import auc_interval
from rotator_assets.evaluation.calibration_error import calibration_error
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.reliability import (
    calibration_curves,
    population_metrics,
    probability_metrics,
    referee_metrics,
    seed_spread,
)
from rotator_assets.evaluation.resampling import bootstrap_auc
from rotator_assets.tables import TABLES

KEY = {"dataset", "recipe", "synthetic"}


def columns(table):
    return set(TABLES[table].column_names)


@pytest.fixture
def predictions():
    generator = np.random.default_rng(0)
    kind = (np.arange(200) % 4 > 0).astype(int)
    logit = kind + generator.normal(size=200)
    return pd.DataFrame(
        {
            "galaxy_id": np.arange(200),
            "object_id": np.arange(200) // 2 * 4 + np.arange(200) % 4,
            "repeat": 0,
            "fold": np.arange(200) // 4 % 3,
            "tested": True,
            "is_early_type": True,
            "rotator_type": kind,
            "predicted_type": (logit > 0.3).astype(int),
            "probability_fast": expit(2 * logit),
            "probability_fast_calibrated": expit(logit),
        }
    )


def test_metrics_agree_with_their_functions(predictions):
    found = referee_metrics(predictions, predictions, n=200, seed=5)
    assert set(found) | KEY == columns("referee_metrics")
    labels = predictions["rotator_type"]
    scored = NetworkScores.of(predictions)
    expected = auc_interval(scored)
    assert (found["auc"], found["auc_low"], found["auc_high"]) == (expected.auc, expected.low, expected.high)
    assert found["auc_error"] == expected.error
    assert found["auc_bootstrap_error"] == bootstrap_auc(scored, 200, 5).error
    calibrated = predictions["probability_fast_calibrated"]
    assert found["pr_auc_slow"] == pytest.approx(average_precision_score(labels == 0, -calibrated))
    assert found["pr_auc_slow_low"] < found["pr_auc_slow"] < found["pr_auc_slow_high"]
    assert (found["n_galaxies"], found["n_slow"], found["prevalence"]) == (200, 50, 0.25)
    assert found["balanced_accuracy"] == pytest.approx((found["slow_recall"] + found["fast_recall"]) / 2)
    for ending, column in (("", "probability_fast"), ("_calibrated", "probability_fast_calibrated")):
        assert found[f"brier{ending}"] == pytest.approx(brier_score_loss(labels, predictions[column]))
        assert found[f"brier_low{ending}"] < found[f"brier{ending}"] < found[f"brier_high{ending}"]
        error = calibration_error(labels, predictions[column], predictions["object_id"], n=200, seed=5)
        named = [found[f"{name}{ending}"] for name in ("ece", "ece_low", "ece_high", "ece_by_chance")]
        assert named == [error.value, error.low, error.high, error.by_chance]


@pytest.mark.parametrize("calibrated", ["absent", "empty"])
def test_without_calibration_its_metrics_are_missing(predictions, calibrated):
    given = predictions.drop(columns="probability_fast_calibrated")
    if calibrated == "empty":
        given = given.assign(probability_fast_calibrated=np.nan)
    found = referee_metrics(given, given, n=20)
    assert set(found) | KEY == columns("referee_metrics")
    assert np.isnan([found["brier_calibrated"], found["ece_calibrated"], found["brier_low_calibrated"]]).all()
    assert set(calibration_curves(given)["stage"]) == {"before"}


def test_curves_have_the_columns_of_their_table(predictions):
    curves = calibration_curves(predictions)
    assert set(curves.columns) | KEY == columns("calibration_curves")
    assert curves.groupby("stage")["n_galaxies"].sum().to_dict() == {"before": 200, "after": 200}
    assert set(curves["population"]) == {"early types"}


def test_populations_have_the_metrics_of_their_galaxies(predictions):
    late = np.arange(200) % 5 == 0
    everything = predictions.assign(tested=~late, is_early_type=~late)
    everything.loc[1, "rotator_type"] = np.nan
    rows = population_metrics(everything, n=100, seed=5).set_index("population")
    assert set(rows.columns) | KEY | {"population"} == columns("population_metrics")
    assert rows["n_galaxies"].to_dict() == {"early types": 159, "late types": 40, "all types": 199}
    assert rows["tested"].to_dict() == {"early types": False, "late types": False, "all types": False}
    of_late = everything[late]
    expected = probability_metrics(
        of_late["rotator_type"].to_numpy(int), of_late["object_id"], of_late["probability_fast_calibrated"], 100, 5
    )
    assert rows.loc["late types", list(expected)].to_dict() == pytest.approx(expected)
    assert rows.loc["late types", "fraction_fast"] == of_late["rotator_type"].mean()
    assert rows.loc["late types", "probability_mean"] == of_late["probability_fast_calibrated"].mean()
    assert calibration_curves(everything).groupby(["population", "stage"])["n_galaxies"].sum().to_dict() == {
        (population, stage): n for population, n in rows["n_galaxies"].items() for stage in ("before", "after")
    }


def test_the_population_of_the_validation_parts_is_the_tested_one(predictions):
    late = np.arange(200) % 5 == 0
    rows = population_metrics(predictions.assign(tested=~late, is_early_type=~late), n=20).set_index("population")
    assert rows["tested"].to_dict() == {"early types": True, "late types": False, "all types": False}
    rows = population_metrics(predictions.assign(is_early_type=~late), n=20).set_index("population")
    assert rows["tested"].to_dict() == {"early types": False, "late types": False, "all types": True}
    slow = population_metrics(predictions[predictions["rotator_type"] == 0], n=20).iloc[0]
    assert np.isnan([slow["auc"], slow["brier_skill"]]).all() and np.isfinite(slow["ece"])


def test_spread_over_repeats_is_the_scatter_of_their_aucs(predictions):
    other = predictions.assign(probability_fast=1 - predictions["probability_fast"])
    repeats = pd.concat([predictions.assign(repeat=0), other.assign(repeat=1)])
    auc = auc_interval(NetworkScores.of(predictions)).auc
    found = seed_spread(repeats)
    assert found["n_repeats"] == 2 and found["seed_auc_std"] == pytest.approx(np.std([auc, 1 - auc], ddof=1))
    alone = seed_spread(repeats[repeats["repeat"] == 0])
    assert alone["n_repeats"] == 1 and np.isnan(alone["seed_auc_std"])
