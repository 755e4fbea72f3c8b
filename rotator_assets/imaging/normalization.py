r"""Normalizations: how the fluxes of one image become the numbers a network sees.

Every method looks at one image alone, never across images, so no test galaxy can influence a training one. Within an
image, one never decreasing function of flux serves all pixels and bands, so their order is kept.

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

x is the flux of one pixel in one band; max x, mean x and std x are taken over all pixels and bands of the image,
max x_g over the pixels of band g. "Factor" and "offset" say what becomes of y where the image is multiplied by a
positive number (exposure, zero point), or a number is added to it (a sky level left in).

An image that has no signal to scale by becomes all zeros: for ``max_*``, ``log`` and ``asinh`` one whose maximum is
zero or negative, for ``zscale`` and ``standard`` one whose pixels are all equal. So an empty sky, every flux zero,
becomes all zeros by every method. But only where the table says 0 is this what the sky around a galaxy becomes: by
``zscale`` a galaxy's subtracted sky is a grey (about 0.4 where noise prevails), by ``standard`` it is negative. What a
galaxy's own sky is without the galaxy, `normalize_like` gives, by the numbers of the galaxy's image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOG_STRETCH = 1000.0
"""a of the logarithmic stretch: the default of astropy's ``LogStretch`` and of SAOImage DS9."""

ASINH_SOFTENING = 0.1
"""b: fraction of the maximum where the inverse hyperbolic sine turns from linear to logarithmic (astropy's default)."""

ZSCALE_SAMPLE = 1000
"""Most values of an image that the limits of ``zscale`` are found from: astropy's and IRAF's default."""

_LARGEST = np.finfo(np.float32).max


def normalize(images: ArrayLike, method: str, bands: str = "gri") -> NDArray[np.float32]:
    """Normalize every image by itself.

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
    float32 of the same shape, always a new array.

    Raises ValueError for an unknown method, a shape that does not fit ``bands``, or a band that is needed and absent.
    """
    return normalize_like(images, images, method, bands)


def normalize_like(images: ArrayLike, of: ArrayLike, method: str, bands: str = "gri") -> NDArray[np.float32]:
    """Normalize every image by the numbers (maximum, limits, mean and scatter) of another one.

    ``images`` and ``of`` are fluxes of one shape, as `normalize` takes them; each image goes by the one of its place in
    ``of``, so ``normalize_like(x, x, method)`` is ``normalize(x, method)``. Where that one has no signal to scale by,
    the result is zeros. What is brighter than all of that image exceeds the method's range (but for ``zscale``).

    Returns float32 of the same shape, always a new array. Raises ValueError as `normalize` does, and for two shapes.
    """
    flux, of = np.array(images, dtype=np.float32), np.asarray(of, dtype=np.float32)
    if flux.ndim != 4 or flux.shape[-1] != len(bands):
        raise ValueError(f"expected images of shape (n, ny, nx, {len(bands)}) for bands '{bands}', got {flux.shape}")
    if flux.shape != of.shape:
        raise ValueError(f"images of shape {flux.shape} cannot be normalized like others of shape {of.shape}")
    if method not in METHODS:
        raise ValueError(f"unknown normalization '{method}': use {', '.join(METHODS)}")
    return METHODS[method].function(flux, of, bands)


