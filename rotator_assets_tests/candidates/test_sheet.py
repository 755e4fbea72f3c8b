"""What the sheet shows: the first candidates without kinematics, and maps by networks that have not seen them."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.candidates.blind import predict_blindly
from rotator_assets.candidates.sheet import SHEET_COLUMNS, SHEET_ROWS, blind_maps, first_candidates, with_ellipses
from rotator_assets.core.recipes import Recipe
from rotator_assets_tests.candidates.conftest import EVERY, N_MORE, N_TESTED, run
from rotator_assets_tests.report import made_up

RECIPE = Recipe(name="x", normalization="none", attribution_steps=3)


def network_of(fold):
    """A network whose logit is 2^fold times the sum of the fluxes: a map tells which networks it is the mean of."""
    from keras import Input, Model, layers

    inputs = Input((4, 4, 3))
    model = Model(inputs, layers.Dense(1, use_bias=False)(layers.Flatten()(inputs)))
    model.set_weights([np.full((48, 1), 2.0**fold)])
    return model


def test_maps_are_those_of_the_networks_that_have_not_seen_the_galaxy(galaxies, material):
    from rotator_assets.core.backend import tensorflow

    tensorflow()
    predicted = predict_blindly(galaxies, np.arange(EVERY), material, run, seed=0).outputs
    shown = np.array([EVERY - 1, 3, N_TESTED + N_MORE - 1, 47])
    objects, loaded, told = galaxies["object_id"].to_numpy(), [], []

    def load(fold):
        loaded.append(fold)
        return network_of(fold)

    images = np.ones((len(shown), 4, 4, 3), np.float32)
    names = galaxies["galaxy_id"].iloc[shown].reset_index(drop=True)
    maps = blind_maps(names, images, predicted, load, RECIPE, lambda *step: told.append(step))
    for row, found in zip(shown, maps, strict=True):
        seen = {split.fold: objects[np.concatenate([split.train, split.validation])] for split in material.splits}
        blind = [fold for fold, of_fold in seen.items() if objects[row] not in of_fold]
        assert 0 < len(blind) < 6 or row == EVERY - 1
        np.testing.assert_allclose(found, np.mean([2.0**fold for fold in blind]), rtol=1e-5)
    assert loaded == sorted(set(loaded))
    total = predicted["galaxy_id"].isin(names).sum()
    assert told == [(done, total) for done in range(1, total + 1)]


def test_the_sheet_has_the_first_candidates_without_kinematics():
    ranked = pd.DataFrame({"rank": np.arange(1, 61), "lambda_r": np.where(np.arange(60) % 2, np.nan, 0.1)})
    first = first_candidates(ranked)
    assert first["rank"].tolist() == list(range(2, 2 * SHEET_COLUMNS * SHEET_ROWS + 1, 2))
    assert first_candidates(ranked.iloc[:0]).empty


def test_no_candidates_need_no_network():
    predicted = pd.DataFrame({"galaxy_id": ["a"], "fold": [0]})
    maps = blind_maps(pd.Series([], dtype=object), np.zeros((0, 4, 4, 3), np.float32), predicted, None, RECIPE)
    assert maps.shape == (0, 4, 4, 3)


def test_ellipses_have_the_angle_of_the_light():
    y, x = np.mgrid[: made_up.SIZE, : made_up.SIZE] - (made_up.SIZE - 1) / 2
    along, across = (x + y) / np.sqrt(2), (y - x) / np.sqrt(2)
    light = np.exp(-np.hypot(along, 2 * across) / 5)[..., None] * np.ones(3)
    images = np.array([light, light[:, ::-1]], np.float32)
    known = {"r_eff_pixels": [6.0, np.nan], "galaxy_x_pixels": np.nan, "galaxy_y_pixels": np.nan}
    galaxies_shown = pd.DataFrame({"ellipticity": [0.5, np.nan], **known})
    found = with_ellipses(galaxies_shown, images, np.zeros_like(images), RECIPE)
    assert found["angle_deg"].tolist() == pytest.approx([45.0, 135.0], abs=1e-3)
    assert found["axis_ratio"].iloc[0] == 0.5 and np.isnan(found["axis_ratio"].iloc[1])
