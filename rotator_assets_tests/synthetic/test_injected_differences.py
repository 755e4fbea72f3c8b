"""Injected galaxies only differ in the disc between the classes, by the set amount, and networks detect it."""

import numpy as np
import pytest

from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.auc import auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.synthetic.injected_differences import (
    SPREAD_DISC,
    best_auc,
    mark_pixels,
    marked_galaxies,
    planted_galaxies,
)
from rotator_assets.training.cross_validation import cross_validate


def test_the_best_classifier_reaches_the_area_of_two_gaussians():
    assert best_auc(0) == 0.5
    assert best_auc(2) == pytest.approx(0.9214, abs=1e-4)
    galaxies = planted_galaxies(200, 2.0, seed=1, size_px=8)
    found = auc_interval(NetworkScores.single(galaxies.labels, galaxies.disc_fraction))
    assert found.low < best_auc(2) < found.high


def test_strength_only_changes_the_disc():
    none, strong = (planted_galaxies(40, strength, seed=3, size_px=48) for strength in (0.0, 3.0))
    moved = strong.disc_fraction - none.disc_fraction
    inside = (strong.disc_fraction > 0.02) & (strong.disc_fraction < 0.98)
    assert moved[inside] == pytest.approx(((none.labels - 0.5) * 3 * SPREAD_DISC)[inside])
    flux = none.images.sum(axis=(1, 2)), strong.images.sum(axis=(1, 2))
    assert flux[1] == pytest.approx(flux[0], rel=0.1)  # what lies beyond the image differs
    assert not np.array_equal(none.images, strong.images)
    assert np.array_equal(planted_galaxies(40, 3.0, seed=3, size_px=48).images, strong.images)


def test_a_network_only_finds_an_existing_difference(tmp_path):
    recipe = Recipe(name="tiny", folds=2, epochs=8, batch_size=16)
    aucs = {}
    for strength in (0.0, 6.0):
        galaxies = planted_galaxies(96, strength, seed=5, size_px=32)
        folder = tmp_path / f"{strength:g}"
        folder.mkdir()
        trained = cross_validate(
            galaxies.images, galaxies.labels, np.arange(96), np.arange(96), recipe, model_folder=folder
        )
        aucs[strength] = auc_interval(NetworkScores.of(trained.predictions))
    assert aucs[6.0].low > 0.6
    assert aucs[6.0].auc > aucs[0.0].auc + 0.2
    assert pytest.approx(aucs[0.0].auc, abs=0.2) == 0.5


def test_only_the_mark_differs_between_the_classes():
    plain, marked = planted_galaxies(10, 0.0, seed=3, size_px=48), marked_galaxies(10, seed=3, size_px=48)
    mark = mark_pixels(48)
    assert mark.sum() == 36 and not mark[:6].any() and not mark[:, :6].any() and not mark[12:].any()
    added = marked.images - plain.images
    slow = plain.labels == 0
    assert (added[slow] == 0).all() and (added[:, ~mark] == 0).all()
    peak = plain.images[~slow].max(axis=(1, 2))
    assert added[~slow][:, mark] == pytest.approx(np.repeat(0.5 * peak[:, None], 36, axis=1), rel=1e-4)
    assert np.array_equal(marked.labels, plain.labels) and np.array_equal(marked.disc_fraction, plain.disc_fraction)
