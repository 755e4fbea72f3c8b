"""Read galaxy images: published files into float32 arrays of one layout.

Pixels are ``(ny, nx, 3)``, bands in the order g, r, i. Rows run as in FITS, with the first row at the bottom of the
image; colour pictures, which store the top row first, are flipped. A mirrored image (east to the right of north) is
mirrored back, so position angles mean the same in every image. Every problem with a file is raised as an
``UnusableImage`` with the file's name and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.archives import ImageFile, described, label, opened
from rotator_assets.core.compressed import unpacking
from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.bands import BANDS, band_planes, check_band, named_bands
from rotator_assets.imaging.coordinates import SQUARE_WITHIN, Matrix, TangentPlane, pixel_scale_arcsec, side_arcsec
from rotator_assets.imaging.fits_images import MAX_VALUES, FitsImage, fits_shape, read_fits
from rotator_assets.imaging.image_names import band_of
from rotator_assets.imaging.keywords import Keywords, number
from rotator_assets.imaging.missing import Missing
from rotator_assets.imaging.photometric_units import (
    NANOMAGGIES_PER_SKIRT_COUNT,
    check_skirt_bands,
    is_counts_per_second,
    nanomaggies_per_unit,
)
from rotator_assets.imaging.plain_fits import PlainHeader
from rotator_assets.imaging.planes import Planes, calibrated, joined

MAX_BYTES = 2**29
"""Files that unpack to more than this are not images of one galaxy."""
_STREAM = re.compile(r"<_io\..*>")
"""Pillow names the open file by its full path, or by an address that differs from run to run."""
_PNG = b"\x89PNG\r\n\x1a\n"
_JPG = b"\xff\xd8\xff"

MAX_BAND_OFFSET_PX = 1.0
"""Largest offset between bands in separate files."""


@dataclass(frozen=True)
class GalaxyImage:
    """One galaxy's image.

    Attributes
    ----------
    pixels
        float32 (ny, nx, 3), bands g, r, i.
    arcsec_per_pixel
        Side of a pixel; None if the file does not give it.
    unit
        ``nanomaggies`` per pixel, or ``colour`` for an uncalibrated 8-bit picture with values from 0 to 1.
    synthetic
        Whether the file is marked as synthetic.
    north_angle_deg
        Position angle of the +y axis (towards later rows), in degrees east of north in [0, 360): 0 if north is up. East
        is always to the left of north. None if the file has no celestial coordinates.
    coordinates
        Celestial coordinates of the pixels, or None.
    redshift
        Redshift at which a simulated image shows its galaxy (``USE_Z``); None if the file does not give it.
    missing
        uint8 (ny, nx, 3), why pixels are missing (`missing.Missing`); None if none is missing, or none in the crop that
        was read for. Missing pixels are NaN, except for saturated ones.
    unread
        Extensions of the file with masks that are not read.
    """

    pixels: NDArray[np.float32]
    arcsec_per_pixel: float | None
    unit: Literal["nanomaggies", "colour"]
    synthetic: bool
    north_angle_deg: float | None = None
    coordinates: TangentPlane | None = None
    redshift: float | None = None
    missing: NDArray[np.uint8] | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageSource:
    """Where a galaxy's image is and how it is read.

    Attributes
    ----------
    form
        ``cube`` (one FITS file, calibrated), ``bands`` (one FITS file per band), ``colour`` (PNG or JPG), ``counts``
        (one FITS file of SKIRT counts per second, as published for TNG) or ``frames`` (see `frames.FrameSource`).
        Whether a cube or colour picture is a FITS, PNG or JPG file follows from its content, not from its name.
    paths
        Plain files or members of tar archives, in any compression.
    """

    form: Literal["cube", "bands", "colour", "counts", "frames"]
    paths: tuple[ImageFile, ...]

    def read(self, crop_px: int | None = None) -> GalaxyImage:
        """Read the image. Raises UnusableImage with the reason.

        With ``crop_px``, the side of the central crop that will be used, pixels outside it may be missing without a
        record.
        """
        if self.form == "bands":
            return _read_bands(self.paths, crop_px)
        return _read_one(self.paths[0], self.form == "counts", crop_px)

    def shape(self) -> tuple[int, int]:
        """Return (ny, nx) of the (first) file from its header alone. Raises UnusableImage with the reason."""
        with _content(self.paths[0]) as (content, kind):
            return fits_shape(content) if kind == "FITS" else _picture_shape(content)

    def described(self, folder: Path) -> str:
        """Return the path of its (first) file relative to ``folder``.

        ``archive.tar:path`` for a member of an archive.
        """
        return described(self.paths[0], folder)


@contextmanager
def reading(file: ImageFile) -> Generator[None]:
    """Turn any error raised in the block into an UnusableImage of one line that begins with the file's name."""
    try:
        yield
    except UnusableImage as error:
        raise UnusableImage(f"{label(file)}: {error}") from None
    except Exception as error:  # parsers of damaged files raise nearly anything
        reason = " ".join(_STREAM.sub("", str(error)).split()) or type(error).__name__
        raise UnusableImage(f"{label(file)}: cannot be read ({reason})") from error


