"""Missing pixels: found by every reader, reported with their fraction, filled if a setting allows it."""

import re

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image
from scipy.ndimage import gaussian_filter

from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.settings import ImageSettings
from rotator_assets.imaging.cutouts import OBSERVED_PX, Treatment, make_cutout, read_sky_stamps
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.missing import Missing, missing_pixels
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, write_cube

SIZE = 64
OBSERVED = Treatment("manga", "observed", SIZE)
FLOAT_MAX = float(np.finfo(np.float32).max)


def frame(seed=0, rounded_to=None, sigma=0.01):
    """A noisy galaxy of 64 pixels a side, the noise 0.01; fluxes rounded as whole numbers with ``BSCALE`` are."""
    y, x = np.indices((SIZE, SIZE)) - SIZE // 2
    noise = np.random.default_rng(seed).normal(0, sigma, (SIZE, SIZE))
    plane = 3 * np.exp(-np.hypot(y, x) / 5) + noise
    return (plane if rounded_to is None else np.round(plane / rounded_to) * rounded_to).astype(np.float32)


def fraction(plane, kind, **options):
    """Pixels that are missing for this reason; none may be missing for another."""
    why = missing_pixels(plane, **options)
    if why is None:
        return 0.0
    assert set(np.unique(why)) <= {0, kind}
    return float(np.mean(why == kind))


# What counts as missing


@pytest.mark.parametrize("rounded_to", [None, 0.001, 0.005, 0.01, 0.015, 0.02])
def test_no_pixel_of_a_noisy_frame_is_missing(rounded_to):
    """Rounded to twice the noise, two of three pixels are exact zeros."""
    for seed in range(20):
        assert missing_pixels(frame(seed, rounded_to)) is None


def test_rows_without_one_pixel_next_to_padding():
    plane = frame()
    plane[:3], plane[50:] = np.nan, 0
    why = missing_pixels(plane)
    assert (why[:3] == Missing.NOT_FINITE).all() and (why[50:] == Missing.ZERO).all() and not why[3:50].any()


def test_counts_of_photons_are_not_missing():
    for mean in (0.5, 3.0, 100.0):
        counts = np.random.default_rng(1).poisson(mean, (SIZE, SIZE)).astype(np.float32)
        assert missing_pixels(counts - np.float32(int(mean))) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value):
    plane = frame()
    plane[3, 4] = value
    assert fraction(plane, Missing.NOT_FINITE) == 1 / SIZE**2
    assert fraction(plane, Missing.NOT_FINITE, noiseless=True) == 1 / SIZE**2


@pytest.mark.parametrize(
    "value",
    [
        -99,
        -98.95,
        -999,
        -1000,
        -9999,
        -32768,
        -1e6,
        99,
        999,
        9999,
        32767,
        1e20,
        -1e20,
        1e30,
        9.9e37,
        FLOAT_MAX,
        -FLOAT_MAX,
        9.96921e36,
    ],
)
def test_sentinels(value):
    plane = frame()
    plane[3, 4] = value
    assert fraction(plane, Missing.SENTINEL) == 1 / SIZE**2
    assert fraction(plane, Missing.SENTINEL, noiseless=True) == 1 / SIZE**2


def test_a_flux_that_happens_to_look_like_a_sentinel():
    counts = np.round(frame(sigma=60))  # nJy as whole numbers
    assert (counts == -99).any() and (counts == 99).any()
    assert missing_pixels(counts) is None


@pytest.mark.parametrize("rounded_to", [None, 0.001, 0.005, 0.01])
@pytest.mark.parametrize(("value", "kind"), [(0.0, Missing.ZERO), (0.25, Missing.CONSTANT), (-1.0, Missing.CONSTANT)])
def test_padding(rounded_to, value, kind):
    """Where fluxes are rounded, some that equal the padding by chance count as padding."""
    plane = frame(rounded_to=rounded_to)
    plane[:, :10] = value
    assert fraction(plane, kind) == pytest.approx(10 / SIZE, abs=0.06 if rounded_to else 1e-9)


