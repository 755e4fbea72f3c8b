"""Normalizations: convert the fluxes of an image into the input of a network.

Every method uses one image at a time, never several, so no test galaxy can influence a training one. Within an image,
one non-decreasing function of flux applies to all pixels and bands, so their order is kept.

========== ========================================== ============ ========= ========= ===============
method     y                                          range of y   factor    offset    zero flux
========== ========================================== ============ ========= ========= ===============
max_all    x / max x                                  (-inf, 1]    no change changes   0
log        ln(1 + a max(x, 0) / max x) / ln(1 + a)    [0, 1]       no change changes   0
max_g      x / max x_g                                (-inf, inf)  no change changes   0
max_r      x / max x_r                                (-inf, inf)  no change changes   0
asinh      arcsinh(x / (b max x)) / arcsinh(1 / b)    (-inf, 1]    no change changes   0
zscale     (x - z1) / (z2 - z1), clipped              [0, 1]       no change no change -z1 / (z2 - z1)
standard   (x - mean x) / std x                       (-inf, inf)  no change no change -mean x / std x
none       x                                          as given     scales    shifts    0
========== ========================================== ============ ========= ========= ===============

x is the flux of one pixel in one band. max x, mean x and std x are taken over all pixels and bands of the image, max
x_g over the pixels of band g. "Factor" and "offset" show how y changes if the image is multiplied by a positive number
(exposure, zero point), or if a number is added to it (residual sky).

An image without a signal to scale by becomes all zeros: for ``max_*``, ``log`` and ``asinh`` an image whose maximum is
zero or negative, for ``zscale`` and ``standard`` an image of equal pixels. An empty sky, with every flux zero,
therefore becomes zero with every method. The sky around a galaxy only becomes zero where the table says so: with
``zscale`` it is grey (about 0.4 if noise dominates), with ``standard`` it is negative. `normalize_like` gives the sky
around a galaxy as normalized with the galaxy's image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOG_STRETCH = 1000.0
"""The a of the logarithmic stretch: the default of astropy's ``LogStretch`` and of SAOImage DS9."""

ASINH_SOFTENING = 0.1
"""The b of the asinh stretch: the fraction of the maximum at which it turns from linear to logarithmic (astropy's
default)."""

ZSCALE_SAMPLE = 1000
"""Largest number of values from which the limits of ``zscale`` are found: the default of astropy and IRAF."""

_LARGEST = np.finfo(np.float32).max


def normalize(images: ArrayLike, method: str, bands: str = "gri") -> NDArray[np.float32]:
    """Normalize every image by its own values.

    Parameters
    ----------
    images
        Finite fluxes, shape (n, ny, nx, n_bands), linear in flux, any unit.
    method
        One of the names in `METHODS`.
    bands
        Letters of the bands along the last axis, in order.

    Returns
    -------
    float32 array
        A new array of the same shape.

    Raises
    ------
    ValueError
        For an unknown method, a shape that does not fit ``bands``, or a missing band.
    """
    return normalize_like(images, images, method, bands)


def normalize_like(images: ArrayLike, of: ArrayLike, method: str, bands: str = "gri") -> NDArray[np.float32]:
    """Normalize every image by the values (maximum, limits, mean and scatter) of another one.

    ``normalize_like(x, x, method)`` equals ``normalize(x, method)``. If the other image has no signal to scale by, the
    result is zero. Pixels brighter than all of the other image exceed the range of the method, except with ``zscale``.

    Parameters
    ----------
    images
        Finite fluxes, shape (n, ny, nx, n_bands), linear in flux, any unit.
    of
        Images whose values are used, one per image, of the same shape.
    method
        One of the names in `METHODS`.
    bands
        Letters of the bands along the last axis, in order.

    Returns
    -------
    float32 array
        A new array of the same shape.

    Raises
    ------
    ValueError
        As for `normalize`, and if the shapes differ.
    """
    flux, of = np.array(images, dtype=np.float32), np.asarray(of, dtype=np.float32)
    if flux.ndim != 4 or flux.shape[-1] != len(bands):
        raise ValueError(f"expected images of shape (n, ny, nx, {len(bands)}) for bands '{bands}', got {flux.shape}")
    if flux.shape != of.shape:
        raise ValueError(f"images of shape {flux.shape} cannot be normalized like others of shape {of.shape}")
    if method not in METHODS:
        raise ValueError(f"unknown normalization '{method}': use {', '.join(METHODS)}")
    return METHODS[method](flux, of, bands)


