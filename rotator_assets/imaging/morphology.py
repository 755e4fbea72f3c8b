"""Measure a galaxy's structure on its image: Gini, M20, concentration, asymmetry and colour.

Gini and M20 follow Lotz, Primack & Madau (2004, AJ 128, 163), concentration and asymmetry Conselice (2003, ApJS 147,
1), all as implemented in statmorph (Rodriguez-Gomez et al. 2019, MNRAS 483, 4140). Other sources are masked
(`neighbours.neighbour_mask`).

Images are (ny, nx, 3), bands g, r, i, finite, with the galaxy in the middle. Fluxes are measured in r, after sky
subtraction. A colour picture (8-bit cut-out) has no fluxes. The mean of its bands minus the median of its border takes
their place. Because the stretch of pictures is not linear, its values can only be compared with those of similar
pictures.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.cropping import border_values
from rotator_assets.imaging.neighbours import neighbour_mask

if TYPE_CHECKING:
    from photutils.segmentation import SegmentationImage

DETECTION_SIGMAS = 1.5
"""The galaxy ends where its smoothed light falls below this many standard deviations of the noise, as in SExtractor."""
FAINTEST_FRACTION = 0.005
"""The same limit in noiseless images, as a fraction of the smoothed galaxy's peak."""
SMOOTHING_PX = 1.0
MIN_AREA_PX = 9
BORDER_DIVISOR = 16
"""Sky level and noise come from a border whose width is the side of the image divided by this."""
MIDDLE_DIVISOR = 8
"""The galaxy's peak is searched for within the side of the image divided by this, from its middle."""
LEAST_PETROSIAN_PX = 1.0
"""Smallest Petrosian radius of statmorph, which it also returns if there is none."""
_INVALID = -99.0
"""Value that statmorph returns for undefined quantities."""


@dataclass(frozen=True)
class Morphology:
    """Structure of one galaxy; NaN for values that could not be measured.

    Attributes
    ----------
    gini, m20, concentration, asymmetry
        Dimensionless, as defined by statmorph.
    g_minus_i
        Colour in magnitudes within ``r_half_pixels``. In a colour picture, -2.5 log10 of the ratio of pixel values.
    r_half_pixels
        Radius of the circle with half of the light, in pixels.
    sn_per_pixel
        Mean signal-to-noise ratio of the galaxy's pixels; NaN without noise.
    flag
        statmorph's flag: 0 good, 1 suspect, 2 bad, 4 not measured.
    usable
        Whether all structure parameters are defined.
    reason
        Why the image is not usable; None if it is.
    """

    gini: float = np.nan
    m20: float = np.nan
    concentration: float = np.nan
    asymmetry: float = np.nan
    g_minus_i: float = np.nan
    r_half_pixels: float = np.nan
    sn_per_pixel: float = np.nan
    flag: int = 4
    usable: bool = False
    reason: str | None = None


def measure_morphology(image: NDArray[np.float32], is_picture: bool) -> Morphology:
    """Measure the structure of the galaxy in the middle of an image (ny, nx, 3).

    Values that cannot be measured are NaN, with the reason; no errors are raised. Every iteration of statmorph ends
    after a fixed number of steps, so no image takes longer than a few seconds.
    """
    if not np.isfinite(image).all():
        return Morphology(reason="the image has pixels without a value")
    pixels = np.asarray(image, dtype=np.float64)
    if is_picture:
        pixels = pixels - np.median(border_values(pixels, BORDER_DIVISOR), axis=0)
    light = pixels.mean(axis=2) if is_picture else pixels[..., 1]
    if light.min() == light.max():
        return Morphology(reason="the image is empty")
    light = light / np.abs(light).max()  # statmorph compares with some absolute numbers
    noise = _noise(light)
    neighbours = neighbour_mask(image)
    segments = _segments(light, noise, neighbours)
    if segments is None:
        return Morphology(reason="no source stands out in the middle of the image")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # statmorph reports problems as flags and as -99
        try:
            measured = _statistics(light, segments, neighbours, noise)
            found = {name: _number(getattr(measured, name)) for name in ("gini", "m20", "concentration", "asymmetry")}
            radius = _number(measured.r50)
            centre = measured.xc_asymmetry, measured.yc_asymmetry
        except Exception as error:  # AssertionError, ValueError, IndexError ...: statmorph documents none of them
            return Morphology(reason=f"statmorph could not measure it ({type(error).__name__})")
    if measured.rpetro_ellip <= LEAST_PETROSIAN_PX:
        return Morphology(flag=int(measured.flag), reason="the galaxy is not resolved: it is as small as one pixel")
    undefined = [name for name, value in found.items() if np.isnan(value)]
    return Morphology(
        **found,
        g_minus_i=colour(pixels, centre, radius, neighbours) if np.isfinite(radius) else np.nan,
        r_half_pixels=radius,
        sn_per_pixel=_number(measured.sn_per_pixel) if noise > 0 else np.nan,
        flag=int(measured.flag),
        usable=not undefined,
        reason=f"not defined: {', '.join(undefined)}" if undefined else None,
    )


