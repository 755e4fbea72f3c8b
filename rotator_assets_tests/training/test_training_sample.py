"""The galaxies that a recipe trains on, and the boundary of their labels."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.galaxies.recipe_labels import with_galaxies
from rotator_assets.tables import TABLES
from rotator_assets.training.sample import training_sample

EPSILON = np.array([0.124, 0.124, 0.124, 0.5, 0.5, 0.0, 0.3])
LAMBDA_R = np.array([0.1095, 0.1111, 0.105, 0.1, 0.3, 0.05, 0.165])
THRESHOLD = 0.31 * np.sqrt(EPSILON)


@pytest.fixture
def labeled():
    """Galaxies around the boundaries; the first is fast by Emsellem (0.10916), slow by Cappellari (0.1110)."""
    return pd.DataFrame(
        {
            "galaxy_id": [f"g{number}" for number in range(len(EPSILON))],
            "is_early_type": [True] * 6 + [False],
            "lambda_r": LAMBDA_R,
            "ellipticity": EPSILON,
            "spin_threshold": THRESHOLD,
            "lambda_r_limit": np.nan,
            "rotator_type": np.where(LAMBDA_R < THRESHOLD, 0, 1).astype(np.int8),
        }
    )


def test_a_sample_needs_no_column_that_labeled_images_lacks(labeled):
    assert set(labeled.columns) <= set(TABLES["labeled_images"].column_names)


class Images:
    """Replaces the reader: images that are usable, or unusable for these reasons."""

    def __init__(self, *reasons: str | None) -> None:
        self._reasons = pd.Series(reasons, dtype=object)

    def table(self, name: str, dataset: str) -> pd.DataFrame:
        assert (name, dataset) == ("images", "manga-observed-64")
        return pd.DataFrame({"usable": self._reasons.isna(), "reason": self._reasons})


def sample_of(labeled, **changes):
    recipe = Recipe(name="mine", population="all", **changes)
    return training_sample(labeled, recipe, "manga-observed-64", Images())


def test_the_settings_give_the_boundary_unless_the_recipe_names_one(labeled):
    labeled["rotator_type"] = 1 - labeled["rotator_type"]  # not the labels of the settings
    pd.testing.assert_frame_equal(sample_of(labeled), labeled)
    emsellem = sample_of(labeled, label="emsellem2011")
    np.testing.assert_array_equal(emsellem["rotator_type"], [1, 1, 0, 0, 1, 1, 0])
    np.testing.assert_allclose(emsellem["spin_threshold"], THRESHOLD)


def test_cappellari_2016_has_another_boundary_and_no_flat_slow_rotators(labeled):
    sample = sample_of(labeled, label="cappellari2016")
    np.testing.assert_array_equal(sample["rotator_type"], [0, 1, 0, 1, 1, 0, 1])
    np.testing.assert_allclose(sample["spin_threshold"], [0.111, 0.111, 0.111, 0, 0, 0.08, 0.155])
    assert sample["rotator_type"].dtype == np.int8
    assert list(sample["galaxy_id"]) == list(labeled["galaxy_id"])


def test_reports_use_the_boundary_of_the_training(labeled):
    labeled["object_id"] = labeled["galaxy_id"]
    for changes in ({}, {"label": "cappellari2016"}, {"label": "cappellari2016", "boundary_gap": 0.02}):
        recipe = Recipe(name="mine", population="all", **changes)
        trained = training_sample(labeled, recipe, "manga-observed-64", Images())
        predictions = trained[["galaxy_id", "object_id", "rotator_type"]].iloc[::-1]
        asked = with_galaxies(predictions, labeled, recipe)
        assert list(asked["galaxy_id"]) == list(predictions["galaxy_id"])
        np.testing.assert_array_equal(asked["spin_threshold"], trained["spin_threshold"][::-1])
        np.testing.assert_array_equal(asked["lambda_r"] >= asked["spin_threshold"], asked["rotator_type"] == 1)
    with pytest.raises(InputError, match="galaxy g6 has a prediction but no longer a label or image"):
        with_galaxies(labeled[["galaxy_id", "rotator_type"]], labeled.iloc[:-1], recipe)


def test_galaxies_close_to_the_boundary_are_left_out(labeled):
    clear = sample_of(labeled, boundary_gap=0.05)
    assert list(clear["galaxy_id"]) == ["g3", "g4", "g5"]
    assert list(clear.index) == [0, 1, 2]
    by_cappellari = sample_of(labeled, boundary_gap=0.02, label="cappellari2016")
    assert list(by_cappellari["galaxy_id"]) == ["g3", "g4", "g5"]
    assert len(sample_of(labeled, boundary_gap=1e-6)) == len(labeled)


def test_hidden_slow_rotation_is_judged_by_the_recipes_boundary(labeled):
    """Thresholds by Cappellari are 0.111 three times, 0 twice (no slow rotators there), 0.08 and 0.155."""
    labeled["lambda_r_limit"] = [0.1, 0.12, np.nan, 0.12, np.nan, 0.09, 0.16]
    assert list(sample_of(labeled, label="cappellari2016")["galaxy_id"]) == ["g0", "g2", "g3", "g4"]
    assert len(sample_of(labeled)) == len(labeled)  # by the settings' boundary they would have no label


def test_only_early_types_unless_the_recipe_includes_all(labeled):
    early = training_sample(labeled, Recipe(name="mine"), "manga-observed-64", Images())
    assert list(early["galaxy_id"]) == ["g0", "g1", "g2", "g3", "g4", "g5"]


def test_no_galaxy_left_says_what_to_do(labeled):
    with pytest.raises(InputError, match=r"at least 0\.9 from the boundary .* lower boundary_gap of recipe 'mine'"):
        sample_of(labeled, boundary_gap=0.9)
    none, recipe = labeled.iloc[:0], Recipe(name="mine", population="all")
    without_images = Images("no image file", "no image file", "too small")
    with pytest.raises(InputError, match=r"no image is usable: no image file \(2 of them\)"):
        training_sample(none, recipe, "manga-observed-64", without_images)
    with pytest.raises(InputError, match=r"2 images are usable, but none shows a labelled galaxy .* match_report"):
        training_sample(none, recipe, "manga-observed-64", Images(None, None, "too small"))