@contextmanager
def _content(file: ImageFile) -> Generator[tuple[IO[bytes], Literal["FITS", "PNG", "JPG"]]]:
    """Yield a file's unpacked content and its format. Raises UnusableImage."""
    with reading(file), opened(file) as stream:
        if kind := _kind(stream):
            yield stream, kind
            return
        with unpacking(stream, MAX_BYTES) as content:
            if kind := _kind(content):
                yield content, kind
                return
            empty = not content.read(1)
            raise UnusableImage("is empty" if empty else "is neither a FITS file nor a PNG or JPG picture")


def _kind(content: IO[bytes]) -> Literal["FITS", "PNG", "JPG"] | None:
    """Return the format of an image by its first bytes, and go back to its beginning."""
    start = content.read(len(_PNG))
    content.seek(0)
    if start.startswith(b"SIMPLE"):
        return "FITS"
    if start == _PNG:
        return "PNG"
    return "JPG" if start.startswith(_JPG) else None


def _read_one(file: ImageFile, simulated: bool, crop_px: int | None) -> GalaxyImage:
    """Read an image in one file. A picture cannot be a simulated image, because those are calibrated."""
    with _content(file) as (content, kind):
        if kind == "FITS":
            return _read_cube(content, simulated, crop_px)
        if simulated:
            raise UnusableImage(f"is a {kind} picture, a FITS file of calibrated fluxes is needed")
        return _read_colour(content, kind)


def _read_cube(content: IO[bytes], simulated: bool, crop_px: int | None) -> GalaxyImage:
    """Read g, r and i from a cube (band, y, x), or from flat images in extensions named after their bands.

    ``simulated`` images have no noise. Without a zero point, their counts per second are those of published SKIRT
    images, whose four planes need no names.
    """
    image = read_fits(content)
    if isinstance(image, dict):
        return _of_flat(image, [_flat_plane(image, band, simulated, crop_px) for band in BANDS])
    if len(image.planes) == 1:
        raise UnusableImage(f"has shape {image.planes.shape[1:]}, a cube (band, y, x) is needed")
    planes = [_calibrated(image, *cube_bands(image, simulated), simulated, crop_px)]
    return _galaxy_image(planes, image, image.synthetic, image.unread)


def cube_bands(image: FitsImage, simulated: bool) -> tuple[list[int], list[float]]:
    """Return the planes of g, r and i in a cube, and nanomaggies per unit of each; see `_read_cube`.

    Raises UnusableImage if they cannot be determined.
    """
    matrix = None if image.coordinates is None else image.coordinates.matrix
    if image.header is not None:
        return _bands_of(image.header, image.wavelengths_um, matrix, simulated)
    return _bands(image.keywords, len(image.planes), image.wavelengths_um, matrix, simulated)


