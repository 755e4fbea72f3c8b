"""No network predicts a galaxy whose object it has seen; a galaxy that no network has seen is predicted by all."""

import numpy as np

from rotator_assets.candidates.blind import predict_blindly
from rotator_assets.candidates.networks import NetworkOutputs
from rotator_assets.training.material import Material
from rotator_assets.training.other_survey import OtherGalaxies
from rotator_assets.training.targets import Answers
from rotator_assets_tests.candidates.conftest import EVERY, N_MORE, N_TESTED, RECIPE, run


def test_each_galaxy_is_predicted_by_the_folds_that_have_not_seen_its_object(galaxies, material):
    blind = predict_blindly(galaxies, np.arange(EVERY), material, run, seed=0)
    objects = galaxies["object_id"].to_numpy()
    for split in material.splits:
        seen = set(objects[np.concatenate([split.train, split.validation])])
        predicted = blind.outputs[blind.outputs["fold"] == split.fold]
        assert set(predicted["object_id"]) == set(objects) - seen
        assert (predicted["repeat"] == split.repeat).all()
    in_no_training = ~np.isin(objects, objects[: N_TESTED + N_MORE])
    counts = blind.outputs["galaxy_id"].value_counts()
    assert (counts[galaxies["galaxy_id"][in_no_training]] == RECIPE.networks).all()
    assert set(blind.outputs["galaxy_id"]) == set(galaxies["galaxy_id"])
    assert (counts[galaxies["galaxy_id"][~in_no_training]] == RECIPE.repeats).all()


def test_predictions_are_those_of_the_galaxy_and_of_the_fold(galaxies, material):
    blind = predict_blindly(galaxies, np.arange(EVERY)[::-1], material, run, seed=0)
    number = blind.outputs["galaxy_id"].str[1:].astype(int)
    expected = EVERY - 1 - number + 1000 * blind.outputs["fold"]
    assert blind.outputs["logit"].tolist() == expected.tolist()
    np.testing.assert_array_equal(blind.members, np.column_stack([expected, -expected]))
    assert blind.outputs["lambda_r_predicted"].isna().all()


def test_groups_do_not_divide_objects(galaxies, material):
    blind = predict_blindly(galaxies, np.arange(EVERY), material, run, seed=0)
    assert (blind.outputs.groupby(["object_id", "repeat"])["group"].nunique() == 1).all()
    trained_on = blind.outputs["galaxy_id"].str[1:].astype(int) < N_TESTED + N_MORE
    assert (blind.outputs["group"] == blind.outputs["fold"])[trained_on].all()
    assert blind.outputs.loc[~trained_on, "group"].nunique() > 1 and (blind.outputs["group"] < 0)[~trained_on].any()


def test_networks_of_one_split_alone_calibrate_by_groups(galaxies):
    """With a held-out part, every galaxy has the same networks, and groups must still divide them."""
    recipe = RECIPE.model_copy(update={"split": "holdout", "repeats": 1, "training_population": "same"})
    tested = galaxies.iloc[:N_TESTED].assign(rotator_type=(np.arange(N_TESTED) // 10 % 2).astype(np.int8))
    images, unknown = np.zeros((EVERY, 4, 4, 3), np.float32), Answers.unknown(N_TESTED, recipe)
    held_out = Material.of(images, np.arange(N_TESTED), tested, unknown, recipe, None, None)
    blind = predict_blindly(galaxies, np.arange(EVERY), held_out, run, seed=0)
    assert set(blind.outputs["group"]) == {-1, -2, -3, -4, -5}
    assert (blind.outputs.groupby("object_id")["group"].nunique() == 1).all()


def test_networks_of_another_survey_predict_every_galaxy(galaxies):
    recipe = RECIPE.model_copy(
        update={"other_survey": "tng100-noisy", "other_use": "instead", "training_population": "same"}
    )
    tested = galaxies.iloc[:N_TESTED].assign(rotator_type=(np.arange(N_TESTED) // 10 % 2).astype(np.int8))
    images, unknown = np.zeros((EVERY, 4, 4, 3), np.float32), Answers.unknown(N_TESTED, recipe)
    theirs = np.arange(80)
    other = OtherGalaxies(np.zeros((80, 4, 4, 3), np.float32), theirs, (theirs % 2).astype(np.int8), theirs.astype(str))
    material = Material.of(images, np.arange(N_TESTED), tested, unknown, recipe, None, other)

    def run_stacked(fold, rows):
        features = np.random.default_rng(fold).normal(size=(EVERY + 80, 3))[rows]
        return NetworkOutputs(rows[:, None] * 1.0, rows[:, None] * 1.0, features)

    blind = predict_blindly(galaxies, np.arange(EVERY), material, run_stacked, seed=0)
    assert (blind.outputs["galaxy_id"].value_counts() == len(material.splits)).all()
    assert set(blind.outputs["galaxy_id"]) == set(galaxies["galaxy_id"])
    assert blind.outputs["logit"].tolist() == blind.outputs["galaxy_id"].str[1:].astype(float).tolist()
    assert (blind.outputs["group"] < 0).all() and blind.outputs["probability_early"].isna().all()
