"""Mock observations against the truth: flux, seeing, noise and reproducibility."""

import numpy as np
import pytest
from astropy.stats import mad_std
from pydantic import ValidationError

from rotator_assets.core.errors import UnusableImage
from rotator_assets.core.settings import MockSettings
from rotator_assets.imaging import mock
from rotator_assets.imaging.mock import (
    ELECTRONS_PER_NANOMAGGIE,
    MAX_DEVIATION,
    PSF_FWHM_ARCSEC,
    SKY_SIGMA_MAG_ARCSEC2,
    draw_conditions,
    galaxy_seed,
    observe,
    seen_light,
)
from rotator_assets.imaging.photometric_units import NANOMAGGIES_PER_SKIRT_COUNT, SKIRT_ZERO_POINTS
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.imaging.redshifting import SKIRT_REDSHIFT, flux_scale

TYPICAL_SKY = (0.0175, 0.0277, 0.0465)
"""Nanomaggies per pixel in g, r, i: the mean depth of SDSS."""
EVERY_WAY = (
    MockSettings(),
    MockSettings(psf="moffat"),
    MockSettings(redshift=0.1),
    MockSettings(psf="moffat", moffat_beta=2.5, redshift=0.03),
)


def point_source(size: int, flux: float = 1.0) -> np.ndarray:
    pixels = np.zeros((size, size, 3), dtype=np.float32)
    pixels[size // 2, size // 2] = flux
    return pixels


def test_a_source_of_magnitude_zero_has_1e9_nanomaggies():
    np.testing.assert_allclose(np.multiply(SKIRT_ZERO_POINTS, NANOMAGGIES_PER_SKIRT_COUNT), 1e9, rtol=1e-12)


def test_seeds_are_the_same_everywhere_and_differ_between_galaxies():
    assert galaxy_seed("tng100", "6", 2020) == 8069181802732023308  # a fixed number: no seed may ever change
    seeds = {galaxy_seed("tng100", str(galaxy), seed) for galaxy in range(200) for seed in (1, 2)}
    assert len(seeds) == 400 and all(0 <= seed < 2**63 for seed in seeds)


def test_by_default_it_is_the_recipe_of_realsim_step_by_step():
    """Gaussian seeing, photon noise, Gaussian sky: the same seed has always given this image."""
    from scipy.ndimage import gaussian_filter

    pixels = np.random.default_rng(0).random((128, 128, 3)).astype(np.float32)
    image, conditions = observe(pixels, seed=4, size=64)
    assert conditions == draw_conditions(4)
    sigmas = np.array(conditions.psf_fwhm_arcsec) / np.sqrt(8 * np.log(2)) / 0.396
    blurred = [gaussian_filter(pixels[..., k].astype(float), s, truncate=5) for k, s in enumerate(sigmas)]
    light = np.stack(blurred, axis=2)[32:96, 32:96]
    rng = np.random.default_rng([4, 1])
    photons = rng.poisson(light * ELECTRONS_PER_NANOMAGGIE) / np.array(ELECTRONS_PER_NANOMAGGIE)
    expected = photons + rng.standard_normal(light.shape) * conditions.sky_sigma_nmgy
    np.testing.assert_allclose(image, expected, rtol=1e-6)


def test_conditions_follow_the_survey_s_distributions():
    drawn = [draw_conditions(seed) for seed in range(2000)]
    fwhm = np.array([c.psf_fwhm_arcsec for c in drawn])
    magnitudes = 22.5 - 2.5 * np.log10(np.array([c.sky_sigma_nmgy for c in drawn]) / SDSS_ARCSEC_PER_PIXEL**2)
    for values, table in ((fwhm, PSF_FWHM_ARCSEC), (magnitudes, SKY_SIGMA_MAG_ARCSEC2)):
        mean, deviation = np.array(table).T
        np.testing.assert_allclose(values.mean(0), mean, atol=0.02)
        np.testing.assert_allclose(values.std(0), deviation, rtol=0.1)
        assert (np.abs(values - mean) <= MAX_DEVIATION * deviation + 1e-9).all()


def test_typical_sky_in_nanomaggies():
    sigma = [10 ** (0.4 * (22.5 - m)) * SDSS_ARCSEC_PER_PIXEL**2 for m, _ in SKY_SIGMA_MAG_ARCSEC2]
    np.testing.assert_allclose(sigma, TYPICAL_SKY, atol=5e-5)


def test_fixed_seeing_or_depth_leaves_the_other_unchanged():
    drawn = draw_conditions(8)
    seeing = draw_conditions(8, MockSettings(psf_fwhm_arcsec=(1.5, 1.4, 1.3)))
    depth = draw_conditions(8, MockSettings(sky_sigma_nmgy=TYPICAL_SKY))
    assert (seeing.psf_fwhm_arcsec, seeing.sky_sigma_nmgy) == ((1.5, 1.4, 1.3), drawn.sky_sigma_nmgy)
    assert (depth.psf_fwhm_arcsec, depth.sky_sigma_nmgy) == (drawn.psf_fwhm_arcsec, TYPICAL_SKY)


def test_conditions_describe_the_observation():
    plain, moffat = draw_conditions(8), draw_conditions(8, MockSettings(psf="moffat", moffat_beta=2.5, redshift=0.1))
    assert (plain.psf_profile, plain.moffat_beta, plain.redshift, plain.sky_stamp) == ("gaussian", None, None, None)
    assert (moffat.psf_profile, moffat.moffat_beta, moffat.redshift) == ("moffat", 2.5, 0.1)
    assert moffat.psf_fwhm_arcsec == plain.psf_fwhm_arcsec and moffat.sky_sigma_nmgy == plain.sky_sigma_nmgy


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"psf": "airy"}, "psf\n.*should be 'gaussian' or 'moffat'"),
        ({"sky": "black"}, "sky\n.*should be 'gaussian' or 'stamps'"),
        ({"moffat_beta": 1.0}, "moffat_beta\n.*greater than or equal to 2"),
        ({"redshift": 0.0}, "redshift\n.*greater than or equal to 0.001"),
        ({"redshift": np.inf}, "redshift\n.*less than or equal to 10"),
        ({"psf_fwhm_arcsec": (1.4, 0.1, 1.3)}, "psf_fwhm_arcsec.1\n.*greater than or equal to 0.6"),
        ({"psf_fwhm_arcsec": (1.4, 1.3)}, "psf_fwhm_arcsec.2\n.*Field required"),
        ({"sky_sigma_nmgy": (0.1, -0.1, 0.1)}, "sky_sigma_nmgy.1\n.*greater than or equal to 0"),
        ({"sky_sigma_nmgy": TYPICAL_SKY, "sky": "stamps"}, "sky stamps have their own noise"),
    ],
)
def test_settings_out_of_range_are_refused(options, reason):
    with pytest.raises(ValidationError, match=reason):
        MockSettings(**options)


