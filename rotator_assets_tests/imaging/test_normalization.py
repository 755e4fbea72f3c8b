"""Normalizations: equations, ranges, zeros, negatives, factors, offsets, extremes, independence of other images."""

import warnings
from typing import get_args

import numpy as np
import pytest
from astropy.visualization import AsinhStretch, LogStretch, ZScaleInterval
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler, scale

from rotator_assets.core.recipes import Normalization
from rotator_assets.imaging import normalization
from rotator_assets.imaging.normalization import METHODS, normalize, normalize_like, zscale_limits

BY_MAXIMUM = ("max_all", "log", "max_g", "max_r", "asinh")
FACTOR_FREE = sorted(set(METHODS) - {"none"})
OFFSET_FREE = ["standard", "zscale"]
KEEPS_ZERO = sorted(set(METHODS) - {"standard", "zscale"})
LOWEST = {"log": 0, "zscale": 0}
HIGHEST = {"max_all": 1, "log": 1, "asinh": 1, "zscale": 1}

# Fluxes in nanomaggies: zero, or 1e-4 to 1e6 of either sign.
shapes = st.tuples(st.integers(1, 2), st.just(2), st.just(3), st.just(3))
counts = arrays(np.int64, shapes, elements=st.integers(-(10**10), 10**10))
images = counts.map(lambda values: (values * 1e-4).astype(np.float32))
# Zero, or 1e-30 to 1e30 of either sign.
magnitudes = st.tuples(st.floats(-30, 30), st.sampled_from([-1.0, 0.0, 1.0])).map(lambda v: v[1] * 10.0 ** v[0])
extremes = arrays(np.float64, shapes, elements=magnitudes).map(lambda values: values.astype(np.float32))
every_method = pytest.mark.parametrize("method", METHODS)


def galaxy(seed=0, size_px=64, sky_sigma=0.02, core_px=5.0):
    """An exponential disc on noisy sky, float32 (size, size, 3), nanomaggies per pixel; i is brightest and noisiest."""
    y, x = np.mgrid[:size_px, :size_px] - (size_px - 1) / 2
    light = np.exp(-np.hypot(x, 1.4 * y) / core_px)[..., None] * np.array([1.0, 2.0, 3.0])
    noise = np.random.default_rng(seed).normal(0, sky_sigma * np.array([1, 1.2, 2]), light.shape)
    return (light + noise).astype(np.float32)


def test_recipes_allow_exactly_these_methods():
    assert get_args(Normalization) == tuple(METHODS)


@every_method
@given(images=images)
def test_finite_float32_of_the_same_shape_and_input_untouched(method, images):
    before = images.copy()
    result = normalize(images, method)
    assert result.dtype == np.float32 and result.shape == images.shape
    assert np.isfinite(result).all()
    assert not np.shares_memory(result, images)
    np.testing.assert_array_equal(images, before)


