"""Which pixels of an image hold no measurement. One function decides it for every reader: `missing_pixels`."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import UnusableImage

MIN_REPEATS = 9
"""Noise repeats a flux hardly ever. As many pixels as the core of a star has, with one flux, are clipped or filled."""
MIN_ZEROS = 2
MIN_SATURATED = 4
"""Fewer are enough of exact zero and of the largest flux. One zero is left where a frame's median was subtracted."""
FLAT_SQUARE_PX = 7
"""Or it has to fill squares of that side, which noise does not, even rounded to twice its standard deviation."""
_FLAT = 0.4
"""In such squares noise varies by 2 standard deviations at least, and by 0.9 even where it was smoothed with one of 5
pixels; padding that was compressed with losses and dithered, by 0.25."""

MIN_RATIO = 3
_NEIGHBOURS = 4
"""Whole numbers, and fluxes made from them, do repeat, row by row where a FITS file is compressed with losses. There a
value has to stand three times as often as the four values on either side of it are repeated together."""
_SENTINELS = (
    *(-2147483648.0, -1e10, -1e6, -999999.0, -1e5, -99999.0, -32768.0, -32767.0, -1e4, -9999.0),
    *(-1e3, -999.0, -100.0, -99.0),
)
_SENTINEL_DEPTH = 3.0
"""A sentinel is lower than noise ever is: by as much below the lowest 0.5 % of the fluxes as three times their distance
from the lowest 16 %, 7.5 standard deviations below the sky. -99 among fluxes of some hundreds is a flux."""
_BRIGHT_SENTINELS = (99.0, 999.0, 9999.0, 32767.0, 65535.0, 99999.0, 999999.0)
"""Sentinels where fluxes are no whole numbers: then hardly any flux has exactly such a value."""
_EVERY_SENTINEL = np.array([*_SENTINELS, *_BRIGHT_SENTINELS])
_NEARLY = 1e-3
"""As near to a low sentinel, by ratio, are those that were compressed with losses."""
_WHOLE = 0.5
_NO_FLUX = 1e15
"""1e20, 1e30, 9.9e37 and the largest float are sentinels. No image has as large values in a unit that is read."""


class Missing(IntEnum):
    """Why a pixel is missing; 0 is a pixel that is there."""

    NOT_FINITE = 1
    SENTINEL = 2
    ZERO = 3
    CONSTANT = 4
    SATURATED = 5
    NO_WEIGHT = 6
    TRANSPARENT = 7


_WORDS = {
    Missing.NOT_FINITE: "NaN, infinite or BLANK",
    Missing.SENTINEL: "sentinel values such as -999 or 1e20",
    Missing.ZERO: "exact zeros",
    Missing.CONSTANT: "one constant value",
    Missing.SATURATED: "saturated: one constant value, the band's maximum",
    Missing.NO_WEIGHT: "weight 0",
    Missing.TRANSPARENT: "transparent",
}


def missing_pixels(plane: NDArray, noiseless: bool = False, weights: NDArray | None = None) -> NDArray[np.uint8] | None:
    """Why each pixel of a band (ny, nx), in the unit of its file, is missing; None where every pixel is there.

    NaN, infinities and what ``BLANK`` marks; sentinels; weights (inverse variances, of the same shape) of 0 or below.
    In frames with noise also a value, zero or other, that stands far oftener than noise repeats values: exact zeros,
    padding, clipped negative fluxes, saturated cores. Noiseless simulations have such values of their own. A band of
    one value throughout has no missing pixels: it is no image at all.
    """
    why = _of_values(plane, noiseless)
    if weights is not None and not (weights > 0).all():
        why = np.zeros(plane.shape, np.uint8) if why is None else why
        why[~(weights > 0) & (why == 0)] = Missing.NO_WEIGHT
    return why


def check_complete(missing: NDArray[np.uint8] | None, max_fraction: float = 0.0) -> float:
    """The share of pixels (ny, nx, 3) that are missing in any band. Raises UnusableImage above ``max_fraction``."""
    if missing is None or not missing.any():
        return 0.0
    fraction = float(missing.any(axis=2).mean())
    if fraction > max_fraction:
        kinds = ", ".join(_WORDS[Missing(kind)] for kind in np.unique(missing[missing > 0]))
        raise UnusableImage(f"{100 * fraction:.2g} % of the pixels in the crop are missing ({kinds})")
    return fraction


