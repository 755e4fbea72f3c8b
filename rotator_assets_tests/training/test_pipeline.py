"""Batches are repeatable and complete; transformations do what their names say."""

import numpy as np
import pytest

from rotator_assets.core.recipes import Augmentation, Recipe
from rotator_assets.training import pipeline
from rotator_assets.training.pipeline import (
    TrainingBatches,
    network_input,
    random_transforms,
    symmetries,
    transform,
    turned_back,
)
from rotator_assets_tests.training.made_up_training import SIZE_PX, TINY

NOTHING = Augmentation(shift=0, rotation_deg=0, flip=False, flattening=0, zoom=0)


def drawn(n=64, seed=0, **changes):
    augmentation = NOTHING.model_copy(update=changes)
    return random_transforms(augmentation, n, SIZE_PX, np.random.default_rng(seed))


def blob(width_x=2.0, width_y=2.0, x0=0.0, y0=0.0, n=1):
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - (SIZE_PX - 1) / 2
    image = np.exp(-0.5 * (((x - x0) / width_x) ** 2 + ((y - y0) / width_y) ** 2))
    return np.repeat(image[None, :, :, None], n, axis=0).astype(np.float32)


def moments(images):
    """Centre (x, y) and root mean square widths (x, y) of each image, pixels from the centre of the image."""
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - (SIZE_PX - 1) / 2
    weight = images[..., 0] / images[..., 0].sum(axis=(1, 2), keepdims=True)
    mean_x, mean_y = (weight * x).sum(axis=(1, 2)), (weight * y).sum(axis=(1, 2))
    width_x = np.sqrt((weight * x**2).sum(axis=(1, 2)) - mean_x**2)
    width_y = np.sqrt((weight * y**2).sum(axis=(1, 2)) - mean_y**2)
    return mean_x, mean_y, width_x, width_y


def test_without_augmentation_images_are_unchanged(survey):
    images = survey[0][:8]
    np.testing.assert_allclose(transform(images, drawn(8)), images, atol=1e-5)


def test_flips_are_exact(survey):
    image = survey[0][:1]
    results = transform(np.repeat(image, 40, axis=0), drawn(40, flip=True))
    expected = [image[0], image[0, ::-1], image[0, :, ::-1], image[0, ::-1, ::-1]]
    seen = {min(range(4), key=lambda k: np.abs(result - expected[k]).max()) for result in results}
    assert seen == {0, 1, 2, 3}
    for result in results:
        assert min(np.abs(result - other).max() for other in expected) < 1e-5


def test_a_quarter_turn_is_exact(survey):
    quarter = random_transforms(NOTHING, 1, SIZE_PX, np.random.default_rng(0))
    last = SIZE_PX - 1
    quarter[0] = [0, -1, last, 1, 0, 0, 0, 0]
    image = survey[0][:1]
    np.testing.assert_allclose(transform(image, quarter)[0], np.rot90(image[0]), atol=1e-5)


def test_symmetries_are_all_rotations_and_reflections(survey):
    images = survey[0][:3]
    expected = [np.rot90(view, turns, (1, 2)) for view in (images, images[:, ::-1]) for turns in range(4)]
    assert {view.tobytes() for view in symmetries(images)} == {view.tobytes() for view in expected}
    assert len({view.tobytes() for view in expected}) == 8


def test_maps_of_the_symmetries_are_transformed_back(survey):
    images = survey[0][:2]
    np.testing.assert_allclose(turned_back(symmetries(images)), images, rtol=1e-6)
    one_alone = [np.zeros_like(images) for _ in range(8)]
    one_alone[5] = 8 * symmetries(images)[5]
    np.testing.assert_allclose(turned_back(one_alone), images, rtol=1e-6)


def test_rotations_keep_size_and_centre():
    transforms = drawn(rotation_deg=180)
    linear = transforms[:, [0, 1, 3, 4]].reshape(-1, 2, 2)
    np.testing.assert_allclose(np.linalg.det(linear), 1, atol=1e-6)
    np.testing.assert_allclose(linear @ linear.transpose(0, 2, 1), np.broadcast_to(np.eye(2), (64, 2, 2)), atol=1e-6)
    angle = np.rad2deg(np.arctan2(transforms[:, 1], transforms[:, 0]))
    assert angle.min() < -90 and angle.max() > 90
    mean_x, mean_y, *_ = moments(transform(blob(n=64), transforms))
    assert np.abs(mean_x).max() < 0.02 and np.abs(mean_y).max() < 0.02


def test_shifts_move_by_at_most_their_fraction_of_the_side():
    mean_x, mean_y, *_ = moments(transform(blob(1.2, 1.2, n=64), drawn(shift=0.1)))
    assert 0.08 * SIZE_PX < np.abs([mean_x, mean_y]).max() <= 0.1 * SIZE_PX + 0.05