@pytest.mark.parametrize("smoothed_px", [0, 1, 2, 5])
def test_smooth_noise_is_not_flat(smoothed_px):
    for seed in range(10):
        assert missing_pixels(gaussian_filter(frame(seed), smoothed_px)) is None


def test_a_steep_core_of_16_bit_numbers_is_not_flat():
    counts = np.round(1e4 * frame()).astype(np.int16)
    counts[33, 33] = -12000
    assert counts[29:36, 29:36].max() == np.max(counts) > 24000
    assert missing_pixels(counts) is None


def test_zeros_scattered_over_a_frame():
    plane = frame()
    plane.flat[np.random.default_rng(2).choice(SIZE**2, 12, replace=False)] = 0
    assert fraction(plane, Missing.ZERO) == 12 / SIZE**2


def test_a_hole_of_a_few_zeros():
    plane = frame()
    plane[32, 32] = 0  # as where the median of a frame was subtracted
    assert missing_pixels(plane) is None
    plane[31:33, 31:33] = 0
    assert fraction(plane, Missing.ZERO) == 4 / SIZE**2


def test_a_bad_column():
    plane = frame()
    plane[:, 20] = 0
    assert fraction(plane, Missing.ZERO) == 1 / SIZE


def test_a_few_zeros_of_a_rounded_frame_are_fluxes():
    plane = frame(rounded_to=1e-4)
    plane.flat[:3] = 0
    assert missing_pixels(plane) is None


def test_fluxes_clipped_at_zero():
    plane = np.clip(frame(), 0, None)
    assert fraction(plane, Missing.ZERO) == np.mean(plane == 0) > 0.1


@pytest.mark.parametrize("rounded_to", [0.005, 0.01, 0.02])
def test_a_saturated_core_of_rounded_fluxes(rounded_to):
    assert fraction(np.minimum(frame(rounded_to=rounded_to), 1.5), Missing.SATURATED) > 20 / SIZE**2


def test_a_saturated_core():
    plane = frame()
    level = np.sort(plane, axis=None)[-4]
    assert fraction(np.minimum(plane, level), Missing.SATURATED) == 4 / SIZE**2
    assert missing_pixels(np.minimum(plane, np.sort(plane, axis=None)[-3])) is None
    plane[2, 2] = 5.0  # a brighter pixel elsewhere
    plane[plane > 2.0] = 2.0
    plane[2, 2] = 5.0
    assert fraction(plane, Missing.CONSTANT) > 9 / SIZE**2


def test_zeros_of_a_noiseless_simulation_are_fluxes():
    plane = np.clip(frame(), 0.005, None) - np.float32(0.005)
    assert missing_pixels(plane, noiseless=True) is None
    assert missing_pixels(plane) is not None


def test_pixels_without_weight():
    weights = np.ones((SIZE, SIZE), np.float32)
    weights[0, :4] = 0, -1, np.nan, 2
    assert fraction(frame(), Missing.NO_WEIGHT, weights=weights) == 3 / SIZE**2


def test_a_plane_of_one_value_is_left_to_the_check_of_the_image():
    assert missing_pixels(np.zeros((8, 8), np.float32)) is None
    assert missing_pixels(np.full((8, 8), 7, np.float32)) is None


# Every reader


def planes(change=None):
    """Noisy g, r, i; ``change`` alters the first ten columns of r."""
    cube = np.stack([frame(seed) for seed in range(3)])
    if change is not None:
        cube[1, :, :10] = change
    return cube


def write_form(folder, form, cube):
    if form == "cube":
        return (write_cube(folder / "1-1.fits", cube),)
    return tuple(write_cube(folder / f"1-1_{band}.fits", plane) for band, plane in zip("gri", cube, strict=True))


