"""Neighbours: injected ones are found and removed at any noise; isolated galaxies stay unchanged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator_assets.imaging.cropping import pad_or_crop
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.mock import observe
from rotator_assets.imaging.neighbours import neighbour_mask, remove_neighbours

COLOUR = np.array([0.5, 1.0, 1.3])


def galaxy(size=64, axis_ratio=0.6, angle_deg=30.0, scale_px=5.0, x0=0.0, y0=0.0):
    """An exponential galaxy of peak 1 in r, no noise, (size, size, 3); x0, y0 in pixels from the middle."""
    y, x = np.indices((size, size)) - (size - 1) / 2
    angle = np.radians(angle_deg)
    along = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)
    across = -(x - x0) * np.sin(angle) + (y - y0) * np.cos(angle)
    return (np.exp(-np.hypot(along, across / axis_ratio) / scale_px)[..., None] * COLOUR).astype(np.float32)


def star(size=64, x=20.0, y=-8.0, peak=1.0, width_px=1.5):
    """A Gaussian source x, y pixels from the middle."""
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    return (peak * np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / width_px**2)[..., None] * COLOUR).astype(
        np.float32
    )


def noise(sigma, size=64, seed=1):
    return np.random.default_rng(seed).normal(0, sigma, (size, size, 3)).astype(np.float32)


def eight_bit(image):
    """Like an 8-bit colour picture: stretched, clipped, in steps of 1/255."""
    return (np.arcsinh(10 * np.clip(image, 0, None)) / np.arcsinh(15) * 255).clip(0, 255).astype(np.uint8) / np.float32(
        255
    )


KINDS = {
    "noiseless": lambda image: image,
    "noisy": lambda image: image + noise(0.02),
    "picture": lambda image: eight_bit(image + noise(0.01)),
    "faint units": lambda image: 1e-6 * (image + noise(0.02)),
    "with a pedestal": lambda image: image + noise(0.02) + np.float32(3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_star_is_masked_and_the_galaxy_is_not(kind):
    light = star()
    mask = neighbour_mask(KINDS[kind](galaxy() + light))
    assert mask.dtype == bool and mask.shape == (64, 64)
    assert mask[light[..., 1] > 0.2].all()
    assert not mask[galaxy()[..., 1] > 0.25].any()
    assert mask.sum() < 200


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [{}, {"axis_ratio": 0.15}, {"axis_ratio": 1.0, "scale_px": 12.0}, {"x0": 1.5}])
def test_a_galaxy_alone_is_left_alone(kind, shape):
    mask = neighbour_mask(KINDS[kind](galaxy(**shape)))
    assert mask.mean() < 0.005 and not mask[galaxy(**shape)[..., 1] > 0.1].any()


@pytest.mark.parametrize("kind", ["noiseless", "noisy", "picture"])
def test_symmetric_features_belong_to_the_galaxy(kind):
    """A pair of knots, as the ends of a bar or the arms of a spiral, stays; either of them alone is a neighbour."""
    pair = galaxy() + star(x=15, y=10, peak=0.4) + star(x=-15, y=-10, peak=0.4)
    assert not neighbour_mask(KINDS[kind](pair))[star(x=15, y=10)[..., 1] > 0.3].any()
    assert neighbour_mask(KINDS[kind](galaxy() + star(x=15, y=10, peak=0.4))).any()


def test_two_neighbours_are_both_masked_even_where_they_touch():
    first, second = star(x=20, y=5), star(x=20, y=11, peak=0.5)
    mask = neighbour_mask(galaxy() + first + second + noise(0.02))
    assert mask[(first + second)[..., 1] > 0.3].all()


def test_a_brighter_neighbour_is_not_taken_for_the_galaxy():
    light = star(x=16, peak=8.0, width_px=2.0)
    mask = neighbour_mask(galaxy() + light + noise(0.02))
    assert mask[light[..., 1] > 0.5].all() and not mask[28:36, 28:36].any()


def test_without_neighbours_the_image_is_that_of_the_galaxy_alone():
    alone = galaxy() + noise(0.02)
    crowded = alone + star()
    cleaned = remove_neighbours(crowded, neighbour_mask(crowded))
    assert cleaned.dtype == np.float32 and cleaned is not crowded
    where = star()[..., 1] > 0.05
    assert np.abs(crowded - alone)[where].mean() > 0.2
    assert np.abs(cleaned - alone)[where].mean() < 0.05
    np.testing.assert_array_equal(
        cleaned[~where & ~neighbour_mask(crowded)], crowded[~where & ~neighbour_mask(crowded)]
    )


def test_the_patch_is_as_noisy_as_the_sky():
    """A smooth patch would show where a neighbour was."""
    crowded = galaxy(scale_px=3) + noise(0.02) + star(x=22, y=-18, width_px=3.0)
    mask = neighbour_mask(crowded)
    patch = remove_neighbours(crowded, mask)[mask]
    assert mask.sum() > 80
    assert np.median(patch) == pytest.approx(0, abs=0.01)
    assert 0.016 < patch.std() < 0.026


def test_the_patch_has_the_opposite_pixels_about_the_galaxys_own_centre():
    image = galaxy(x0=1.5, y0=-1.0)
    mask = np.zeros((64, 64), dtype=bool)
    mask[20, 50] = True
    cleaned = remove_neighbours(image, mask)
    row, column = 2 * (31.5 - 1.0) - 20, 2 * (31.5 + 1.5) - 50
    np.testing.assert_array_equal(cleaned[20, 50], image[int(row), int(column)])
    np.testing.assert_allclose(cleaned[20, 50], image[20, 50], rtol=1e-4)  # a point-symmetric galaxy


def test_pixels_without_an_opposite_get_the_sky():
    image = galaxy(x0=2.0) + np.float32(3)
    mask = np.zeros((64, 64), dtype=bool)
    mask[30, :3] = True  # opposite: columns 67 to 65
    cleaned = remove_neighbours(image, mask)
    np.testing.assert_allclose(cleaned[30, :3], 3, atol=0.02)


def test_an_image_without_neighbours_is_copied():
    image = galaxy()
    cleaned = remove_neighbours(image, np.zeros((64, 64), dtype=bool))
    np.testing.assert_array_equal(cleaned, image)
    cleaned[:] = 0
    assert image.any()


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_an_image_of_nothing_has_no_neighbours(value):
    assert not neighbour_mask(np.full((40, 50, 3), value, dtype=np.float32)).any()


@settings(max_examples=25)
@given(
    st.floats(18, 26),
    st.floats(0, 360),
    st.sampled_from([1.0, 1e-4, 1e4]),
    st.integers(0, 2**31),
    st.sampled_from([0.0, 0.02]),
)
def test_a_neighbour_is_found_anywhere(distance_px, angle_deg, unit, seed, sigma):
    x, y = distance_px * np.cos(np.radians(angle_deg)), distance_px * np.sin(np.radians(angle_deg))
    light = star(x=x, y=y)
    image = (unit * (galaxy(axis_ratio=0.8) + light + noise(sigma, seed=seed))).astype(np.float32)
    mask = neighbour_mask(image)
    assert mask[light[..., 1] > 0.4].all() and not mask[28:36, 28:36].any()
    np.testing.assert_array_equal(mask, neighbour_mask(image.copy()))
    assert np.mean(neighbour_mask(image[:, ::-1])[:, ::-1] != mask) < 0.01  # but for rounding


REAL = {
    # picture: (x, y) of companions in pixels from the lower left corner; the galaxies were looked at one by one
    "9044-3701": [(61, 18)],
    "8338-3701": [(67, 33)],
    "7992-12705": [(32, 52), (13, 23)],
    "7964-12704": [(14, 62)],
    "9181-12703": [(21, 27)],
    "8591-3704": [(25, 32), (39, 65)],
    "9509-12703": [(56, 15), (67, 13)],
}


@pytest.mark.real_data
@pytest.mark.parametrize("galaxy_id", REAL)
def test_companions_of_real_galaxies_are_masked(real_data, galaxy_id):
    image = ImageSource("colour", (real_data / "manga" / "images" / f"{galaxy_id}.png",)).read().pixels
    mask = neighbour_mask(image)
    for x, y in REAL[galaxy_id]:
        assert mask[y - 1 : y + 2, x - 1 : x + 2].any(), (x, y)
    assert not mask[36:44, 36:44].any() and mask.mean() < 0.2


@pytest.mark.real_data
def test_the_middle_of_a_real_galaxy_is_never_masked(real_data):
    pictures = sorted((real_data / "manga" / "images").glob("*.png"))[::40]
    masks = np.array([neighbour_mask(ImageSource("colour", (path,)).read().pixels) for path in pictures])
    assert not masks[:, 37:43, 37:43].any()
    assert np.median(masks.mean(axis=(1, 2))) < 0.05 and masks.any(axis=(1, 2)).mean() > 0.5


@pytest.mark.real_data
@pytest.mark.parametrize(("subhalo", "largest_share"), [(117361, 0.01), (117367, 0.01), (117370, 0.01), (6, 0.08)])
def test_simulated_galaxies_alone_in_their_image_stay(real_data, subhalo, largest_share):
    """Some knots of a star-forming disc (6) are removed without seeing and noise, none if it is observed."""
    source = ImageSource("counts", (real_data / "tng" / "images" / f"broadband_{subhalo}.fits",))
    image = source.read().pixels
    noiseless, noisy = pad_or_crop(image, 128), observe(image, seed=3, size=128)[0]
    assert noiseless[neighbour_mask(noiseless)].sum() < largest_share * noiseless.sum()
    assert noisy[neighbour_mask(noisy)].sum() < 0.01 * noisy.sum()
