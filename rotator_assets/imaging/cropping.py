"""Crop and pad images about their middle, by the convention of `centre.crop_start`, and read their borders."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.centre import crop_start

Value = TypeVar("Value", bound=np.generic)


def check_size(pixels: NDArray[Any], size: int) -> None:
    """Raise UnusableImage if an image (ny, nx, ...) is smaller than a crop of ``size`` x ``size`` pixels."""
    ny, nx = pixels.shape[:2]
    if min(ny, nx) < size:
        raise UnusableImage(f"image is {ny} x {nx} pixels, smaller than the {size}-pixel crop")


def central(shape: tuple[int, ...], size: int) -> tuple[slice, slice]:
    """Return the rows and columns of the central ``size`` x ``size`` pixels of an image (ny, nx, ...), which must fit.

    A side that is shorter than ``size`` is kept whole.
    """
    starts = [max(crop_start(n, size), 0) for n in shape[:2]]
    return slice(starts[0], starts[0] + size), slice(starts[1], starts[1] + size)


def centre_crop(pixels: NDArray[Value], size: int) -> NDArray[Value]:
    """Return the central ``size`` x ``size`` pixels of (ny, nx, ...) as a view.

    Raises UnusableImage if they do not fit.
    """
    check_size(pixels, size)
    return pixels[central(pixels.shape, size)]


def interleaved(pixels: NDArray[Value]) -> NDArray[Value]:
    """Return a copy of (ny, nx, bands) with the bands of a pixel next to each other in memory; one band at a time.

    NumPy takes three times as long to do this by itself.
    """
    copy = np.empty(pixels.shape, pixels.dtype)
    for band in range(pixels.shape[2]):
        copy[..., band] = pixels[..., band]
    return copy


def pad_or_crop(pixels: NDArray[Value], size: int) -> NDArray[Value]:
    """Return the central ``size`` x ``size`` pixels of (ny, nx, ...), with zeros beyond the edges of the image.

    Zero means no light, so this is exact for noiseless images.
    """
    framed = np.zeros((size, size, *pixels.shape[2:]), dtype=pixels.dtype)
    target: list[slice] = []
    source: list[slice] = []
    for n in pixels.shape[:2]:
        start = -crop_start(n, size)
        first, last = max(start, 0), min(start + n, size)
        target.append(slice(first, last))
        source.append(slice(first - start, last - start))
    framed[tuple(target)] = pixels[tuple(source)]
    return framed


def border_values(image: NDArray[Value], divisor: int) -> NDArray[Value]:
    """Return the values on the border of (ny, nx, ...), (n, ...); its width is the side divided by ``divisor``.

    The border is at least 2 pixels wide.
    """
    width = max(2, min(image.shape[:2]) // divisor)
    border = np.ones(image.shape[:2], dtype=bool)
    border[width:-width, width:-width] = False
    return image[border]