def colour(
    pixels: NDArray[np.float64], centre: tuple[float, float], radius_px: float, mask: NDArray[np.bool_]
) -> float:
    """Return -2.5 log10 of g over i within a circle, without masked pixels; NaN if either flux is not positive.

    Parameters
    ----------
    pixels
        (ny, nx, 3), bands g, r, i, sky-subtracted.
    centre
        Centre of the circle (x, y) in pixels.
    radius_px
        Radius of the circle in pixels.
    mask
        (ny, nx), True for pixels that are ignored.

    Returns
    -------
    float
        Colour in magnitudes.
    """
    from photutils.aperture import CircularAperture

    aperture = CircularAperture(centre, radius_px)
    area = aperture.to_mask(method="exact")
    g, i = (area.get_values(np.where(mask, 0.0, pixels[..., band])).sum() for band in (0, 2))
    return float(-2.5 * np.log10(g / i)) if g > 0 and i > 0 else np.nan


def _noise(light: NDArray[np.float64]) -> float:
    """Return the standard deviation of the border from its median absolute deviation; 0 without noise."""
    from astropy.stats import mad_std

    return float(mad_std(border_values(light, BORDER_DIVISOR)))


def _segments(light: NDArray[np.float64], noise: float, neighbours: NDArray[np.bool_]) -> SegmentationImage | None:
    """Return a segmentation map of the galaxy, the segment that holds its peak; None if nothing is detected there."""
    from photutils.segmentation import SegmentationImage, detect_sources
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(light, SMOOTHING_PX)
    middle = tuple(slice(n // 2 - n // MIDDLE_DIVISOR, n // 2 + n // MIDDLE_DIVISOR + 1) for n in light.shape)
    y, x = np.unravel_index(np.argmax(smooth[middle]), smooth[middle].shape)
    peak = smooth[middle][y, x]
    smooth_noise = noise / (2 * np.sqrt(np.pi) * SMOOTHING_PX)  # of uncorrelated pixels
    threshold = max(DETECTION_SIGMAS * smooth_noise, FAINTEST_FRACTION * peak)
    if peak <= threshold:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "no sources were found"
        found = detect_sources(smooth, threshold, MIN_AREA_PX, mask=neighbours)
    if found is None:
        return None
    number = found.data[middle][y, x]
    return SegmentationImage((found.data == number).astype(np.int32)) if number else None


def _statistics(light: NDArray[np.float64], segments: SegmentationImage, mask: NDArray[np.bool_], noise: float) -> Any:
    """Return statmorph's measurement of the segment; only the quantities used here are computed."""
    from rotator_assets.imaging.structure import Structure

    weights = np.full(light.shape, noise or 1.0)
    # n_sigma_outlier=-1: no search for bad pixels, which would reject the sharp peak of a noiseless image.
    return Structure(light, segments, 1, mask=mask, weightmap=weights, n_sigma_outlier=-1)


def _number(value: float) -> float:
    """Return the value; NaN if statmorph could not define it."""
    return float(value) if np.isfinite(value) and value != _INVALID else np.nan
