"""Weights that match two samples, and reweighted AUCs, against known cases."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.resampling import bootstrap_auc
from rotator_assets.robustness.transfer.shift import effective_number, likeness_weights, reweighted_auc, variables_of

N = 4000


def test_weights_are_the_ratio_of_two_gaussians():
    generator = np.random.default_rng(1)
    own, other = generator.normal(0, 1, (N, 1)), generator.normal(0.5, 1, (N, 1))
    weights = likeness_weights(own, other)
    truth = np.exp(0.5 * own[:, 0] - 0.125)
    known = np.abs(own[:, 0]) < 2.5  # beyond, only a few galaxies determine the odds
    np.testing.assert_allclose(weights[known], (truth / truth.mean())[known], rtol=0.2)
    assert weights.mean() == pytest.approx(1)
    assert np.average(own[:, 0], weights=weights) == pytest.approx(0.5, abs=0.05)


def test_similar_samples_keep_their_weights():
    generator = np.random.default_rng(2)
    own, other = generator.normal(size=(N, 2)), generator.normal(size=(N // 2, 2))
    own[::10, 1] = np.nan
    weights = likeness_weights(own, other)
    assert np.std(weights) < 0.15
    assert effective_number(weights) > 0.97 * N


def test_effective_number_of_weights():
    assert effective_number(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_number([1.0, 0, 0, 0]) == pytest.approx(1)


def test_equal_weights_do_not_change_the_auc():
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 300)
    scores = labels + generator.normal(0, 1.5, 300)
    scored = NetworkScores.single(labels, scores)
    found = reweighted_auc(scored, np.ones(300), n=200)
    assert found.auc == bootstrap_auc(scored, n=200)
    assert (found.change.value, found.change.low, found.change.high) == (0, 0, 0)
    assert found.n_effective == pytest.approx(300)


def test_a_drop_due_to_the_sample_is_explained():
    """Scores separate the classes only at large x, where the training sample lies but not the tested one."""
    generator = np.random.default_rng(4)
    x = generator.uniform(0, 1, N)
    labels = generator.integers(0, 2, N)
    scores = np.where(x > 0.5, labels, 0.5) + generator.normal(0, 0.3, N)
    other = generator.uniform(0.5, 1, (N, 1))
    found = reweighted_auc(NetworkScores.single(labels, scores), likeness_weights(x[:, None], other), n=200)
    alike = x > 0.5
    at_home = bootstrap_auc(NetworkScores.single(labels[alike], scores[alike]), n=200).value
    assert found.change.low > 0.1
    assert found.auc.value == pytest.approx(at_home, abs=0.04)


def test_only_properties_of_both_samples_are_used():
    own = pd.DataFrame({"ellipticity": [0.1, 0.2], "r_eff_pixels": [1.0, np.nan], "sn_per_pixel": [np.nan, np.nan]})
    assert variables_of(own, own) == ["ellipticity", "r_eff_pixels"]
    assert variables_of(own, own[["ellipticity"]]) == ["ellipticity"]