def test_flattening_compresses_only_the_x_axis_of_the_result():
    _, _, width_x, width_y = moments(transform(blob(2, 1.2, n=64), drawn(flattening=0.5)))
    np.testing.assert_allclose(width_y, moments(blob(2, 1.2))[3][0], rtol=0.02)
    assert 1.0 <= width_x.min() < 1.15 and 1.85 < width_x.max() <= 2.01


def test_flattening_acts_along_any_direction_of_the_galaxy():
    """A galaxy elongated along x is made rounder by some and thinner by other transformations."""
    transforms = drawn(256, rotation_deg=180, flattening=0.4)
    inverse = np.linalg.inv(transforms[:, [0, 1, 3, 4]].reshape(-1, 2, 2))
    squeezed = inverse[:, 0, :]  # what the squeezed axis of the result was in the galaxy
    angle = np.rad2deg(np.arctan2(squeezed[:, 1], squeezed[:, 0])) % 180
    assert (np.histogram(angle, 6, (0, 180))[0] > 20).all()


def test_zoom_changes_both_axes_equally():
    _, _, width_x, width_y = moments(transform(blob(1.6, 1.6, n=64), drawn(zoom=0.2)))
    np.testing.assert_allclose(width_x, width_y, rtol=1e-3)
    assert 0.8 * 1.6 <= width_x.min() < 0.88 * 1.6 and 1.12 * 1.6 < width_x.max() <= 1.25 * 1.6


def test_input_is_normalized_and_has_the_recipes_bands(survey):
    images = survey[0]
    seen = network_input(images, np.array([5, 2]), TINY)
    assert seen.shape == (2, SIZE_PX, SIZE_PX, 3) and seen.dtype == np.float32
    np.testing.assert_allclose(seen[1], images[2] / images[2].max())
    red = network_input(images, np.array([2]), Recipe(name="red", bands="r"))
    np.testing.assert_allclose(red[0], images[2, :, :, 1:2] / images[2, :, :, 1].max())


def batches(survey, seed=(1, 0), recipe=TINY, rows=None):
    images, labels, _ = survey
    rows = np.arange(50) if rows is None else rows
    weights = np.where(labels == 0, 2.0, 0.5)
    return TrainingBatches(images, rows, labels[rows], weights[rows], recipe, seed)


def test_every_epoch_shows_every_galaxy_once_in_even_batches(survey):
    still = batches(survey, recipe=TINY.model_copy(update={"augmentation": NOTHING}))
    assert still.per_epoch == 4
    epochs = [[still[4 * epoch + position] for position in range(4)] for epoch in range(2)]
    expected = network_input(survey[0], np.arange(50), TINY)
    for epoch in epochs:
        assert sorted(len(images) for images, _, _ in epoch) == [12, 12, 13, 13]
        seen = np.concatenate([images for images, _, _ in epoch])
        matches = np.array([np.argmin(np.abs(expected - image).max(axis=(1, 2, 3))) for image in seen])
        assert sorted(matches) == list(range(50))
        labels, weights = (np.concatenate([batch[part] for batch in epoch])[:, 0] for part in (1, 2))
        np.testing.assert_array_equal(labels, survey[1][matches])
        np.testing.assert_array_equal(weights, np.where(labels == 0, 2.0, 0.5))
    assert not np.array_equal(epochs[0][0][0], epochs[1][0][0])


def test_a_batch_depends_only_on_the_seed_and_its_number(survey):
    first, second = batches(survey), batches(survey)
    for _ in range(3):
        second[0]
    np.testing.assert_array_equal(first[6][0], second[6][0])
    assert not np.array_equal(first[6][0], first[10][0])
    assert not np.array_equal(first[6][0], batches(survey, seed=(1, 1))[6][0])


def test_augmented_images_are_normalized_as_test_images_are(survey):
    images = batches(survey)[3][0]
    np.testing.assert_allclose(images.max(axis=(1, 2, 3)), 1)


def test_images_of_other_rows_are_never_read(survey):
    images, labels, _ = survey
    poisoned = images.copy()
    poisoned[50:] = np.nan
    np.testing.assert_array_equal(batches((poisoned, labels, None))[2][0], batches(survey)[2][0])


def test_dataset_gives_the_batches_in_order(survey):
    small = batches(survey, recipe=TINY.model_copy(update={"epochs": 2}))
    produced = list(small.dataset().as_numpy_iterator())
    assert len(produced) == 8
    for number in (0, 3, 7):
        for part, expected in zip(produced[number], small[number], strict=True):
            np.testing.assert_array_equal(part, expected)