@lru_cache(maxsize=64)
def _bands_of(header: PlainHeader, *of_image: Any) -> tuple[list[int], list[float]]:
    """Do the work of `_bands` once for all plain files with the same header, apart from the position."""
    return _bands(header.keywords, header.shape[0], *of_image)


def _bands(
    keywords: Keywords, n_planes: int, wavelengths_um: tuple[float, ...] | None, matrix: Matrix | None, simulated: bool
) -> tuple[list[int], list[float]]:
    """Return the planes of g, r and i in a cube, and nanomaggies per unit of each; see `_read_cube`."""
    skirt_counts = simulated and is_counts_per_second(keywords)
    names = named_bands(keywords, n_planes)
    order = band_planes(names, wavelengths_um, n_planes, unnamed=4 if skirt_counts else 3)
    if skirt_counts:
        check_skirt_bands([names[n] for n in order if n in names])
        return order, list(NANOMAGGIES_PER_SKIRT_COUNT)
    scale, um = _scale(keywords, matrix), wavelengths_um or [None] * n_planes
    of_all = {key: value for key, value in keywords.items() if key != "PHOTPLAM"}  # valid for one band only
    return order, [nanomaggies_per_unit(of_all, band, scale, um[n]) for band, n in zip(BANDS, order, strict=True)]


def _read_bands(files: tuple[ImageFile, ...], crop_px: int | None) -> GalaxyImage:
    """Read one file per band, ``<galaxy_id>_g.fits`` and so on; pixel scale and coordinates are those of the r band."""
    by_band = {band_of(file): file for file in files}
    images: dict[str, FitsImage] = {}
    planes = []
    for band in BANDS:
        if band not in by_band:
            there = ", ".join(label(file) for file in files)
            raise UnusableImage(f"{there}: the file of band {band} is missing")
        with _content(by_band[band]) as (content, kind):
            if kind != "FITS":
                raise UnusableImage(f"is a {kind} picture, a FITS file of one band is needed")
            images[band] = _one_plane(read_fits(content), band)
            check_band(images[band].keywords, band)
            planes.append(_flat_plane(images, band, crop_px=crop_px))
    return _of_flat(images, planes)


def _one_plane(images: FitsImage | dict[str, FitsImage], band: str) -> FitsImage:
    image = images[band] if isinstance(images, dict) else images
    if len(image.planes) != 1:
        raise UnusableImage(f"has shape {image.planes.shape}, one band (y, x) is needed")
    return image


def _flat_plane(images: dict[str, FitsImage], band: str, simulated: bool = False, crop_px: int | None = None) -> Planes:
    """Return one band of flat images, calibrated by its own header."""
    image = images[band]
    _check_fits_to(images["g"], image)
    return _calibrated(image, [0], [nanomaggies_per_unit(image.keywords, band, _scale_of(image))], simulated, crop_px)


def _of_flat(images: dict[str, FitsImage], planes: list[Planes]) -> GalaxyImage:
    """Join g, r and i of flat images; scale, coordinates and redshift are those of the r band."""
    synthetic = any(image.synthetic for image in images.values())
    unread = tuple(dict.fromkeys(name for image in images.values() for name in image.unread))
    return _galaxy_image(planes, images["r"], synthetic, unread)


def _calibrated(
    image: FitsImage, order: list[int], factors: list[float], simulated: bool, crop_px: int | None
) -> Planes:
    """Return some planes of an image in nanomaggies, given by their numbers."""
    planes, weights = image.planes, image.weights
    if order != list(range(len(planes))):
        planes = planes[order]
        weights = weights if weights is None or weights.ndim == 2 else weights[order]
    return calibrated(planes, factors, simulated, weights, crop_px)


