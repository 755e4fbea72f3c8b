"""Point spread functions: Gaussian, and Moffat with its wings.

A FWHM is that of a star as the pixels show it: seeing, optics and pixel together (the effective PSF of Anderson & King
2000, PASP 112, 1360), which is how SDSS measures it. Profiles are therefore taken at the middles of pixels and not
integrated over them again. The pixels of a simulated image have gathered the light once already, which makes its
smallest details wider by 0.396 / sqrt(12) arcsec of dispersion in quadrature: by 2 per cent at a FWHM of 1.3 arcsec.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SDSS_ARCSEC_PER_PIXEL = 0.396
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
PSF_REACH_SIGMA = 5.0
"""Gaussians are cut here: 4e-6 of the light lies beyond."""

MOFFAT_LIGHT_BEYOND = 1e-3
"""Moffat profiles are cut where this share of the light lies beyond: at 7.6 arcsec for a FWHM of 1.4 and beta 3, much
as SDSS takes a star's light within 7.4 arcsec for all of it (its aperture correction of PSF magnitudes)."""


def moffat_alpha(fwhm: float, beta: float) -> float:
    """The scale of a Moffat profile, in the FWHM's unit: FWHM = 2 alpha sqrt(2^(1/beta) - 1)."""
    return fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))


def psf_reach_px(fwhm_arcsec: float, moffat_beta: float | None = None) -> int:
    """Pixels of 0.396 arcsec from the middle of the PSF to where it is cut. Gaussian where ``moffat_beta`` is None.

    A share (1 + (r/alpha)^2)^(1 - beta) of a Moffat profile's light lies beyond r.
    """
    if moffat_beta is None:
        reach_arcsec = PSF_REACH_SIGMA * fwhm_arcsec / FWHM_PER_SIGMA
    else:
        beyond = MOFFAT_LIGHT_BEYOND ** (1.0 / (1.0 - moffat_beta))
        reach_arcsec = moffat_alpha(fwhm_arcsec, moffat_beta) * np.sqrt(beyond - 1.0)
    return int(np.ceil(reach_arcsec / SDSS_ARCSEC_PER_PIXEL))


def moffat_kernel(fwhm_arcsec: float, beta: float) -> NDArray[np.float64]:
    """A Moffat profile at the middles of pixels of 0.396 arcsec, of sum 1: float64 (2 n + 1, 2 n + 1), n its reach.

    I(r) ~ (1 + (r/alpha)^2)^-beta (Moffat 1969, A&A 3, 455).
    """
    reach = psf_reach_px(fwhm_arcsec, beta)
    squared = (np.arange(-reach, reach + 1) * SDSS_ARCSEC_PER_PIXEL / moffat_alpha(fwhm_arcsec, beta)) ** 2
    profile = (1.0 + squared[:, None] + squared) ** -beta
    return profile / profile.sum()


def convolve_psf(
    pixels: NDArray[np.floating], fwhm_arcsec: tuple[float, float, float], moffat_beta: float | None = None
) -> NDArray[np.float64]:
    """Every band of (ny, nx, 3) convolved with the PSF of its FWHM; there is no light beyond the image.

    A Gaussian where ``moffat_beta`` is None, else a Moffat profile. The light of sources farther from the edges than
    ``psf_reach_px`` is kept.
    """
    planes = np.moveaxis(np.asarray(pixels, dtype=np.float64), 2, 0)
    convolve = _with_gaussian if moffat_beta is None else _with_moffat
    convolved = [convolve(plane, fwhm, moffat_beta) for plane, fwhm in zip(planes, fwhm_arcsec, strict=True)]
    return np.stack(convolved, axis=2)


def _with_gaussian(plane: NDArray[np.float64], fwhm_arcsec: float, _: None) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter  # here, so that whoever reads images need not wait for SciPy

    sigma_px = fwhm_arcsec / FWHM_PER_SIGMA / SDSS_ARCSEC_PER_PIXEL
    return gaussian_filter(plane, sigma_px, mode="constant", truncate=PSF_REACH_SIGMA)


def _with_moffat(plane: NDArray[np.float64], fwhm_arcsec: float, beta: float) -> NDArray[np.float64]:
    from scipy.signal import oaconvolve  # here, so that whoever reads images need not wait for SciPy

    kernel = moffat_kernel(fwhm_arcsec, beta)
    reach = len(kernel) // 2
    ny, nx = plane.shape
    return oaconvolve(plane, kernel)[reach : reach + ny, reach : reach + nx]