@pytest.mark.parametrize("form", ["cube", "bands"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "exact zeros"),
        (np.nan, "NaN, infinite or BLANK"),
        (-9999.0, "sentinel values such as -999 or 1e20"),
        (0.3, "one constant value"),
    ],
)
def test_every_reader_reports_the_fraction(tmp_path, form, value, words):
    source = ImageSource(form, write_form(tmp_path, form, planes(value)))
    with pytest.raises(UnusableImage, match=re.escape(f"16 % of the pixels in the crop are missing ({words})")):
        make_cutout(source, "1-1", OBSERVED)
    smaller = make_cutout(source, "1-1", Treatment("manga", "observed", 32))  # nothing is missing there
    assert np.isfinite(smaller.pixels).all() and smaller.conditions["filled_fraction"] == 0


@pytest.mark.parametrize("unit", ["Jy", "nJy"])
def test_sentinels_are_found_before_the_unit_is_converted(tmp_path, unit):
    source = ImageSource("cube", (write_cube(tmp_path / "1-1.fits", planes(-99.0), {"BUNIT": unit}),))
    with pytest.raises(UnusableImage, match="sentinel values"):
        make_cutout(source, "1-1", OBSERVED)


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint16", "uint32", "uint8"])
@pytest.mark.parametrize("form", ["cube", "bands"])
@pytest.mark.parametrize("packed", [False, True])
def test_blank_in_whole_numbers(tmp_path, dtype, form, packed):
    """``BLANK`` marks stored values: of unsigned numbers, stored with an offset (``BZERO``), too."""
    whole = np.clip(np.round(planes() * 50 + 40), 1, 250).astype(dtype)
    offset = {"uint16": 2**15, "uint32": 2**31}.get(dtype, 0)
    whole[:, 5:9, 5:9] = 0
    hdu_type = fits.CompImageHDU if packed else fits.PrimaryHDU

    def write(path, data):
        hdu = hdu_type(data)
        hdu.header["BUNIT"] = "nanomaggy"
        hdu.header["BLANK"] = -offset
        (fits.HDUList([fits.PrimaryHDU(), hdu]) if packed else hdu).writeto(path)
        return path

    names = ["1-1.fits"] if form == "cube" else [f"1-1_{band}.fits" for band in "gri"]
    stored = [whole] if form == "cube" else list(whole)
    source = ImageSource(form, tuple(write(tmp_path / n, data) for n, data in zip(names, stored, strict=True)))
    image = source.read()
    np.testing.assert_array_equal(image.missing[5:9, 5:9], Missing.NOT_FINITE)
    there = np.isfinite(image.pixels)
    np.testing.assert_array_equal(image.pixels[there], np.moveaxis(whole, 0, 2)[there].astype(np.float32))
    with pytest.raises(UnusableImage, match=r"0.39 % of the pixels in the crop are missing \(NaN, infinite or BLANK"):
        make_cutout(source, "1-1", OBSERVED)


@pytest.mark.parametrize("method", [-1, 1, 2])
@pytest.mark.parametrize("level", [1, 4, 16])
def test_fluxes_compressed_with_losses_are_not_missing(tmp_path, method, level):
    """Each row is rounded by a step of its own, and 0 belongs to all of them (astropy and fpack)."""
    hdu = fits.CompImageHDU(planes(), quantize_level=level, quantize_method=method, dither_seed=1)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "1-1.fits.fz")
    cutout = make_cutout(ImageSource("cube", (tmp_path / "1-1.fits.fz",)), "1-1", OBSERVED)
    np.testing.assert_allclose(cutout.pixels, np.moveaxis(planes(), 0, 2), atol=0.02)
    padded = fits.CompImageHDU(planes(0.0), quantize_level=level, quantize_method=method, dither_seed=1)
    fits.HDUList([fits.PrimaryHDU(), padded]).writeto(tmp_path / "1-2.fits.fz")
    if method != 1 or level > 1:  # method 1 dithers zeros too, at level 1 as much as the noise
        words = "one constant value" if method == 1 else "exact zeros"
        with pytest.raises(UnusableImage, match=rf"1[5-7] % of the pixels in the crop are missing .{words}"):
            make_cutout(ImageSource("cube", (tmp_path / "1-2.fits.fz",)), "1-1", OBSERVED)


