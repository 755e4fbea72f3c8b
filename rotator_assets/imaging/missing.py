"""Pixels of an image without a valid measurement, found in the same way for every file format (`missing_pixels`)."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import UnusableImage

MIN_REPEATS = 9
"""Number of equal fluxes from which they count as clipped or filled, as in the core of a saturated star. Noise hardly
ever repeats a flux."""
MIN_ZEROS = 2
MIN_SATURATED = 4
"""Smaller numbers are enough for exact zeros and for the largest flux. A single zero is valid: subtracting the median
of a frame can produce it."""
FLAT_SQUARE_PX = 7
"""A constant value also counts as missing if it fills a square of this side. Noise never fills one, even if it is
rounded to twice its standard deviation."""
_FLAT = 0.4
"""Largest range of the fluxes in a flat square, in standard deviations of the noise. Noise has a range of at least 2,
or 0.9 after smoothing with a Gaussian of 5 pixels; padding that was dithered by lossy compression has 0.25."""

MIN_RATIO = 3
_NEIGHBOURS = 4
"""Fluxes of integer images repeat even without missing pixels, and so do fluxes within a row of a FITS file with lossy
compression. The repeats of a missing value must therefore exceed ``MIN_RATIO`` times the repeats of its next
``_NEIGHBOURS`` values on either side together."""
_SENTINELS = (
    *(-2147483648.0, -1e10, -1e6, -999999.0, -1e5, -99999.0, -32768.0, -32767.0, -1e4, -9999.0),
    *(-1e3, -999.0, -100.0, -99.0),
)
_SENTINEL_DEPTH = 3.0
"""A negative sentinel lies far below the noise: below the 0.5th percentile of the fluxes by at least three times the
distance between this and the 16th percentile, about 7.5 standard deviations below the sky. If fluxes scatter by
hundreds, -99 is a valid flux."""
_BRIGHT_SENTINELS = (99.0, 999.0, 9999.0, 32767.0, 65535.0, 99999.0, 999999.0)
"""Sentinels in images whose fluxes are not integers, where a flux hardly ever has exactly such a value."""
_EVERY_SENTINEL = np.array([*_SENTINELS, *_BRIGHT_SENTINELS])
_NEARLY = 1e-3
"""Relative deviation from a negative sentinel that lossy compression can cause."""
_MAX_INTEGERS = 0.5
"""If a larger fraction of the fluxes are integers, the values of ``_BRIGHT_SENTINELS`` are fluxes."""
_SMALLEST_SENTINEL = 98.0
"""Below the absolute values of all sentinels, and of values nearly like them."""
_LEAST_PX = 11
_LOW_HALF = 0 if sys.byteorder == "little" else 1
_NO_FLUX = 1e15
"""1e20, 1e30, 9.9e37 and the largest float are sentinels. No image has such large values in any supported unit."""


class Missing(IntEnum):
    """Why a pixel is missing; 0 means that it is present."""

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


def missing_pixels(
    plane: NDArray[Any], noiseless: bool = False, weights: NDArray[Any] | None = None
) -> NDArray[np.uint8] | None:
    """Return why each pixel of a band is missing, or None if all are present.

    NaN, infinities, ``BLANK``, sentinels and weights of 0 or below mark missing pixels. In images with noise, so does
    any value that occurs far more often than noise repeats values: exact zeros, padding, clipped negative fluxes,
    saturated cores. Noiseless simulations legitimately contain repeated values. In a band with a single value no pixel
    is marked, because it is not an image at all.

    Parameters
    ----------
    plane
        Fluxes (ny, nx) in the unit of the file.
    noiseless
        Whether the image is a simulation without noise.
    weights
        Inverse variances (ny, nx), or None.

    Returns
    -------
    uint8 array of shape (ny, nx), or None
        Values of `Missing`.
    """
    why = _of_values(plane, noiseless)
    if weights is not None and not (weights > 0).all():
        why = np.zeros(plane.shape, np.uint8) if why is None else why
        why[~(weights > 0) & (why == 0)] = Missing.NO_WEIGHT
    return why


def check_complete(missing: NDArray[np.uint8] | None, max_fraction: float = 0.0) -> float:
    """Return the fraction of pixels (ny, nx, 3) that are missing in any band.

    Raises UnusableImage above ``max_fraction``.
    """
    if missing is None or not missing.any():
        return 0.0
    fraction = float(missing.any(axis=2).mean())
    if fraction > max_fraction:
        kinds = ", ".join(_WORDS[Missing(kind)] for kind in np.unique(missing[missing > 0]))
        raise UnusableImage(f"{100 * fraction:.2g} % of the pixels in the crop are missing ({kinds})")
    return fraction


def filled(pixels: NDArray[np.float32], missing: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the image with missing pixels interpolated from their neighbours, weighted by a Gaussian of 1 pixel.

    Larger holes are filled with wider Gaussians of up to 16 pixels. Pixels farther from any measurement stay NaN.
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


def _of_values(plane: NDArray[Any], noiseless: bool) -> NDArray[np.uint8] | None:
    if surely_complete(plane[None, None], noiseless)[0]:
        return None
    ordered = np.sort(plane, axis=None)  # NaN last, equal values adjacent
    invalid = not (ordered[0] > -_NO_FLUX and ordered[-1] < _NO_FLUX) or _holds_sentinels(ordered)
    if not invalid and (noiseless or not (_may_repeat(ordered) or _may_be_flat(plane))):
        return None
    why = np.where(np.isfinite(plane), 0, Missing.NOT_FINITE).astype(np.uint8)
    why[(why == 0) & _is_sentinel(plane, noiseless)] = Missing.SENTINEL
    if not noiseless:
        _mark_repeated(plane, why)
    return why if why.any() else None


def surely_complete(
    images: NDArray[Any], noiseless: bool, window: tuple[slice, slice] = (slice(None), slice(None))
) -> NDArray[np.bool_]:
    """Return where `missing_pixels` surely finds no missing pixel in a window of any band; a fast test for floats.

    Parameters
    ----------
    images
        Fluxes (n, bands, ny, nx) in the unit of the files.
    noiseless
        Whether the images are simulations without noise.
    window
        Rows and columns in which pixels may not be missing. A pixel there may repeat those elsewhere.

    Returns
    -------
    bool array of shape (n,)
        False if a pixel of the window may be missing.
    """
    if images.dtype != np.float32 or not images.flags.c_contiguous or min(images.shape[2:]) < _LEAST_PX:
        return np.zeros(len(images), bool)
    rows, columns = (_wider(part, side) for part, side in zip(window, images.shape[2:], strict=True))
    seen = np.ascontiguousarray(images[..., rows, columns])
    values = seen.reshape(*seen.shape[:2], -1)
    lowest, highest = np.minimum.reduce(values, axis=2), np.maximum.reduce(values, axis=2)
    complete = ((lowest > -_NO_FLUX) & (highest < _NO_FLUX)).all(axis=1)  # False for NaN
    extreme = ((lowest <= -_SMALLEST_SENTINEL) | (highest >= _SMALLEST_SENTINEL)).any(axis=1)
    for n in np.flatnonzero(complete & extreme):
        complete[n] = not _holds_sentinels(np.sort(seen[n][np.abs(seen[n]) >= _SMALLEST_SENTINEL]))
    if noiseless:
        return complete
    complete &= ~_have_flat_squares(images, seen)
    for n in np.flatnonzero(complete):
        complete[n] = not _repeat(images[n], seen[n], highest[n])
    return complete


def _wider(part: slice, n: int) -> slice:
    """Return a part of ``n`` pixels with the flat squares that overlap it."""
    first, last, _ = part.indices(n)
    return slice(max(first - FLAT_SQUARE_PX + 1, 0), last + FLAT_SQUARE_PX - 1)


def _repeat(planes: NDArray[np.float32], seen: NDArray[np.float32], highest: NDArray[np.float32]) -> bool:
    """Return False only if no value repeats that is in the part ``seen``; ``highest`` are the largest of these.

    Counts of the last bits, which are random in noise, bound those of values.
    """
    n_bits = max(planes.size.bit_length(), 16)
    counts = np.zeros(2**n_bits, np.min_scalar_type(planes.size))
    np.add.at(counts, _ends(planes, n_bits), counts.dtype.type(1))  # faster than np.bincount
    if counts.max() >= MIN_REPEATS:
        return True
    if counts[0] >= MIN_ZEROS and not seen.all() and any(np.count_nonzero(plane == 0) >= MIN_ZEROS for plane in planes):
        return True
    return bool(counts[_ends(highest, n_bits)].max() >= MIN_SATURATED) and any(
        np.count_nonzero(plane == top) >= MIN_SATURATED for plane, top in zip(planes, highest, strict=True)
    )


def _ends(values: NDArray[np.float32], n_bits: int) -> NDArray[np.intp]:
    """Return the last bits of values, at least 16, as numbers."""
    if n_bits == 16:
        return values.ravel().view(np.uint16)[_LOW_HALF::2].astype(np.intp)
    return (values.ravel().view(np.uint32) & np.uint32(2**n_bits - 1)).astype(np.intp)


def _have_flat_squares(images: NDArray[np.float32], seen: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return False only where `_may_be_flat` would do so for the part ``seen`` of each band, both (n, bands, ny, nx).

    The noise is not computed; it is compared with the smallest range.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        steps = _steps(images)
        ranges = _smallest_ranges(seen.reshape(-1, *seen.shape[2:])).reshape(seen.shape[:2])
    limits = ranges / _FLAT / _sigma(1.0) * (1 - 1e-5)  # rounding
    below = np.count_nonzero(steps < limits[..., None, None], axis=(2, 3))
    return (below <= steps[0, 0].size // 2).any(axis=1)


def _may_repeat(ordered: NDArray[Any]) -> bool:
    """Return whether any value repeats at least as often as `_mark_repeated` requires.

    This is a fast test, because most images have no such value.
    """
    last, zeros = MIN_REPEATS - 1, np.searchsorted(ordered, 0, "right") - np.searchsorted(ordered, 0)
    of_top = ordered[-MIN_SATURATED:]
    return bool(zeros >= MIN_ZEROS or of_top[0] == of_top[-1] or (ordered[last:] == ordered[:-last]).any())


def _may_be_flat(plane: NDArray[Any]) -> bool:
    """Return whether there may be a flat square: a fast test, because most images have none."""
    return bool(_smallest_ranges(plane[None])[0] <= _FLAT * _noise(plane))


def _smallest_ranges(planes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the smallest range of any 2 x 7 pixels in every third row of each plane (n, ny, nx).

    Every flat square holds such pixels. They are taken in the flattened planes, where some run over an edge.
    """
    if min(planes.shape[1:]) < FLAT_SQUARE_PX:
        return np.full(len(planes), np.inf)
    thinned = np.ascontiguousarray(planes[:, ::3])
    pixels, width = thinned.ravel(), thinned.shape[2]

    def of_pixels(extreme: np.ufunc) -> NDArray[Any]:
        of_rows = extreme(pixels[:-width], pixels[width:])
        of_two = extreme(of_rows[:-1], of_rows[1:])
        of_four = extreme(of_two[:-2], of_two[2:])
        return extreme(of_four[:-3], of_four[3:])

    ranges = of_pixels(np.maximum) - of_pixels(np.minimum)
    return np.minimum.reduceat(ranges, np.arange(len(planes)) * thinned[0].size).astype(np.float64)


