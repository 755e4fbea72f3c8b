"""Readers of galaxy images: published files into float32 arrays of one layout.

Pixels are ``(ny, nx, 3)``, bands in the order g, r, i. Rows run as in FITS, the first row at the bottom of the sky
image (colour pictures, stored top row first, are turned over), and a mirrored image (east to the right of north) is
mirrored back, so position angles mean the same in every image. Whatever is wrong with a file becomes an
``UnusableImage`` with the file's name and the reason, never anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rotator_assets.errors import UnusableImage
from rotator_assets.science.mock import counts_to_nanomaggies
from rotator_assets.surveys.archives import ImageFile, described, label
from rotator_assets.surveys.bands import BANDS, band_planes, check_band, named_bands
from rotator_assets.surveys.calibration import check_skirt_bands, is_counts_a_second, nanomaggies_per_unit
from rotator_assets.surveys.coordinates import SQUARE_WITHIN, TangentPlane, pixel_scale_arcsec
from rotator_assets.surveys.fits_images import MAX_VALUES, FitsImage, read_fits
from rotator_assets.surveys.keywords import number

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
        if self.form == "colour":
            return _read_colour(self.paths[0])
        return _read_cube(self.paths[0], skirt_counts=self.form == "counts")

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


def _read_cube(file: ImageFile, skirt_counts: bool = False) -> GalaxyImage:
    """g, r and i of a cube (band, y, x), or of flat images in extensions named by their bands.

    ``skirt_counts``: counts a second without a zero point are those of published SKIRT images, whose four planes need
    no names.
    """
    with reading(file):
        images = read_fits(file)
        if None not in images:
            return _of_planes({band: _in_nanomaggies(image, band) for band, image in images.items()})
        image = images[None]
        n_planes = len(image.planes)
        if n_planes == 1:
            raise UnusableImage(f"has shape {image.planes.shape[1:]}, a cube (band, y, x) is needed")
        skirt_counts = skirt_counts and is_counts_a_second(image.keywords)
        names = named_bands(image.keywords, n_planes)
        order = band_planes(names, image.wavelengths_um, n_planes, unnamed=4 if skirt_counts else 3)
        scale = _scale(image)
        pixels = np.moveaxis(image.planes[order], 0, 2)
        if skirt_counts:
            check_skirt_bands([names[n] for n in order if n in names])
            pixels = counts_to_nanomaggies(pixels)
        else:
            at = [image.wavelengths_um[n] if image.wavelengths_um else None for n in order]
            factors = [nanomaggies_per_unit(image.keywords, b, scale, um) for b, um in zip(BANDS, at, strict=True)]
            pixels = _scaled(pixels, factors)
        return _galaxy_image(pixels, image, scale, image.synthetic)


def _read_bands(files: tuple[ImageFile, ...]) -> GalaxyImage:
    """One file a band, ``<galaxy_id>_g.fits`` and so on; pixel scale and coordinates are the r band's."""
    by_band = {band_of(file): file for file in files}
    images: dict[str, FitsImage] = {}
    for band in BANDS:
        if band not in by_band:
            there = ", ".join(label(file) for file in files)
            raise UnusableImage(f"{there}: the file of band {band} is missing")
        with reading(by_band[band]):
            image = _one_plane(read_fits(by_band[band]), band)
            check_band(image.keywords, band)
            images[band] = _in_nanomaggies(image, band)
            _check_fits_to(images["g"], images[band])
    with reading(by_band["r"]):
        return _of_planes(images)


def _one_plane(images: dict[str | None, FitsImage], band: str) -> FitsImage:
    image = images.get(None) or images[band]
    if len(image.planes) != 1:
        raise UnusableImage(f"has shape {image.planes.shape}, one band (y, x) is needed")
    return image


def _in_nanomaggies(image: FitsImage, band: str) -> FitsImage:
    factor = nanomaggies_per_unit(image.keywords, band, _scale(image))
    return replace(image, planes=_scaled(image.planes, factor))


def _of_planes(images: dict[str, FitsImage]) -> GalaxyImage:
    """Flat images of g, r and i, each in nanomaggies."""
    for image in images.values():
        _check_fits_to(images["g"], image)
    planes = np.stack([images[band].planes[0] for band in BANDS], axis=2)
    synthetic = any(image.synthetic for image in images.values())
    return _galaxy_image(planes, images["r"], _scale(images["r"]), synthetic)


def _check_fits_to(first: FitsImage, other: FitsImage) -> None:
    """Raises UnusableImage where a band has another shape or pixel scale than g, or shows another part of the sky."""
    if other.planes.shape[1:] != first.planes.shape[1:]:
        raise UnusableImage(f"has shape {other.planes.shape[1:]}, the g band has {first.planes.shape[1:]}")
    scales = _scale(first), _scale(other)
    if None not in scales and abs(scales[1] / scales[0] - 1) > SQUARE_WITHIN - 1:
        raise UnusableImage(f"has pixels of {scales[1]:.3f} arcsec, the g band has {scales[0]:.3f}")
    if first.coordinates is None or other.coordinates is None:
        return
    here = first.coordinates
    x, y = other.coordinates.pixel(here.ra, here.dec)
    offset = float(np.hypot(x - here.x, y - here.y))
    if not offset <= MAX_BAND_OFFSET_PX:
        raise UnusableImage(f"shows the sky {offset:.1f} pixels off the g band")


def _scale(image: FitsImage) -> float | None:
    """Side of a pixel in arcsec."""
    return pixel_scale_arcsec(image.keywords) if image.coordinates is None else image.coordinates.arcsec_per_pixel


def _scaled(pixels: NDArray, factors: float | list[float]) -> NDArray:
    """Pixels times a factor, or one a band; untouched where all are 1."""
    factors = np.array(factors)
    return pixels if (factors == 1).all() else pixels * factors


def _galaxy_image(pixels: NDArray, image: FitsImage, scale: float | None, synthetic: bool) -> GalaxyImage:
    pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    if image.coordinates is None:
        redshift = number(image.keywords, "USE_Z") or number(image.keywords, "REDSHIFT")
        placed = redshift if redshift is not None and redshift > 0 else None
        return GalaxyImage(pixels, scale, "nanomaggies", synthetic, redshift=placed)
    north = image.coordinates.north_angle_deg()
    return GalaxyImage(pixels, scale, "nanomaggies", synthetic, north, image.coordinates)


def _read_colour(file: ImageFile) -> GalaxyImage:
    """An 8-bit picture with R, G, B = i, r, g (the SDSS and Legacy Survey convention); transparency is ignored."""
    from PIL import Image

    with reading(file), file.open("rb") as stream, Image.open(stream) as picture:
        if picture.height * picture.width * 3 > MAX_VALUES:
            raise UnusableImage(f"is {picture.height} x {picture.width} pixels, too large for a cut-out of one galaxy")
        if picture.mode not in ("RGB", "RGBA", "P"):
            raise UnusableImage(f"has colour mode {picture.mode}, not three channels")
        synthetic = str(picture.info.get("synthetic", "")).casefold() == "true"
        rgb = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)[..., :3]
        pixels = np.ascontiguousarray(rgb[::-1, :, ::-1], dtype=np.float32) / np.float32(255)
        return GalaxyImage(pixels, None, "colour", synthetic)


def band_of(file: ImageFile) -> str | None:
    """g, r or i for ``<galaxy_id>_g.fits`` and so on; None for other names."""
    match = re.search(r"_([gri])\.fits(\.gz)?$", file.name.casefold())
    return match[1] if match else None
