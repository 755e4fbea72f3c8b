"""Normalizations: equations, ranges, zeros and negatives, independence of units and of the other images."""

import numpy as np
import pytest
from astropy.visualization import AsinhStretch, LogStretch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotator_assets.science.normalization import normalize

METHODS = ("max_all", "log", "max_g", "max_r", "asinh", "none")
SCALED = METHODS[:-1]

# Fluxes in nanomaggies: zero, or 1e-4 to 1e6 of either sign.
shapes = st.tuples(st.integers(1, 2), st.just(2), st.just(3), st.just(3))
counts = arrays(np.int64, shapes, elements=st.integers(-(10**10), 10**10))
images = counts.map(lambda values: (values * 1e-4).astype(np.float32))
few = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("method", METHODS)
@few
@given(images=images)
def test_finite_float32_of_the_same_shape_and_input_untouched(method, images):
    before = images.copy()
    result = normalize(images, method)
    assert result.dtype == np.float32 and result.shape == images.shape
    assert np.isfinite(result).all()
    assert not np.shares_memory(result, images)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("method", METHODS)
@few
@given(images=images)
def test_zero_flux_maps_to_zero_and_signs_are_kept(method, images):
    result = normalize(images, method)
    assert (result[images == 0] == 0).all()
    assert (result[images > 0] >= 0).all()
    assert (result[images < 0] <= 0).all()
    if method == "log":
        assert (result[images < 0] == 0).all()


@pytest.mark.parametrize("method", SCALED)
@few
@given(images=images)
def test_maximum_is_one_where_there_is_signal_and_zeros_where_there_is_none(method, images):
    result = normalize(images, method)
    bands = {"max_g": slice(0, 1), "max_r": slice(1, 2)}.get(method, slice(None))
    for image, normalized in zip(images[..., bands], result[..., bands], strict=True):
        assert normalized.max() == pytest.approx(1.0 if image.max() > 0 else 0.0, abs=1e-6)
        if image.max() <= 0:
            assert (normalized == 0).all()


@pytest.mark.parametrize("method", ("max_all", "log", "asinh"))
@few
@given(images=images)
def test_never_above_one(method, images):
    result = normalize(images, method)
    assert result.max() <= 1 + 1e-6
    if method == "log":
        assert result.min() >= 0


@pytest.mark.parametrize("method", SCALED)
@few
@given(images=images, power=st.integers(-10, 10))
def test_scale_of_the_flux_does_not_matter(method, images, power):
    scaled = images * np.float32(2.0**power)  # powers of two are exact
    np.testing.assert_allclose(normalize(scaled, method), normalize(images, method), rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@few
@given(images=images)
def test_an_image_does_not_see_the_others(method, images):
    alone = np.concatenate([normalize(image[None], method) for image in images])
    np.testing.assert_array_equal(alone, normalize(images, method))


@pytest.mark.parametrize("method", METHODS)
@few
@given(images=images)
def test_order_of_pixels_in_a_band_is_kept(method, images):
    result = normalize(images, method)
    for image, normalized in zip(images, result, strict=True):
        for band in range(3):
            order = np.argsort(image[..., band], axis=None)
            assert (np.diff(normalized[..., band].ravel()[order]) >= 0).all()


def test_equations_by_hand():
    image = np.array([[[[1.0, 2.0, 8.0], [4.0, -2.0, 0.0]]]])
    np.testing.assert_allclose(normalize(image, "max_all"), image / 8)
    np.testing.assert_allclose(normalize(image, "max_g"), image / 4)
    np.testing.assert_allclose(normalize(image, "max_r"), image / 2)
    np.testing.assert_array_equal(normalize(image, "none"), image)


def test_stretches_equal_those_of_astropy():
    image = np.random.default_rng(0).normal(0.2, 1.0, (1, 8, 8, 3)).astype(np.float32)
    relative = image / image.max()
    np.testing.assert_allclose(normalize(image, "log"), LogStretch(1000)(relative.clip(0)), atol=1e-6)
    np.testing.assert_allclose(normalize(image, "asinh"), AsinhStretch(0.1)(relative, clip=False), atol=1e-6)


def test_bands_name_the_last_axis():
    image = np.array([[[[4.0], [2.0]]]])
    np.testing.assert_allclose(normalize(image, "max_r", bands="r"), image / 4)
    with pytest.raises(ValueError, match="needs band g"):
        normalize(image, "max_g", bands="r")
    with pytest.raises(ValueError, match="expected images of shape"):
        normalize(image, "max_all")
    with pytest.raises(ValueError, match="unknown normalization 'max'"):
        normalize(image, "max", bands="r")


def test_no_images_and_integer_input():
    assert normalize(np.zeros((0, 4, 4, 3)), "max_all").shape == (0, 4, 4, 3)
    assert normalize(np.full((1, 2, 2, 3), 255, np.uint8), "max_all").max() == 1
