"""Thresholds and corrected p-values against brute force, published formulas and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from rotator_assets.core.statistics import holm, youden_threshold
from rotator_assets_tests.evaluation.simulated import labels_and_scores


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.04, np.nan, 0.01]), [0.04, np.nan, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.5]), [1, 1])
    assert holm([]).size == 0 and np.isnan(holm([np.nan])).all()


@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_stepping_down(p_values):
    """Compare the k-th smallest with level / (m - k + 1), and stop at the first that is larger (Holm 1979)."""
    level, rejected = 0.05, set()
    for step, index in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[index] * (len(p_values) - step) > level:
            break
        rejected.add(int(index))
    adjusted = holm(p_values)
    assert set(np.flatnonzero(adjusted <= level)) == rejected
    assert (adjusted >= p_values).all() and (adjusted <= np.minimum(np.multiply(p_values, len(p_values)), 1)).all()


@given(data=labels_and_scores())
def test_youden_threshold_lies_between_two_scores(data):
    labels, scores = data
    threshold = youden_threshold(labels, scores)
    if len(set(scores)) == 1:
        assert threshold == scores[0]
        return
    assert threshold not in scores and scores.min() < threshold < scores.max()
    index = [np.mean(scores[labels == 1] >= cut) - np.mean(scores[labels == 0] >= cut) for cut in np.unique(scores)[1:]]
    reached = np.mean(scores[labels == 1] >= threshold) - np.mean(scores[labels == 0] >= threshold)
    assert reached == pytest.approx(max(index))
    false_positive_rate, true_positive_rate, _ = roc_curve(labels, scores)
    if max(index) >= 0:
        assert reached == pytest.approx(max(true_positive_rate - false_positive_rate))


def test_youden_threshold_by_hand():
    assert youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)
    neighbours = [0.5, np.nextafter(0.5, 1)]
    assert neighbours[0] < youden_threshold([0, 1], neighbours) <= neighbours[1]
