"""Mock SDSS observations of noiseless simulated galaxies: distance, seeing, photon noise and sky.

Method and parameters are those of RealSim (Bottrell et al. 2017, MNRAS 467, 1033; 2019, MNRAS 490, 5390): PSF,
Poisson noise of the galaxy's photons, and the noise of the subtracted sky, either Gaussian or from a stamp of real sky.
Seeing and depth of each galaxy are drawn from their distributions over SDSS Legacy galaxies. Images are (ny, nx, 3),
bands g, r, i, in nanomaggies per pixel of 0.396 arcsec.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.settings import MockSettings
from rotator_assets.imaging.cropping import pad_or_crop
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL, convolve_psf, psf_reach_px
from rotator_assets.imaging.redshifting import SKIRT_REDSHIFT, at_redshift
from rotator_assets.imaging.sky import SkyStamps

PSF_FWHM_ARCSEC = ((1.469, 0.221), (1.356, 0.221), (1.286, 0.222))
"""Mean and standard deviation of the seeing in g, r, i over SDSS Legacy galaxies (RealSim)."""
SKY_SIGMA_MAG_ARCSEC2 = ((24.880, 0.137), (24.384, 0.109), (23.820, 0.119))
"""Mean and standard deviation of the sky noise in g, r, i, in AB mag / arcsec^2 (RealSim)."""
ELECTRONS_PER_NANOMAGGIE = (1009.0, 934.0, 757.0)
"""In g, r, i, at the typical zero point, extinction, airmass (1.18) and gain of SDSS (from RealSim's constants)."""

MAX_NMGY = 1e12
"""AB magnitude -7.5 in one pixel: brighter than any galaxy, with more photons than can be drawn."""
MAX_DEVIATION = 2.5
"""Seeing and depth are drawn within this number of standard deviations: seeing from 0.73 to 2.02 arcsec."""
DEFAULT_MOCK = MockSettings()


@dataclass(frozen=True)
class MockConditions:
    """Conditions of one mock observation, in g, r, i. The same seed gives the same image.

    Attributes
    ----------
    seed
        Seed of the observation.
    psf_fwhm_arcsec
        FWHM of the seeing in arcsec.
    sky_sigma_nmgy
        Standard deviation of the sky in nanomaggies per pixel.
    moffat_beta
        Exponent of a Moffat PSF; None for a Gaussian.
    redshift
        Redshift to which the galaxy was moved; None if it was not moved.
    sky_stamp
        Name of the stamp whose noise is ``sky_sigma_nmgy``; None for Gaussian noise.
    """

    seed: int
    psf_fwhm_arcsec: tuple[float, float, float]
    sky_sigma_nmgy: tuple[float, float, float]
    moffat_beta: float | None = None
    redshift: float | None = None
    sky_stamp: str | None = None

    @property
    def psf_profile(self) -> Literal["gaussian", "moffat"]:
        """Profile of the PSF."""
        return "gaussian" if self.moffat_beta is None else "moffat"


def galaxy_seed(survey: str, galaxy_id: str, seed: int = 0) -> int:
    """Return a 63-bit seed that depends only on the arguments and is the same on every machine.

    Parameters
    ----------
    survey
        Key of the survey.
    galaxy_id
        Identifier of the galaxy.
    seed
        Seed of the sample.

    Returns
    -------
    int
        From the SHA-256 hash of the arguments.
    """
    digest = hashlib.sha256(f"{survey}/{galaxy_id}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def draw_conditions(seed: int, options: MockSettings = DEFAULT_MOCK) -> MockConditions:
    """Draw seeing and depth of one observation, except where the settings fix them.

    Fixing one does not change the other. One random deviate sets the seeing of all bands, and one their depth, because
    SDSS images the bands within minutes of each other. Depth in mag / arcsec^2 is converted to
    nanomaggies per pixel of 0.396 arcsec.
    """
    rng = np.random.default_rng(seed)
    seeing, depth = _truncated_normal(rng), _truncated_normal(rng)
    fwhm = options.psf_fwhm_arcsec or (mean + seeing * deviation for mean, deviation in PSF_FWHM_ARCSEC)
    magnitudes = [mean + depth * deviation for mean, deviation in SKY_SIGMA_MAG_ARCSEC2]
    sigma = options.sky_sigma_nmgy or (10 ** (0.4 * (22.5 - m)) * SDSS_ARCSEC_PER_PIXEL**2 for m in magnitudes)
    return MockConditions(
        seed=seed,
        psf_fwhm_arcsec=_of_bands(fwhm),
        sky_sigma_nmgy=_of_bands(sigma),
        moffat_beta=options.moffat_beta if options.psf == "moffat" else None,
        redshift=options.redshift,
    )


def _of_bands(values: Iterable[float]) -> tuple[float, float, float]:
    g, r, i = values
    return g, r, i


def apparent(
    pixels_nmgy: NDArray[np.floating], size: int, redshift: float | None, source_redshift: float = SKIRT_REDSHIFT
) -> NDArray[np.floating]:
    """Return the central pixels of a galaxy as it appears at a redshift, with zeros beyond the edges of the image.

    Fluxes dim and sizes shrink, without a K-correction (see `redshifting.at_redshift`).

    Parameters
    ----------
    pixels_nmgy
        (ny, nx, 3) in nanomaggies per pixel.
    size
        Side of the result in pixels.
    redshift
        Redshift to which the galaxy is moved; None leaves the image as it is.
    source_redshift
        Redshift at which the image shows the galaxy.

    Returns
    -------
    array
        (size, size, 3) in nanomaggies per pixel.
    """
    if redshift is None:
        return pad_or_crop(pixels_nmgy, size)
    return at_redshift(pixels_nmgy, source_redshift, redshift, size)


def seen_light(
    pixels_nmgy: NDArray[np.floating], size: int, conditions: MockConditions, source_redshift: float = SKIRT_REDSHIFT
) -> NDArray[np.float64]:
    """Return the noiseless image of `observe`: the central pixels convolved with the PSF.

    Light from a margin as wide as the PSF is included.

    Parameters
    ----------
    pixels_nmgy
        (ny, nx, 3) in nanomaggies per pixel.
    size
        Side of the result in pixels.
    conditions
        Seeing and redshift of the observation.
    source_redshift
        Redshift at which the image shows the galaxy.

    Returns
    -------
    float64 array
        (size, size, 3) in nanomaggies per pixel.

    Raises
    ------
    UnusableImage
        If the light in this region is not finite, or brighter than ``MAX_NMGY``.
    """
    margin = psf_reach_px(max(conditions.psf_fwhm_arcsec), conditions.moffat_beta)
    framed = apparent(pixels_nmgy, size + 2 * margin, conditions.redshift, source_redshift)
    if not (np.abs(framed) < MAX_NMGY).all():
        raise UnusableImage("values near the crop are NaN, infinite or brighter than any galaxy")
    return pad_or_crop(convolve_psf(framed, conditions.psf_fwhm_arcsec, conditions.moffat_beta), size)


def observe(
    pixels_nmgy: NDArray[np.float32],
    seed: int,
    size: int,
    options: MockSettings = DEFAULT_MOCK,
    stamps: SkyStamps | None = None,
    source_redshift: float = SKIRT_REDSHIFT,
) -> tuple[NDArray[np.float32], MockConditions]:
    """Turn a noiseless image with pixels of 0.396 arcsec into a mock SDSS observation.

    The galaxy is moved to the redshift of the settings, cropped or padded with a margin as wide as the PSF, and
    convolved with the PSF. Then photon noise and the noise of the subtracted sky are added. To compare crops of one
    observation, observe the largest size and crop the result: a different size gets different noise.

    Parameters
    ----------
    pixels_nmgy
        (ny, nx, 3) in nanomaggies per pixel.
    seed
        Seed of the conditions and the noise.
    size
        Side of the result in pixels.
    options
        Settings of the mock observation; their ``seed`` is not used here.
    stamps
        Stamps of real sky, needed if ``options.sky`` is ``stamps``.
    source_redshift
        Redshift at which the image shows the galaxy.

    Returns
    -------
    float32 array
        (size, size, 3) in nanomaggies per pixel.
    MockConditions
        The conditions that were drawn.

    Raises
    ------
    UnusableImage
        If light that the PSF carries into the image is not finite.
    InputError
        If stamps are missing or too small.
    """
    conditions = draw_conditions(seed, options)
    light = seen_light(pixels_nmgy, size, conditions, source_redshift)
    rng = np.random.default_rng([seed, 1])  # a separate stream: the noise does not depend on the conditions
    gain = np.array(ELECTRONS_PER_NANOMAGGIE)
    photons = rng.poisson(np.clip(light, 0.0, None) * gain) / gain
    if options.sky == "gaussian":
        sky = rng.normal(size=light.shape) * conditions.sky_sigma_nmgy
    elif stamps is None:
        raise InputError("sky is stamps, but there are none: provide a folder of blank-sky images")
    else:
        sky, number = stamps.draw(np.random.default_rng([seed, 2]), size)  # independent of the galaxy's light
        conditions = replace(conditions, sky_sigma_nmgy=stamps.sigma_nmgy[number], sky_stamp=stamps.names[number])
    return (photons + sky).astype(np.float32), conditions


def _truncated_normal(rng: np.random.Generator) -> float:
    """Draw a standard normal deviate within ``MAX_DEVIATION``."""
    while abs(deviate := rng.standard_normal()) > MAX_DEVIATION:
        pass
    return float(deviate)
