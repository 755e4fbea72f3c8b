"""Metrics of trainings against their underlying statistics."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.evaluation.auc import auc_difference, auc_interval, network_aucs, size_and_auc
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.summary import against_baselines, summarize
from rotator_assets_tests.evaluation.simulated import predictions


@pytest.fixture(scope="module")
def repeated():
    """Mean predictions of a training of two repeats, and those of its networks, which differ in zero point."""
    once = predictions("d", "thesis", range(240), 1.0, 11).assign(repeat=0)
    again = predictions("d", "thesis", range(240), 1.0, 12).assign(repeat=1, fold=2 + np.arange(240) // 6 % 2)
    repeats = pd.concat([once, again], ignore_index=True)
    together = once.drop(columns="repeat").assign(
        probability_fast=repeats.groupby("galaxy_id", sort=False)["probability_fast"].mean().to_numpy(),
        predicted_type=1,
    )
    calibrated = together["probability_fast"] ** 2
    together = together.assign(probability_fast_calibrated=calibrated)
    return together, repeats.assign(probability_fast=repeats["probability_fast"] + 2.0 * repeats["fold"])


def test_metrics_are_within_networks_and_pooled(repeated):
    together, repeats = repeated
    found = summarize(together, repeats)
    scored = NetworkScores.of(repeats)
    assert {name: found[name] for name in size_and_auc(scored)} == size_and_auc(scored) and found["n_galaxies"] == 240
    of_networks = network_aucs(scored)
    assert len(of_networks) == 4 and found["fold_auc_mean"] == pytest.approx(of_networks.mean())
    assert (found["fold_auc_min"], found["fold_auc_max"]) == (of_networks.min(), of_networks.max())
    pooled = NetworkScores.single(together["rotator_type"], together["probability_fast_calibrated"])
    assert found["auc_pooled"] == auc_interval(pooled).auc
    assert 0 <= found["network_scatter"] < 0.1
    assert [found[name] for name in ("true_slow", "false_fast", "false_slow", "true_fast")] == [0, 80, 0, 160]


def test_baselines_are_compared_within_the_networks_of_both(repeated):
    together, repeats = repeated
    baseline = np.random.default_rng(13).normal(size=240) + 0.5 * together["rotator_type"].to_numpy()
    (row,) = against_baselines(together, repeats, {"baseline": baseline}).to_dict("records")
    expected = auc_difference(NetworkScores.of(repeats), NetworkScores.of(together, baseline))
    assert (row["auc_gain"], row["p_value"]) == (expected.difference, expected.p_value)
    assert row["auc"] == auc_interval(NetworkScores.of(together, baseline)).auc and row["n_galaxies"] == 240