def _check_fits_to(first: FitsImage, other: FitsImage) -> None:
    """Raise UnusableImage if a band differs from g in shape, in pixel scale or in the part of the sky it shows."""
    if other.planes.shape[1:] != first.planes.shape[1:]:
        raise UnusableImage(f"has shape {other.planes.shape[1:]}, the g band has {first.planes.shape[1:]}")
    of_g, own = _scale_of(first), _scale_of(other)
    if of_g is not None and own is not None and abs(own / of_g - 1) > SQUARE_WITHIN - 1:
        raise UnusableImage(f"has pixels of {own:.3f} arcsec, the g band has {of_g:.3f}")
    if first.coordinates is None or other.coordinates is None:
        return
    here = first.coordinates
    x, y = other.coordinates.pixel(here.ra, here.dec)
    offset = float(np.hypot(x - here.x, y - here.y))
    if not offset <= MAX_BAND_OFFSET_PX:
        raise UnusableImage(f"is offset by {offset:.1f} pixels on the sky from the g band")


def _scale(keywords: Keywords, matrix: Matrix | None) -> float | None:
    """Return the side of a pixel in arcsec, from celestial coordinates if there are any."""
    return pixel_scale_arcsec(keywords) if matrix is None else side_arcsec(matrix)


def _scale_of(image: FitsImage) -> float | None:
    return _scale(image.keywords, None if image.coordinates is None else image.coordinates.matrix)


def _galaxy_image(planes: list[Planes], image: FitsImage, synthetic: bool, unread: tuple[str, ...]) -> GalaxyImage:
    """Join g, r and i; scale, coordinates and redshift are those of ``image``."""
    pixels, missing = joined(planes)
    redshift = north = None
    if image.coordinates is not None:
        north = float(image.coordinates.north_angle_deg())
    else:
        placed = number(image.keywords, "USE_Z") or number(image.keywords, "REDSHIFT")
        redshift = placed if placed is not None and placed > 0 else None
    scale, coordinates = _scale_of(image), image.coordinates
    return GalaxyImage(pixels, scale, "nanomaggies", synthetic, north, coordinates, redshift, missing, unread)


def _picture_shape(content: IO[bytes]) -> tuple[int, int]:
    from PIL import Image

    with Image.open(content, formats=["PNG", "JPEG"]) as picture:
        return picture.height, picture.width


def _read_colour(content: IO[bytes], kind: Literal["PNG", "JPG"]) -> GalaxyImage:
    """Read an 8-bit picture with R, G, B = i, r, g (SDSS and Legacy Surveys), rotated by its EXIF tag.

    Fully transparent pixels are missing; partial transparency is ignored.
    """
    from PIL import Image, ImageOps

    with Image.open(content, formats=["PNG" if kind == "PNG" else "JPEG"]) as picture:
        if picture.height * picture.width * 3 > MAX_VALUES:
            raise UnusableImage(f"is {picture.height} x {picture.width} pixels, too large for a cut-out of one galaxy")
        if picture.mode not in ("RGB", "RGBA", "P"):
            raise UnusableImage(f"has colour mode {picture.mode}, not three channels")
        if (n_frames := getattr(picture, "n_frames", 1)) > 1:
            raise UnusableImage(f"is an animation of {n_frames} pictures, one is needed")
        synthetic = str(picture.info.get("synthetic", "")).casefold() == "true"
        transparent = picture.mode == "RGBA" or "transparency" in picture.info
        ImageOps.exif_transpose(picture, in_place=True)
        mode = "RGBA" if transparent else "RGB"
        rgba = np.asarray(picture if picture.mode == mode else picture.convert(mode))[::-1]
    red, green, blue = (rgba[..., channel] for channel in range(3))
    if (red == green).all() and (red == blue).all() and red.any():
        raise UnusableImage("has no colours: its three channels are the same")
    planes = np.stack([blue, green, red], dtype=np.float32, casting="unsafe")
    planes /= np.float32(255)
    pixels = planes.transpose(1, 2, 0)
    missing = None
    if transparent and not rgba[..., 3].all():
        missing = np.where(rgba[..., 3:] > 0, 0, Missing.TRANSPARENT).astype(np.uint8).repeat(3, axis=2)
    return GalaxyImage(pixels, None, "colour", synthetic, missing=missing)
