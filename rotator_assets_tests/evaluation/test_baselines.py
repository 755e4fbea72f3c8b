"""Baselines: they find a planted signal, stay at chance without one, and see only training galaxies."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.baselines import BOOSTING, CLASSIFIERS, LOGISTIC, pixel_baseline, tabular_baseline
from rotator_assets.training.folds import assign_folds

RECIPE = Recipe(name="tiny", folds=3)


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 150)
    features = np.stack([labels + generator.normal(0, 0.5, 150), generator.normal(size=150)], axis=1)
    features[::17, 0] = np.nan
    return features, labels, assign_folds(labels, np.arange(150), 3, seed=0)


def test_catalogue_columns_with_a_signal_and_gaps(table):
    features, labels, folds = table
    probability = tabular_baseline(features, labels, folds)
    assert probability.dtype == np.float64 and np.isfinite(probability).all()
    assert roc_auc_score(labels, probability) > 0.85
    assert abs(roc_auc_score(labels, tabular_baseline(features[:, 1:], labels, folds)) - 0.5) < 0.15


def test_a_column_without_any_value_is_harmless(table):
    features, labels, folds = table
    empty = np.column_stack([features, np.full(len(labels), np.nan)])
    np.testing.assert_allclose(tabular_baseline(empty, labels, folds), tabular_baseline(features, labels, folds))


def test_each_galaxy_is_scored_without_its_label_and_its_fold(table):
    features, labels, folds = table
    test = folds == 1
    flipped = np.where(test, 1 - labels, labels)
    before, after = tabular_baseline(features, labels, folds), tabular_baseline(features, flipped, folds)
    np.testing.assert_array_equal(before[test], after[test])
    moved = features + 100 * (np.arange(150) == np.flatnonzero(test)[0])[:, None]
    after = tabular_baseline(moved, labels, folds)
    np.testing.assert_array_equal(before[test][1:], after[test][1:])


def test_pixels_find_the_planted_signal_out_of_fold(survey):
    images, labels, objects = survey
    folds = assign_folds(labels, objects, 3, seed=0)
    probability = pixel_baseline(images, np.arange(len(labels)), labels, folds, RECIPE)
    assert roc_auc_score(labels, probability) > 0.6
    # An image of a test fold changes the score of no other galaxy of that fold; rows choose the images.
    test = np.flatnonzero(folds == 2)
    rows = np.random.default_rng(0).permutation(len(labels))
    shuffled = np.empty_like(images)
    shuffled[rows] = images
    shuffled[rows[test[0]]] = 7
    after = pixel_baseline(shuffled, rows, labels, folds, RECIPE)
    np.testing.assert_array_equal(after[test[1:]], probability[test[1:]])


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_columns_and_pixels_use_only_training_galaxies(table, classifier):
    features, labels, folds = table
    pixels = np.random.default_rng(3).normal(size=(150, 60)).astype(np.float32)
    options = {"classifier": classifier, "seed": 1}
    before = tabular_baseline(features, labels, folds, pixels=pixels, **options)
    assert roc_auc_score(labels, before) > 0.7
    np.testing.assert_array_equal(before, tabular_baseline(features, labels, folds, pixels=pixels, **options))
    test = np.flatnonzero(folds == 1)
    pixels[test[0]] += 100
    flipped = np.where(folds == 1, 1 - labels, labels)
    after = tabular_baseline(features, flipped, folds, pixels=pixels, **options)
    np.testing.assert_array_equal(before[test[1:]], after[test[1:]])


def test_boosting_finds_nonlinear_boundaries():
    random = np.random.default_rng(5)
    value = random.uniform(-1, 1, 200)
    labels = (np.abs(value) > 0.5).astype(int)
    folds = assign_folds(labels, np.arange(200), 3, seed=0)
    scores = {name: tabular_baseline(value[:, None], labels, folds, classifier=name) for name in CLASSIFIERS}
    assert roc_auc_score(labels, scores[BOOSTING]) > 0.95
    assert roc_auc_score(labels, scores[LOGISTIC]) < 0.65
