"""Readers of galaxy images: published files into float32 arrays of one layout.

Pixels are ``(ny, nx, 3)``, bands in the order g, r, i. Rows run as in FITS, the first row at the bottom of the sky
image (colour pictures, stored top row first, are turned over), so position angles mean the same in every image.
Whatever is wrong with a file becomes an ``UnusableImage`` with the file's name and the reason, never anything else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rotator_assets.errors import UnusableImage
from rotator_assets.science.mock import counts_to_nanomaggies
from rotator_assets.surveys.fits_files import SYNTHETIC_KEYWORD, check_complete

BANDS = "gri"
MAX_VALUES = 4096 * 4096 * 3
"""Larger images are refused before their pixels are read: a cut-out of one galaxy has a few hundred pixels a side."""


@dataclass(frozen=True)
class GalaxyImage:
    """One galaxy's image.

    ``pixels``: float32 (ny, nx, 3), bands g, r, i; ``unit``: ``nanomaggies`` a pixel, or ``colour`` (8-bit picture,
    0..1, not calibrated); ``arcsec_per_pixel``: None where the file does not tell.
    """

    pixels: NDArray[np.float32]
    arcsec_per_pixel: float | None
    unit: Literal["nanomaggies", "colour"]
    synthetic: bool


@dataclass(frozen=True)
class ImageSource:
    """Where a galaxy's image is and how it is read.

    ``form``: ``cube`` (one FITS file, calibrated), ``bands`` (one FITS file a band), ``colour`` (PNG or JPG), or
    ``counts`` (one FITS file of SKIRT counts a second, as published for TNG).
    """

    form: Literal["cube", "bands", "colour", "counts"]
    paths: tuple[Path, ...]

    def read(self) -> GalaxyImage:
        """The image. Raises UnusableImage with the reason."""
        if self.form == "bands":
            return _read_bands(self.paths)
        return {"cube": _read_cube, "counts": _read_counts, "colour": _read_colour}[self.form](self.paths[0])


def centre_crop(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The central ``size`` x ``size`` pixels. Pixel n // 2 of each axis becomes pixel size // 2.

    Raises UnusableImage where the image is smaller.
    """
    ny, nx = pixels.shape[:2]
    if min(ny, nx) < size:
        raise UnusableImage(f"image is {ny} x {nx} pixels, smaller than the {size}-pixel crop")
    y, x = ny // 2 - size // 2, nx // 2 - size // 2
    return pixels[y : y + size, x : x + size]


def check_usable(pixels: NDArray[np.float32]) -> None:
    """Raises UnusableImage where the pixels (usually a crop) cannot be learnt from: shape, NaN, zero or constant."""
    if pixels.ndim != 3 or pixels.shape[2] != len(BANDS) or pixels.size == 0:
        raise UnusableImage(f"image has shape {pixels.shape}, (ny, nx, 3) is needed")
    invalid = int(np.count_nonzero(~np.isfinite(pixels)))
    if invalid:
        raise UnusableImage(f"{invalid} of {pixels.size} values in the crop are NaN or infinite")
    for band, plane in zip(BANDS, np.moveaxis(pixels, 2, 0), strict=True):
        if plane.min() == plane.max():
            value = "all zero" if plane.max() == 0 else f"constant ({plane.max():g})"
            raise UnusableImage(f"band {band} is {value} in the crop")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except UnusableImage as error:
        raise UnusableImage(f"{path.name}: {error}") from None
    except Exception as error:  # parsers of damaged files raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnusableImage(f"{path.name}: cannot be read ({reason})") from error


def _check_size(shape: tuple[int, ...]) -> None:
    if math.prod(shape) > MAX_VALUES:
        raise UnusableImage(f"has shape {shape}, too large for a cut-out of one galaxy")


def _read_fits(path: Path) -> tuple[NDArray, Mapping, bool]:
    """Data and header of a FITS file's first image, and whether the primary header marks it synthetic."""
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        check_complete(path, hdus)
        for hdu in hdus:
            if hdu.is_image and len(hdu.shape) >= 2:
                _check_size(hdu.shape)
                return hdu.data, hdu.header, hdus[0].header.get(SYNTHETIC_KEYWORD) is True
    raise UnusableImage("holds no image")