def filled(pixels: NDArray[np.float32], missing: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The image with missing pixels interpolated from those around them, weighted by a Gaussian of 1 pixel.

    Where a hole is larger, by wider ones, up to 16 pixels; what is farther from any measurement stays NaN.
    """
    from astropy.convolution import Gaussian2DKernel, interpolate_replace_nans

    planes = []
    for plane, why in zip(np.moveaxis(pixels, 2, 0), np.moveaxis(missing, 2, 0), strict=True):
        plane = np.where(why > 0, np.nan, plane).astype(np.float64)
        for sigma in (1, 2, 4, 8, 16):
            if np.isnan(plane).any():
                plane = interpolate_replace_nans(plane, Gaussian2DKernel(sigma), boundary="extend")
        planes.append(plane)
    return np.stack(planes, axis=2).astype(np.float32)


def _of_values(plane: NDArray, noiseless: bool) -> NDArray[np.uint8] | None:
    ordered = np.sort(plane, axis=None)  # NaN last; equal values side by side
    odd = not (ordered[0] > -_NO_FLUX and ordered[-1] < _NO_FLUX) or _holds_sentinels(ordered)
    if not odd and (noiseless or not (_may_repeat(ordered) or _may_be_flat(plane))):
        return None
    why = np.where(np.isfinite(plane), 0, Missing.NOT_FINITE).astype(np.uint8)
    why[(why == 0) & _is_sentinel(plane, noiseless)] = Missing.SENTINEL
    if not noiseless:
        _mark_repeated(plane, why)
    return why if why.any() else None


def _may_repeat(ordered: NDArray) -> bool:
    """Whether any value stands as often as `_mark_repeated` asks of it at least; quick, as most frames have none."""
    last, zeros = MIN_REPEATS - 1, np.searchsorted(ordered, 0, "right") - np.searchsorted(ordered, 0)
    of_top = ordered[-MIN_SATURATED:]
    return bool(zeros >= MIN_ZEROS or of_top[0] == of_top[-1] or (ordered[last:] == ordered[:-last]).any())


def _may_be_flat(plane: NDArray) -> bool:
    """Whether there may be a flat square, by every second pixel, of which it holds 3 x 3; quick, too."""

    def of_squares(extreme: np.ufunc) -> NDArray:
        of_columns = extreme(extreme(pixels[:-2], pixels[1:-1]), pixels[2:])
        return extreme(extreme(of_columns[:, :-2], of_columns[:, 1:-1]), of_columns[:, 2:])

    pixels = plane[::2, ::2].copy()
    return bool((of_squares(np.maximum) - of_squares(np.minimum) <= _FLAT * _noise(plane)).any())


def _noise(plane: NDArray) -> float:
    """Standard deviation of the noise, from how far pixels lie off their neighbours in every tenth row."""
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.abs(np.diff(plane[::10].astype(np.float64), n=2, axis=1))
    steps = steps[np.isfinite(steps)]
    middle = steps.size // 2  # partition takes a tenth of median's time
    return float(np.partition(steps, middle)[middle]) * 1.4826 / np.sqrt(6) if steps.size else 0.0


def _holds_sentinels(ordered: NDArray) -> bool:
    margin = _NEARLY * np.maximum(-_EVERY_SENTINEL, 0)
    first = np.searchsorted(ordered, _EVERY_SENTINEL - margin)
    return bool((first < np.searchsorted(ordered, _EVERY_SENTINEL + margin, "right")).any())


def _is_low_sentinel(plane: NDArray) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.any([np.abs(plane / value - 1) <= _NEARLY for value in _SENTINELS], axis=0)


def _is_sentinel(plane: NDArray, noiseless: bool) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        no_flux = np.abs(plane) >= _NO_FLUX
    low, bright = _is_low_sentinel(plane), np.isin(plane, _BRIGHT_SENTINELS)
    others = plane[~low & ~bright & ~no_flux & np.isfinite(plane) & (plane != 0)]
    if others.size == 0:
        return no_flux
    if np.mean(others == np.round(others)) > _WHOLE:
        bright[:] = False
    if low.any() and not noiseless:
        lowest, faint = np.percentile(others, [0.5, 16])
        low &= plane < lowest - _SENTINEL_DEPTH * (faint - lowest)
    return no_flux | low | bright


def _mark_repeated(plane: NDArray, why: NDArray[np.uint8]) -> None:
    """Marks, in ``why``, the pixels of values that stand oftener or closer together than in noise."""
    there = why == 0
    values, counts = np.unique(plane[there], return_counts=True)
    if len(values) < 2:
        return
    top = values[-1]
    least = np.where(values == 0, MIN_ZEROS, np.where(values == top, MIN_SATURATED, MIN_REPEATS))
    many = counts >= least
    beside = np.maximum(_repeats_beside(counts)[many], _repeats_beside_in_rows(plane, there, values[many]))
    ratio = np.where(values[many] == top, 1, MIN_RATIO)  # fewer pixels have the largest value than the next ones
    often = values[many][counts[many] >= least[many] + ratio * beside]
    repeated = there & (np.isin(plane, often) | _in_flat_squares(plane))
    why[repeated] = Missing.CONSTANT
    why[repeated & (plane == top) & (top > 0)] = Missing.SATURATED
    why[repeated & (plane == 0)] = Missing.ZERO


def _repeats_beside(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often the values next to each value are repeated, by how often every value (sorted) stands."""
    repeats = counts - 1
    window = np.ones(2 * _NEIGHBOURS + 1, dtype=np.int64)
    return np.convolve(np.pad(repeats, _NEIGHBOURS), window, mode="valid") - repeats


def _repeats_beside_in_rows(plane: NDArray, there: NDArray[np.bool_], values: NDArray) -> NDArray[np.int64]:
    """The same of some of the values (sorted), row by row, summed over the rows."""
    beside = np.zeros(len(values), dtype=np.int64)
    rows = there.any(axis=1)
    for row, kept in zip(plane[rows], there[rows], strict=True):
        of_row, counts = np.unique(row[kept], return_counts=True)
        _, here, places = np.intersect1d(of_row, values, assume_unique=True, return_indices=True)
        beside[places] += _repeats_beside(counts)[here]
    return beside


def _in_flat_squares(plane: NDArray) -> NDArray[np.bool_]:
    """Pixels in squares of ``FLAT_SQUARE_PX`` a side that have one value throughout, or hardly vary."""
    from scipy.ndimage import maximum_filter, minimum_filter

    highest, lowest = maximum_filter(plane, FLAT_SQUARE_PX), minimum_filter(plane, FLAT_SQUARE_PX)
    with np.errstate(invalid="ignore", over="ignore"):
        flat = (highest == lowest) | (highest.astype(np.float64) - lowest <= _FLAT * _noise(plane))
    inside = np.zeros(plane.shape, dtype=bool)
    reach = FLAT_SQUARE_PX // 2
    middle = (slice(reach, -reach), slice(reach, -reach))
    inside[middle] = flat[middle]
    return maximum_filter(inside, FLAT_SQUARE_PX)