def write_extensions(path, *hdus):
    fits.HDUList([fits.PrimaryHDU(planes()), *hdus]).writeto(path)
    return ImageSource("cube", (path,))


@pytest.mark.parametrize("name", ["IVAR", "INVVAR", "WEIGHT", "WHT", "WEIGHTMAP", "EXPMAP"])
@pytest.mark.parametrize("flat", [False, True])
def test_weights_in_an_extension(tmp_path, name, flat):
    weights = np.ones((3, SIZE, SIZE), np.float32)
    weights[:, :16] = 0
    source = write_extensions(tmp_path / "1-1.fits", fits.ImageHDU(weights[0] if flat else weights, name=name))
    with pytest.raises(UnusableImage, match=r"25 % of the pixels in the crop are missing \(weight 0\)"):
        make_cutout(source, "1-1", OBSERVED)


def test_blank_in_an_image_of_floats(tmp_path):
    flux = planes()
    flux[:, 30:34, 30:34] = -2
    fits.PrimaryHDU(flux, fits.Header({"BLANK": -2})).writeto(tmp_path / "1-1.fits")
    with pytest.raises(UnusableImage, match=r"0.39 % of the pixels in the crop are missing \(NaN, infinite or BLANK"):
        make_cutout(ImageSource("cube", (tmp_path / "1-1.fits",)), "1-1", OBSERVED)


@pytest.mark.parametrize("name", ["ERR", "SIGMA", "VARIANCE"])
def test_an_error_of_nan_is_no_measurement(tmp_path, name):
    errors = np.zeros((SIZE, SIZE), np.float32)
    errors[:16] = np.nan
    source = write_extensions(tmp_path / "1-1.fits", fits.ImageHDU(errors, name=name))
    with pytest.raises(UnusableImage, match=r"25 % of the pixels in the crop are missing \(weight 0\)"):
        make_cutout(source, "1-1", OBSERVED)


def test_unread_masks_are_reported(tmp_path):
    source = write_extensions(tmp_path / "1-1.fits", fits.ImageHDU(np.ones((SIZE, SIZE), np.int16), name="DQ"))
    cutout = make_cutout(source, "1-1", OBSERVED)
    assert cutout.conditions["unread_extensions"] == "DQ" and cutout.conditions["filled_fraction"] == 0


def test_transparent_pixels_of_a_picture(tmp_path):
    rgba = np.full((SIZE, SIZE, 4), 255, np.uint8)
    rgba[..., :3] = np.random.default_rng(0).integers(0, 200, (SIZE, SIZE, 3))
    Image.fromarray(rgba).save(tmp_path / "opaque.png")
    assert make_cutout(ImageSource("colour", (tmp_path / "opaque.png",)), "1-1", OBSERVED).pixels.shape == (64, 64, 3)
    rgba[:16, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "1-1.png")
    with pytest.raises(UnusableImage, match=r"25 % of the pixels in the crop are missing \(transparent\)"):
        make_cutout(ImageSource("colour", (tmp_path / "1-1.png",)), "1-1", OBSERVED)


def test_zeros_of_a_picture_are_brightnesses(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 200, (SIZE, SIZE, 3)).astype(np.uint8)
    rgb[:20] = 0
    Image.fromarray(rgb).save(tmp_path / "1-1.png")
    assert make_cutout(ImageSource("colour", (tmp_path / "1-1.png",)), "1-1", OBSERVED).pixels[-1, 0, 0] == 0


