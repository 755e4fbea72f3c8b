"""Compensation for unequal classes: weights, epochs and losses."""

from typing import get_args

import numpy as np
import pytest

from rotator_assets.core.recipes import Imbalance
from rotator_assets.training.imbalance import (
    COMPENSATIONS,
    class_weights,
    epoch_order,
    images_per_epoch,
    mean_loss,
    training_loss,
    training_weights,
)
from rotator_assets.training.pipeline import TrainingBatches
from rotator_assets_tests.training.made_up_training import TINY

LABELS = np.repeat([0, 1], [3, 12]).astype(np.int8)


def recipe(imbalance):
    return TINY.model_copy(update={"imbalance": imbalance, "batch_size": 5})


def test_every_value_of_the_setting_has_a_compensation():
    assert set(COMPENSATIONS) == set(get_args(Imbalance))


@pytest.mark.parametrize("imbalance", ["weights", "focal", "oversample"])
def test_classes_have_equal_weight(imbalance):
    weights = class_weights(LABELS, recipe(imbalance))
    np.testing.assert_allclose(weights, [15 / 6, 15 / 24])
    assert weights[LABELS].mean() == pytest.approx(1)
    order = epoch_order(LABELS, recipe(imbalance), np.random.default_rng(0))
    shown = training_weights(LABELS, recipe(imbalance))[LABELS][order]
    assert shown[LABELS[order] == 0].sum() == pytest.approx(shown[LABELS[order] == 1].sum())


def test_without_compensation_galaxies_have_equal_weight():
    np.testing.assert_array_equal(class_weights(LABELS, recipe("none")), [1, 1])
    np.testing.assert_array_equal(training_weights(LABELS, recipe("none")), [1, 1])


@pytest.mark.parametrize("imbalance", ["weights", "focal", "none"])
def test_an_epoch_shows_every_galaxy_once(imbalance):
    order = epoch_order(LABELS, recipe(imbalance), np.random.default_rng(0))
    assert sorted(order) == list(range(15)) and images_per_epoch(LABELS, recipe(imbalance)) == 15


@pytest.mark.parametrize("labels", [LABELS, 1 - LABELS, np.repeat([0, 1], 4)])
def test_oversampling_shows_both_classes_equally_often(labels):
    order = epoch_order(labels, recipe("oversample"), np.random.default_rng(0))
    assert len(order) == images_per_epoch(labels, recipe("oversample")) == 2 * np.bincount(labels).max()
    assert np.bincount(labels[order])[0] == np.bincount(labels[order])[1]
    assert set(order) == set(range(len(labels)))
    commoner = np.argmax(np.bincount(labels))
    assert np.bincount(order)[labels == commoner].max() == 1
    same, other = (epoch_order(labels, recipe("oversample"), np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(order, same)
    assert not np.array_equal(order, other)


@pytest.mark.slow
def test_batches_of_oversampled_epochs_are_even(survey):
    rows = np.flatnonzero((survey[1] == 1) | (np.arange(len(survey[1])) % 6 == 0))[:40]
    labels = survey[1][rows]

    def batches():
        return TrainingBatches(survey[0], rows, labels, np.ones(len(rows)), recipe("oversample"), (1, 0))

    first = batches()
    assert first.images_per_epoch == 2 * (labels == 1).sum() > len(rows)
    epochs = [[first[first.per_epoch * epoch + k] for k in range(first.per_epoch)] for epoch in range(2)]
    for epoch in epochs:
        shown = np.concatenate([labels for _, labels, _ in epoch])
        assert len(shown) == first.images_per_epoch and shown.mean() == 0.5
        assert {len(images) for images, _, _ in epoch} <= {4, 5}
    np.testing.assert_array_equal(batches()[first.per_epoch][0], epochs[1][0][0])


@pytest.mark.parametrize("imbalance", ["weights", "focal", "none"])
def test_validation_measures_what_training_minimizes(imbalance):
    """Keras' weighted loss of the same logits."""
    logits = np.random.default_rng(0).normal(0, 2, 15)
    weights = class_weights(LABELS, recipe(imbalance))
    expected = training_loss(recipe(imbalance))(
        LABELS[:, None].astype(np.float32), logits[:, None].astype(np.float32), weights[LABELS][:, None]
    )
    assert mean_loss(LABELS, logits, weights, recipe(imbalance)) == pytest.approx(float(expected), rel=1e-5)


def test_validation_of_oversampling_weights_the_classes_equally():
    logits = np.random.default_rng(0).normal(0, 2, 15)
    loss = mean_loss(LABELS, logits, class_weights(LABELS, recipe("oversample")), recipe("oversample"))
    entropy = np.log1p(np.exp(-np.where(LABELS == 1, logits, -logits)))
    assert loss == pytest.approx((entropy[LABELS == 0].mean() + entropy[LABELS == 1].mean()) / 2)


def test_the_focal_loss_is_that_of_the_paper():
    """Lin et al. (2017), eq. 5; alpha is the fraction of the other class, up to the normalization of the weights."""
    logits = np.array([-3.0, 0.0, 0.4, 2.0])
    labels = np.array([0, 1, 1, 1])
    p_true = np.where(labels == 1, 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(logits)))
    alpha = np.where(labels == 1, 0.25, 0.75)
    expected = np.mean(-alpha * (1 - p_true) ** 2 * np.log(p_true)) / (2 * 0.25 * 0.75)
    weights = class_weights(labels, recipe("focal"))
    assert mean_loss(labels, logits, weights, recipe("focal")) == pytest.approx(expected, rel=1e-6)


def test_a_loss_of_certain_logits_is_finite():
    weights = np.ones(2, np.float32)
    for logit in (-800.0, 800.0):
        for imbalance in ("weights", "focal"):
            assert np.isfinite(mean_loss(np.array([0, 1]), np.full(2, logit), weights, recipe(imbalance)))