def max_all(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    r"""y = x / max x, the study's eq. 6.2.

    Negative pixels stay negative, zero stays zero, the brightest pixel of the brightest band becomes 1; colours are
    kept. A factor cancels; an offset does not. Without a positive pixel: zeros.
    """
    return _in_units_of(of.max(axis=(1, 2, 3), keepdims=True, initial=0), flux)


def log(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    r"""y = ln(1 + a x / max x) / ln(1 + a), the study's eq. 6.3, with a = 1000.

    Negative pixels become zero first, as there is no logarithm far below zero; zero stays zero; the maximum becomes 1.
    A factor cancels, as a multiplies x / max x (this project's choice); an offset does not. Without a positive pixel:
    zeros.
    """
    relative = np.maximum(max_all(flux, of, bands), 0)
    return np.log1p(LOG_STRETCH * relative) / np.float32(np.log1p(LOG_STRETCH))


def max_g(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    r"""y = x / max x_g, the study's eq. 6.4.

    Negative pixels stay negative, zero stays zero; g has maximum 1, the other bands show their brightness relative to
    it, usually above 1. A factor cancels; an offset does not. Without a positive pixel in g: zeros in every band.
    Quotients beyond float32 become its largest number.
    """
    return _in_units_of(_peak_of_band("g", of, bands), flux)


def max_r(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    r"""y = x / max x_r, the study's eq. 6.5: as `max_g`, with band r."""
    return _in_units_of(_peak_of_band("r", of, bands), flux)


def asinh(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    r"""y = arcsinh(x / (b max x)) / arcsinh(1 / b), with b = 0.1 (Lupton, Gunn & Szalay 1999, AJ 118, 1406).

    Linear in the sky noise, logarithmic in the galaxy. Negative pixels stay negative (the function is odd), zero stays
    zero, the maximum becomes 1. A factor cancels; an offset does not. Without a positive pixel: zeros.
    """
    relative = max_all(flux, of, bands)
    return np.arcsinh(_quotient(relative, ASINH_SOFTENING)) / np.float32(np.arcsinh(1 / ASINH_SOFTENING))


def zscale(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    r"""y = (x - z1) / (z2 - z1), clipped to [0, 1]; z1 and z2 are the limits of IRAF's and astropy's zscale.

    The limits hold the sky and what is little brighter: a line is fitted to the sorted values, outliers left out, and
    made four times as steep (contrast 0.25). Negative and zero pixels are fluxes like any other: 0 up to z1, which is
    usually the faintest noise, grey above; what is brighter than z2, the inner galaxy, is 1. A factor and an offset
    both cancel. Limits that float32 does not tell apart (half of the pixels are equal) are replaced by the image's
    extremes; equal pixels become zeros.
    """
    for image, reference in zip(flux, of, strict=True):
        z1, z2 = zscale_limits(reference)
        image[:] = np.clip((image.astype(np.float64) - z1) / (z2 - z1), 0, 1) if z2 > z1 else 0
    return flux


def zscale_limits(image: NDArray[np.float32]) -> tuple[float, float]:
    """The limits z1 <= z2 of one image (ny, nx, n_bands) by astropy's `ZScaleInterval`, in units of its flux.

    They are found from at most `ZSCALE_SAMPLE` values: all bands of pixels that are spread evenly over the image, the
    same for every image of a shape. (Astropy's own sample is every k-th value: with three bands and 64 pixels k is 12,
    a multiple of 3, and g alone would count.) Both are 0 where all values are equal.
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
    r"""y = (x - mean x) / std x, scikit-learn's standardization, of one image: all its values are one feature.

    std is the population's (divided by n). The result has mean 0 and standard deviation 1, and lies within
    sqrt(n - 1) of zero. Pixels fainter than the mean, so sky, negative and zero pixels where there is a galaxy, become
    negative. A factor and an offset both cancel. Equal pixels become zeros.
    """
    for image, reference in zip(flux, of, strict=True):
        values = reference.astype(np.float64, order="C")
        image[:] = 0 if _all_equal(values) else (image - values.mean()) / values.std()
    return flux


def none(flux: NDArray[np.float32], of: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    """y = x: negative pixels, zeros, factors and offsets stay as they are."""
    return flux


@dataclass(frozen=True)
class Method:
    """A normalization and what holds for it.

    ``function`` takes float32 images (n, ny, nx, n_bands), which it may overwrite, those by whose numbers they are
    normalized (x of the equations; the images themselves, or others of the same shape), and the letters of the bands.
    ``lowest``, ``highest``: no value lies outside. ``factor_free``, ``offset_free``: the result stays the same where an
    image is multiplied by a positive number, or a number is added to it. ``keeps_zero``: zero flux becomes 0 in every
    image.
    """

    function: Callable[[NDArray[np.float32], NDArray[np.float32], str], NDArray[np.float32]]
    lowest: float = -math.inf
    highest: float = math.inf
    factor_free: bool = True
    offset_free: bool = False
    keeps_zero: bool = True


METHODS: dict[str, Method] = {
    "max_all": Method(max_all, highest=1),
    "log": Method(log, lowest=0, highest=1),
    "max_g": Method(max_g),
    "max_r": Method(max_r),
    "none": Method(none, factor_free=False),
    "asinh": Method(asinh, highest=1),
    "zscale": Method(zscale, lowest=0, highest=1, offset_free=True, keeps_zero=False),
    "standard": Method(standard, offset_free=True, keeps_zero=False),
}
"""Every normalization by its name in a recipe."""


def _peak_of_band(band: str, flux: NDArray[np.float32], bands: str) -> NDArray[np.float32]:
    if band not in bands:
        raise ValueError(f"normalization 'max_{band}' needs band {band}, bands are '{bands}'")
    return flux[..., [bands.index(band)]].max(axis=(1, 2, 3), keepdims=True, initial=0)


def _in_units_of(peak: NDArray[np.float32], flux: NDArray[np.float32]) -> NDArray[np.float32]:
    """flux / peak, zeros where the peak is not positive."""
    return _quotient(flux, np.where(peak > 0, peak, np.float32(np.inf)))


def _quotient(flux: NDArray[np.float32], divisor: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """flux / divisor in float32, at most its largest number of either sign."""
    with np.errstate(over="ignore"):
        quotient = flux / divisor
    return np.clip(quotient, -_LARGEST, _LARGEST, out=quotient)


def _all_equal(values: NDArray[np.floating]) -> bool:
    """True where there is no contrast to scale by; a standard deviation would be that of rounding."""
    return values.size == 0 or bool(values.min() == values.max())