@every_method
@given(images=extremes)
def test_extreme_fluxes_stay_finite_in_range_and_in_order(method, images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = normalize(images, method)
    assert np.isfinite(result).all()
    assert LOWEST.get(method, -np.inf) <= result.min() and result.max() <= HIGHEST.get(method, np.inf) * (1 + 1e-6)
    for image, normalized in zip(images, result, strict=True):
        assert (np.diff(normalized.ravel()[np.argsort(image, axis=None)]) >= 0).all()


@every_method
@given(images=images)
def test_values_are_within_the_range_of_the_method(method, images):
    result = normalize(images, method)
    assert LOWEST.get(method, -np.inf) <= result.min() and result.max() <= HIGHEST.get(method, np.inf) * (1 + 1e-6)


@pytest.mark.parametrize("method", KEEPS_ZERO)
@given(images=images)
def test_zero_flux_maps_to_zero_and_signs_are_kept(method, images):
    result = normalize(images, method)
    assert (result[images == 0] == 0).all()
    assert (result[images > 0] >= 0).all()
    assert (result[images < 0] <= 0).all()
    if method == "log":
        assert (result[images < 0] == 0).all()


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(KEEPS_ZERO)))
def test_zero_flux_is_not_zero_if_the_method_measures_the_sky(method):
    image = galaxy()
    image[0, 0] = 0
    z1, z2 = zscale_limits(image)
    values = image.astype(np.float64)
    expected = {"zscale": -z1 / (z2 - z1), "standard": -values.mean() / values.std()}[method]
    assert abs(expected) > 0.05
    np.testing.assert_allclose(normalize(image[None], method)[0, 0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("method", BY_MAXIMUM)
@given(images=images)
def test_maximum_is_one_and_images_without_signal_are_zero(method, images):
    result = normalize(images, method)
    bands = {"max_g": slice(0, 1), "max_r": slice(1, 2)}.get(method, slice(None))
    for image, normalized in zip(images[..., bands], result[..., bands], strict=True):
        assert normalized.max() == pytest.approx(1.0 if image.max() > 0 else 0.0, abs=1e-6)
    for image, normalized in zip(images, result, strict=True):
        if image[..., bands].max() <= 0:
            assert (normalized == 0).all()


@pytest.mark.parametrize("method", FACTOR_FREE)
@given(images=images, power=st.integers(-10, 10))
def test_a_factor_does_not_matter(method, images, power):
    scaled = images * np.float32(2.0**power)  # powers of two are exact
    np.testing.assert_allclose(normalize(scaled, method), normalize(images, method), rtol=1e-6)


@pytest.mark.parametrize("method", OFFSET_FREE)
@given(seed=st.integers(0, 2**32), offset=st.integers(-(2**12), 2**12), size_px=st.integers(1, 24))
def test_an_offset_does_not_matter(method, seed, offset, size_px):
    exact = np.round(galaxy(seed, size_px)[None] * 2**11) / 2**11  # so is the sum with any of these offsets
    shifted = exact + np.float32(offset)
    np.testing.assert_allclose(normalize(shifted, method), normalize(exact, method), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(OFFSET_FREE)))
def test_an_offset_matters(method):
    image = galaxy()[None]
    assert np.abs(normalize(image + np.float32(0.1), method) - normalize(image, method)).max() > 0.01


def test_without_normalization_a_factor_and_an_offset_stay():
    image = galaxy()[None]
    np.testing.assert_array_equal(normalize(2 * image + 1, "none"), 2 * normalize(image, "none") + 1)


@every_method
@given(images=images)
def test_an_image_does_not_see_the_others(method, images):
    alone = np.concatenate([normalize(image[None], method) for image in images])
    np.testing.assert_array_equal(alone, normalize(images, method))


@every_method
@pytest.mark.parametrize("size_px", [64, 101])
def test_batch_and_memory_order_change_no_bit(method, size_px):
    images = np.stack([galaxy(seed, size_px, core_px=2 + seed) for seed in range(4)])
    result = normalize(images, method)
    np.testing.assert_array_equal(np.concatenate([normalize(images[[k]], method) for k in range(4)]), result)
    np.testing.assert_array_equal(normalize(images[::-1], method)[::-1], result)
    np.testing.assert_array_equal(normalize(np.asfortranarray(images), method), result)


@every_method
@given(images=images)
def test_order_of_all_pixels_of_an_image_is_kept(method, images):
    result = normalize(images, method)
    for image, normalized in zip(images, result, strict=True):
        assert (np.diff(normalized.ravel()[np.argsort(image, axis=None)]) >= 0).all()


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"zscale"}))  # whose limits may step as a pixel is rejected
@given(images=images, pixel=st.integers(0, 17), added=st.floats(1e-3, 1e6))
def test_a_pixel_that_becomes_brighter_does_not_become_darker(method, images, pixel, added):
    brighter = images.copy()
    brighter.reshape(len(images), -1)[:, pixel] += np.float32(added)
    before, after = (normalize(flux, method).reshape(len(images), -1)[:, pixel] for flux in (images, brighter))
    assert (after >= before - 1e-6 * np.abs(before)).all()


@every_method
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 2, 3, 3), (1, 64, 64, 3)])
def test_an_empty_sky_is_all_zeros(method, shape):
    result = normalize(np.zeros(shape), method)
    assert result.shape == shape and not result.any()


@pytest.mark.parametrize("value", [0.1, -0.1, 1e30, -1e-30])
@pytest.mark.parametrize("method", OFFSET_FREE)
def test_equal_pixels_become_zeros(method, value):
    assert not normalize(np.full((1, 7, 9, 3), value, np.float32), method).any()


