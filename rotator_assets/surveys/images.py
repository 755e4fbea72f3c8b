"""Readers of galaxy images: published files into float32 arrays of one layout.

Pixels are ``(ny, nx, 3)``, bands in the order g, r, i. Rows run as in FITS, the first row at the bottom of the sky
image (colour pictures, stored top row first, are turned over), and a mirrored image (east to the right of north) is
mirrored back, so position angles mean the same in every image. Whatever is wrong with a file becomes an
``UnusableImage`` with the file's name and the reason, never anything else.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from rotator_assets.errors import UnusableImage
from rotator_assets.science.mock import counts_to_nanomaggies
from rotator_assets.surveys.archives import ImageFile, described, label, unpacked
from rotator_assets.surveys.coordinates import TangentPlane, pixel_scale_arcsec
from rotator_assets.surveys.fits_files import SYNTHETIC_KEYWORD

BANDS = "gri"
MAX_VALUES = 4096 * 4096 * 3
"""Larger images are refused before their pixels are read: a cut-out of one galaxy has a few hundred pixels a side."""
MAX_BAND_OFFSET_PX = 1.0
"""Bands in files of their own may be registered this badly."""


@dataclass(frozen=True)
class GalaxyImage:
    """One galaxy's image.

    ``pixels``: float32 (ny, nx, 3), bands g, r, i; ``unit``: ``nanomaggies`` a pixel, or ``colour`` (8-bit picture,
    0..1, not calibrated); ``arcsec_per_pixel``: None where the file does not tell. ``north_angle_deg``: position angle
    of the +y axis (towards later rows), degrees east of north in [0, 360), so 0 where north is up; east is always to
    the left of north. ``coordinates``: where the sky is in the pixels. Both None where the file has no celestial
    coordinates. ``redshift``: where a simulated image places its galaxy (``USE_Z``), None where it does not tell.
    """

    pixels: NDArray[np.float32]
    arcsec_per_pixel: float | None
    unit: Literal["nanomaggies", "colour"]
    synthetic: bool
    north_angle_deg: float | None = None
    coordinates: TangentPlane | None = None
    redshift: float | None = None


@dataclass(frozen=True)
class ImageSource:
    """Where a galaxy's image is and how it is read.

    ``form``: ``cube`` (one FITS file, calibrated), ``bands`` (one FITS file a band), ``colour`` (PNG or JPG),
    ``counts`` (one FITS file of SKIRT counts a second, as published for TNG), or ``frames`` (see `frames.FrameSource`).
    ``paths``: plain files or members of tar archives.
    """

    form: Literal["cube", "bands", "colour", "counts", "frames"]
    paths: tuple[ImageFile, ...]

    def read(self) -> GalaxyImage:
        """The image. Raises UnusableImage with the reason."""
        if self.form == "bands":
            return _read_bands(self.paths)
        return {"cube": _read_cube, "counts": _read_counts, "colour": _read_colour}[self.form](self.paths[0])

    def described(self, folder: Path) -> str:
        """Path of its (first) file relative to ``folder``; ``archive.tar:path`` for a member of an archive."""
        return described(self.paths[0], folder)


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
def reading(file: ImageFile) -> Iterator[None]:
    """Whatever is raised within becomes an UnusableImage of one line that begins with the file's name."""
    try:
        yield
    except UnusableImage as error:
        raise UnusableImage(f"{label(file)}: {error}") from None
    except Exception as error:  # parsers of damaged files raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnusableImage(f"{label(file)}: cannot be read ({reason})") from error


@dataclass(frozen=True)
class _FitsImage:
    """The first image of a FITS file: native data, mirrored back where it was mirrored."""

    data: NDArray
    header: Mapping
    coordinates: TangentPlane | None
    synthetic: bool


def _check_size(shape: tuple[int, ...]) -> None:
    if math.prod(shape) > MAX_VALUES:
        raise UnusableImage(f"has shape {shape}, too large for a cut-out of one galaxy")


def _check_whole(stream: BinaryIO, hdus) -> None:
    """As `fits_files.check_complete`, of an open file."""
    length = stream.seek(0, os.SEEK_END)
    for number, hdu in enumerate(hdus):
        end = hdu.fileinfo()["datLoc"] + hdu.size
        if length < end:
            raise UnusableImage(f"cut short: extension {number} ends at byte {end}, the file has {length}")


def _read_fits(file: ImageFile) -> _FitsImage:
    from astropy.io import fits

    with unpacked(file) as stream, fits.open(stream, memmap=False) as hdus:
        _check_whole(stream, hdus)
        for hdu in hdus:
            if hdu.is_image and len(hdu.shape) >= 2:
                _check_size(hdu.shape)
                data, coordinates = hdu.data, TangentPlane.from_header(hdu.header)
                if coordinates is not None and coordinates.is_mirrored:
                    data, coordinates = data[..., ::-1], coordinates.mirrored(data.shape[-1])
                return _FitsImage(data, hdu.header, coordinates, hdus[0].header.get(SYNTHETIC_KEYWORD) is True)
    raise UnusableImage("holds no image")


def _calibrated(pixels: NDArray, header: Mapping, coordinates: TangentPlane | None, synthetic: bool) -> GalaxyImage:
    pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    if coordinates is None:
        placed = header.get("USE_Z")
        redshift = float(placed) if isinstance(placed, int | float) and 0 < placed < math.inf else None
        return GalaxyImage(pixels, pixel_scale_arcsec(header), "nanomaggies", synthetic, redshift=redshift)
    scale, north = coordinates.arcsec_per_pixel, coordinates.north_angle_deg()
    return GalaxyImage(pixels, scale, "nanomaggies", synthetic, north, coordinates)


