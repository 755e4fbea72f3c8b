"""Mock SDSS observation of noiseless simulated galaxies: seeing, photon noise and sky.

The recipe and its numbers are those of RealSim (Bottrell et al. 2017, MNRAS 467, 1033; 2019, MNRAS 490, 5390): Gaussian
PSF, Poisson noise of the galaxy's own photons, Gaussian sky, with seeing and depth drawn for every galaxy from their
distributions over SDSS Legacy galaxies. Images are (ny, nx, 3), bands g, r, i, in nanomaggies a pixel.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotator_assets.errors import UnusableImage

BANDS = "gri"

SKIRT_ZERO_POINTS = (2.40238e10, 2.3826e10, 1.59001e10)
"""Counts a second of a source of AB magnitude 0 in g, r, i in the published TNG images (SKIRT; Rodriguez-Gomez et al.
2019, MNRAS 483, 4140; values given by its author on the IllustrisTNG forum)."""

SDSS_ARCSEC_PER_PIXEL = 0.396
PSF_FWHM_ARCSEC = ((1.469, 0.221), (1.356, 0.221), (1.286, 0.222))
"""Seeing in g, r, i over SDSS Legacy galaxies: mean and standard deviation (RealSim)."""
SKY_SIGMA_MAG_ARCSEC2 = ((24.880, 0.137), (24.384, 0.109), (23.820, 0.119))
"""Standard deviation of the sky in g, r, i as AB mag / arcsec^2: mean and standard deviation (RealSim)."""
ELECTRONS_PER_NANOMAGGIE = (1009.0, 934.0, 757.0)
"""g, r, i at the typical SDSS zero point, extinction, airmass (1.18) and gain (from RealSim's constants)."""

FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
PSF_REACH_SIGMA = 5.0
MAX_NMGY = 1e12
"""A pixel of AB magnitude -7.5: no galaxy, and more photons than can be drawn."""
MAX_DEVIATION = 2.5
"""Seeing and depth are drawn within this many standard deviations: 0.73 to 2.02 arcsec."""


@dataclass(frozen=True)
class MockConditions:
    """What one mock observation was made with; g, r, i. The same seed gives the same image."""

    seed: int
    psf_fwhm_arcsec: tuple[float, float, float]
    sky_sigma_nmgy: tuple[float, float, float]


def galaxy_seed(survey: str, galaxy_id: str, seed: int = 0) -> int:
    """A seed of 63 bits that depends on the galaxy and ``seed`` alone, the same on every machine (SHA-256)."""
    digest = hashlib.sha256(f"{survey}/{galaxy_id}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def counts_to_nanomaggies(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Nanomaggies of SKIRT counts a second, (..., 3) in g, r, i: 1e9 counts / zero point (m = 22.5 - 2.5 log10 f)."""
    return np.asarray(counts * (1e9 / np.array(SKIRT_ZERO_POINTS)), dtype=np.float32)


def pad_or_crop(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The central ``size`` x ``size`` pixels, zeros where the image ends (no light: right for a noiseless image).

    Pixel n // 2 of each axis becomes pixel size // 2, as in ``surveys.images.centre_crop``.
    """
    framed = np.zeros((size, size, *pixels.shape[2:]), dtype=pixels.dtype)
    target, source = [], []
    for n in pixels.shape[:2]:
        start = size // 2 - n // 2
        target.append(slice(max(start, 0), min(start + n, size)))
        source.append(slice(max(-start, 0), max(-start, 0) + target[-1].stop - target[-1].start))
    framed[tuple(target)] = pixels[tuple(source)]
    return framed


def draw_conditions(seed: int) -> MockConditions:
    """Seeing and depth of one observation.

    One deviate sets the seeing of all bands and one their depth, as SDSS images the bands within minutes of each
    other. Depth in mag / arcsec^2 becomes nanomaggies a pixel of 0.396 arcsec.
    """
    rng = np.random.default_rng(seed)
    seeing, depth = _truncated_normal(rng), _truncated_normal(rng)
    magnitudes = [mean + depth * deviation for mean, deviation in SKY_SIGMA_MAG_ARCSEC2]
    return MockConditions(
        seed=seed,
        psf_fwhm_arcsec=tuple(mean + seeing * deviation for mean, deviation in PSF_FWHM_ARCSEC),
        sky_sigma_nmgy=tuple(10 ** (0.4 * (22.5 - m)) * SDSS_ARCSEC_PER_PIXEL**2 for m in magnitudes),
    )


def convolve_psf(pixels: NDArray[np.float32], fwhm_arcsec: tuple[float, float, float]) -> NDArray[np.float64]:
    """Every band convolved with a Gaussian of its FWHM, cut at 5 sigma; no light beyond the image."""
    from scipy.ndimage import gaussian_filter  # here, so that whoever reads images need not wait for SciPy

    planes = np.moveaxis(np.asarray(pixels, dtype=np.float64), 2, 0)
    sigmas = np.array(fwhm_arcsec) / FWHM_PER_SIGMA / SDSS_ARCSEC_PER_PIXEL
    convolved = [
        gaussian_filter(plane, sigma, mode="constant", truncate=PSF_REACH_SIGMA)
        for plane, sigma in zip(planes, sigmas, strict=True)
    ]
    return np.stack(convolved, axis=2)


def observe(pixels_nmgy: NDArray[np.float32], seed: int, size: int) -> tuple[NDArray[np.float32], MockConditions]:
    """A noiseless image, at the SDSS pixel scale of 0.396 arcsec, as SDSS would have seen it.

    Crops (or pads: the sky covers the padding) with a margin as wide as the PSF reaches, convolves, adds the photon
    noise of the galaxy and the noise of the subtracted sky, and returns the central ``size`` x ``size`` pixels in
    nanomaggies with the conditions drawn from ``seed``. To compare crops of one observation, observe the largest size
    and crop the result: another size is another draw of the noise. Raises UnusableImage where light that the PSF
    would carry into the image is not finite.
    """
    conditions = draw_conditions(seed)
    reach_arcsec = PSF_REACH_SIGMA * max(conditions.psf_fwhm_arcsec) / FWHM_PER_SIGMA
    margin = int(np.ceil(reach_arcsec / SDSS_ARCSEC_PER_PIXEL))
    framed = pad_or_crop(pixels_nmgy, size + 2 * margin)
    if not (np.abs(framed) < MAX_NMGY).all():
        raise UnusableImage("values near the crop are NaN, infinite or brighter than any galaxy")
    light = pad_or_crop(convolve_psf(framed, conditions.psf_fwhm_arcsec), size)
    rng = np.random.default_rng([seed, 1])  # its own stream: the noise does not depend on how conditions are drawn
    gain = np.array(ELECTRONS_PER_NANOMAGGIE)
    photons = rng.poisson(np.clip(light, 0.0, None) * gain) / gain
    sky = rng.normal(size=light.shape) * conditions.sky_sigma_nmgy
    return (photons + sky).astype(np.float32), conditions


def _truncated_normal(rng: np.random.Generator) -> float:
    """A standard normal deviate within ``MAX_DEVIATION``."""
    while abs(deviate := rng.standard_normal()) > MAX_DEVIATION:
        pass
    return float(deviate)