@pytest.mark.parametrize("side", [10, 300])
def test_empty_sky_has_the_drawn_depth_padding_included(side):
    image, conditions = observe(np.zeros((side, side, 3), dtype=np.float32), seed=5, size=256)
    assert image.shape == (256, 256, 3) and image.dtype == np.float32
    np.testing.assert_allclose(image.std((0, 1)), conditions.sky_sigma_nmgy, rtol=0.03)
    np.testing.assert_allclose(image[:50, :50].std((0, 1)), conditions.sky_sigma_nmgy, rtol=0.06)
    np.testing.assert_allclose(image.mean((0, 1)), 0, atol=4 * max(conditions.sky_sigma_nmgy) / 256)


def test_photon_noise_is_that_of_the_electrons(monkeypatch):
    monkeypatch.setattr(mock, "SKY_SIGMA_MAG_ARCSEC2", ((60.0, 0.0),) * 3)  # no sky to speak of
    image, _ = observe(np.full((400, 400, 3), 2.0, dtype=np.float32), seed=1, size=300)
    np.testing.assert_allclose(image.mean((0, 1)), 2.0, rtol=1e-3)
    np.testing.assert_allclose(image.var((0, 1)), 2.0 / np.array(mock.ELECTRONS_PER_NANOMAGGIE), rtol=0.03)