@pytest.mark.parametrize("method", BY_MAXIMUM)
def test_a_negative_image_is_zero_if_scaled_by_its_maximum(method):
    assert not normalize(-1 - np.abs(galaxy()[None]), method).any()


@pytest.mark.parametrize("method", OFFSET_FREE)
def test_a_negative_image_is_normalized_if_offsets_cancel(method):
    np.testing.assert_allclose(normalize(galaxy()[None] - 8, method), normalize(galaxy()[None], method), atol=1e-4)


def test_equations_by_hand():
    image = np.array([[[[1.0, 2.0, 8.0], [4.0, -2.0, 0.0]]]])
    np.testing.assert_allclose(normalize(image, "max_all"), image / 8)
    np.testing.assert_allclose(normalize(image, "max_g"), image / 4)
    np.testing.assert_allclose(normalize(image, "max_r"), image / 2)
    np.testing.assert_allclose(normalize(image, "standard"), (image - 13 / 6) / np.sqrt(89 / 6 - (13 / 6) ** 2))
    np.testing.assert_array_equal(normalize(image, "none"), image)


def test_stretches_equal_those_of_astropy():
    image = np.random.default_rng(0).normal(0.2, 1.0, (1, 8, 8, 3)).astype(np.float32)
    relative = image / image.max()
    np.testing.assert_allclose(normalize(image, "log"), LogStretch(1000)(relative.clip(0)), atol=1e-6)
    np.testing.assert_allclose(normalize(image, "asinh"), AsinhStretch(0.1)(relative, clip=False), atol=1e-6)


@given(images=images)
def test_standard_equals_scikit_learn(images):
    for image, normalized in zip(images, normalize(images, "standard"), strict=True):
        column = image.reshape(-1, 1).astype(np.float64)
        np.testing.assert_allclose(normalized.reshape(-1, 1), scale(column), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            normalized.reshape(-1, 1), StandardScaler().fit_transform(column), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e30])
def test_standard_has_mean_zero_and_deviation_one(factor):
    result = normalize(galaxy()[None] * np.float32(factor), "standard").astype(np.float64)
    assert result.mean() == pytest.approx(0, abs=1e-6) and result.std() == pytest.approx(1, abs=1e-6)
    one_pixel = np.zeros((1, 5, 5, 3))
    one_pixel[0, 2, 2, 1] = factor
    assert normalize(one_pixel, "standard").max() == pytest.approx(np.sqrt(75 - 1))


