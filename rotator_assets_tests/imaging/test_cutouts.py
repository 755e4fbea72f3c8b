"""Cut-outs from image files with every noise and setting, and stamps of sky from a folder."""

import numpy as np
import pytest
from astropy.stats import mad_std

from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.settings import MockSettings
from rotator_assets.imaging import cutouts
from rotator_assets.imaging.cropping import centre_crop
from rotator_assets.imaging.cutouts import OBSERVED_PX, Treatment, make_cutout, read_sky_stamps
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.mock import galaxy_seed, observe
from rotator_assets.imaging.photometric_units import NANOMAGGIES_PER_SKIRT_COUNT
from rotator_assets.imaging.redshifting import SKIRT_REDSHIFT, flux_scale
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, picture, write_cube

TYPICAL_SKY = (0.0175, 0.0277, 0.0465)
ALWAYS = {
    "image_unit": str,
    "arcsec_per_pixel": float,
    "north_angle_deg": float,
    "filled_fraction": float,
    "unread_extensions": str,
    "galaxy_x_pixels": float,
    "galaxy_y_pixels": float,
}
CONDITIONS = {
    **ALWAYS,
    "mock_seed": int,
    "psf_profile": str,
    "moffat_beta": float,
    "mock_redshift": float,
    "sky_stamp": str,
    **{f"psf_fwhm_{band}_arcsec": float for band in "gri"},
    **{f"sky_sigma_{band}_nmgy": float for band in "gri"},
}


