"""The bootstrap over objects against scikit-learn and DeLong, and DeLong against a published example."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from rotator_assets.evaluation.auc import auc_difference, auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.resampling import (
    bootstrap,
    bootstrap_auc,
    object_weights,
    weighted_auc,
    weighted_average_precision,
)
from rotator_assets_tests.training.published import ASAH

N = 4000
MONTE_CARLO = 4 / np.sqrt(2 * N)
"""Four times the relative error of a standard deviation of N replicates."""


@st.composite
def weighted(draw):
    """Labels of both classes, scores with ties, and the number of times each galaxy is drawn."""
    n_slow, n_fast = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    n = n_slow + n_fast
    weights = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    weights[[0, -1]] += 1
    return (
        np.repeat([0, 1], [n_slow, n_fast]),
        np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))),
        weights,
    )


@given(data=weighted())
def test_weights_count_as_repeats(data):
    labels, scores, weights = data
    repeated, often = np.repeat(labels, weights), np.repeat(scores, weights)
    assert weighted_auc(NetworkScores.single(labels, scores), [weights])[0] == pytest.approx(
        roc_auc_score(repeated, often), abs=1e-12
    )
    expected = average_precision_score(repeated == 0, -often)
    assert weighted_average_precision(labels, scores, [weights])[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("marker", ["wfns", "s100b"])
def test_delong_agrees_with_proc(marker):
    """AUC and variance of the aSAH data in pROC's own tests (tests/testthat/test-var.R, test-auc.R)."""
    variance = {"wfns": 0.00146991470882363, "s100b": 0.00266868245717244}
    found = auc_interval(NetworkScores.single(ASAH["poor_outcome"], ASAH[marker]))
    assert found.error**2 == pytest.approx(variance[marker], rel=1e-12)
    if marker == "wfns":
        assert found.auc == pytest.approx(0.823678861788618, rel=1e-12)


def test_delongs_paired_test_agrees_with_proc():
    """roc.test(wfns, s100b) of the aSAH data in pROC's own test (tests/testthat/test-roc.test.R)."""
    found = auc_difference(*(NetworkScores.single(ASAH["poor_outcome"], ASAH[marker]) for marker in ("wfns", "s100b")))
    assert found.p_value == pytest.approx(0.0271757822291882, rel=1e-10)
    assert (found.low, found.high) == pytest.approx((0.0104061769564846, 0.174214419249478), rel=1e-10)
    standard_error = (found.high - found.low) / (2 * 1.959963984540054)
    assert found.difference / standard_error == pytest.approx(2.20898359144091, rel=1e-10)


@pytest.mark.parametrize("marker", ["wfns", "s100b"])
def test_delong_agrees_with_the_bootstrap(marker):
    scored = NetworkScores.single(ASAH["poor_outcome"], ASAH[marker])
    delong, resampled = auc_interval(scored), bootstrap_auc(scored, n=N, seed=1)
    assert resampled.value == pytest.approx(delong.auc, abs=1e-12)
    # The bootstrap divides by n where DeLong divides by n - 1: a percent of the error with 41 in the smaller class.
    assert resampled.error == pytest.approx(delong.error, rel=MONTE_CARLO + 0.02)
    assert (resampled.low, resampled.high) == pytest.approx((delong.low, delong.high), abs=0.5 * resampled.error)


def test_the_paired_difference_agrees_with_the_bootstrap():
    a, b = (NetworkScores.single(ASAH["poor_outcome"], ASAH[marker]) for marker in ("wfns", "s100b"))
    delong = auc_difference(a, b)

    def change(weights):
        return weighted_auc(a, weights) - weighted_auc(b, weights)

    resampled = bootstrap(change, a.labels, a.object_ids, n=N, seed=1)
    assert resampled.value == pytest.approx(delong.difference, abs=1e-12)
    assert resampled.error == pytest.approx((delong.high - delong.low) / (2 * 1.959964), rel=MONTE_CARLO + 0.02)
    unpaired = auc_difference(a, b, paired=False)
    assert resampled.high - resampled.low < 0.8 * (unpaired.high - unpaired.low)


def test_repeats_of_an_object_are_drawn_together():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    scores = generator.normal(size=80) + labels
    objects = np.arange(80)
    once = bootstrap_auc(NetworkScores.single(labels, scores, objects), n=N)
    tripled = bootstrap_auc(NetworkScores.single(np.tile(labels, 3), np.tile(scores, 3), np.tile(objects, 3)), n=N)
    assert (tripled.value, tripled.error) == pytest.approx((once.value, once.error), rel=1e-9)
    taken_for_different = bootstrap_auc(NetworkScores.single(np.tile(labels, 3), np.tile(scores, 3)), n=N)
    assert taken_for_different.error == pytest.approx(once.error / np.sqrt(3), rel=0.1)


@given(seed=st.integers(0, 999), n_objects=st.integers(3, 20))
def test_every_replicate_has_the_same_number_of_objects_per_kind(seed, n_objects):
    generator = np.random.default_rng(seed)
    objects = np.concatenate([np.arange(n_objects), generator.integers(0, n_objects, 5)])
    labels = np.concatenate([[0, 1], generator.integers(0, 2, len(objects) - 2)])
    weights = object_weights(labels, objects, 20, generator)
    kinds = {}
    for name in range(n_objects):
        of_object = objects == name
        assert (weights[:, of_object] == weights[:, of_object][:, :1]).all()
        kinds.setdefault(tuple(np.unique(labels[of_object])), []).append(np.flatnonzero(of_object)[0])
    for first in kinds.values():
        assert (weights[:, first].sum(axis=1) == len(first)).all()
    assert np.isfinite(weighted_auc(NetworkScores.single(labels, np.arange(len(labels))), weights)).all()


def test_equal_seeds_give_equal_intervals_in_any_chunks(monkeypatch):
    from rotator_assets.evaluation import resampling

    scored = NetworkScores.single(ASAH["poor_outcome"], ASAH["s100b"])
    labels, objects = scored.labels, scored.object_ids
    assert bootstrap_auc(scored, n=50, seed=3) == bootstrap_auc(scored, n=50, seed=3)
    assert bootstrap_auc(scored, n=50, seed=4) != bootstrap_auc(scored, n=50, seed=3)
    sizes = []
    monkeypatch.setattr(resampling, "_VALUES_AT_ONCE", 10 * len(labels))
    bootstrap(lambda weights: sizes.append(len(weights)) or weights.mean(axis=1), labels, objects, n=25)
    assert sizes == [10, 10, 5, 1]


def test_the_interval_within_networks_agrees_with_the_bootstrap():
    generator = np.random.default_rng(2)
    labels = np.repeat([0, 1], [80, 160])
    networks = generator.integers(0, 4, 240)
    scored = NetworkScores.single(labels, generator.normal(size=240) + labels + 3.0 * networks)
    scored = replace(scored, networks=networks)
    expected, resampled = auc_interval(scored), bootstrap_auc(scored, n=N, seed=1)
    assert resampled.value == pytest.approx(expected.auc, abs=1e-12)
    assert resampled.error == pytest.approx(expected.error, rel=MONTE_CARLO + 0.05)
