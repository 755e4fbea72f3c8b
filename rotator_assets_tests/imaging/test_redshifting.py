"""A galaxy at another redshift: the cosmology, flux conservation, dimming and apparent size."""

import galsim
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from rotator_assets.imaging.cropping import pad_or_crop
from rotator_assets.imaging.photometric_units import NANOMAGGIES_PER_SKIRT_COUNT
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.imaging.redshifting import (
    HUBBLE_KM_S_MPC,
    OMEGA_MATTER,
    SKIRT_REDSHIFT,
    angular_diameter_distance_mpc,
    angular_scale,
    at_redshift,
    flux_scale,
    resample,
)

ARCSEC_PER_RADIAN = 206264.806
redshifts = st.floats(0.01, 3.0)
sides = st.integers(1, 25)


def image(ny: int, nx: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((ny, nx, 3)).astype(np.float32) + 0.1


def test_pixels_have_the_size_that_the_published_headers_give():
    """``CDELT1`` of TNG100's images is 388.652 pc, at ``USE_Z`` = 0.0485236 and 0.396 arcsec."""
    parsec = angular_diameter_distance_mpc(SKIRT_REDSHIFT) * 1e6 * SDSS_ARCSEC_PER_PIXEL / ARCSEC_PER_RADIAN
    assert parsec == pytest.approx(388.6521247594941, rel=5e-4)


@pytest.mark.parametrize("redshift", [0.01, SKIRT_REDSHIFT, 0.3, 1.0, 4.0])
def test_distances_are_those_of_the_friedmann_equation(redshift):
    integral, _ = quad(lambda z: (OMEGA_MATTER * (1 + z) ** 3 + 1 - OMEGA_MATTER) ** -0.5, 0, redshift)
    expected = 299792.458 / HUBBLE_KM_S_MPC * integral / (1 + redshift)
    assert angular_diameter_distance_mpc(redshift) == pytest.approx(expected, rel=1e-6)


@given(redshifts, redshifts)
def test_surface_brightness_dims_with_the_fourth_power(source, redshift):
    dimming = flux_scale(source, redshift) / angular_scale(source, redshift) ** 2
    assert dimming == pytest.approx(((1 + source) / (1 + redshift)) ** 4, rel=1e-12)


@given(redshifts, redshifts)
@pytest.mark.slow
def test_a_uniform_sky_dims_exactly(source, redshift):
    scale = angular_scale(source, redshift)
    side = int(np.ceil(12 / scale)) + 2
    if side > 600:
        return
    dimmed = at_redshift(np.full((side, side, 3), 2.0), source, redshift, 10)
    np.testing.assert_allclose(dimmed, 2.0 * ((1 + source) / (1 + redshift)) ** 4, rtol=1e-9)


@given(sides, sides, st.integers(1, 30), redshifts)
def test_the_redshift_of_the_source_changes_nothing(ny, nx, size, redshift):
    pixels = image(ny, nx)
    np.testing.assert_array_equal(at_redshift(pixels, redshift, redshift, size), pad_or_crop(pixels, size))


@given(sides, sides, st.floats(0.05, 4))
def test_all_light_of_the_image_is_conserved(ny, nx, scale):
    pixels = image(ny, nx)
    resampled = resample(pixels, scale, int(np.ceil(25 * scale)) + 3)
    np.testing.assert_allclose(resampled.sum((0, 1)), pixels.sum((0, 1), dtype=np.float64), rtol=1e-9)


@given(sides, sides, st.floats(0.05, 4), st.integers(1, 40))
def test_a_smaller_crop_is_part_of_a_larger_one(ny, nx, scale, size):
    pixels = image(ny, nx)
    np.testing.assert_allclose(
        resample(pixels, scale, size), pad_or_crop(resample(pixels, scale, 60), size), atol=1e-12
    )


@given(sides, sides, st.floats(0.05, 4))
def test_the_middle_stays_the_middle(ny, nx, scale):
    """A mirrored image gives the mirrored result, about the middle of ``pad_or_crop``."""
    pixels = image(ny, nx)
    size = 2 * int(np.ceil(13 * scale)) + 4
    resampled, mirrored = resample(pixels, scale, size), resample(pixels[::-1, ::-1], scale, size)
    back = mirrored[::-1, ::-1]  # about size / 2: half a pixel off the middle of a side of odd length
    shifted = np.roll(back, (ny % 2, nx % 2), axis=(0, 1))
    np.testing.assert_allclose(shifted, resampled, atol=1e-9)


def test_scaling_by_two_splits_or_adds_four_pixels():
    pixels = image(8, 12)
    halved = resample(pixels, 0.5, 20)[8:12, 7:13]
    np.testing.assert_allclose(halved, pixels.reshape(4, 2, 6, 2, 3).sum((1, 3)), rtol=1e-6)
    doubled = resample(pixels, 2.0, 40)[12:28, 8:32]
    np.testing.assert_allclose(doubled, pixels.repeat(2, 0).repeat(2, 1) / 4, rtol=1e-6)


@pytest.mark.parametrize("redshift", [0.03, 0.1, 0.2])
def test_a_moved_galaxy_equals_that_of_galsim(redshift):
    frame = {"nx": 161, "ny": 161, "scale": SDSS_ARCSEC_PER_PIXEL, "method": "auto"}
    galaxy = {"half_light_radius": 4.0, "flux": 100.0}
    drawn = galsim.Gaussian(**galaxy).drawImage(**frame).array
    moved = at_redshift(np.stack([drawn] * 3, axis=2), SKIRT_REDSHIFT, redshift, 161)[..., 1]
    scale, flux = angular_scale(SKIRT_REDSHIFT, redshift), flux_scale(SKIRT_REDSHIFT, redshift)
    there = galsim.Gaussian(half_light_radius=4.0 * scale, flux=100.0 * flux).drawImage(**frame).array
    np.testing.assert_allclose(moved, there, atol=0.02 * there.max())
    assert moved.sum() == pytest.approx(there.sum(), rel=1e-3)


def test_light_that_does_not_reach_the_crop_is_not_read():
    pixels = image(61, 61)
    pixels[:5] = np.nan
    assert np.isfinite(resample(pixels, 0.9, 20)).all()
    assert np.isnan(resample(pixels, 0.9, 60)).any()


def test_an_image_of_one_long_row_needs_little_memory():
    assert resample(np.ones((1, 10_000_000, 3), dtype=np.float32), 0.9, 64).shape == (64, 64, 3)


@pytest.mark.real_data
@pytest.mark.parametrize("redshift", [0.06, 0.1, 0.25])
def test_a_published_galaxy_only_dims_with_distance(real_data, redshift):
    from astropy.io import fits

    with fits.open(real_data / "tng" / "images" / "broadband_6.fits") as hdus:
        assert hdus[0].header["USE_Z"] == SKIRT_REDSHIFT
        pixels = np.float32(np.moveaxis(hdus[0].data[:3], 0, 2) * NANOMAGGIES_PER_SKIRT_COUNT)
    moved = at_redshift(pixels, SKIRT_REDSHIFT, redshift, 499)
    expected = pixels.sum((0, 1), dtype=np.float64) * flux_scale(SKIRT_REDSHIFT, redshift)
    np.testing.assert_allclose(moved.sum((0, 1)), expected, rtol=1e-3)