def max_all(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """Return y = x / max x, the study's eq. 6.2.

    Negative pixels stay negative, zero stays zero, and the brightest pixel of the brightest band becomes 1. Colours are
    kept. A factor cancels, an offset does not. Without a positive pixel the result is zero.

    Parameters
    ----------
    flux
        float32 (n, ny, nx, n_bands).
    of
        Images whose values are used, of the same shape.
    bands
        Letters of the bands; not used here.

    Returns
    -------
    float32 array
        Of the same shape.
    """
    return _in_units_of(of.max(axis=(1, 2, 3), keepdims=True, initial=0), flux)


def log(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """Return y = ln(1 + a x / max x) / ln(1 + a) with a = 1000, the study's eq. 6.3.

    Negative pixels become zero first, because the logarithm is not defined far below zero. Zero stays zero, and the
    maximum becomes 1. A factor cancels, because a multiplies x / max x (this project's choice); an offset does not.
    Without a positive pixel the result is zero. Arguments and result are as for `max_all`.
    """
    relative = np.maximum(max_all(flux, of, bands), 0)
    stretched: NDArray[np.float32] = np.log1p(LOG_STRETCH * relative)
    return stretched / np.float32(np.log1p(LOG_STRETCH))


def max_g(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """Return y = x / max x_g, the study's eq. 6.4.

    Negative pixels stay negative and zero stays zero. Band g has maximum 1. The other bands show their brightness
    relative to it, usually above 1. A factor cancels, an offset does not. Without a positive pixel in g every band is
    zero. Quotients too large for float32 become its largest number. Arguments and result are as for `max_all`.
    """
    return _in_units_of(_peak_of_band("g", of, bands), flux)


def max_r(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """Return y = x / max x_r, the study's eq. 6.5: like `max_g`, with band r."""
    return _in_units_of(_peak_of_band("r", of, bands), flux)


def asinh(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """Return y = arcsinh(x / (b max x)) / arcsinh(1 / b) with b = 0.1 (Lupton, Gunn & Szalay 1999, AJ 118, 1406).

    It is linear in the sky noise and logarithmic in the galaxy. Negative pixels stay negative (the function is odd),
    zero stays zero, and the maximum becomes 1. A factor cancels, an offset does not. Without a positive pixel the
    result is zero. Arguments and result are as for `max_all`.
    """
    relative = max_all(flux, of, bands)
    stretched: NDArray[np.float32] = np.arcsinh(_quotient(relative, ASINH_SOFTENING))
    return stretched / np.float32(np.arcsinh(1 / ASINH_SOFTENING))


def zscale(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """Return y = (x - z1) / (z2 - z1), clipped to [0, 1], with the limits of IRAF's and astropy's zscale.

    The limits cover the sky and slightly brighter pixels: a line is fitted to the sorted values without outliers and
    made four times as steep (contrast 0.25). Values up to z1, usually the faintest noise, become 0, the sky is grey,
    and values above z2, the inner galaxy, become 1. A factor and an offset both cancel. If the limits are equal in
    float32 (half of the pixels are equal), the extremes of the image replace them. Equal pixels become zero. Arguments
    and result are as for `max_all`; ``flux`` is overwritten.
    """
    for image, reference in zip(flux, of, strict=True):
        z1, z2 = zscale_limits(reference)
        image[:] = np.clip((image.astype(np.float64) - z1) / (z2 - z1), 0, 1) if z2 > z1 else 0
    return flux


def zscale_limits(image: NDArray[np.float32]) -> tuple[float, float]:
    """Return the limits z1 <= z2 of one image (ny, nx, n_bands) by astropy's `ZScaleInterval`, in units of its flux.

    They are found from at most `ZSCALE_SAMPLE` values: all bands of pixels spread evenly over the image, the same for
    all images of one shape. (Astropy samples every k-th value. With three bands and 64 pixels k is 12, a multiple of 3,
    so only g would count.) Both are 0 if all values are equal.
    """
    from astropy.visualization import ZScaleInterval

    pixels = image.reshape(-1, image.shape[-1])
    if _all_equal(pixels):
        return 0.0, 0.0
    n_chosen = min(len(pixels), max(1, ZSCALE_SAMPLE // pixels.shape[1]))
    chosen = np.linspace(0, len(pixels) - 1, n_chosen).round().astype(np.intp)
    sample = pixels[chosen].astype(np.float64)
    z1, z2 = ZScaleInterval(n_samples=sample.size).get_limits(sample)
    if z2 - z1 <= np.finfo(np.float32).eps * max(abs(z1), abs(z2)):
        z1, z2 = pixels.min(), pixels.max()
    return float(z1), float(z2)


def standard(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """Return y = (x - mean x) / std x: scikit-learn's standardization of one image, with all its values as one feature.

    std is that of the population (divided by n). The result has mean 0 and standard deviation 1, and lies within sqrt(n
    - 1) of zero. Pixels fainter than the mean become negative, which includes the sky around a galaxy. A factor and an
    offset both cancel. Equal pixels become zero. Arguments and result are as for `max_all`; ``flux`` is overwritten.
    """
    for image, reference in zip(flux, of, strict=True):
        values = reference.astype(np.float64, order="C")
        image[:] = 0 if _all_equal(values) else (image - values.mean()) / values.std()
    return flux


def none(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """Return y = x: negative pixels, zeros, factors and offsets stay as they are.

    Arguments and result are as for `max_all`.
    """
    return flux


METHODS: dict[str, Callable[[NDArray[np.float32], NDArray[np.float32], str], NDArray[np.float32]]] = {
    "max_all": max_all,
    "log": log,
    "max_g": max_g,
    "max_r": max_r,
    "none": none,
    "asinh": asinh,
    "zscale": zscale,
    "standard": standard,
}
"""Every normalization, by its name in a recipe. The functions may overwrite their first argument."""


def _peak_of_band(band: str, flux: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    if band not in bands:
        raise ValueError(f"normalization 'max_{band}' needs band {band}, bands are '{bands}'")
    return flux[..., [bands.index(band)]].max(axis=(1, 2, 3), keepdims=True, initial=0)


def _in_units_of(peak: NDArray[np.float32], flux: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return flux / peak; zero where the peak is not positive."""
    return _quotient(flux, np.where(peak > 0, peak, np.float32(np.inf)))


def _quotient(flux: NDArray[np.float32], divisor: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Return flux / divisor in float32, limited to its largest number of either sign."""
    with np.errstate(over="ignore"):
        quotient = flux / divisor
    return np.clip(quotient, -_LARGEST, _LARGEST, out=quotient)


def _all_equal(values: NDArray[np.floating]) -> bool:
    """Return whether all values are equal; their standard deviation would only be rounding error."""
    return values.size == 0 or bool(values.min() == values.max())