def _read_cube(file: ImageFile) -> GalaxyImage:
    """g, r and i of a cube (band, y, x)."""
    with reading(file):
        image = _read_fits(file)
        if image.data.ndim != 3:
            raise UnusableImage(f"has shape {image.data.shape}, a cube (band, y, x) is needed")
        planes = image.data[band_order(image.header, len(image.data))]
        return _calibrated(np.moveaxis(planes, 0, 2), image.header, image.coordinates, image.synthetic)


def _read_counts(file: ImageFile) -> GalaxyImage:
    """A cube in counts a second, as SKIRT images are published."""
    image = _read_cube(file)
    return replace(image, pixels=counts_to_nanomaggies(image.pixels))


def _read_bands(files: tuple[ImageFile, ...]) -> GalaxyImage:
    """One file a band, ``<galaxy_id>_g.fits`` and so on; pixel scale and coordinates are the r band's."""
    by_band = {band_of(file): file for file in files}
    read: dict[str, _FitsImage] = {}
    for band in BANDS:
        if band not in by_band:
            there = ", ".join(label(file) for file in files)
            raise UnusableImage(f"{there}: the file of band {band} is missing")
        with reading(by_band[band]):
            image = _read_fits(by_band[band])
            data = image.data
            plane = data[0] if data.ndim == 3 and len(data) == 1 else data
            if plane.ndim != 2:
                raise UnusableImage(f"has shape {data.shape}, one band (y, x) is needed")
            if read and plane.shape != read["g"].data.shape:
                raise UnusableImage(f"has shape {plane.shape}, the g band has {read['g'].data.shape}")
            read[band] = replace(image, data=plane)
            _check_registered(read["g"], read[band])
    with reading(by_band["r"]):
        planes = np.stack([read[band].data for band in BANDS], axis=2)
        synthetic = any(image.synthetic for image in read.values())
        return _calibrated(planes, read["r"].header, read["r"].coordinates, synthetic)


def _check_registered(first: _FitsImage, other: _FitsImage) -> None:
    """Raises UnusableImage where the reference point of one band lies elsewhere in the other."""
    if first.coordinates is None or other.coordinates is None:
        return
    here = first.coordinates
    x, y = other.coordinates.pixel(here.ra, here.dec)
    offset = float(np.hypot(x - here.x, y - here.y))
    if not offset <= MAX_BAND_OFFSET_PX:
        raise UnusableImage(f"shows the sky {offset:.1f} pixels off the g band")


def _read_colour(file: ImageFile) -> GalaxyImage:
    """An 8-bit picture with R, G, B = i, r, g (the SDSS and Legacy Survey convention); transparency is ignored."""
    from PIL import Image

    with reading(file), file.open("rb") as stream, Image.open(stream) as picture:
        _check_size((picture.height, picture.width, 3))
        if picture.mode not in ("RGB", "RGBA", "P"):
            raise UnusableImage(f"has colour mode {picture.mode}, not three channels")
        synthetic = str(picture.info.get("synthetic", "")).casefold() == "true"
        rgb = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)[..., :3]
        pixels = np.ascontiguousarray(rgb[::-1, :, ::-1], dtype=np.float32) / np.float32(255)
        return GalaxyImage(pixels, None, "colour", synthetic)


def band_order(header: Mapping, n_planes: int) -> list[int]:
    """Planes of g, r and i in a cube, by its header; the first three where it names none.

    ``BANDS`` (``gri``, or ``g,r,i``), else ``BAND0`` .. or ``FILTER0`` .. (``r``, ``sloan/sdss_r``), counted from 0 or
    1, in any order. Raises UnusableImage where a band is missing or stands twice, where more bands are named than there
    are planes, and where ``BANDS`` and ``BAND0`` .. differ.
    """
    listed, numbered = _listed_bands(header), _numbered_bands(header, n_planes)
    if listed and numbered and any(_letter(listed[n]) != _letter(name) for n, name in numbered.items() if n in listed):
        raise UnusableImage("its header names the bands in two ways that differ (BANDS and BAND or FILTER)")
    names = listed or numbered
    if not names:
        if n_planes < len(BANDS):
            raise UnusableImage(f"has {n_planes} planes, three bands are needed")
        return [0, 1, 2]
    named = ", ".join(names.values())
    if max(names) >= n_planes:
        raise UnusableImage(f"its header names {max(names) + 1} bands ({named}), it has {n_planes} planes")
    planes = {band: [n for n, name in names.items() if _letter(name) == band] for band in BANDS}
    if absent := [band for band in BANDS if not planes[band]]:
        raise UnusableImage(f"band {', '.join(absent)} is missing; the file has {named}")
    if twice := [band for band in BANDS if len(planes[band]) > 1]:
        raise UnusableImage(f"band {', '.join(twice)} stands twice in its header ({named})")
    return [planes[band][0] for band in BANDS]


def _listed_bands(header: Mapping) -> dict[int, str]:
    names = re.split(r"[\s,;]+", str(header.get("BANDS", "")).strip())
    return dict(enumerate(names[0] if len(names) == 1 else names))


def _numbered_bands(header: Mapping, n_planes: int) -> dict[int, str]:
    for key in ("BAND", "FILTER"):
        first = 0 if f"{key}0" in header else 1
        names = {n: str(header[f"{key}{n + first}"]) for n in range(n_planes) if f"{key}{n + first}" in header}
        if names:
            return names
    return {}


def _letter(name: str) -> str:
    """``r`` of ``r``, ``R`` or ``sloan/sdss_r``."""
    return (re.findall(r"[a-z]+", name.casefold()) or [""])[-1]


def band_of(file: ImageFile) -> str | None:
    """g, r or i for ``<galaxy_id>_g.fits`` and so on; None for other names."""
    match = re.search(r"_([gri])\.fits(\.gz)?$", file.name.casefold())
    return match[1] if match else None
