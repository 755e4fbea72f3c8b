"""Cut-outs from SDSS calibrated frames, ``frame-g-001043-1-0036.fits`` (or ``.fits.gz``, ``.fits.bz2``) and so on.

A frame is one band of one field: 2048 x 1489 pixels of 0.396 arcsec, sky-subtracted, in nanomaggies
(https://data.sdss.org/datamodel, ``frame``). A galaxy's cut-out is taken from the field where it lies farthest from the
edge, in each band by that band's own coordinates, as the bands of a field differ by some pixels.

Pixels are taken as they are, with the galaxy as close to the middle of the cut-out as whole pixels allow. So fluxes and
noise stay those that SDSS measured, independent from pixel to pixel, and the galaxy is at most half a pixel off along
either axis in every band; where it is in the r band is known (`science.centre`). Resampling would register the bands
better, and would smooth the noise of each by another amount: at worst to a quarter of its variance (bilinear).
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
"""Frames kept for the next galaxy in the same field: 12 MB each."""

_FRAME_NAME = re.compile(
    rf"frame-(?P<band>[gri])-(?P<run>\d{{6}})-(?P<camcol>\d)-(?P<field>\d{{4}}){FITS_NAME}", re.IGNORECASE
)
_PACKED_MORE = {".fits": 0, ".fz": 1, ".gz": 2, ".bz2": 3}
_FARTHEST_CORNER_DEG = 0.5
"""No corner of a frame is farther from its reference point (its centre) than this."""


@dataclass(frozen=True)
class Frame:
    """Pixels of a frame, (ny, nx), east to the left of north; and where the sky is in them.

    ``nanomaggies``: in one unit of the pixels.
    """

    pixels: NDArray
    coordinates: TangentPlane
    nanomaggies: float
    synthetic: bool


@dataclass(frozen=True)
class FrameSource(ImageSource):
    """A galaxy in a field: position in degrees, side of the cut-out in pixels. ``paths`` are frames of the field."""

    ra: float
    dec: float
    size_px: int = CUTOUT_PX

    def read(self) -> GalaxyImage:
        """The cut-out, the galaxy within half a pixel of the middle; scale, north and coordinates are the r band's.

        Near the edge of a frame it is as large as fits. Raises UnusableImage where a band is missing or unreadable, and
        where the galaxy is on the edge.
        """
        frames = {_band_of(path): path for path in self.paths}
        if absent := [band for band in BANDS if band not in frames]:
            raise UnusableImage(f"{self.paths[0].name}: the field's frame of band {', '.join(absent)} is missing")
        whole, sizes = {}, []
        for band in BANDS:
            with reading(frames[band]):
                whole[band] = _FRAMES(frames[band])
                sizes.append(_largest_cut(whole[band], self.ra, self.dec))
        size = min(self.size_px, *sizes)
        cuts = {band: _cut(frame, self.ra, self.dec, size) for band, frame in whole.items()}
        pixels, missing = joined([calibrated(cuts[band].pixels, cuts[band].nanomaggies) for band in BANDS])
        r = cuts["r"].coordinates
        return GalaxyImage(
            pixels=pixels,
            arcsec_per_pixel=r.arcsec_per_pixel,
            unit="nanomaggies",
            synthetic=any(cut.synthetic for cut in cuts.values()),
            north_angle_deg=r.north_angle_deg(self.ra, self.dec),
            coordinates=r,
            missing=missing,
        )


def frame_sources(
    folder: Path, galaxy_ids: Iterable[str], ra: ArrayLike, dec: ArrayLike, size_px: int = CUTOUT_PX
) -> dict[str, FrameSource]:
    """Where the frames below a folder show each galaxy; those that lie in no frame are left out.

    Of several fields a complete one (g, r and i there) goes before others, then the one where the galaxy is farther
    from the edge. Headers alone are read, of one band a field, once a process. Positions in degrees; NaN where not
    known. A frame that cannot be read is no error here: the galaxies that need it say so when they are read.
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
        for galaxy in np.flatnonzero(near):
            rank = (len(paths) == len(BANDS), _to_edge(plane, shape, ra[galaxy], dec[galaxy]))
            if rank[1] >= 0 and rank > best.get(galaxy, (False, -1.0)):
                best[galaxy] = rank
                ordered = tuple(paths[band] for band in BANDS if band in paths)
                place = float(ra[galaxy]), float(dec[galaxy])
                sources[ids[galaxy]] = FrameSource("frames", ordered, *place, size_px)
    return sources


