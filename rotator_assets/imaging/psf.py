"""Point spread functions: Gaussian, or Moffat with extended wings.

A FWHM is that of a star in the image and includes seeing, optics and the pixel (the effective PSF of Anderson & King
2000, PASP 112, 1360), as measured by SDSS. Profiles are therefore sampled at the centres of pixels, without
integrating over the pixels again. A simulated image is already integrated over its pixels, which adds a dispersion of
0.396 / sqrt(12) arcsec in quadrature, or 2 % at a FWHM of 1.3 arcsec.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SDSS_ARCSEC_PER_PIXEL = 0.396
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
PSF_REACH_SIGMA = 5.0
"""Gaussians are cut off here: 4e-6 of the light lies beyond."""

MOFFAT_LIGHT_BEYOND = 1e-3
"""Moffat profiles are cut off where this fraction of the light lies beyond: at 7.6 arcsec for a FWHM of 1.4 and beta 3.
The aperture correction of SDSS PSF magnitudes counts the light within 7.4 arcsec as all of a star's light."""


def moffat_alpha(fwhm: float, beta: float) -> float:
    """Return the scale of a Moffat profile in the unit of its FWHM: FWHM = 2 alpha sqrt(2^(1/beta) - 1)."""
    return fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))


def psf_reach_px(fwhm_arcsec: float, moffat_beta: float | None = None) -> int:
    """Return the distance in pixels of 0.396 arcsec at which the PSF is cut off; Gaussian if ``moffat_beta`` is None.

    A fraction (1 + (r/alpha)^2)^(1 - beta) of the light of a Moffat profile lies beyond r.
    """
    if moffat_beta is None:
        reach_arcsec = PSF_REACH_SIGMA * fwhm_arcsec / FWHM_PER_SIGMA
    else:
        beyond = MOFFAT_LIGHT_BEYOND ** (1.0 / (1.0 - moffat_beta))
        reach_arcsec = moffat_alpha(fwhm_arcsec, moffat_beta) * np.sqrt(beyond - 1.0)
    return int(np.ceil(reach_arcsec / SDSS_ARCSEC_PER_PIXEL))


def moffat_kernel(fwhm_arcsec: float, beta: float) -> NDArray[np.float64]:
    """Return a normalized Moffat profile on pixels of 0.396 arcsec, float64 (2 n + 1, 2 n + 1) for a reach of n pixels.

    I(r) ~ (1 + (r/alpha)^2)^-beta (Moffat 1969, A&A 3, 455).
    """
    reach = psf_reach_px(fwhm_arcsec, beta)
    squared = (np.arange(-reach, reach + 1) * SDSS_ARCSEC_PER_PIXEL / moffat_alpha(fwhm_arcsec, beta)) ** 2
    profile = (1.0 + squared[:, None] + squared) ** -beta
    return profile / profile.sum()


def convolve_psf(
    pixels: NDArray[np.floating], fwhm_arcsec: tuple[float, float, float], moffat_beta: float | None = None
) -> NDArray[np.float64]:
    """Convolve each band with the PSF, assuming that there is no light beyond the image.

    The light of sources farther from the edges than `psf_reach_px` is conserved.

    Parameters
    ----------
    pixels
        (ny, nx, 3) in any linear unit.
    fwhm_arcsec
        FWHM in each band, in arcsec.
    moffat_beta
        Exponent of a Moffat profile; None for a Gaussian.

    Returns
    -------
    float64 array
        (ny, nx, 3) in the same unit.
    """
    planes = np.moveaxis(np.asarray(pixels, dtype=np.float64), 2, 0)
    convolved = [
        _with_gaussian(plane, fwhm) if moffat_beta is None else _with_moffat(plane, fwhm, moffat_beta)
        for plane, fwhm in zip(planes, fwhm_arcsec, strict=True)
    ]
    return np.stack(convolved, axis=2)


def _with_gaussian(plane: NDArray[np.float64], fwhm_arcsec: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter  # imported here, because reading images does not need SciPy

    sigma_px = fwhm_arcsec / FWHM_PER_SIGMA / SDSS_ARCSEC_PER_PIXEL
    return gaussian_filter(plane, sigma_px, mode="constant", truncate=PSF_REACH_SIGMA)


def _with_moffat(plane: NDArray[np.float64], fwhm_arcsec: float, beta: float) -> NDArray[np.float64]:
    from scipy.signal import oaconvolve  # imported here, because reading images does not need SciPy

    kernel = moffat_kernel(fwhm_arcsec, beta)
    reach = len(kernel) // 2
    ny, nx = plane.shape
    return oaconvolve(plane, kernel)[reach : reach + ny, reach : reach + nx]
