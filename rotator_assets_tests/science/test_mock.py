"""The mock observation against truth: flux, seeing, noise, and that it can be repeated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.errors import UnusableImage
from rotator_assets.science import mock
from rotator_assets.science.mock import (
    MAX_DEVIATION,
    PSF_FWHM_ARCSEC,
    SDSS_ARCSEC_PER_PIXEL,
    SKIRT_ZERO_POINTS,
    SKY_SIGMA_MAG_ARCSEC2,
    convolve_psf,
    counts_to_nanomaggies,
    draw_conditions,
    galaxy_seed,
    observe,
    pad_or_crop,
)


def point_source(size: int, flux: float = 1.0) -> np.ndarray:
    pixels = np.zeros((size, size, 3), dtype=np.float32)
    pixels[size // 2, size // 2] = flux
    return pixels


def test_a_source_of_magnitude_zero_has_1e9_nanomaggies():
    np.testing.assert_allclose(counts_to_nanomaggies(np.array([[SKIRT_ZERO_POINTS]])), 1e9, rtol=1e-6)
    assert counts_to_nanomaggies(np.ones((2, 2, 3), dtype=np.float32)).dtype == np.float32


def test_seeds_are_the_same_everywhere_and_differ_between_galaxies():
    assert galaxy_seed("tng100", "6", 2020) == 8069181802732023308  # a fixed number: no seed may ever change
    seeds = {galaxy_seed("tng100", str(galaxy), seed) for galaxy in range(200) for seed in (1, 2)}
    assert len(seeds) == 400 and all(0 <= seed < 2**63 for seed in seeds)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 40))
def test_padding_and_cropping_keep_the_centre(ny, nx, size):
    pixels = np.random.default_rng(0).random((ny, nx, 3)).astype(np.float32) + 1
    framed = pad_or_crop(pixels, size)
    assert framed.shape == (size, size, 3)
    np.testing.assert_array_equal(framed[size // 2, size // 2], pixels[ny // 2, nx // 2])
    assert (framed > 0).all(axis=2).sum() == min(ny, size) * min(nx, size)
    np.testing.assert_array_equal(pad_or_crop(pad_or_crop(pixels, 40), size), framed)


def test_flux_is_conserved():
    sersic_like = np.exp(-np.hypot(*(np.indices((101, 101)) - 50)) / 4)[..., None] * np.array([1.0, 2.0, 3.0])
    convolved = convolve_psf(sersic_like, (1.8, 1.5, 1.2))
    np.testing.assert_allclose(convolved.sum((0, 1)), sersic_like.sum((0, 1)), rtol=1e-3)


def test_a_point_source_gets_the_seeing():
    fwhm = (1.47, 1.36, 1.29)
    convolved = convolve_psf(point_source(61), fwhm)
    x = (np.arange(61) - 30) * SDSS_ARCSEC_PER_PIXEL
    for band in range(3):
        profile = convolved[30, :, band] / convolved[30, :, band].sum()
        sigma = np.sqrt(np.sum(profile * x**2))
        assert sigma * 2.3548 == pytest.approx(fwhm[band], rel=0.02)
        half_maximum = np.interp(0.5, (profile / profile[30])[40:29:-1], x[40:29:-1])
        assert 2 * half_maximum == pytest.approx(fwhm[band], rel=0.05)  # straight lines between pixels


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
    np.testing.assert_allclose(sigma, [0.0175, 0.0277, 0.0465], atol=5e-5)


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


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_light_that_cannot_be_observed(value):
    pixels = point_source(80)
    pixels[3, 3] = value
    with pytest.raises(UnusableImage, match="NaN, infinite or brighter than any galaxy"):
        observe(pixels, seed=1, size=64)


@pytest.mark.real_data
def test_a_simulated_galaxy_keeps_its_light(real_data):
    from rotator_assets.surveys import SURVEYS

    pixels = SURVEYS["tng100"].image_index(real_data / "tng")["117361"].read().pixels
    image, conditions = observe(pixels, seed=0, size=174)
    noise = 174 * np.array(conditions.sky_sigma_nmgy)
    assert (np.abs(image.sum((0, 1)) - pixels.sum((0, 1))) < 5 * noise).all()