def is_frame(file: ImageFile) -> bool:
    """Whether a file is one that `frame_sources` looks for: frames are not looked for in archives."""
    return isinstance(file, Path) and _FRAME_NAME.fullmatch(file.name) is not None


def _band_of(path: Path) -> str:
    return _FRAME_NAME.fullmatch(path.name)["band"].lower()


def _fields(folder: Path) -> list[dict[str, Path]]:
    """The frames of each field by band; of one frame packed in several ways the least packed."""
    fields: dict[tuple[str, ...], dict[str, Path]] = {}
    found = ((path, match) for path in walk_files(folder) if (match := _FRAME_NAME.fullmatch(path.name)))
    for path, match in sorted(found, key=lambda pair: _PACKED_MORE.get(pair[0].suffix.lower(), len(_PACKED_MORE))):
        fields.setdefault(match.group("run", "camcol", "field"), {}).setdefault(_band_of(path), path)
    return [fields[key] for key in sorted(fields)]


def _footprint(paths: Mapping[str, Path]) -> tuple[TangentPlane, tuple[int, int]] | None:
    """Coordinates and shape of a field, by the first of its headers (r, g, i) that can be read."""
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
    """Coordinates and shape by the header alone; of a packed frame only its beginning is unpacked."""
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:  # tells by the content whether it is packed
        frame = _first_image(hdus)
        return _sky(frame), frame.shape


def _first_image(hdus):
    """A packed frame (.fz) begins with an empty primary header."""
    for hdu in hdus:
        if hdu.is_image and hdu.shape:
            return hdu
    raise UnusableImage("holds no image")


def _sky(hdu) -> TangentPlane:
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


def _largest_cut(frame: Frame, ra: float, dec: float) -> int:
    """Side of the largest square, an even number of pixels, around the position. Raises UnusableImage outside."""
    ny, nx = frame.pixels.shape
    edge = np.rint(np.add(frame.coordinates.pixel(ra, dec), 0.5))  # that of the pixel behind the middle
    half = min(*edge, *(np.array([nx, ny]) - edge)) if np.isfinite(edge).all() else 0
    if half < 1:
        raise UnusableImage(f"the galaxy at RA {ra:.4f}, Dec {dec:.4f} is on the frame's edge or outside")
    return 2 * int(half)


def _cut(frame: Frame, ra: float, dec: float, size_px: int) -> Frame:
    """The ``size_px`` square, which must fit, whose middle is closest to the position."""
    x, y = (int(np.rint(value - middle(size_px))) for value in frame.coordinates.pixel(ra, dec))
    pixels = frame.pixels[y : y + size_px, x : x + size_px].copy()  # a view would keep the frame in memory
    return replace(frame, pixels=pixels, coordinates=frame.coordinates.cut(x, y))


def _to_edge(plane: TangentPlane, shape: tuple[int, int], ra: float, dec: float) -> float:
    """Pixels from a position to the nearest edge of an image of this shape; negative outside, or NaN far outside."""
    x, y = plane.pixel(ra, dec)
    return float(min(x + 0.5, shape[1] - 0.5 - x, y + 0.5, shape[0] - 0.5 - y))


def _directions(ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
    """Unit vectors (..., 3) of positions in degrees."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


class _RecentFrames:
    """The frames read last, by file and its time; any thread may ask, and none reads what another is reading."""

    def __init__(self, read: Callable[[Path], Frame], most: int) -> None:
        self._read, self._most, self._lock = read, most, Lock()
        self._frames: OrderedDict[tuple, Future[Frame]] = OrderedDict()

    def __call__(self, path: Path) -> Frame:
        """Raises UnusableImage as ``read`` does, again each time."""
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        with self._lock:
            asked_before = key in self._frames
            frame = self._frames.setdefault(key, Future())
            self._frames.move_to_end(key)
            while len(self._frames) > self._most:
                self._frames.popitem(last=False)
        if not asked_before:
            try:
                frame.set_result(self._read(path))
            except BaseException as error:
                frame.set_exception(error)
        return frame.result()


_FRAMES = _RecentFrames(_read_frame, MAX_FRAMES_IN_MEMORY)
