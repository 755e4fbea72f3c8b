"""Point spread functions against GalSim (Rowe et al. 2015), an independent implementation, and analytic cases."""

import galsim
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from rotator_assets.imaging.mock import MockConditions, seen_light
from rotator_assets.imaging.psf import (
    MOFFAT_LIGHT_BEYOND,
    SDSS_ARCSEC_PER_PIXEL,
    convolve_psf,
    moffat_alpha,
    moffat_kernel,
    psf_reach_px,
)

PROFILES = (None, 2.0, 2.5, 3.0, 4.765, 20.0)
TYPICAL_FWHM = (1.469, 1.356, 1.286)
EXTREME_FWHM = (0.73, 2.02, 3.0)


def point_source(size: int, flux: float = 1.0) -> np.ndarray:
    pixels = np.zeros((size, size, 3), dtype=np.float32)
    pixels[size // 2, size // 2] = flux
    return pixels


def measured_fwhm_arcsec(plane: np.ndarray) -> float:
    """Full width at half maximum of a source in the middle pixel, along its row, by a cubic spline."""
    size = len(plane)
    x = np.arange(size) - size // 2
    spline = CubicSpline(x, plane[size // 2])
    left, right = (min(r for r in spline.solve(spline(0) / 2, extrapolate=False) * sign if r > 0) for sign in (-1, 1))
    return (left + right) * SDSS_ARCSEC_PER_PIXEL


def galsim_profile(fwhm_arcsec: float, beta: float | None) -> galsim.GSObject:
    if beta is None:
        return galsim.Gaussian(fwhm=fwhm_arcsec)
    return galsim.Moffat(beta=beta, fwhm=fwhm_arcsec)


@pytest.mark.parametrize("beta", PROFILES)
@pytest.mark.parametrize("fwhm", [TYPICAL_FWHM, EXTREME_FWHM])
def test_a_point_source_gets_the_seeing(beta, fwhm):
    conditions = MockConditions(seed=0, psf_fwhm_arcsec=fwhm, sky_sigma_nmgy=(0.0,) * 3, moffat_beta=beta)
    light = seen_light(point_source(65, 100.0), 128, conditions)
    for band in range(3):
        assert measured_fwhm_arcsec(light[..., band]) == pytest.approx(fwhm[band], rel=0.01)


@pytest.mark.parametrize("beta", PROFILES)
def test_a_point_source_equals_that_of_galsim(beta):
    light = convolve_psf(point_source(101), TYPICAL_FWHM, beta)
    for band, fwhm in enumerate(TYPICAL_FWHM):
        image = galsim_profile(fwhm, beta).drawImage(nx=101, ny=101, scale=SDSS_ARCSEC_PER_PIXEL, method="no_pixel")
        reach = psf_reach_px(fwhm, beta)
        inside = slice(max(50 - reach, 0), 51 + reach)
        drawn = image.array[inside, inside] / (1 if beta is None else image.array[inside, inside].sum())
        np.testing.assert_allclose(light[inside, inside, band], drawn, atol=2e-3 * drawn.max())


@pytest.mark.parametrize("beta", [None, 3.0])
def test_a_convolved_galaxy_equals_that_of_galsim(beta):
    galaxy = galsim.Gaussian(half_light_radius=1.5, flux=50.0).shear(q=0.6, beta=30 * galsim.degrees)
    frame = {"nx": 129, "ny": 129, "scale": SDSS_ARCSEC_PER_PIXEL, "method": "no_pixel"}
    plane = galaxy.drawImage(**frame).array
    light = convolve_psf(np.stack([plane] * 3, axis=2), TYPICAL_FWHM, beta)
    for band, fwhm in enumerate(TYPICAL_FWHM):
        drawn = galsim.Convolve(galaxy, galsim_profile(fwhm, beta)).drawImage(**frame).array
        np.testing.assert_allclose(light[..., band], drawn, atol=2e-3 * drawn.max())


def test_the_fwhm_has_the_pixel_in_it():
    """A star of 1.3 arcsec in SDSS. Integrating over the pixel again would broaden it by 2 per cent."""
    star = convolve_psf(point_source(65), (1.3, 1.3, 1.3))[..., 0]
    twice = galsim.Gaussian(fwhm=1.3).drawImage(nx=65, ny=65, scale=SDSS_ARCSEC_PER_PIXEL, method="auto").array
    assert measured_fwhm_arcsec(star) == pytest.approx(1.3, rel=0.003)
    assert measured_fwhm_arcsec(twice) == pytest.approx(1.3 * 1.021, rel=0.003)


@pytest.mark.parametrize("beta", PROFILES)
def test_light_is_conserved(beta):
    sersic_like = np.exp(-np.hypot(*(np.indices((301, 301)) - 150)) / 4)[..., None] * np.array([1.0, 2.0, 3.0])
    light = convolve_psf(sersic_like, (1.8, 1.5, 1.2), beta)
    np.testing.assert_allclose(light.sum((0, 1)), sersic_like.sum((0, 1)), rtol=1e-3)
    assert light.min() > -1e-12


@given(st.floats(0.6, 4), st.floats(2, 100))
def test_the_kernel_holds_the_documented_fraction_of_light(fwhm, beta):
    kernel = moffat_kernel(fwhm, beta)
    reach_arcsec = len(kernel) // 2 * SDSS_ARCSEC_PER_PIXEL
    beyond = (1 + (reach_arcsec / moffat_alpha(fwhm, beta)) ** 2) ** (1 - beta)
    assert beyond <= MOFFAT_LIGHT_BEYOND * (1 + 1e-9)
    assert kernel.sum() == pytest.approx(1, abs=1e-12) and kernel.min() > 0
    np.testing.assert_allclose(kernel, kernel.T)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1])


def test_a_moffat_profile_falls_to_half_at_half_its_fwhm():
    for beta in (2.0, 3.0, 4.765):
        assert (1 + (0.7 / moffat_alpha(1.4, beta)) ** 2) ** -beta == pytest.approx(0.5)


@pytest.mark.parametrize("beta", [None, 3.0])
def test_a_crop_equals_that_of_the_whole_image(beta):
    """The margin is as wide as the PSF, so light from outside the crop is included and early cropping loses none."""
    pixels = np.random.default_rng(0).random((256, 256, 3))
    conditions = MockConditions(0, TYPICAL_FWHM, (0.0,) * 3, beta)
    whole = convolve_psf(pixels, TYPICAL_FWHM, beta)[96:160, 96:160]
    np.testing.assert_allclose(seen_light(pixels, 64, conditions), whole, rtol=1e-9)


def test_moffat_wings_are_brighter_than_gaussian_ones():
    gaussian, moffat = (convolve_psf(point_source(65), (1.4,) * 3, beta)[32, :, 0] for beta in (None, 3.0))
    assert (moffat[32 + 6 : 32 + 15] > 10 * gaussian[32 + 6 : 32 + 15]).all() and moffat[32] < gaussian[32]