def test_missing_pixels_of_a_simulated_image(tmp_path):
    counts = np.clip(np.stack([frame()] * 4), 0, None) * 1e4
    treatment = Treatment("tng100", "noiseless", SIZE)
    source = ImageSource("counts", (write_cube(tmp_path / "broadband_1.fits", counts, BROADBAND_HEADER, wcs=False),))
    assert make_cutout(source, "1", treatment).conditions["filled_fraction"] == 0
    counts[0, :8] = -999
    write_cube(tmp_path / "broadband_1.fits", counts, BROADBAND_HEADER, wcs=False)
    for noise in ("noiseless", "noisy"):
        with pytest.raises(UnusableImage, match=r"12 % of the pixels in the crop are missing \(sentinel values"):
            make_cutout(source, "1", Treatment("tng100", noise, SIZE))
    filled = make_cutout(source, "1", Treatment("tng100", "noisy", SIZE, ImageSettings(max_missing_fraction=0.15)))
    assert np.isfinite(filled.pixels).all() and filled.conditions["filled_fraction"] == 0.125


def test_sky_with_missing_pixels(tmp_path):
    rng = np.random.default_rng(0)
    sky = rng.normal(0, 0.02, (3, OBSERVED_PX, OBSERVED_PX)).astype(np.float32)
    sky[:, :2] = 0
    write_cube(tmp_path / "sky.fits", sky)
    with pytest.raises(InputError, match=r"sky stamp sky.fits: 1.6 % of the pixels in the crop are missing"):
        read_sky_stamps(tmp_path)


# Filling


def test_a_small_fraction_is_filled_where_a_setting_allows(tmp_path):
    cube = planes()
    truth = cube.copy()
    cube[:, 10:13, 40] = np.nan
    cube[1, 30:32, 30:34] = -99
    source = ImageSource("cube", (write_cube(tmp_path / "1-1.fits", cube),))
    with pytest.raises(UnusableImage, match=r"0.27 % of the pixels"):
        make_cutout(source, "1-1", OBSERVED)
    with pytest.raises(UnusableImage, match=r"0.27 % of the pixels"):
        make_cutout(source, "1-1", Treatment("manga", "observed", SIZE, ImageSettings(max_missing_fraction=0.0026)))
    cutout = make_cutout(source, "1-1", Treatment("manga", "observed", SIZE, ImageSettings(max_missing_fraction=0.003)))
    assert cutout.conditions["filled_fraction"] == 11 / SIZE**2
    there = np.isfinite(cube) & (cube != -99)
    np.testing.assert_array_equal(np.moveaxis(cutout.pixels, 2, 0)[there], truth[there])
    error = np.abs(np.moveaxis(cutout.pixels, 2, 0) - truth)
    assert error[:, 10:13, 40].max() < 0.03 and error[1, 30:32, 30:34].max() < 0.5  # the galaxy's light is steep there


def test_a_large_hole_is_filled_too(tmp_path):
    cube = planes()
    cube[:, :20, :20] = 0
    source = ImageSource("cube", (write_cube(tmp_path / "1-1.fits", cube),))
    cutout = make_cutout(source, "1-1", Treatment("manga", "observed", SIZE, ImageSettings(max_missing_fraction=0.1)))
    assert np.abs(cutout.pixels[:20, :20]).max() < 0.1 and cutout.conditions["filled_fraction"] == 400 / SIZE**2


def test_saturation_may_be_allowed(tmp_path):
    source = ImageSource("cube", (write_cube(tmp_path / "1-1.fits", np.minimum(planes(), 1.5)),))
    with pytest.raises(UnusableImage, match=r"saturated: one constant value, the band's maximum"):
        make_cutout(source, "1-1", OBSERVED)
    cutout = make_cutout(source, "1-1", Treatment("manga", "observed", SIZE, ImageSettings(check_saturation=False)))
    assert cutout.pixels.max() == 1.5 and cutout.conditions["filled_fraction"] == 0
