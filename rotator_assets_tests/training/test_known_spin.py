"""Injection-recovery of lambda_R: networks find a known relation with the image, and state its scatter correctly.

lambda_R is a linear function of the axis ratio, which the image shows, plus normal noise, which it does not. The true
quantiles of lambda_R and the true probability of being fast are therefore known for every galaxy.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from rotator_assets.core.recipes import Recipe
from rotator_assets.store.models import load_model
from rotator_assets.training.cross_validation import cross_validate, predict_outputs
from rotator_assets.training.galaxy_predictions import galaxy_predictions
from rotator_assets.training.targets import OUTPUTS, Answers

N, SIZE_PX, NOISE, BOUNDARY = 480, 16, 0.1, 0.25
RECIPE = Recipe(
    name="known-spin",
    architecture="compact",
    lambda_r_interval=1.0,
    folds=3,
    epochs=12,
    batch_size=32,
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=0.02,
    kept_epoch="last",
    validation_fraction=0.3,
)


def galaxies():
    """Images of exponential discs seen at random angles, and the mean lambda_R of their axis ratio."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - (SIZE_PX - 1) / 2
    axis_ratio, angle = generator.uniform(0.25, 0.95, N), generator.uniform(0, np.pi, N)
    images = generator.normal(0, 0.02, (N, SIZE_PX, SIZE_PX, 3))
    for image, q, a in zip(images, axis_ratio, angle, strict=True):
        along, across = x * np.cos(a) + y * np.sin(a), -x * np.sin(a) + y * np.cos(a)
        image += np.exp(-np.hypot(along * np.sqrt(q), across / np.sqrt(q)) / 2)[:, :, None] * [0.5, 1.0, 1.3]
    mean = 0.1 + 0.6 * (0.95 - axis_ratio) / 0.7
    return images.astype(np.float32), mean, mean + NOISE * generator.normal(size=N)


@pytest.fixture(scope="module")
def recovered(tmp_path_factory):
    """Out-of-fold predictions in the order of the galaxies, with the truth."""
    images, mean, lambda_r = galaxies()
    labels, folder = (lambda_r >= BOUNDARY).astype(np.int8), tmp_path_factory.mktemp("models")
    learned = Answers(np.empty((N, 0), np.float32), lambda_r.astype(np.float32), np.ones(N, np.float32))
    trained = cross_validate(images, labels, np.arange(N), np.arange(N), RECIPE, model_folder=folder, answers=learned)
    unseen = trained.unseen.reset_index(drop=True)
    for fold, part in unseen.groupby("fold"):
        network, rows = load_model(folder / f"fold-{fold}.keras"), part["galaxy_id"].to_numpy(int)
        unseen.loc[part.index, list(OUTPUTS)] = predict_outputs(network, images, rows, RECIPE).astype(float)
    unseen = unseen.merge(trained.folds[["fold", "calibration_slope", "calibration_offset"]], on="fold")
    found = galaxy_predictions(unseen, averaged=False).set_index("galaxy_id").loc[np.arange(N)]
    return SimpleNamespace(found=found, mean=mean, lambda_r=lambda_r, fast=norm.sf(BOUNDARY, mean, NOISE))


def test_the_relation_is_recovered(recovered):
    found = recovered.found["lambda_r_predicted"].to_numpy()
    assert np.corrcoef(found, recovered.mean)[0, 1] > 0.9
    assert np.median(found - recovered.mean) == pytest.approx(0, abs=0.04)


def test_intervals_contain_the_stated_fraction(recovered):
    """The margin of each fold comes from 96 validation galaxies, so its coverage has a standard error of 0.05."""
    low, high = (recovered.found[name].to_numpy() for name in ("lambda_r_low", "lambda_r_high"))
    expected = norm.cdf(high, recovered.mean, NOISE) - norm.cdf(low, recovered.mean, NOISE)
    assert expected.mean() == pytest.approx(0.68, abs=3 * 0.05 / np.sqrt(RECIPE.folds))
    inside = (recovered.lambda_r >= low) & (recovered.lambda_r <= high)
    assert inside.mean() == pytest.approx(expected.mean(), abs=3 * np.sqrt(0.68 * 0.32 / N))
    assert 0.9 < np.mean(high - low) / (2 * norm.ppf(0.84) * NOISE) < 1.6


def test_calibrated_probabilities_are_the_true_ones(recovered):
    calibrated, raw = (recovered.found[name].to_numpy() for name in ("probability_fast_calibrated", "probability_fast"))
    for members in np.array_split(np.argsort(calibrated), 5):
        assert calibrated[members].mean() == pytest.approx(recovered.fast[members].mean(), abs=0.12)
    assert calibrated.mean() == pytest.approx(recovered.fast.mean(), abs=0.05)
    assert raw.mean() < recovered.fast.mean() - 0.1  # networks weight both classes equally
