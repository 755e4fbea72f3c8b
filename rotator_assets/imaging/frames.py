"""Cut-outs from SDSS calibrated frames, ``frame-g-001043-1-0036.fits`` (or ``.fits.gz``, ``.fits.bz2``) and so on.

A frame is one band of one field: 2048 x 1489 pixels of 0.396 arcsec, sky-subtracted, in nanomaggies
(https://data.sdss.org/datamodel, ``frame``). A galaxy's cut-out comes from the field in which it lies farthest from the
edge. Each band uses its own coordinates, because the bands of a field differ by a few pixels.

Pixels are not resampled. The galaxy lies as close to the middle of the cut-out as whole pixels allow, so it is at most
half a pixel off along either axis in every band, and its position in the r band is recorded (see `centre`). Fluxes and
noise stay as SDSS measured them, independent from pixel to pixel. Resampling would align the bands better, but would
smooth the noise of each band by a different amount: bilinear interpolation reduces its variance by up to a factor of 4.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.archives import ImageFile
from rotator_assets.core.compressed import unpacked
from rotator_assets.core.errors import UnusableImage
from rotator_assets.core.files import walk_files
from rotator_assets.core.fits_files import SYNTHETIC_KEYWORD
from rotator_assets.imaging.bands import BANDS, check_band
from rotator_assets.imaging.centre import middle
from rotator_assets.imaging.coordinates import TangentPlane
from rotator_assets.imaging.fits_images import image_values
from rotator_assets.imaging.image_names import FITS_NAME
from rotator_assets.imaging.images import GalaxyImage, ImageSource, reading
from rotator_assets.imaging.keywords import own_keywords
from rotator_assets.imaging.photometric_units import nanomaggies_per_unit
from rotator_assets.imaging.planes import calibrated, joined

CUTOUT_PX = 128
MAX_FRAME_VALUES = 4096 * 4096
MAX_FRAME_BYTES = 2**28
MAX_FRAMES_IN_MEMORY = 16
"""Frames kept for the next galaxy in the same field; 12 MB each."""

_FRAME_NAME = re.compile(
    rf"frame-(?P<band>[gri])-(?P<run>\d{{6}})-(?P<camcol>\d)-(?P<field>\d{{4}}){FITS_NAME}", re.IGNORECASE
)
_PACKED_MORE = {".fits": 0, ".fz": 1, ".gz": 2, ".bz2": 3}
_FARTHEST_CORNER_DEG = 0.5
"""Larger than the distance of any corner of a frame from its reference point, which is its centre."""


@dataclass(frozen=True)
class Frame:
    """Pixels of a frame and their coordinates.

    Attributes
    ----------
    pixels
        (ny, nx), with east to the left of north.
    coordinates
        Celestial coordinates of the pixels.
    nanomaggies
        Nanomaggies per unit of the pixels.
    synthetic
        Whether the file is marked as synthetic.
    """

    pixels: NDArray[Any]
    coordinates: TangentPlane
    nanomaggies: float
    synthetic: bool


@dataclass(frozen=True)
class FrameSource(ImageSource):
    """A galaxy in an SDSS field; ``paths`` are the frames of the field.

    Attributes
    ----------
    ra, dec
        Position of the galaxy in degrees.
    size_px
        Side of the cut-out in pixels.
    """

    paths: tuple[Path, ...]
    ra: float
    dec: float
    size_px: int = CUTOUT_PX

    def shape(self) -> tuple[int, int]:
        """Return the shape of the cut-out away from the edges of the field."""
        return self.size_px, self.size_px

    def read(self, crop_px: int | None = None) -> GalaxyImage:
        """Read the cut-out, with the galaxy within half a pixel of the middle.

        Scale, direction of north and coordinates are those of the r band. Near the edge of a frame the cut-out is as
        large as fits. Raises UnusableImage if a band is missing or unreadable, or if the galaxy is on the edge.
        """
        frames = {_band_of(path): path for path in self.paths}
        if absent := [band for band in BANDS if band not in frames]:
            raise UnusableImage(f"{self.paths[0].name}: the field's frame of band {', '.join(absent)} is missing")
        whole, sizes = {}, []
        for band in BANDS:
            with reading(frames[band]):
                frame = _FRAMES(frames[band])
                place = frame.coordinates.pixel(self.ra, self.dec)
                sizes.append(_largest_cut(frame, place, self.ra, self.dec))
                whole[band] = frame, place
        size = min(self.size_px, *sizes)
        cuts = {band: _cut(frame, place, size) for band, (frame, place) in whole.items()}
        stored = np.stack([cuts[band].pixels for band in BANDS])
        pixels, missing = joined([calibrated(stored, [cuts[band].nanomaggies for band in BANDS], crop_px=crop_px)])
        r = cuts["r"].coordinates
        return GalaxyImage(
            pixels=pixels,
            arcsec_per_pixel=r.arcsec_per_pixel,
            unit="nanomaggies",
            synthetic=any(cut.synthetic for cut in cuts.values()),
            north_angle_deg=float(r.north_angle_deg(self.ra, self.dec)),
            coordinates=r,
            missing=missing,
        )


def frame_sources(
    folder: Path, galaxy_ids: Iterable[str], ra: ArrayLike, dec: ArrayLike, size_px: int = CUTOUT_PX
) -> dict[str, FrameSource]:
    """Find the frames that show each galaxy; galaxies outside every frame are left out.

    A complete field (g, r and i) is preferred, then the one in which the galaxy is farther from the edge. Only one
    header per field is read, once per process. An unreadable frame raises no error here, but when its galaxies are
    read.

    Parameters
    ----------
    folder
        Folder that is searched, with its subfolders.
    galaxy_ids
        Identifiers of the galaxies, (n,).
    ra, dec
        Positions in degrees, (n,); NaN if unknown.
    size_px
        Side of the cut-outs in pixels.

    Returns
    -------
    dict
        Source of the cut-out by galaxy identifier.
    """
    fields = _fields(folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        footprints = list(pool.map(_footprint, fields))
    ids, ra, dec = list(galaxy_ids), np.asarray(ra, dtype=float), np.asarray(dec, dtype=float)
    directions = _directions(ra, dec)
    best: dict[int, tuple[bool, float]] = {}
    sources = {}
    for paths, footprint in zip(fields, footprints, strict=True):
        if footprint is None:
            continue
        plane, shape = footprint
        near = directions @ _directions(plane.ra, plane.dec) > np.cos(np.radians(_FARTHEST_CORNER_DEG))
        for galaxy in np.flatnonzero(near).tolist():
            rank = (len(paths) == len(BANDS), _to_edge(plane, shape, ra[galaxy], dec[galaxy]))
            if rank[1] >= 0 and rank > best.get(galaxy, (False, -1.0)):
                best[galaxy] = rank
                ordered = tuple(paths[band] for band in BANDS if band in paths)
                place = float(ra[galaxy]), float(dec[galaxy])
                sources[ids[galaxy]] = FrameSource("frames", ordered, *place, size_px)
    return sources


def is_frame(file: ImageFile) -> bool:
    """Return whether `frame_sources` looks for a file of this name; frames in archives are not read."""
    return isinstance(file, Path) and _FRAME_NAME.fullmatch(file.name) is not None


def _band_of(path: Path) -> str:
    match = _FRAME_NAME.fullmatch(path.name)
    return match["band"].lower() if match else ""


def _fields(folder: Path) -> list[dict[str, Path]]:
    """Return the frames of each field by band; if a frame exists in several compressions, the least compressed one."""
    fields: dict[tuple[str, ...], dict[str, Path]] = {}
    found = ((path, match) for path in walk_files(folder) if (match := _FRAME_NAME.fullmatch(path.name)))
    for path, match in sorted(found, key=lambda pair: _PACKED_MORE.get(pair[0].suffix.lower(), len(_PACKED_MORE))):
        fields.setdefault(match.group("run", "camcol", "field"), {}).setdefault(_band_of(path), path)
    return [fields[key] for key in sorted(fields)]


def _footprint(paths: Mapping[str, Path]) -> tuple[TangentPlane, tuple[int, int]] | None:
    """Return coordinates and shape of a field from the first readable header (r, g, i)."""
    for band in ("r", "g", "i"):
        if band in paths:
            try:
                with reading(paths[band]):
                    stat = paths[band].stat()
                    return _read_footprint(paths[band], stat.st_mtime_ns, stat.st_size)
            except UnusableImage:
                continue
    return None


@lru_cache(maxsize=2**16)
def _read_footprint(path: Path, mtime_ns: int, size: int) -> tuple[TangentPlane, tuple[int, int]]:
    """Return coordinates and shape from the header; only the beginning of a compressed frame is unpacked."""
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:  # astropy detects compression from the content
        frame = _first_image(hdus)
        return _sky(frame), frame.shape


def _first_image(hdus: Any) -> Any:
    """Return the first image; a packed frame (.fz) begins with an empty primary header."""
    for hdu in hdus:
        if hdu.is_image and hdu.shape:
            return hdu
    raise UnusableImage("holds no image")


def _sky(hdu: Any) -> TangentPlane:
    if len(hdu.shape) != 2 or hdu.shape[0] * hdu.shape[1] > MAX_FRAME_VALUES:
        raise UnusableImage(f"has shape {hdu.shape}, a frame of 1489 x 2048 pixels is needed")
    coordinates = TangentPlane.from_header(hdu.header)
    if coordinates is None:
        raise UnusableImage("has no celestial coordinates")
    return coordinates


def _read_frame(path: Path) -> Frame:
    from astropy.io import fits

    with (
        unpacked(path, MAX_FRAME_BYTES) as content,
        fits.open(content, memmap=False, do_not_scale_image_data=True) as hdus,
    ):
        frame = _first_image(hdus)
        coordinates, keywords = _sky(frame), own_keywords(frame.header)
        band = _band_of(path)
        check_band(keywords, band)
        nanomaggies = nanomaggies_per_unit(keywords, band, coordinates.arcsec_per_pixel)
        pixels = image_values(frame, keywords)
        if coordinates.is_mirrored:
            pixels, coordinates = pixels[:, ::-1], coordinates.mirrored(pixels.shape[1])
        return Frame(pixels, coordinates, nanomaggies, hdus[0].header.get(SYNTHETIC_KEYWORD) is True)


def _largest_cut(frame: Frame, place: tuple[NDArray[np.float64], NDArray[np.float64]], ra: float, dec: float) -> int:
    """Return the side of the largest square around a position (x, y in pixels), in an even number of pixels.

    Raises UnusableImage if the position is outside the frame.
    """
    ny, nx = frame.pixels.shape
    edge = np.rint(np.add(place, 0.5))  # of the pixel after the middle
    half = min(*edge, *(np.array([nx, ny]) - edge)) if np.isfinite(edge).all() else 0
    if half < 1:
        raise UnusableImage(f"the galaxy at RA {ra:.4f}, Dec {dec:.4f} is on the frame's edge or outside")
    return 2 * int(half)


def _cut(frame: Frame, place: tuple[NDArray[np.float64], NDArray[np.float64]], size_px: int) -> Frame:
    """Return the square of ``size_px`` pixels whose middle is closest to the place (x, y in pixels); it must fit."""
    x, y = (int(np.rint(value - middle(size_px))) for value in place)
    pixels = frame.pixels[y : y + size_px, x : x + size_px].copy()  # a view would keep the frame in memory
    return replace(frame, pixels=pixels, coordinates=frame.coordinates.cut(x, y))


def _to_edge(plane: TangentPlane, shape: tuple[int, int], ra: float, dec: float) -> float:
    """Return the distance in pixels from a position to the nearest edge; negative outside, NaN far outside."""
    x, y = plane.pixel(ra, dec)
    return float(min(x + 0.5, shape[1] - 0.5 - x, y + 0.5, shape[0] - 0.5 - y))


def _directions(ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
    """Return unit vectors (..., 3) of positions in degrees."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


class _RecentFrames:
    """The frames read last, by file and modification time. Threads share them, and each frame is read only once."""

    def __init__(self, read: Callable[[Path], Frame], most: int) -> None:
        self._read, self._most, self._lock = read, most, Lock()
        self._frames: OrderedDict[tuple[Path, int, int], Future[Frame]] = OrderedDict()

    def __call__(self, path: Path) -> Frame:
        """Return a frame. Raises UnusableImage if it cannot be read, every time it is requested."""
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        with self._lock:
            requested_before = key in self._frames
            frame = self._frames.setdefault(key, Future())
            self._frames.move_to_end(key)
            while len(self._frames) > self._most:
                self._frames.popitem(last=False)
        if not requested_before:
            try:
                frame.set_result(self._read(path))
            except BaseException as error:
                frame.set_exception(error)
        return frame.result()


_FRAMES = _RecentFrames(_read_frame, MAX_FRAMES_IN_MEMORY)