def test_noise_of_training_images_is_two_thirds_of_that_of_test_images():
    """Bilinear weights at evenly spread places: the mean of w^2 + (1 - w)^2 is 2/3 along each axis."""
    noise = np.random.default_rng(5).normal(size=(60, 48, 48, 1)).astype(np.float32)
    for augmentation in (NOTHING.model_copy(update={"rotation_deg": 180.0}), Augmentation()):
        moved = transform(noise, random_transforms(augmentation, 60, 48, np.random.default_rng(6)))
        assert moved[:, 12:-12, 12:-12].std() / noise.std() == pytest.approx(2 / 3, abs=0.02)


def test_no_transformation_reflects_the_galaxy_into_a_corner():
    """The edge of every transformed image stays as dark as the sky."""
    results = transform(blob(n=64), drawn(rotation_deg=180, flattening=0.3, zoom=0.1))
    edge = np.concatenate([results[:, [0, -1]].ravel(), results[:, :, [0, -1]].ravel()])
    assert edge.max() < 0.02


@pytest.mark.parametrize("bands", ["gri", "r"])
def test_a_memory_map_is_read_like_an_array(survey, tmp_path, bands):
    recipe = TINY.model_copy(update={"bands": bands})
    np.save(tmp_path / "images.npy", survey[0])
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    from_map = batches((mapped, *survey[1:]), recipe=recipe)[1][0]
    np.testing.assert_array_equal(from_map, batches(survey, recipe=recipe)[1][0])


MASKED = TINY.model_copy(update={"mask_neighbours": True, "normalization": "none", "augmentation": NOTHING})


def crowded(n=6, size=64):
    """Galaxies alone, and with a star next to each: float32 (n, size, size, 3)."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    generator = np.random.default_rng(4)
    alone = np.exp(-np.hypot(y, x) / 4)[None, ..., None] + generator.normal(0, 0.01, (n, size, size, 3))
    angle = generator.uniform(0, 2 * np.pi, n)[:, None, None]
    stars = 3 * np.exp(-0.5 * ((x - 20 * np.cos(angle)) ** 2 + (y - 20 * np.sin(angle)) ** 2) / 4)
    return alone.astype(np.float32), (alone + stars[..., None]).astype(np.float32), stars > 0.5


@pytest.fixture
def masks_found(monkeypatch):
    """The number of masks computed from here on, with an empty cache."""
    found = []
    find = pipeline.neighbour_mask
    monkeypatch.setattr(pipeline, "_MASKS", {})
    monkeypatch.setattr(pipeline, "neighbour_mask", lambda image: found.append(1) or find(image))
    return found


def test_neighbours_are_shown_unless_the_recipe_masks_them(masks_found):
    alone, images, stars = crowded()
    rows = np.arange(len(images))
    shown = network_input(images, rows, MASKED.model_copy(update={"mask_neighbours": False}))
    np.testing.assert_array_equal(shown, images)
    assert not masks_found
    before = images.copy()
    masked = network_input(images, rows, MASKED)
    assert np.abs(masked - alone)[stars].mean() < 0.03 < np.abs(images - alone)[stars].mean()
    np.testing.assert_array_equal(images, before)


def test_training_and_test_images_are_masked_in_the_same_way():
    _, images, _ = crowded()
    labels = np.arange(6) % 2
    batch, _, _ = TrainingBatches(images, np.arange(6), labels, np.ones(6), MASKED, (1,))[0]
    expected = network_input(images, np.arange(6), MASKED)
    assert all(np.abs(expected - image).max(axis=(1, 2, 3)).min() < 1e-5 for image in batch)
    assert len(batch) == 6 and not np.allclose(expected, images, atol=0.1)


def test_masks_are_computed_once_for_all_epochs_and_recipes(masks_found, tmp_path):
    _, images, _ = crowded()
    np.save(tmp_path / "images.npy", images)
    batches = TrainingBatches(images, np.arange(5), np.zeros(5, int), np.ones(5), MASKED, (1,))
    for number in range(4):
        batches[number]
    assert len(masks_found) == 5
    again = network_input(np.load(tmp_path / "images.npy", mmap_mode="r"), np.arange(5), MASKED)
    one_band = network_input(images, np.arange(5), MASKED.model_copy(update={"bands": "r"}))
    assert len(masks_found) == 5
    np.testing.assert_array_equal(again[..., 1:2], one_band)


def test_the_cache_of_masks_is_bounded(masks_found, monkeypatch):
    monkeypatch.setattr(pipeline, "_MOST_MASKS", 3)
    _, images, _ = crowded()
    first = network_input(images, np.arange(6), MASKED)
    assert len(pipeline._MASKS) == 3 and len(masks_found) == 6
    np.testing.assert_array_equal(network_input(images, np.arange(6), MASKED), first)


def test_no_rows_give_no_images():
    _, images, _ = crowded()
    assert network_input(images, np.array([], dtype=int), MASKED).shape == (0, 64, 64, 3)
