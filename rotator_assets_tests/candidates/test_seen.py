"""The folds that have seen the galaxy of an image: by pixels, name and position; as in the splits of the training."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.candidates.seen import fingerprint, seen_galaxies
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.material import Material
from rotator_assets.training.other_survey import OtherGalaxies
from rotator_assets.training.targets import Answers

N, N_TESTED, N_OTHERS = 50, 40, 20


@pytest.fixture
def images():
    return np.random.default_rng(0).random((N, 4, 4, 3), dtype=np.float32)


@pytest.fixture
def galaxies():
    """The last ten are in no training; the last but one is another observation of the first galaxy."""
    objects = [f"o{k}" for k in range(N)]
    objects[N - 2] = objects[0]
    ids = [f"g{k}" for k in range(N)]
    return pd.DataFrame({"galaxy_id": ids, "object_id": objects, "ra": np.arange(N) * 1.0, "dec": 5.0})


def material_of(images, galaxies, **changes):
    recipe = Recipe(name="x", folds=3, **changes)
    tested = galaxies.iloc[:N_TESTED].assign(rotator_type=(np.arange(N_TESTED) % 2).astype(np.int8))
    other = None
    if recipe.other_survey:
        theirs = np.random.default_rng(1).random((N_OTHERS, 4, 4, 3), dtype=np.float32)
        rows = np.arange(N_OTHERS)
        other = OtherGalaxies(theirs, rows, (rows % 2).astype(np.int8), np.array([f"other{k}" for k in rows]))
    unknown = Answers.unknown(N_TESTED, recipe)
    return Material.of(images, np.arange(N_TESTED), tested, unknown, recipe, None, other)


def test_folds_are_those_that_learned_or_validated_the_object(images, galaxies):
    material = material_of(images, galaxies)
    seen = seen_galaxies(material, galaxies, np.arange(N))
    nowhere = np.full(N, np.nan)
    by_pixels = seen.seen_by(np.array([fingerprint(i) for i in images], np.uint64), N * [""], nowhere, nowhere)
    by_name = seen.seen_by(np.zeros(N, np.uint64), galaxies["galaxy_id"], nowhere, nowhere)
    by_place = seen.seen_by(np.zeros(N, np.uint64), N * [""], galaxies["ra"], galaxies["dec"] + 4 / 3600)
    expected = np.zeros((N, 3), bool)
    for column, split in enumerate(material.splits):
        learned = np.concatenate([split.train, split.validation])
        expected[:, column] = galaxies["object_id"].isin(galaxies["object_id"].iloc[learned])
    for found in (by_pixels, by_name, by_place):
        np.testing.assert_array_equal(found, expected)
    assert expected[:N_TESTED].sum(axis=1).tolist() == N_TESTED * [2] and expected[N - 2].any()
    assert seen.n_seen == N_TESTED + 1
    far = seen.seen_by(np.zeros(N, np.uint64), N * [""], galaxies["ra"], galaxies["dec"] + 6 / 3600)
    assert not far.any()


@pytest.mark.parametrize("use", ["before", "beside"])
def test_galaxies_of_another_survey_are_recognized_by_their_pixels_alone(images, galaxies, use):
    """`before`: all networks start from one that was trained on them."""
    material = material_of(images, galaxies, other_survey="tng100-noisy", other_use=use)
    seen = seen_galaxies(material, galaxies, np.arange(N))
    theirs = np.random.default_rng(1).random((N_OTHERS, 4, 4, 3), dtype=np.float32)
    prints = np.array([fingerprint(image) for image in theirs], np.uint64)
    nowhere = np.full(N_OTHERS, np.nan)
    assert seen.seen_by(prints, N_OTHERS * [""], nowhere, nowhere).all()
    assert "" in seen.galaxy_ids and not seen.seen_by(0 * prints, N_OTHERS * [""], nowhere, nowhere).any()


def test_the_eight_views_of_an_image_have_one_fingerprint(images):
    views = [np.rot90(flipped, turns) for flipped in (images[0], images[0][:, ::-1]) for turns in range(4)]
    assert len({fingerprint(view) for view in views}) == 1
    assert len({fingerprint(image) for image in images}) == N