def galaxy(folder, size: int = 160, **header) -> ImageSource:
    """A simulated galaxy as published: counts per second in g, r, i, z."""
    light = np.exp(-np.hypot(*(np.indices((size, size)) - size // 2)) / 6)
    planes = np.stack([light * counts for counts in (2e10, 4e10, 4e10, 5e9)]).astype(np.float32) / 1e9
    path = write_cube(folder / "broadband_6.fits", planes, {**BROADBAND_HEADER, **header}, wcs=False)
    return ImageSource("counts", (path,))


def sky(size: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((3, size, size))
    return (noise * np.array(TYPICAL_SKY)[:, None, None]).astype(np.float32)


def cutout(source: ImageSource, noise: str = "noisy", crop_px: int = 64, **options):
    stamps = options.pop("stamps", None)
    return make_cutout(source, "6", Treatment("tng100", noise, crop_px, mock=MockSettings(**options), stamps=stamps))


def test_an_observed_image_is_cropped_and_keeps_its_values(tmp_path):
    planes = picture(100)
    source = ImageSource("cube", (write_cube(tmp_path / "a.fits", planes),))
    made = cutout(source, "observed", redshift=0.2)  # options are for simulated galaxies
    np.testing.assert_array_equal(made.pixels, centre_crop(np.moveaxis(planes, 0, 2), 64))
    assert made.conditions.keys() == ALWAYS.keys() and made.angular_scale == 1.0
    with pytest.raises(UnusableImage, match="smaller than the 128-pixel crop"):
        cutout(source, "observed", 128)


def test_by_default_the_galaxys_seed_sets_the_observation(tmp_path):
    source = galaxy(tmp_path)
    made = make_cutout(source, "6", Treatment("tng100", "noisy", 64))
    image, conditions = observe(source.read().pixels, galaxy_seed("tng100", "6", 2020), OBSERVED_PX)
    np.testing.assert_array_equal(made.pixels, centre_crop(image, 64))
    assert made.conditions["psf_fwhm_r_arcsec"] == conditions.psf_fwhm_arcsec[1]
    assert made.conditions["psf_profile"] == "gaussian" and made.conditions["mock_redshift"] is None


@pytest.mark.parametrize("options", [{}, {"psf": "moffat"}, {"redshift": 0.1}, {"sky": "stamps"}])
def test_crops_come_from_one_observation_with_its_conditions(tmp_path, options):
    source = galaxy(tmp_path / "galaxy")
    write_cube(tmp_path / "sky" / "a.fits", sky(150))
    stamps = read_sky_stamps(tmp_path / "sky") if "sky" in options else None
    large, small, again = (cutout(source, crop_px=px, stamps=stamps, **options) for px in (128, 64, 64))
    np.testing.assert_array_equal(small.pixels, centre_crop(large.pixels, 64))
    np.testing.assert_array_equal(small.pixels, again.pixels)
    assert small.pixels.dtype == np.float32 and small.conditions == again.conditions
    moved = {name: small.conditions[name] + 32 for name in ("galaxy_x_pixels", "galaxy_y_pixels")}
    assert {**small.conditions, **moved} == large.conditions
    assert small.conditions.keys() == CONDITIONS.keys()
    for name, value in small.conditions.items():
        assert value is None or type(value) is CONDITIONS[name], name


def test_options_are_columns(tmp_path):
    write_cube(tmp_path / "sky" / "deep" / "a.fits", sky(150))
    stamps = read_sky_stamps(tmp_path / "sky")
    options = {
        "psf": "moffat",
        "moffat_beta": 2.5,
        "redshift": 0.1,
        "sky": "stamps",
        "psf_fwhm_arcsec": (1.5, 1.4, 1.3),
    }
    conditions = cutout(galaxy(tmp_path / "galaxy"), stamps=stamps, **options).conditions
    assert conditions["psf_profile"] == "moffat" and conditions["moffat_beta"] == 2.5
    assert conditions["mock_redshift"] == 0.1 and conditions["sky_stamp"] == "deep/a.fits"
    assert [conditions[f"psf_fwhm_{band}_arcsec"] for band in "gri"] == [1.5, 1.4, 1.3]
    assert tuple(conditions[f"sky_sigma_{band}_nmgy"] for band in "gri") == stamps.sigma_nmgy[0]


@pytest.mark.parametrize("noise", ["noisy", "noiseless"])
def test_another_redshift_holds_with_and_without_noise(tmp_path, noise):
    """At z = 0.1 the whole galaxy is in the crop; sizes shrink by d_A(0.0485236) / d_A(0.1) = 202.5 / 392.7."""
    source = galaxy(tmp_path)
    black = {"sky_sigma_nmgy": (0.0, 0.0, 0.0)}
    here, there = cutout(source, noise, 160, **black), cutout(source, noise, 160, redshift=0.1, **black)
    assert (here.angular_scale, here.conditions["mock_redshift"]) == (1.0, None)
    assert there.angular_scale == pytest.approx(202.49 / 392.68, rel=1e-3)
    assert there.conditions["mock_redshift"] == 0.1 and there.pixels.dtype == np.float32
    dimming = flux_scale(SKIRT_REDSHIFT, 0.1)
    rtol = 0.02 if noise == "noisy" else 1e-3
    np.testing.assert_allclose(there.pixels.sum((0, 1)), dimming * here.pixels.sum((0, 1)), rtol=rtol)


def test_a_galaxy_of_unknown_redshift_is_not_moved(tmp_path):
    source = galaxy(tmp_path, USE_Z=0.0)
    assert cutout(source, "noiseless").conditions["mock_redshift"] is None
    with pytest.raises(UnusableImage, match="its header has no redshift"):
        cutout(source, "noiseless", redshift=0.1)


def test_a_noiseless_image_is_padded_with_zeros(tmp_path):
    source = galaxy(tmp_path, size=50)
    made = cutout(source, "noiseless", 64)
    np.testing.assert_array_equal(centre_crop(made.pixels, 50), source.read().pixels)
    assert (made.pixels[:7] == 0).all() and (made.pixels[57:] == 0).all()
    assert set(made.conditions) == {*ALWAYS, "mock_redshift"}


@pytest.mark.parametrize("noise", ["noisy", "noiseless"])
@pytest.mark.parametrize("redshift", [None, 0.1])
def test_a_galaxy_with_nan_is_unusable(tmp_path, noise, redshift):
    source = galaxy(tmp_path)
    planes = np.moveaxis(source.read().pixels, 2, 0).repeat(2, 0)[:4].copy()
    planes[1, 80, 80] = np.nan
    write_cube(source.paths[0], planes, BROADBAND_HEADER, wcs=False)
    with pytest.raises(UnusableImage, match="NaN"):
        cutout(source, noise, redshift=redshift)


def test_stamps_are_read_by_name_from_every_folder_below(tmp_path):
    for number, name in enumerate(("b.fits", "a.fits.gz", "more/c.FITS")):
        write_cube(tmp_path / name, sky(140 + number, number))
    (tmp_path / "README.txt").write_text("no image")
    (tmp_path / ".hidden.fits").write_text("no image")
    stamps = read_sky_stamps(tmp_path)
    assert stamps.names == ("a.fits.gz", "b.fits", "more/c.FITS") and not stamps.synthetic
    np.testing.assert_array_equal(stamps.pixels[1], np.moveaxis(sky(140, 0), 0, 2))
    np.testing.assert_allclose(stamps.sigma_nmgy, [TYPICAL_SKY] * 3, rtol=0.03)


def test_synthetic_sky_makes_a_synthetic_image(tmp_path):
    write_cube(tmp_path / "sky" / "a.fits", sky(150), {"SYNTHET": True})
    source, stamps = galaxy(tmp_path / "galaxy"), read_sky_stamps(tmp_path / "sky")
    assert stamps.synthetic and cutout(source, sky="stamps", stamps=stamps).synthetic
    assert not cutout(source, stamps=stamps).synthetic and not cutout(source, "noiseless", sky="stamps").synthetic


@pytest.mark.parametrize(
    ("planes", "header", "reason"),
    [
        (sky(127), {}, "is 127 x 127 pixels, at least 128 x 128 are needed"),
        (sky(150)[:2], {}, "has 2 planes, three bands are needed"),
        (sky(150)[0], {}, "a cube .* is needed"),
        (np.zeros((3, 150, 150), dtype=np.float32), {}, "band g is all zero"),
        (np.where(np.arange(150) == 70, np.nan, sky(150)), {}, "NaN, infinite or BLANK"),
        (sky(150), {"PIXSCALE": 0.262}, "has pixels of 0.262 arcsec, 0.396 are needed"),
    ],
)
def test_an_unusable_stamp_is_named(tmp_path, planes, header, reason):
    write_cube(tmp_path / "good.fits", sky(150), wcs=False)
    write_cube(tmp_path / "bad.fits", planes, header, wcs=False)
    with pytest.raises(InputError, match=f"sky stamp bad.fits: .*{reason}.*; fix it or remove it") as error:
        read_sky_stamps(tmp_path)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_stamp_that_is_not_a_fits_file(tmp_path):
    (tmp_path / "bad.fits").write_text("<html>")
    with pytest.raises(InputError, match=r"sky stamp bad.fits: .*is neither a FITS file"):
        read_sky_stamps(tmp_path)


@pytest.mark.parametrize("folder", [".", "nowhere"])
def test_a_folder_without_stamps(tmp_path, folder):
    with pytest.raises(InputError, match="holds no sky stamps"):
        read_sky_stamps(tmp_path / folder)


def test_more_stamps_than_fit_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(cutouts, "MAX_STAMP_VALUES", 2 * 130 * 130 * 3)
    for number in range(3):
        write_cube(tmp_path / f"{number}.fits", sky(130, number))
        if number < 2:
            assert len(read_sky_stamps(tmp_path).names) == number + 1
    with pytest.raises(InputError, match="the sky stamps do not fit in memory"):
        read_sky_stamps(tmp_path)


@pytest.mark.real_data
@pytest.mark.parametrize("psf", ["gaussian", "moffat"])
def test_a_published_galaxy_on_a_wide_frame_has_the_set_sky(real_data, psf):
    source = ImageSource("counts", (real_data / "tng" / "images" / "broadband_117369.fits",))
    options = MockSettings(psf=psf, sky_sigma_nmgy=TYPICAL_SKY, psf_fwhm_arcsec=(1.47, 1.36, 1.29))
    made = make_cutout(source, "117369", Treatment("tng100", "noisy", 400, mock=options))
    background = np.concatenate([made.pixels[:110], made.pixels[-110:]])  # the galaxy's image has 155 pixels a side
    np.testing.assert_allclose(mad_std(background, axis=(0, 1)), TYPICAL_SKY, rtol=0.03)
    stamps = options.model_copy(update={"sky": "stamps", "sky_sigma_nmgy": None})
    with pytest.raises(InputError, match="there are none"):
        make_cutout(source, "117369", Treatment("tng100", "noisy", 64, mock=stamps))


@pytest.mark.real_data
def test_published_counts_become_nanomaggies_and_fit_the_crop(real_data):
    from astropy.io import fits

    path = real_data / "tng" / "images" / "broadband_6.fits"
    made = cutout(ImageSource("counts", (path,)), "noiseless", 128)
    counts = np.moveaxis(fits.getdata(path)[:3], 0, 2)
    np.testing.assert_array_equal(made.pixels, centre_crop(np.float32(counts * NANOMAGGIES_PER_SKIRT_COUNT), 128))