@pytest.mark.parametrize("options", EVERY_WAY)
def test_a_small_image_is_padded_with_sky_and_has_no_seam(options):
    options = options.model_copy(update={"sky_sigma_nmgy": TYPICAL_SKY})
    image, _ = observe(np.full((40, 40, 3), 1e-9, dtype=np.float32), seed=2, size=300, options=options)
    rings = np.maximum(*np.abs(np.indices((300, 300)) - 149.5))  # 20 is the edge of the image, 150 that of the frame
    for inner, outer in ((0, 20), (20, 40), (40, 100), (100, 148), (148, 150)):
        ring = image[(rings >= inner) & (rings < outer)]
        error = 1 / np.sqrt(2 * len(ring))
        np.testing.assert_allclose(ring.std(0), TYPICAL_SKY, rtol=4 * error)
        np.testing.assert_allclose(ring.mean(0) / TYPICAL_SKY, 0, atol=6 * error)


@pytest.mark.parametrize("options", EVERY_WAY)
def test_light_before_noise_is_that_of_the_galaxy(options):
    offsets = np.hypot(*(np.indices((151, 151)) - 75))
    pixels = np.exp(-offsets / 4)[..., None] * np.array([1.0, 2.0, 3.0], dtype=np.float32) * (offsets < 60)[..., None]
    light = seen_light(pixels, 400, draw_conditions(1, options))
    dimming = 1.0 if options.redshift is None else flux_scale(SKIRT_REDSHIFT, options.redshift)
    np.testing.assert_allclose(light.sum((0, 1)), dimming * pixels.sum((0, 1)), rtol=1e-3)


def test_light_outside_the_crop_is_smeared_into_it():
    pixels = np.zeros((200, 200, 3), dtype=np.float32)
    pixels[100, 100 - 34] = 1e6  # two pixels beyond a crop of 64
    image, conditions = observe(pixels, seed=3, size=64)
    edge = image[32, 0]
    assert (edge > 100 * np.array(conditions.sky_sigma_nmgy)).all()


def test_the_same_seed_gives_the_same_image():
    pixels = point_source(80, 100.0)
    first, second, other = (observe(pixels, seed, 64) for seed in (11, 11, 12))
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1] and first[1].seed == 11
    assert not np.array_equal(first[0], other[0]) and first[1] != other[1]


@pytest.mark.parametrize("options", EVERY_WAY)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.filterwarnings("error")
def test_light_that_cannot_be_observed(value, options):
    pixels = point_source(80)
    pixels[3, 3] = value
    with pytest.raises(UnusableImage, match="NaN, infinite or brighter than any galaxy"):
        observe(pixels, seed=1, size=100, options=options)


@pytest.fixture(scope="module", params=["6", "117361", "117369"])
def published(real_data, request) -> np.ndarray:
    """A SKIRT image in nanomaggies per pixel: 499, 175 and 155 pixels wide."""
    from astropy.io import fits

    counts = fits.getdata(real_data / "tng" / "images" / f"broadband_{request.param}.fits")
    return np.float32(np.moveaxis(counts[:3], 0, 2) * NANOMAGGIES_PER_SKIRT_COUNT)


@pytest.mark.real_data
@pytest.mark.parametrize("options", EVERY_WAY)
def test_a_simulated_galaxy_keeps_its_light(published, options):
    dimming = 1.0 if options.redshift is None else flux_scale(SKIRT_REDSHIFT, options.redshift)
    expected = dimming * published.sum((0, 1), dtype=np.float64)
    size = 900 if options.redshift == 0.03 else 600
    np.testing.assert_allclose(
        seen_light(published, size, draw_conditions(0, options)).sum((0, 1)), expected, rtol=1e-3
    )
    image, conditions = observe(published, 0, size, options)
    noise = np.hypot(size * np.array(conditions.sky_sigma_nmgy), np.sqrt(expected / ELECTRONS_PER_NANOMAGGIE))
    assert (np.abs(image.sum((0, 1), dtype=np.float64) - expected) < 4 * noise).all()


@pytest.mark.real_data
@pytest.mark.parametrize("options", EVERY_WAY)
def test_the_background_has_the_set_depth(published, options):
    """Far from the galaxy, in its own image and in the padding around it."""
    options = options.model_copy(update={"sky_sigma_nmgy": TYPICAL_SKY})
    image, conditions = observe(published, 5, 800, options)
    light = seen_light(published, 800, conditions)
    far = (light < 0.02 * np.array(TYPICAL_SKY)).all(axis=2)
    assert far.sum() > 100_000
    np.testing.assert_allclose(mad_std(image[far], axis=0), TYPICAL_SKY, rtol=0.01)
    np.testing.assert_allclose(np.median(image[far], axis=0) / TYPICAL_SKY, 0, atol=0.02)
