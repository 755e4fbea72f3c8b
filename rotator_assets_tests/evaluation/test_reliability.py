"""The row of referee's numbers: each is that of its own function, and missing where there is nothing to compute."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score, brier_score_loss

from rotator_assets.evaluation.auc import auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.reliability import calibration_curves, referee_metrics, seed_spread
from rotator_assets.evaluation.resampling import bootstrap_auc
from rotator_assets.evaluation.scores import expected_calibration_error
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
        assert found[f"ece{ending}"] == expected_calibration_error(labels, predictions[column])


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


def test_spread_over_repeats_is_the_scatter_of_their_aucs(predictions):
    other = predictions.assign(probability_fast=1 - predictions["probability_fast"])
    repeats = pd.concat([predictions.assign(repeat=0), other.assign(repeat=1)])
    auc = auc_interval(NetworkScores.of(predictions)).auc
    found = seed_spread(repeats)
    assert found["n_repeats"] == 2 and found["seed_auc_std"] == pytest.approx(np.std([auc, 1 - auc], ddof=1))
    alone = seed_spread(repeats[repeats["repeat"] == 0])
    assert alone["n_repeats"] == 1 and np.isnan(alone["seed_auc_std"])
