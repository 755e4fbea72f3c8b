"""Crops and padding keep the middle of an image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.cropping import centre_crop, pad_or_crop


def test_too_small_for_the_crop():
    with pytest.raises(UnusableImage, match="image is 80 x 80 pixels, smaller than the 128-pixel crop"):
        centre_crop(np.zeros((80, 80, 3), dtype=np.float32), 128)
    with pytest.raises(UnusableImage, match="image is 128 x 127 pixels"):
        centre_crop(np.zeros((128, 127, 3), dtype=np.float32), 128)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_the_crop_is_central(ny, nx, size):
    y, x = np.indices((ny, nx))
    pixels = np.stack([y, x, y], axis=2).astype(np.float32)
    if size > min(ny, nx):
        with pytest.raises(UnusableImage):
            centre_crop(pixels, size)
        return
    crop = centre_crop(pixels, size)
    assert crop.shape == (size, size, 3)
    assert tuple(crop[size // 2, size // 2, :2]) == (ny // 2, nx // 2)
    np.testing.assert_array_equal(np.diff(crop[:, 0, 0]), 1)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 40))
def test_padding_and_cropping_keep_the_centre(ny, nx, size):
    pixels = np.random.default_rng(0).random((ny, nx, 3)).astype(np.float32) + 1
    framed = pad_or_crop(pixels, size)
    assert framed.shape == (size, size, 3)
    np.testing.assert_array_equal(framed[size // 2, size // 2], pixels[ny // 2, nx // 2])
    assert (framed > 0).all(axis=2).sum() == min(ny, size) * min(nx, size)
    np.testing.assert_array_equal(pad_or_crop(pad_or_crop(pixels, 40), size), framed)
