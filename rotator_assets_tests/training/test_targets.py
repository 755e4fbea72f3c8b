"""Auxiliary targets: values of the galaxies, standardization, weights of labels, and the combined loss."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipe_fields import Targets
from rotator_assets.training.imbalance import mean_loss
from rotator_assets.training.targets import (
    QUANTILES,
    UNLABELED,
    Answers,
    Standardization,
    answer_matrix,
    combined_loss,
    label_weights,
)
from rotator_assets_tests.training.made_up_training import TINY

GALAXIES = pd.DataFrame(
    {
        "lambda_r": [0.1, 0.6, np.nan],
        "lambda_r_error": [0.05, np.nan, np.nan],
        "spin_threshold": [0.15, 0.2, 0.25],
        "ellipticity": [0.2, 0.4, 0.6],
        "t_type": [-2.0, 1.0, np.nan],
        "p_late": [0.1, 0.4, np.nan],
        "p_s0": [0.3, 0.9, 0.5],
        "p_edge_on": [0.0, 0.1, 0.2],
        "p_bar": [0.2, 0.3, 0.4],
        "p_merger": [0.4, 0.5, 0.6],
        "p_bulge": [0.6, 0.7, 0.8],
        "p_cigar": [0.8, 0.9, 1.0],
        "sersic_n": [4.0, 1.0, 0.0],
        "r_eff_arcsec": [10.0, 1.0, -1.0],
        "log_mass": [10.5, 9.5, np.nan],
        "redshift": [0.1, 0.01, 0.0],
    }
)
EVERY = Targets(**dict.fromkeys(Targets.model_fields, 0.3))


def recipe(**changes):
    return TINY.model_copy(update=changes)


def test_targets_are_the_values_that_their_descriptions_say():
    values = Answers.of(GALAXIES, recipe(targets=EVERY)).targets
    expected = {
        "lambda_r": [0.1, 0.6, np.nan],
        "spin_offset": [-0.05, 0.4, np.nan],
        "ellipticity": [0.2, 0.4, 0.6],
        "t_type": [-2, 1, np.nan],
        "p_late": [0.1, 0.4, np.nan],
        "p_s0": [0.3, np.nan, np.nan],  # has a meaning for early types alone
        **{name: GALAXIES[name] for name in ("p_edge_on", "p_bar", "p_merger", "p_bulge", "p_cigar")},
        "sersic_n": [np.log10(4), 0, np.nan],
        "r_eff_arcsec": [1, 0, np.nan],
        "log_mass": [10.5, 9.5, np.nan],
        "redshift": [-1, -2, np.nan],
    }
    assert list(expected) == list(Targets.model_fields)
    np.testing.assert_allclose(values.T, list(expected.values()), rtol=1e-6, atol=1e-7)
    assert values.dtype == np.float32


def test_a_target_of_weight_zero_is_left_out():
    chosen = recipe(targets=Targets(t_type=0.3, redshift=0.0))
    np.testing.assert_array_equal(Answers.of(GALAXIES, chosen).targets, [[-2], [1], [np.nan]])
    assert Answers.of(GALAXIES, TINY).targets.shape == (3, 0)


def test_label_weights_are_the_excess_of_right_over_wrong():
    right = norm.cdf(abs(0.1 - 0.15) / 0.05)
    np.testing.assert_allclose(label_weights(GALAXIES), [right - (1 - right), 1, 1], rtol=1e-6)
    no_error = GALAXIES.assign(lambda_r_error=0.0)
    np.testing.assert_array_equal(label_weights(no_error), [1, 1, 1])
    at_the_boundary = GALAXIES.assign(lambda_r=GALAXIES["spin_threshold"], lambda_r_error=0.1)
    np.testing.assert_array_equal(label_weights(at_the_boundary), [0, 0, 0])


def test_standardization_ignores_missing_values():
    targets = np.array([[1, np.nan, 5], [3, np.nan, 5], [np.nan, np.nan, 5]], dtype=np.float32)
    standard = Standardization.of(targets)
    np.testing.assert_array_equal(standard.mean, [2, 0, 5])
    np.testing.assert_array_equal(standard.scale, [1, 1, 1])
    np.testing.assert_array_equal(standard(targets)[:, 0], [-1, 1, np.nan])


def loss_of(chosen, labels, answers, outputs, weights=(1.0, 1.0), standardization=None):
    """The combined loss, from answers as they are in training."""
    standardization = standardization or Standardization(np.zeros(2), np.ones(2))
    matrix = answer_matrix(np.asarray(labels), np.asarray(weights, np.float32), answers, standardization)
    tf = tensorflow()
    return float(combined_loss(chosen)(tf.constant(matrix), tf.constant(outputs, tf.float32)))


TWO = recipe(targets=Targets(t_type=0.3, log_mass=2.0), lambda_r_interval=0.5)
ANSWERS = Answers(
    targets=np.array([[0.5, 3.0], [np.nan, -1.0], [1.0, np.nan]], dtype=np.float32),
    lambda_r=np.array([0.2, np.nan, 0.6], dtype=np.float32),
    label_weights=np.array([1.0, 0.5, 1.0], dtype=np.float32),
)
OUTPUTS = np.array([[0.3, 0.1, 0.3, 0.4, 0.0, 0.0], [-1.0, 0.2, 0.3, 0.5, 9.0, 0.0], [2.0, 0.1, 0.4, 0.5, 0.5, 7.0]])


@pytest.mark.parametrize("imbalance", ["weights", "focal"])
def test_the_combined_loss_is_the_sum_of_its_parts(imbalance):
    chosen = TWO.model_copy(update={"imbalance": imbalance})
    labels = [0, 1, UNLABELED]
    weights = np.array([1.5, 0.75], dtype=np.float32)
    # The loss of the labels, with the weight of each: 1.5, and 0.75 times 0.5.
    each = [mean_loss(np.array([k]), np.array([z]), np.ones(2, np.float32), chosen) for k, z in ((0, 0.3), (1, -1.0))]
    of_labels = (1.5 * each[0] + 0.375 * each[1]) / 2
    # Huber's loss: 0.5 d^2 below 1, d - 0.5 above; means over the galaxies that have the value.
    huber = 0.3 * (0.5 * 0.5**2 + 0.5 * 0.5**2) / 2 + 2.0 * (2.5 + 0.5) / 2
    spin = ((0.2, [0.1, 0.3, 0.4]), (0.6, [0.1, 0.4, 0.5]))
    pinball = [
        sum(max(q * (y - p), (q - 1) * (y - p)) for q, p in zip(QUANTILES, predicted, strict=True)) / 0.25
        for y, predicted in spin
    ]
    expected = of_labels + huber + 0.5 * np.mean(pinball)
    assert loss_of(chosen, labels, ANSWERS, OUTPUTS, weights) == pytest.approx(expected, rel=1e-5)


def test_missing_values_and_labels_change_nothing():
    """Whatever the network says of a value that a galaxy lacks, the loss is the same."""
    labels = [0, 1, UNLABELED]
    other = OUTPUTS.copy()
    other[2, 0] = -50.0  # no label
    other[1, 1:4] = [-3.0, 0.0, 5.0]  # no lambda_R
    other[1, 4] = other[2, 5] = -100.0  # no target
    assert loss_of(TWO, labels, ANSWERS, other) == loss_of(TWO, labels, ANSWERS, OUTPUTS)


def test_a_batch_without_any_answer_has_no_loss():
    nothing = Answers.unknown(3, TWO)
    assert loss_of(TWO, [UNLABELED] * 3, nothing, OUTPUTS) == 0
