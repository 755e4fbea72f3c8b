"""Checks of images against the catalogue: each accepts valid images and names what is wrong."""

import numpy as np
import pytest
from astropy.io import fits

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.image_checks import check_matches, check_not_white, check_usable
from rotator_assets.imaging.images import ImageSource
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, picture, write_cube

RA, DEC = 150.0, 30.0
"""Where `write_cube` puts CRPIX = n / 2."""


def image(tmp_path, size=128, crpix=None, scale=0.396, wcs=True):
    path = write_cube(tmp_path / "1-1.fits", picture(size), wcs=wcs)
    if crpix is not None:
        for axis, value in zip((1, 2), crpix, strict=True):
            fits.setval(path, f"CRPIX{axis}", value=value)
    if wcs and scale != 0.396:
        for axis in (1, 2):
            fits.setval(path, f"CDELT{axis}", value=fits.getval(path, f"CDELT{axis}") * scale / 0.396)
    return ImageSource("cube", (path,)).read()


@pytest.mark.parametrize("size", [127, 128])
@pytest.mark.parametrize("convention", [lambda n: n / 2, lambda n: (n + 1) / 2, lambda n: n // 2 + 1])
def test_every_convention_of_the_centre_passes(tmp_path, size, convention):
    check_matches(image(tmp_path, size, crpix=[convention(size)] * 2), RA, DEC)


def test_off_the_centre(tmp_path):
    here = image(tmp_path, crpix=(64.5, 70.5))
    with pytest.raises(UnusableImage, match=r"the galaxy is [56] pixels off the centre"):
        check_matches(here, RA, DEC)
    check_matches(here, RA, DEC, max_offset_px=6)
    check_matches(here, RA, DEC, max_offset_px=None)
    for unknown in (None, np.nan):
        check_matches(here, unknown, DEC)
    check_matches(image(tmp_path, crpix=(64.5, 65.9)), RA, DEC)
    with pytest.raises(UnusableImage, match=r"2 pixels off"):
        check_matches(image(tmp_path, crpix=(64.5, 66.1)), RA, DEC)


@pytest.mark.parametrize("place", [(RA + 40, DEC), (RA + 180, -DEC)])
def test_another_part_of_the_sky(tmp_path, place):
    with pytest.raises(UnusableImage, match=r"pixels off the centre|far outside the image"):
        check_matches(image(tmp_path), *place)


@pytest.mark.parametrize(
    ("scale", "passes"), [(0.396127, True), (0.403, True), (0.389, True), (0.405, False), (0.262, False)]
)
def test_pixel_scale(tmp_path, scale, passes):
    here = image(tmp_path, scale=scale)
    if passes:
        check_matches(here, RA, DEC)
    else:
        with pytest.raises(UnusableImage, match=rf"pixels of {scale} arcsec, 0.396 arcsec are needed"):
            check_matches(here, RA, DEC)
        check_matches(here, RA, DEC, arcsec_per_pixel=scale)
        check_matches(here, RA, DEC, arcsec_per_pixel=None)


def test_missing_header_values_are_not_checked(tmp_path):
    bare = image(tmp_path, wcs=False)
    assert bare.arcsec_per_pixel is None
    check_matches(bare, RA + 90, DEC)
    path = write_cube(
        tmp_path / "broadband_6.fits", np.ones((4, 9, 9)), BROADBAND_HEADER | {"PIXSCALE": 0.5}, wcs=False
    )
    with pytest.raises(UnusableImage, match=r"pixels of 0.500 arcsec"):
        check_matches(ImageSource("counts", (path,)).read(), None, None)


def test_a_white_core_of_a_picture_is_saturated():
    pixels = np.full((80, 80, 3), 0.2, dtype=np.float32)
    pixels[30:40, 30:40, :2] = 1  # bright in two bands: no white
    check_not_white(pixels)
    pixels[36:44, 36:44] = 1  # 64 of 6400
    check_not_white(pixels)
    pixels[44, 36] = 1
    with pytest.raises(UnusableImage, match=r"saturated: 1.0% of the picture is white"):
        check_not_white(pixels)
    check_not_white(pixels, max_white_fraction=0.02)


@pytest.mark.real_data
def test_no_real_image_counts_as_saturated(real_data):
    for path in sorted((real_data / "manga" / "images").glob("*.png"))[::10]:
        check_not_white(ImageSource("colour", (path,)).read().pixels, max_white_fraction=0)
    for path in sorted((real_data / "tng" / "images").glob("*.fits")):
        image = ImageSource("counts", (path,)).read()
        assert image.missing is None
        check_matches(image, None, None)


def test_usable_pixels():
    pixels = np.moveaxis(picture(20), 0, 2).copy()
    check_usable(pixels)
    for change, words in [
        (lambda p: p.__setitem__((3, 3, 1), np.nan), "1 of 1200 values in the crop are NaN or infinite"),
        (lambda p: p.__setitem__((slice(None), 0, 0), np.inf), "20 of 1200 values"),
        (lambda p: p.fill(np.nan), "1200 of 1200 values"),
        (lambda p: p.fill(0), "band g is all zero"),
        (lambda p: p[..., 2].fill(7), r"band i is constant \(7\)"),
    ]:
        bad = pixels.copy()
        change(bad)
        with pytest.raises(UnusableImage, match=words):
            check_usable(bad)
    with pytest.raises(UnusableImage, match=r"shape \(20, 20\)"):
        check_usable(pixels[..., 0])