def _noise(plane: NDArray[Any]) -> float:
    """Return the standard deviation of the noise, from second differences along every tenth row."""
    with np.errstate(invalid="ignore", over="ignore"):
        steps = _steps(plane)
    steps = steps[np.isfinite(steps)]
    middle = steps.size // 2  # np.partition is ten times faster than np.median
    return _sigma(float(np.partition(steps, middle)[middle])) if steps.size else 0.0


def _steps(planes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the absolute second differences along every tenth row of planes (..., ny, nx)."""
    rows = np.array(planes[..., ::10, :], np.float64, order="C")
    flat = rows.ravel()  # one long row takes less time
    differences = flat[1:] - flat[:-1]
    np.subtract(differences[1:], differences[:-1], out=flat[:-2])
    return np.abs(rows, out=rows)[..., :-2]


def _sigma(median_step: Any) -> Any:
    """Return the standard deviation of noise whose second differences have this median of absolute values."""
    return median_step * 1.4826 / np.sqrt(6)


def _holds_sentinels(ordered: NDArray[Any]) -> bool:
    margin = _NEARLY * np.maximum(-_EVERY_SENTINEL, 0)
    first = np.searchsorted(ordered, _EVERY_SENTINEL - margin)
    return bool((first < np.searchsorted(ordered, _EVERY_SENTINEL + margin, "right")).any())


def _is_low_sentinel(plane: NDArray[Any]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.any([np.abs(plane / value - 1) <= _NEARLY for value in _SENTINELS], axis=0)


def _is_sentinel(plane: NDArray[Any], noiseless: bool) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        no_flux = np.abs(plane) >= _NO_FLUX
    low, bright = _is_low_sentinel(plane), np.isin(plane, _BRIGHT_SENTINELS)
    others = plane[~low & ~bright & ~no_flux & np.isfinite(plane) & (plane != 0)]
    if others.size == 0:
        return no_flux
    if np.mean(others == np.round(others)) > _MAX_INTEGERS:
        bright[:] = False
    if low.any() and not noiseless:
        lowest, faint = np.percentile(others, [0.5, 16])
        low &= plane < lowest - _SENTINEL_DEPTH * (faint - lowest)
    return no_flux | low | bright


def _mark_repeated(plane: NDArray[Any], why: NDArray[np.uint8]) -> None:
    """Mark in ``why`` the pixels of values that repeat more often, or closer together, than noise does."""
    present = why == 0
    values, counts = np.unique(plane[present], return_counts=True)
    if len(values) < 2:
        return
    top = values[-1]
    min_count = np.where(values == 0, MIN_ZEROS, np.where(values == top, MIN_SATURATED, MIN_REPEATS))
    frequent = counts >= min_count
    nearby = np.maximum(_repeats_nearby(counts)[frequent], _repeats_nearby_in_rows(plane, present, values[frequent]))
    ratio = np.where(values[frequent] == top, 1, MIN_RATIO)  # the largest value is rarer than the next ones
    too_frequent = values[frequent][counts[frequent] >= min_count[frequent] + ratio * nearby]
    repeated = present & (np.isin(plane, too_frequent) | _in_flat_squares(plane))
    why[repeated] = Missing.CONSTANT
    why[repeated & (plane == top) & (top > 0)] = Missing.SATURATED
    why[repeated & (plane == 0)] = Missing.ZERO


def _repeats_nearby(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of repeats of the values next to each value, from the counts of all (sorted) values."""
    repeats = counts - 1
    window = np.ones(2 * _NEIGHBOURS + 1, dtype=np.int64)
    return np.convolve(np.pad(repeats, _NEIGHBOURS), window, mode="valid") - repeats


def _repeats_nearby_in_rows(plane: NDArray[Any], present: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the same for some (sorted) values, with repeats counted within each row and summed over the rows."""
    nearby = np.zeros(len(values), dtype=np.int64)
    rows = present.any(axis=1)
    for row, kept in zip(plane[rows], present[rows], strict=True):
        of_row, counts = np.unique(row[kept], return_counts=True)
        _, here, places = np.intersect1d(of_row, values, assume_unique=True, return_indices=True)
        nearby[places] += _repeats_nearby(counts)[here]
    return nearby


def _in_flat_squares(plane: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the pixels in squares of side ``FLAT_SQUARE_PX`` that are constant or hardly vary."""
    from scipy.ndimage import maximum_filter, minimum_filter

    highest, lowest = maximum_filter(plane, FLAT_SQUARE_PX), minimum_filter(plane, FLAT_SQUARE_PX)
    with np.errstate(invalid="ignore", over="ignore"):
        flat = (highest == lowest) | (highest.astype(np.float64) - lowest <= _FLAT * _noise(plane))
    inside = np.zeros(plane.shape, dtype=bool)
    reach = FLAT_SQUARE_PX // 2
    middle = (slice(reach, -reach), slice(reach, -reach))
    inside[middle] = flat[middle]
    return maximum_filter(inside, FLAT_SQUARE_PX)