@pytest.mark.parametrize("shape", [(18, 18, 3), (9, 30, 1), (2, 2, 3), (1, 2, 1)])
def test_zscale_of_a_small_image_equals_astropys(shape):
    image = np.random.default_rng(1).gamma(0.5, size=shape).astype(np.float32)
    assert image.size <= normalization.ZSCALE_SAMPLE
    limits = ZScaleInterval().get_limits(image.astype(np.float64))
    np.testing.assert_allclose(zscale_limits(image), limits, rtol=1e-12)
    expected = ((image - limits[0]) / (limits[1] - limits[0])).clip(0, 1)
    np.testing.assert_allclose(normalize(image[None], "zscale", "gri"[: shape[-1]])[0], expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_zscale_limits_from_a_sample_are_near_those_of_all_pixels(seed):
    image = galaxy(seed)
    z1, z2 = ZScaleInterval(n_samples=image.size).get_limits(image.astype(np.float64))
    assert np.abs(np.subtract(zscale_limits(image), [z1, z2])).max() < 0.25 * (z2 - z1)


@pytest.mark.parametrize("band", range(3))
def test_zscale_samples_every_band(band):
    """Astropy's own sample of a 64-pixel image in three bands only contains the first band."""
    image = np.zeros((64, 64, 3), np.float32)
    image[..., band] = galaxy()[..., 2]
    only = zscale_limits(image)
    assert only == zscale_limits(np.roll(image, 1, axis=-1))
    assert only[1] > only[0]


def test_zscale_sees_the_whole_image():
    ramp = np.repeat(np.arange(64.0 * 64).reshape(64, 64, 1), 3, axis=2).astype(np.float32)
    assert zscale_limits(ramp) == (0, 64 * 64 - 1)


def test_zscale_of_a_mostly_constant_image_takes_its_extremes():
    image = np.zeros((1, 64, 64, 3), np.float32)
    image[0, 30:34, 30:34] = np.arange(1, 17).reshape(4, 4, 1)
    for shifted in (image, image + 3):
        np.testing.assert_allclose(normalize(shifted, "zscale"), image / 16, atol=1e-6)


@every_method
@given(images=images)
def test_like_itself_is_the_same(method, images):
    np.testing.assert_array_equal(normalize_like(images, images, method), normalize(images, method))


@pytest.mark.parametrize("method", ["max_all", "max_g", "max_r", "zscale", "standard", "none"])
def test_normalization_like_another_image_is_linear(method):
    other, added = galaxy(1), 0.1 * np.random.default_rng(2).random((64, 64, 3)).astype(np.float32)
    z1, z2 = zscale_limits(other)
    scale = {
        "max_all": 1 / other.max(),
        "max_g": 1 / other[..., 0].max(),
        "max_r": 1 / other[..., 1].max(),
        "zscale": 1 / (z2 - z1),
        "standard": 1 / other.astype(float).std(),
        "none": 1.0,
    }[method]
    zero = {"zscale": -z1 * scale, "standard": -other.astype(float).mean() * scale}.get(method, 0.0)
    expected = zero + scale * added.astype(float)
    if method == "zscale":
        expected = expected.clip(0, 1)
    before = other.copy()
    result = normalize_like(added[None], other[None], method)
    np.testing.assert_allclose(result[0], expected, rtol=1e-4, atol=1e-5)
    assert result.dtype == np.float32 and not np.shares_memory(result, added)
    np.testing.assert_array_equal(other, before)


@pytest.mark.parametrize(("method", "stretch"), [("log", LogStretch(1000)), ("asinh", AsinhStretch(0.1))])
def test_normalization_like_another_image_uses_its_maximum(method, stretch):
    other = galaxy(1)
    relative = np.linspace(-0.5, 1, 48).reshape(1, 4, 4, 3)
    like = np.broadcast_to(other[:4, :4], (1, 4, 4, 3)).copy()
    expected = stretch(relative.clip(0) if method == "log" else relative, clip=False)
    np.testing.assert_allclose(normalize_like(relative * like.max(), like, method), expected, atol=1e-5)


@every_method
def test_each_image_uses_the_other_in_its_position(method):
    some, others = np.stack([galaxy(0), galaxy(1)]), np.stack([galaxy(2, core_px=3), 5 * galaxy(3)])
    alone = [normalize_like(some[[k]], others[[k]], method)[0] for k in range(2)]
    np.testing.assert_array_equal(normalize_like(some, others, method), alone)


@pytest.mark.parametrize("method", [*BY_MAXIMUM, *OFFSET_FREE])
def test_like_an_image_without_signal_is_zeros(method):
    assert not normalize_like(galaxy()[None], np.full((1, 64, 64, 3), -1.0), method).any()


def test_like_an_image_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="cannot be normalized like others of shape"):
        normalize_like(np.zeros((2, 4, 4, 3)), np.zeros((1, 4, 4, 3)), "max_all")


def test_bands_name_the_last_axis():
    image = np.array([[[[4.0], [2.0]]]])
    np.testing.assert_allclose(normalize(image, "max_r", bands="r"), image / 4)
    with pytest.raises(ValueError, match="needs band g"):
        normalize(image, "max_g", bands="r")
    with pytest.raises(ValueError, match="expected images of shape"):
        normalize(image, "max_all")
    with pytest.raises(ValueError, match="unknown normalization 'max': use max_all, "):
        normalize(image, "max", bands="r")


@every_method
def test_no_images_one_pixel_and_integer_input(method):
    assert normalize(np.zeros((0, 4, 4, 3)), method).shape == (0, 4, 4, 3)
    assert normalize(np.zeros((2, 0, 0, 3)), method).shape == (2, 0, 0, 3)
    result = normalize(np.array([[[[51, 255, 0]]]], np.uint8), method)
    assert result.dtype == np.float32 and np.isfinite(result).all() and result[0, 0, 0, 1] == result.max() > 0


@every_method
def test_a_batch_is_normalized_quickly(method):
    from time import process_time

    images = np.stack([galaxy(seed) for seed in range(8)])
    normalize(images, method)
    start = process_time()
    normalize(images, method)
    assert (process_time() - start) / len(images) < 0.02  # seconds an image; about 1 ms where it takes longest