def _band_order(header: Mapping, n_planes: int) -> list[int]:
    """Planes of g, r and i, by header ``BANDS``, ``BAND0``.. or ``FILTER0``..; the first three where it has none."""
    if "BANDS" in header:
        names = re.findall(r"[A-Za-z]", str(header["BANDS"]))
    else:
        keys = [f"{key}{plane}" for key in ("BAND", "FILTER") for plane in range(n_planes)]
        names = [str(header[key]) for key in keys if key in header]
    if not names:
        if n_planes < len(BANDS):
            raise UnusableImage(f"has {n_planes} planes, three bands are needed")
        return [0, 1, 2]
    letters = [re.split(r"[^a-z]+", name.strip().casefold())[-1] for name in names]
    absent = [band for band in BANDS if band not in letters[:n_planes]]
    if absent:
        raise UnusableImage(f"band {', '.join(absent)} is missing; the file has {', '.join(names)}")
    return [letters.index(band) for band in BANDS]


def _pixel_scale(header: Mapping) -> float | None:
    """Side of a pixel in arcsec: from the celestial WCS, else header ``PIXSCALE``, else None.

    The square root of the pixel's area, |det CD| with CD = CDELT * PC in degrees (Greisen & Calabretta 2002, A&A 395,
    1061). Read from the keywords: ``astropy.wcs`` gives the same and takes longer than the image does.
    """
    if not re.match(r"RA--|DEC-|[GE]LON|[GE]LAT", str(header.get("CTYPE1", ""))):
        scale = header.get("PIXSCALE")
        return float(scale) if isinstance(scale, int | float) and scale > 0 else None
    axes = (1, 2)
    if any(f"CD{i}_{j}" in header for i in axes for j in axes):
        matrix = [[header.get(f"CD{i}_{j}", 0.0) for j in axes] for i in axes]
    else:
        matrix = [[header.get(f"CDELT{i}", 1.0) * header.get(f"PC{i}_{j}", float(i == j)) for j in axes] for i in axes]
    return math.sqrt(abs(np.linalg.det(matrix))) * 3600


def _read_cube(path: Path) -> GalaxyImage:
    """g, r and i of a cube (band, y, x)."""
    with _reading(path):
        data, header, synthetic = _read_fits(path)
        if data.ndim != 3:
            raise UnusableImage(f"has shape {data.shape}, a cube (band, y, x) is needed")
        planes = data[_band_order(header, len(data))]
        pixels = np.ascontiguousarray(np.moveaxis(planes, 0, 2), dtype=np.float32)
        return GalaxyImage(pixels, _pixel_scale(header), "nanomaggies", synthetic)


def _read_counts(path: Path) -> GalaxyImage:
    """A cube in counts a second, as SKIRT images are published."""
    image = _read_cube(path)
    return replace(image, pixels=counts_to_nanomaggies(image.pixels))


def _read_bands(paths: tuple[Path, ...]) -> GalaxyImage:
    """One file a band, ``<galaxy_id>_g.fits`` and so on; the pixel scale is the r band's."""
    by_band = {band_of(path): path for path in paths}
    planes: list[NDArray] = []
    scale, synthetic = None, False
    for band in BANDS:
        if band not in by_band:
            there = ", ".join(path.name for path in paths)
            raise UnusableImage(f"{there}: the file of band {band} is missing")
        with _reading(by_band[band]):
            data, header, marked = _read_fits(by_band[band])
            plane = data[0] if data.ndim == 3 and len(data) == 1 else data
            if plane.ndim != 2:
                raise UnusableImage(f"has shape {data.shape}, one band (y, x) is needed")
            if planes and plane.shape != planes[0].shape:
                raise UnusableImage(f"has shape {plane.shape}, the g band has {planes[0].shape}")
            planes.append(plane)
            synthetic |= marked
            if band == "r":
                scale = _pixel_scale(header)
    return GalaxyImage(np.stack(planes, axis=2).astype(np.float32), scale, "nanomaggies", synthetic)


def _read_colour(path: Path) -> GalaxyImage:
    """An 8-bit picture with R, G, B = i, r, g (the SDSS and Legacy Survey convention); transparency is ignored."""
    from PIL import Image

    with _reading(path), Image.open(path) as picture:
        _check_size((picture.height, picture.width, 3))
        if picture.mode not in ("RGB", "RGBA", "P"):
            raise UnusableImage(f"has colour mode {picture.mode}, not three channels")
        synthetic = str(picture.info.get("synthetic", "")).casefold() == "true"
        rgb = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)[..., :3]
        pixels = np.ascontiguousarray(rgb[::-1, :, ::-1], dtype=np.float32) / np.float32(255)
        return GalaxyImage(pixels, None, "colour", synthetic)


def band_of(path: Path) -> str | None:
    """g, r or i for ``<galaxy_id>_g.fits`` and so on; None for other names."""
    match = re.search(r"_([gri])\.fits(\.gz)?$", path.name.casefold())
    return match[1] if match else None
