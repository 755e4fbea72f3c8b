"""Weights that make one sample like another, and what they say of an AUC, against cases with known answers."""

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
    known = np.abs(own[:, 0]) < 2.5  # beyond, a handful of galaxies settles the odds
    np.testing.assert_allclose(weights[known], (truth / truth.mean())[known], rtol=0.2)
    assert weights.mean() == pytest.approx(1)
    assert np.average(own[:, 0], weights=weights) == pytest.approx(0.5, abs=0.05)


def test_samples_that_are_alike_keep_their_weights_and_a_value_that_is_missing_does_no_harm():
    generator = np.random.default_rng(2)
    own, other = generator.normal(size=(N, 2)), generator.normal(size=(N // 2, 2))
    own[::10, 1] = np.nan
    weights = likeness_weights(own, other)
    assert np.std(weights) < 0.15
    assert effective_number(weights) > 0.97 * N


def test_effective_number_of_equal_weights_is_their_number_and_of_one_alone_is_one():
    assert effective_number(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_number([1.0, 0, 0, 0]) == pytest.approx(1)


def test_equal_weights_leave_the_auc_and_its_interval():
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 300)
    scores = labels + generator.normal(0, 1.5, 300)
    judged = NetworkScores.single(labels, scores)
    found = reweighted_auc(judged, np.ones(300), n=200)
    assert found.auc == bootstrap_auc(judged, n=200)
    assert (found.change.value, found.change.low, found.change.high) == (0, 0, 0)
    assert found.n_effective == pytest.approx(300)


def test_a_drop_that_is_due_to_the_galaxies_alone_is_explained():
    """Scores tell the classes apart at large x only, where the trained sample lies and the tested one does not."""
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


def test_only_what_both_samples_know_is_used():
    own = pd.DataFrame({"ellipticity": [0.1, 0.2], "r_eff_pixels": [1.0, np.nan], "sn_per_pixel": [np.nan, np.nan]})
    assert variables_of(own, own) == ["ellipticity", "r_eff_pixels"]
    assert variables_of(own, own[["ellipticity"]]) == ["ellipticity"]
