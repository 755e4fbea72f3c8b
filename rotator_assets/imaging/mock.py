"""Mock SDSS observation of noiseless simulated galaxies: distance, seeing, photon noise and sky.

The recipe and its numbers are those of RealSim (Bottrell et al. 2017, MNRAS 467, 1033; 2019, MNRAS 490, 5390): PSF,
Poisson noise of the galaxy's own photons, and the noise of the subtracted sky, Gaussian or a stamp of real sky, with
seeing and depth drawn for every galaxy from their distributions over SDSS Legacy galaxies. Images are (ny, nx, 3),
bands g, r, i, in nanomaggies a pixel of 0.396 arcsec.
"""

from __future__ import annotations

import hashlib
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
"""Seeing in g, r, i over SDSS Legacy galaxies: mean and standard deviation (RealSim)."""
SKY_SIGMA_MAG_ARCSEC2 = ((24.880, 0.137), (24.384, 0.109), (23.820, 0.119))
"""Standard deviation of the sky in g, r, i as AB mag / arcsec^2: mean and standard deviation (RealSim)."""
ELECTRONS_PER_NANOMAGGIE = (1009.0, 934.0, 757.0)
"""g, r, i at the typical SDSS zero point, extinction, airmass (1.18) and gain (from RealSim's constants)."""

MAX_NMGY = 1e12
"""A pixel of AB magnitude -7.5: no galaxy, and more photons than can be drawn."""
MAX_DEVIATION = 2.5
"""Seeing and depth are drawn within this many standard deviations: 0.73 to 2.02 arcsec."""
DEFAULT_MOCK = MockSettings()


@dataclass(frozen=True)
class MockConditions:
    """What one mock observation was made with; g, r, i. The same seed gives the same image.

    ``moffat_beta``: None for a Gaussian PSF. ``redshift``: None where the galaxy was left where its file places it.
    ``sky_stamp``: name of the stamp whose noise is ``sky_sigma_nmgy``, None for Gaussian noise.
    """

    seed: int
    psf_fwhm_arcsec: tuple[float, float, float]
    sky_sigma_nmgy: tuple[float, float, float]
    moffat_beta: float | None = None
    redshift: float | None = None
    sky_stamp: str | None = None

    @property
    def psf_profile(self) -> Literal["gaussian", "moffat"]:
        return "gaussian" if self.moffat_beta is None else "moffat"


def galaxy_seed(survey: str, galaxy_id: str, seed: int = 0) -> int:
    """A seed of 63 bits that depends on the galaxy and ``seed`` alone, the same on every machine (SHA-256)."""
    digest = hashlib.sha256(f"{survey}/{galaxy_id}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def draw_conditions(seed: int, options: MockSettings = DEFAULT_MOCK) -> MockConditions:
    """Seeing and depth of one observation; values that the options fix leave the others as they are drawn.

    One deviate sets the seeing of all bands and one their depth, as SDSS images the bands within minutes of each
    other. Depth in mag / arcsec^2 becomes nanomaggies a pixel of 0.396 arcsec.
    """
    rng = np.random.default_rng(seed)
    seeing, depth = _truncated_normal(rng), _truncated_normal(rng)
    fwhm = options.psf_fwhm_arcsec or (mean + seeing * deviation for mean, deviation in PSF_FWHM_ARCSEC)
    magnitudes = [mean + depth * deviation for mean, deviation in SKY_SIGMA_MAG_ARCSEC2]
    sigma = options.sky_sigma_nmgy or (10 ** (0.4 * (22.5 - m)) * SDSS_ARCSEC_PER_PIXEL**2 for m in magnitudes)
    return MockConditions(
        seed=seed,
        psf_fwhm_arcsec=tuple(fwhm),
        sky_sigma_nmgy=tuple(sigma),
        moffat_beta=options.moffat_beta if options.psf == "moffat" else None,
        redshift=options.redshift,
    )


def apparent(
    pixels_nmgy: NDArray[np.floating], size: int, redshift: float | None, source_redshift: float = SKIRT_REDSHIFT
) -> NDArray[np.floating]:
    """The central ``size`` x ``size`` pixels as they appear at ``redshift``, or as they are where it is None.

    Zeros where the image ends. See `redshifting.at_redshift`: fluxes dim, sizes shrink, no K-correction.
    """
    if redshift is None:
        return pad_or_crop(pixels_nmgy, size)
    return at_redshift(pixels_nmgy, source_redshift, redshift, size)


def seen_light(
    pixels_nmgy: NDArray[np.floating], size: int, conditions: MockConditions, source_redshift: float = SKIRT_REDSHIFT
) -> NDArray[np.float64]:
    """What `observe` sees of a galaxy before there is noise: the central ``size`` x ``size`` pixels behind the PSF.

    Light is carried in from a margin as wide as the PSF reaches. Raises UnusableImage where it is not finite.
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
    """A noiseless image, at the SDSS pixel scale of 0.396 arcsec, as SDSS would have seen it.

    Places the galaxy at the redshift asked for, crops (or pads: the sky covers the padding) with a margin as wide as
    the PSF reaches, convolves, adds the photon noise of the galaxy and the noise of the subtracted sky, and returns the
    central ``size`` x ``size`` pixels in nanomaggies with the conditions drawn from ``seed``. ``stamps`` are needed
    where ``options.sky`` says so. To compare crops of one observation, observe the largest size and crop the result:
    another size is another draw of the noise. Raises UnusableImage where light that the PSF would carry into the image
    is not finite, InputError where stamps are missing or too small.
    """
    conditions = draw_conditions(seed, options)
    light = seen_light(pixels_nmgy, size, conditions, source_redshift)
    rng = np.random.default_rng([seed, 1])  # its own stream: the noise does not depend on how conditions are drawn
    gain = np.array(ELECTRONS_PER_NANOMAGGIE)
    photons = rng.poisson(np.clip(light, 0.0, None) * gain) / gain
    if options.sky == "gaussian":
        sky = rng.normal(size=light.shape) * conditions.sky_sigma_nmgy
    elif stamps is None:
        raise InputError("sky is stamps, but there are none: name a folder of blank-sky images")
    else:
        sky, number = stamps.draw(np.random.default_rng([seed, 2]), size)  # the same sky whatever the galaxy's light
        conditions = replace(conditions, sky_sigma_nmgy=stamps.sigma_nmgy[number], sky_stamp=stamps.names[number])
    return (photons + sky).astype(np.float32), conditions


def _truncated_normal(rng: np.random.Generator) -> float:
    """A standard normal deviate within ``MAX_DEVIATION``."""
    while abs(deviate := rng.standard_normal()) > MAX_DEVIATION:
        pass
    return float(deviate)
