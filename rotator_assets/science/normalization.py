r"""Normalizations: how the fluxes of one image become the numbers a network sees.

Every method looks at one image alone, never across images, so no test galaxy can influence a training one. Every method
maps zero flux to zero: an empty sky is all zeros, which makes it the common baseline of the attributions. All but
``none`` are unchanged when an image is multiplied by a positive number (exposure, zero point).

Notation: x is the flux of one pixel in one band; max x the largest over all pixels and bands of the image, max x_g the
largest over all pixels of band g. An image whose maximum is zero or negative has no signal to scale by: it becomes
all zeros.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOG_STRETCH = 1000.0
"""a of the logarithmic stretch: the default of astropy's ``LogStretch`` and of SAOImage DS9."""

ASINH_SOFTENING = 0.1
"""Fraction of the maximum where the inverse hyperbolic sine turns from linear to logarithmic (astropy's default)."""


def normalize(images: ArrayLike, method: str, bands: str = "gri") -> NDArray[np.float32]:
    r"""Normalize every image by itself.

    ========== =================================== ========================================== ===================
    method     y                                   negative pixels                            range of y
    ========== =================================== ========================================== ===================
    max_all    x / max x                           stay negative                              maximum is 1
    log        ln(1 + a x / max x) / ln(1 + a)     become 0 first (no logarithm below zero)   [0, 1]
    max_g      x / max x_g                         stay negative                              g has maximum 1
    max_r      x / max x_r                         stay negative                              r has maximum 1
    asinh      arcsinh(x / (b max x)) / arcsinh(1/b)  stay negative (odd function)            maximum is 1
    none       x                                   stay negative                              as given
    ========== =================================== ========================================== ===================

    ``max_all``, ``log``, ``max_g`` and ``max_r`` are the study's four (its eqs. 6.2 to 6.5). The constant a = 1000 of
    the logarithm, applied to x / max x so that it does not depend on the units, is this project's choice. ``asinh``
    (Lupton, Gunn & Szalay 1999, AJ 118, 1406; b = 0.1) is linear in the sky noise and logarithmic in the galaxy.

    Parameters
    ----------
    images
        Finite fluxes, shape (n, ny, nx, n_bands), linear in flux, any unit.
    method
        One of the names above.
    bands
        Letters of the bands along the last axis, in order.

    Returns
    -------
    float32 of the same shape, always a new array.

    Raises ValueError for an unknown method, a shape that does not fit ``bands``, or a band that is needed and absent.
    """
    flux = np.array(images, dtype=np.float32)
    if flux.ndim != 4 or flux.shape[-1] != len(bands):
        raise ValueError(f"expected images of shape (n, ny, nx, {len(bands)}) for bands '{bands}', got {flux.shape}")
    if method == "none":
        return flux
    if method in ("max_all", "log", "asinh"):
        peak = flux.max(axis=(1, 2, 3), keepdims=True, initial=0)
    elif method in ("max_g", "max_r"):
        band = method[-1]
        if band not in bands:
            raise ValueError(f"normalization '{method}' needs band {band}, bands are '{bands}'")
        peak = flux[..., [bands.index(band)]].max(axis=(1, 2, 3), keepdims=True, initial=0)
    else:
        raise ValueError(f"unknown normalization '{method}': use max_all, log, max_g, max_r, asinh or none")
    flux /= np.where(peak > 0, peak, np.float32(np.inf))
    if method == "log":
        np.maximum(flux, 0, out=flux)
        return np.log1p(LOG_STRETCH * flux) / np.float32(np.log1p(LOG_STRETCH))
    if method == "asinh":
        return np.arcsinh(flux / ASINH_SOFTENING) / np.float32(np.arcsinh(1 / ASINH_SOFTENING))
    return flux
