"""Rates, precision and calibration by hand, against scikit-learn, and against simulated truths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss

from rotator_assets.evaluation.scores import (
    brier_skill,
    calibration_curve,
    precision_recall_frame,
    recalls,
)


@st.composite
def predicted(draw):
    """Labels of both classes and probabilities with ties."""
    n_slow, n_fast = draw(st.integers(1, 15)), draw(st.integers(1, 15))
    n = n_slow + n_fast
    probability = np.array(draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))) / 8
    return np.repeat([0, 1], [n_slow, n_fast]), probability


def test_recalls_by_hand():
    """8 of 10 slow: Wilson's interval is [0.4902, 0.9433] (Agresti & Coull 1998 give its formula)."""
    labels = np.repeat([0, 1], [10, 40])
    called = np.concatenate([np.repeat([0, 1], [8, 2]), np.repeat([1, 0], [30, 10])])
    found = recalls(labels, called)
    assert (found.slow.value, found.fast.value, found.balanced.value) == pytest.approx((0.8, 0.75, 0.775))
    assert (found.slow.low, found.slow.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    below = np.sqrt((0.8 - found.slow.low) ** 2 + (0.75 - found.fast.low) ** 2) / 2
    assert found.balanced.low == pytest.approx(0.775 - below)


@pytest.mark.slow
def test_balanced_accuracy_has_its_nominal_coverage():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [25, 60])
    right = np.repeat([0.7, 0.9], [25, 60])
    found = [recalls(labels, np.where(generator.random(85) < right, labels, 1 - labels)) for _ in range(1000)]
    assert 0.935 <= np.mean([one.balanced.low <= 0.8 <= one.balanced.high for one in found]) <= 0.975


@pytest.mark.parametrize("n", range(1, 200, 7))
def test_wilson_intervals_end_at_zero_and_one(n):
    none, every = recalls(np.zeros(n), np.ones(n)).slow, recalls(np.zeros(n), np.zeros(n)).slow
    assert none.low == 0 and every.high == 1


def test_recalls_of_an_absent_class_are_unknown():
    found = recalls([1, 1], [1, 0])
    assert np.isnan(found.slow.value) and (found.slow.low, found.slow.high) == (0, 1)
    assert np.isnan(found.balanced.value) and (found.balanced.low, found.balanced.high) == (0, 1)


@given(data=predicted())
def test_precision_refers_to_slow_rotators(data):
    labels, probability = data
    expected = average_precision_score(labels == 0, 1 - probability)
    frame = precision_recall_frame(labels, probability)
    assert (np.diff(frame["recall"]) >= 0).all() and frame["recall"].iloc[-1] == 1
    for row in frame.itertuples():
        called_slow = probability <= row.threshold
        assert row.recall == pytest.approx(called_slow[labels == 0].mean())
        assert row.precision == pytest.approx(np.mean(labels[called_slow] == 0))
    steps = np.diff(frame["recall"], prepend=0)
    assert np.sum(steps * frame["precision"]) == pytest.approx(expected)


@given(data=predicted())
def test_brier_skill_agrees_with_scikit_learn(data):
    labels, probability = data
    prevalence = np.full(len(labels), labels.mean())
    expected = 1 - brier_score_loss(labels, probability) / brier_score_loss(labels, prevalence)
    assert brier_skill(labels, probability) == pytest.approx(expected, abs=1e-12)


def test_brier_skill_of_prevalence_and_truth():
    labels = np.repeat([0, 1], [25, 75])
    assert brier_skill(labels, np.full(100, 0.75)) == pytest.approx(0)
    assert brier_skill(labels, labels) == 1
    assert brier_skill(labels, np.full(100, 0.5)) == pytest.approx(1 - 0.25 / (0.75 * 0.25))
    assert np.isnan(brier_skill([1, 1], [0.5, 0.6]))


def test_calibration_curve_by_hand():
    labels, probability = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.5, 0.8, 0.9]
    curve = calibration_curve(labels, probability, n_bins=3)
    assert curve["n_galaxies"].tolist() == [2, 2, 2] and curve["n_fast"].tolist() == [0, 1, 2]
    assert curve["probability_mean"].tolist() == pytest.approx([0.15, 0.45, 0.85])
    assert curve["fraction_fast"].tolist() == [0, 0.5, 1]


@given(data=predicted(), n_bins=st.integers(1, 12), seed=st.integers(0, 99))
def test_bins_hold_every_galaxy_once_in_any_order(data, n_bins, seed):
    labels, probability = data
    curve = calibration_curve(labels, probability, n_bins)
    assert curve["n_galaxies"].sum() == len(labels) and curve["n_fast"].sum() == labels.sum()
    assert len(curve) <= min(n_bins, len(np.unique(probability))) and (np.diff(curve["probability_mean"]) > 0).all()
    assert (curve["fraction_low"] <= curve["fraction_fast"]).all()
    order = np.random.default_rng(seed).permutation(len(labels))
    assert calibration_curve(labels[order], probability[order], n_bins).round(12).equals(curve.round(12))


def test_bins_of_distinct_probabilities_are_equally_full():
    probability = np.random.default_rng(0).random(1003)
    assert set(calibration_curve(np.arange(1003) % 2, probability)["n_galaxies"]) <= {100, 101}


def test_only_true_probabilities_are_calibrated():
    generator = np.random.default_rng(1)
    truth = generator.beta(2, 2, 20_000)
    labels = (generator.random(20_000) < truth).astype(int)
    curve = calibration_curve(labels, truth)
    inside = (curve["fraction_low"] <= curve["probability_mean"]) & (
        curve["probability_mean"] <= curve["fraction_high"]
    )
    assert inside.sum() >= 8
    sharpened = truth**3 / (truth**3 + (1 - truth) ** 3)
    assert brier_skill(labels, sharpened) < brier_skill(labels, truth)


@pytest.mark.parametrize(
    ("labels", "probability", "message"),
    [
        ([0, 1], [0.5], "equally long"),
        ([], [], "not empty"),
        ([0, 2], [0.5, 0.5], "labels"),
        ([0, 1], [0.5, 1.1], "in"),
    ],
)
def test_invalid_probabilities_are_refused(labels, probability, message):
    with pytest.raises(ValueError, match=message):
        brier_skill(labels, probability)
