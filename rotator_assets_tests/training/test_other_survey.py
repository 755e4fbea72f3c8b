"""Galaxies of another survey are trained on and never tested; no galaxy is tested by a network trained on it."""

from dataclasses import replace

import numpy as np
import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Augmentation, Recipe
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.lineage.partitions import other_dataset
from rotator_assets.store.models import load_model
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets.training.folds import plan_splits
from rotator_assets.training.other_survey import OtherGalaxies, StackedImages, with_other_galaxies

STILL = Augmentation(shift=0, rotation_deg=0, flip=False, flattening=0, zoom=0)
N_OWN, N_OTHER = 30, 24


def _recipe(use: str, **settings) -> Recipe:
    given = {"folds": 2, "epochs": 2, "batch_size": 8, "augmentation": STILL, "validation_fraction": 0.3} | settings
    return Recipe(name=f"other-{use}", other_survey="tng100-noisy", other_use=use, **given)


def _galaxies(n: int, seed: int, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Images of noise, with a bright centre if the galaxy is fast."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) // 2 % 2
    images = generator.uniform(0, 1, (n, 16, 16, 3)).astype(np.float32)
    images[:, 6:10, 6:10] += strength * 3 * labels[:, None, None, None]
    return images, labels.astype(np.int8)


@pytest.fixture(scope="module")
def own():
    return _galaxies(N_OWN, 1)


@pytest.fixture(scope="module")
def other() -> OtherGalaxies:
    images, labels = _galaxies(N_OTHER, 2)
    return OtherGalaxies(images, np.arange(N_OTHER), labels, np.array([f"sim-{i // 2}" for i in range(N_OTHER)]))


def _splits(use: str, own, other, **settings):
    recipe = _recipe(use, **settings)
    ids = np.array([f"obj-{i}" for i in range(N_OWN)])
    return recipe, with_other_galaxies(plan_splits(own[1], ids, recipe), N_OWN, other, recipe)


@pytest.mark.parametrize("use", ["before", "beside", "instead"])
def test_only_the_datasets_galaxies_are_tested(use, own, other):
    recipe, (first, splits) = _splits(use, own, other)
    tested = np.concatenate([split.test for split in splits])
    assert sorted(tested) == list(range(N_OWN))
    assert len(splits) == recipe.networks
    for split in [*splits, *([first] if first else [])]:
        parts = [set(split.train), set(split.validation), set(split.test)]
        assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_before_trains_a_first_network_on_the_other_survey(own, other):
    recipe, (first, splits) = _splits("before", own, other)
    assert min(*first.train, *first.validation) >= N_OWN
    assert len(first.test) == 0
    assert first.fold == recipe.networks  # a number that no fold has
    assert max(max(*split.train, *split.validation) for split in splits) < N_OWN
    objects = np.array([f"sim-{i // 2}" for i in range(N_OTHER)])
    assert not set(objects[first.train - N_OWN]) & set(objects[first.validation - N_OWN])


def test_beside_adds_the_other_survey_only_to_training_parts(own, other):
    recipe, (first, splits) = _splits("beside", own, other)
    plain = plan_splits(own[1], np.array([f"obj-{i}" for i in range(N_OWN)]), recipe)
    assert first is None
    for split, before in zip(splits, plain, strict=True):
        assert set(split.train) == {*before.train, *range(N_OWN, N_OWN + N_OTHER)}
        assert np.array_equal(split.validation, before.validation)
        assert np.array_equal(split.test, before.test)


def test_instead_trains_one_network_per_repeat(own, other):
    recipe, (first, splits) = _splits("instead", own, other, repeats=2)
    assert first is None
    assert recipe.networks == len(splits) == 2
    assert [split.repeat for split in splits] == [0, 1]
    assert splits[0].seed != splits[1].seed
    assert all(min(*split.train, *split.validation) >= N_OWN for split in splits)


def test_two_stacks_of_images_read_as_one(own, other):
    stack = StackedImages(own[0], other.images)
    rows = np.array([N_OWN + 3, 0, N_OWN - 1, N_OWN])
    assert stack.shape == (N_OWN + N_OTHER, 16, 16, 3) and len(stack) == N_OWN + N_OTHER
    assert np.array_equal(stack[rows], np.concatenate([own[0], other.images])[rows])
    with pytest.raises(ValueError, match="cannot train one network"):
        StackedImages(own[0], other.images[:, :8])


def _trained(use: str, own, other, folder, **settings):
    folder.mkdir()
    return cross_validate(
        own[0],
        own[1],
        np.array([f"obj-{i}" for i in range(N_OWN)]),
        np.array([f"g{i}" for i in range(N_OWN)]),
        _recipe(use, **settings),
        model_folder=folder,
        other=other,
    )


def test_labels_do_not_reach_networks_trained_on_another_survey(own, other, tmp_path):
    """Network, threshold and calibration are the same with inverted labels."""
    turned = (own[0], (1 - own[1]).astype(np.int8))
    a = _trained("instead", own, other, tmp_path / "a")
    b = _trained("instead", turned, other, tmp_path / "b")
    assert np.array_equal(a.tested["logit"], b.tested["logit"])
    facts = ["threshold", "calibration_slope", "calibration_offset"]
    assert a.folds[facts].equals(b.folds[facts])
    assert (a.predictions["fold"] == 0).all()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["fold-0.keras"]


def test_training_starts_from_the_network_of_the_other_survey(own, other, tmp_path):
    """With a tiny learning rate the networks of all folds stay equal to the first one."""
    frozen = {"learning_rate": 1e-12, "epochs": 1}
    trained = _trained("before", own, other, tmp_path / "a", **frozen)
    weights = [load_model(tmp_path / "a" / f"fold-{fold}.keras").trainable_variables for fold in (0, 1)]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first.numpy(), second.numpy(), atol=1e-9)
    assert sorted(trained.history["fold"].unique()) == [0, 1, 2]
    assert sorted(trained.folds["fold"]) == [0, 1]
    fresh = cross_validate(
        own[0],
        own[1],
        np.arange(N_OWN),
        np.arange(N_OWN),
        _recipe("before", **frozen).model_copy(update={"other_survey": None}),
        model_folder=tmp_path,
    )
    assert not np.allclose(trained.tested["logit"], fresh.tested["logit"])


def test_the_other_dataset_has_the_same_crop():
    recipes = load_recipes()
    assert other_dataset(recipes["tng-before"], "manga-observed-64") == "tng100-noisy-64"
    assert other_dataset(recipes["manga-instead"], "tng100-noiseless-128") == "manga-observed-128"
    with pytest.raises(InputError, match="meant for another survey"):
        other_dataset(recipes["tng-beside"], "tng100-noisy-64")
    with pytest.raises(InputError, match="there is no 'illustris-noisy'; there are: manga-observed"):
        other_dataset(Recipe(name="x", other_survey="illustris-noisy"), "manga-observed-64")


def test_objects_of_the_other_survey_are_not_divided(own, other):
    parted = replace(other, object_ids=np.arange(N_OTHER))
    for use in ("before", "instead"):
        _, (first, splits) = _splits(use, own, parted)
        split = first or splits[0]
        assert {*split.train, *split.validation} == set(range(N_OWN, N_OWN + N_OTHER))
