"""Cut-outs of plain cubes, several at once, so that NumPy works on all of them instead of one after the other.

Only images that pass every check are made here, with the same functions. All others are left to `cutouts.make_cutout`,
which finds the reason why one cannot be used; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.archives import ImageFile, opened
from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.coordinates import TangentPlane
from rotator_assets.imaging.cropping import central, check_size
from rotator_assets.imaging.cutouts import Cutout, Treatment, conditions_of, expected_scale
from rotator_assets.imaging.fits_images import MAX_VALUES, common_coordinates, of_plain
from rotator_assets.imaging.image_checks import MAX_OFFSET_PX, check_scale, offset_px
from rotator_assets.imaging.images import cube_bands
from rotator_assets.imaging.missing import surely_complete
from rotator_assets.imaging.plain_fits import PlainHeader, PlainImage, read_plain

AT_ONCE = 8
"""More images do not fit in a processor's cache."""


@dataclass(frozen=True)
class _Common:
    """What a header tells about its image, apart from the position.

    Attributes
    ----------
    bands
        Selects g, r and i from the planes of the file.
    nanomaggies
        Nanomaggies per unit of the stored values in g, r, i.
    coordinates
        Celestial coordinates with any position.
    mirrored
        Whether the columns are in reverse order in the file.
    synthetic
        Whether the file is marked as synthetic.
    """

    bands: slice | list[int]
    nanomaggies: list[float]
    coordinates: TangentPlane
    mirrored: bool
    synthetic: bool


def plain_cutouts(
    files: Sequence[ImageFile], ra: NDArray[np.float64], dec: NDArray[np.float64], treatment: Treatment
) -> list[Cutout | None]:
    """Return the cut-outs of observed galaxies in plain cubes; None for each image that needs a closer look.

    Parameters
    ----------
    files
        One cube per galaxy, (n,).
    ra, dec
        Catalogue positions in degrees, (n,); NaN if unknown.
    treatment
        How the dataset's images are made.

    Returns
    -------
    list of Cutout or None
        What `cutouts.make_cutout` returns, or None, (n,).
    """
    cutouts: list[Cutout | None] = [None] * len(files)
    for start in range(0, len(files), AT_ONCE):
        images = {n: image for n in range(start, min(start + AT_ONCE, len(files))) if (image := _plain(files[n]))}
        for header in dict.fromkeys(image.header for image in images.values()):
            common = _common(header, treatment)
            if common is not None:
                chosen = [n for n, image in images.items() if image.header is header]
                made = _made([images[n] for n in chosen], common, ra[chosen], dec[chosen], treatment)
                for n, cutout in zip(chosen, made, strict=True):
                    cutouts[n] = cutout
    return cutouts


def _plain(file: ImageFile) -> PlainImage | None:
    """Return the content of a plain file with a position in degrees; None for any other."""
    try:
        with opened(file) as content:
            image = read_plain(content, MAX_VALUES)
    except (OSError, UnusableImage):
        return None
    at = [] if image is None else [image.position.get(key) for key in ("CRVAL1", "CRVAL2")]
    return image if [type(value) for value in at] == [float, float] else None


@lru_cache(maxsize=64)
def _common(header: PlainHeader, treatment: Treatment) -> _Common | None:
    """Return what the files with a header have in common; None if any of it is unusual or unusable."""
    coordinates = common_coordinates(header)
    if len(header.shape) != 3 or coordinates is None:
        return None
    try:
        image = of_plain(PlainImage(np.zeros(header.shape, np.float32), header, {"CRVAL1": 0.0, "CRVAL2": 0.0}))
        order, nanomaggies = cube_bands(image, simulated=False)
        check_size(image.planes[0], treatment.crop_px)
        check_scale(coordinates.arcsec_per_pixel, expected_scale(treatment))
    except UnusableImage:
        return None
    bands = slice(0, 3) if order == [0, 1, 2] else order
    return _Common(bands, nanomaggies, image.coordinates or coordinates, coordinates.is_mirrored, image.synthetic)


def _made(
    images: list[PlainImage],
    common: _Common,
    ra: NDArray[np.float64],
    dec: NDArray[np.float64],
    treatment: Treatment,
) -> list[Cutout | None]:
    """Return the cut-outs of files that have the same header apart from the position."""
    ny, nx = shape = images[0].header.shape[1:]
    planes = np.empty((len(images), 3, ny, nx), np.float32)
    for target, image in zip(planes, images, strict=True):
        stored = image.stored[common.bands]
        target[...] = stored[..., ::-1] if common.mirrored else stored
    rows, columns = central(shape, treatment.crop_px)
    pixels = np.empty((len(images), treatment.crop_px, treatment.crop_px, 3), np.float32)
    for band, factor in enumerate(common.nanomaggies):
        crop = planes[:, band, rows, columns]
        pixels[..., band] = crop if factor == 1 else crop * np.float64(factor)
    ra0, dec0 = np.array([[image.position[key] for image in images] for key in ("CRVAL1", "CRVAL2")], np.float64)
    coordinates = replace(common.coordinates, ra=ra0, dec=dec0)
    x, y = coordinates.pixel(ra, dec)
    usable = surely_complete(planes, False, (rows, columns)) & (offset_px(shape, x, y) <= MAX_OFFSET_PX)
    usable &= np.isfinite(pixels).all(axis=(1, 2, 3)) & (pixels[:, 0, 0] != pixels[:, -1, -1]).all(axis=1)
    usable &= np.abs(dec0) <= 90
    scale, north = common.coordinates.arcsec_per_pixel, coordinates.north_angle_deg()
    return [
        Cutout(
            pixels[n],
            conditions_of("nanomaggies", scale, float(north[n]), (), (float(x[n]), float(y[n])), shape, treatment)
            | {"filled_fraction": 0.0},
            common.synthetic,
        )
        if usable[n]
        else None
        for n in range(len(images))
    ]
