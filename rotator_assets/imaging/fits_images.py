"""Read the images in a FITS file: native pixels of each plane, with their keywords and coordinates."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import UnusableImage
from rotator_assets.core.fits_files import SYNTHETIC_KEYWORD, check_complete
from rotator_assets.imaging.bands import BANDS, band_letter, extension_band, is_image_name, named_bands
from rotator_assets.imaging.coordinates import TangentPlane
from rotator_assets.imaging.keywords import Keywords, inherited, number, own_keywords, text
from rotator_assets.imaging.photometric_units import parse_unit
from rotator_assets.imaging.plain_fits import PlainHeader, PlainImage, read_plain

MAX_VALUES = 4096 * 4096 * 3
"""Larger images are refused before their pixels are read. A cut-out of one galaxy is a few hundred pixels wide."""

_WEIGHTS = {"ivar", "invvar", "weight", "weights", "weightmap", "wht", "wt", "expmap", "exposure", "coverage", "nexp"}
_MASKS = {"mask", "maskbits", "msk", "bitmask", "dq", "quality", "flag", "flags", "bpm", "badpix"}
_ERRORS = {"err", "error", "errors", "sigma", "std", "rms", "var", "variance", "unc", "uncert", "uncertainty", "noise"}
_OTHERS = {"psf", "model", "background", "bkg", "residual", "residuals", "resid", "chi", "snr", "segm", "segmentation"}
"""Words in the names of extensions that do not hold an image of the galaxy."""
_LINEAR_SPECTRA = re.compile(r"(WAVE|AWAV|FREQ|ENER|LAMBDA|WAVELENGTH)?", re.IGNORECASE)
_WAVELENGTHS = ("WAVELENGTH", "WAVELENGTHS", "LAMBDA")
_NUMBERED_WAVELENGTH = re.compile(r"(WAVE|WAVELEN|WAVELN|LAMBDA|LAM)_?\d")


@dataclass(frozen=True)
class FitsImage:
    """One image of a FITS file.

    Attributes
    ----------
    planes
        (n, ny, nx), mirrored back if the image was mirrored; n is 1 for a flat image.
    keywords
        Its own and, in an extension, the inherited keywords.
    coordinates
        Celestial coordinates, None if the header has none.
    wavelengths_um
        Wavelengths of the planes in micron, None if the file does not give them.
    weights
        (n, ny, nx) or (ny, nx), None if no extension holds weights.
    unread
        Names of extensions with masks or flags that are not read.
    synthetic
        Whether the file is marked as synthetic.
    header
        The same object for plain files whose headers differ only in the position of the galaxy; None for others.
    """

    planes: NDArray[Any]
    keywords: Keywords
    coordinates: TangentPlane | None
    wavelengths_um: tuple[float, ...] | None
    weights: NDArray[Any] | None
    unread: tuple[str, ...]
    synthetic: bool
    header: PlainHeader | None = None


def read_fits(content: IO[bytes]) -> FitsImage | dict[str, FitsImage]:
    """Return the first image of an open file, or flat images by band where extensions are named g, r and i.

    Integers become floats, with NaN in place of ``BLANK``. Raises UnusableImage with the reason, and any error that
    astropy raises on damaged files.
    """
    plain = read_plain(content, MAX_VALUES)
    if plain is not None:
        return of_plain(plain)
    content.seek(0)
    return read_any(content)


def read_any(content: IO[bytes]) -> FitsImage | dict[str, FitsImage]:
    """Do the work of `read_fits` for any file, by astropy."""
    from astropy.io import fits

    with fits.open(content, memmap=False, do_not_scale_image_data=True) as hdus:
        check_complete(content, hdus)
        images = _images(hdus)
        primary = own_keywords(hdus[0].header)
        by_band = _by_extension(images) if len(images[0].shape) == 2 else {}
        if by_band:
            return {band: _image(hdu, hdus, primary) for band, hdu in by_band.items()}
        return _image(images[0], hdus, primary)


def fits_shape(content: IO[bytes]) -> tuple[int, int]:
    """Return (ny, nx) of the first image of an open file, from its header. Raises as `read_fits` does."""
    from astropy.io import fits

    with fits.open(content, memmap=False, do_not_scale_image_data=True) as hdus:
        ny, nx = _images(hdus)[0].shape[-2:]
        return int(ny), int(nx)


def of_plain(image: PlainImage) -> FitsImage:
    """Return a plain image as `read_any` does. Raises UnusableImage for the same reasons."""
    keywords = image.header.keywords | image.position
    planes = image.stored.astype(np.float32)
    planes = planes if planes.ndim == 3 else planes[None]
    coordinates = _coordinates(image, keywords)
    if coordinates is not None and coordinates.is_mirrored:
        planes, coordinates = np.ascontiguousarray(planes[..., ::-1]), coordinates.mirrored(planes.shape[-1])
    wavelengths = _wavelengths_of(image.header) if len(planes) > 1 else None
    synthetic = keywords.get(SYNTHETIC_KEYWORD) is True
    return FitsImage(planes, keywords, coordinates, wavelengths, None, (), synthetic, image.header)


def _coordinates(image: PlainImage, keywords: Keywords) -> TangentPlane | None:
    """Do the work of `TangentPlane.from_header`, once for all headers that differ only in the position, in degrees."""
    ra, dec = (image.position.get(key) for key in ("CRVAL1", "CRVAL2"))
    common = common_coordinates(image.header)
    if common is None or not (type(ra) is float and type(dec) is float and abs(dec) <= 90):
        return TangentPlane.from_header(keywords)
    return TangentPlane(ra, dec, common.x, common.y, common.matrix)


@lru_cache(maxsize=64)
def common_coordinates(header: PlainHeader) -> TangentPlane | None:
    """Return the coordinates in a header without a position; None if its axes are not RA and Dec in degrees."""
    in_degrees = all(text(header.keywords, key) in ("", "deg") for key in ("CUNIT1", "CUNIT2"))
    if not (in_degrees and text(header.keywords, "CTYPE1").startswith("RA")):
        return None
    return TangentPlane.from_header(header.keywords)


@lru_cache(maxsize=64)
def _wavelengths_of(header: PlainHeader) -> tuple[float, ...] | None:
    return _wavelengths_um(header.keywords, (), header.shape[0])


def _images(hdus: Any) -> list[Any]:
    """Return the images of the galaxy, without weights, masks and the like. Raises UnusableImage if there is none."""
    arrays = [hdu for hdu in hdus if hdu.is_image and len(hdu.shape) >= 2]
    images = [hdu for hdu in arrays if not _words(hdu) & (_WEIGHTS | _MASKS | _ERRORS | _OTHERS)]
    if not images:
        there = f"; it has {', '.join(hdu.name for hdu in arrays)}" if arrays else ""
        raise UnusableImage(f"holds no image{there}")
    return images


def _by_extension(images: list[Any]) -> dict[str, Any]:
    """Return the flat images of g, r and i, named by ``EXTNAME`` or by ``FILTER`` or ``BAND`` in their headers.

    A single band does not count as a set.
    """
    found: dict[str, Any] = {}
    for hdu in images:
        letter = _band(hdu) if len(hdu.shape) == 2 else None
        if letter in tuple(BANDS):
            if letter in found:
                raise UnusableImage(f"has two extensions of band {letter}, {found[letter].name} and {hdu.name}")
            found[letter] = hdu
    if len(found) > 1 and (absent := [band for band in BANDS if band not in found]):
        raise UnusableImage(f"has no extension of band {', '.join(absent)}; it has {', '.join(h.name for h in images)}")
    return found if len(found) > 1 else {}


def _band(hdu: Any) -> str | None:
    if (letter := extension_band(hdu.name)) or not is_image_name(hdu.name):
        return letter
    keywords = own_keywords(hdu.header)
    return band_letter(text(keywords, "FILTER")) or band_letter(text(keywords, "BAND"))


def _words(hdu: Any) -> set[str]:
    return set(re.findall(r"[a-z]+", hdu.name.casefold()))


def _image(hdu: Any, hdus: Any, primary: Keywords) -> FitsImage:
    if math.prod(hdu.shape) > MAX_VALUES:
        raise UnusableImage(f"has shape {hdu.shape}, too large for a cut-out of one galaxy")
    if len(hdu.shape) > 3:
        raise UnusableImage(f"has shape {hdu.shape}, a cube (band, y, x) is needed")
    keywords = primary
    if hdu is not hdus[0]:
        own = own_keywords(hdu.header)
        if not hdus[0].shape:
            _check_agree(own, primary, math.prod(hdu.shape[:-2]))
        keywords = inherited(own, primary)
    planes = image_values(hdu, keywords)
    planes = planes if planes.ndim == 3 else planes[None]
    weights, unread = _weights(hdu, hdus)
    coordinates = TangentPlane.from_header(keywords)
    if coordinates is not None and coordinates.is_mirrored:
        planes, coordinates = planes[..., ::-1], coordinates.mirrored(planes.shape[-1])
        weights = None if weights is None else weights[..., ::-1]
    wavelengths = _wavelengths_um(keywords, hdus, len(planes)) if len(planes) > 1 else None
    synthetic = primary.get(SYNTHETIC_KEYWORD) is True
    return FitsImage(planes, keywords, coordinates, wavelengths, weights, unread, synthetic)


def image_values(hdu: Any, keywords: Keywords) -> NDArray[Any]:
    """Return the values of an image opened unscaled: stored values times ``BSCALE`` plus ``BZERO``, NaN for ``BLANK``.

    astropy ignores a ``BLANK`` of 0, and any in unsigned integers. The standard gives ``BLANK`` no meaning in floats,
    but files that set it there mean that value.
    """
    stored = hdu.data
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    scale, zero = (number(keywords, key) for key in ("BSCALE", "BZERO"))
    blank = number(keywords, "BLANK")
    if scale in (None, 1.0) and zero in (None, 0.0) and (blank is None or not (stored == blank).any()):
        return stored
    values = stored.astype(np.float32 if stored.dtype.itemsize < 4 or stored.dtype == np.float32 else np.float64)
    values *= 1.0 if scale is None else scale
    values += 0.0 if zero is None else zero
    if blank is not None:
        values[stored == blank] = np.nan
    return values


def _weights(image: Any, hdus: Any) -> tuple[NDArray[Any] | None, tuple[str, ...]]:
    """Return the weights of an image's pixels (inverse variances, exposure), and the names of its masks.

    If the image and an extension are both named after a band, the bands must match. A weight of 0 always means no
    measurement, and so does an error of NaN. The meaning of mask bits differs between surveys, and many flag good
    pixels.
    """
    weights, unread = None, []
    band = extension_band(image.name)
    for hdu in hdus[1:]:
        words = _words(hdu)
        others = {letter for word in words if (letter := band_letter(word)) in tuple(BANDS)}
        if hdu is image or not hdu.is_image or hdu.shape[-2:] != image.shape[-2:] or (band and others - {band}):
            continue
        if words & _WEIGHTS and hdu.shape in (image.shape, image.shape[-2:]):
            weights = image_values(hdu, own_keywords(hdu.header))
        elif words & _ERRORS and weights is None and hdu.shape in (image.shape, image.shape[-2:]):
            weights = np.isfinite(image_values(hdu, own_keywords(hdu.header)))
        elif words & _MASKS:
            unread.append(hdu.name)
    return weights, tuple(unread)


def _check_agree(own: Keywords, primary: Keywords, n_planes: int) -> None:
    """Raise UnusableImage if an extension and the primary header give different units or bands.

    The check is skipped if the extension sets ``INHERIT``.
    """
    if "INHERIT" in own:
        return
    units = [text(keywords, "BUNIT") for keywords in (own, primary)]
    if all(units) and units[0] != units[1] and parse_unit(units[0]) != parse_unit(units[1]):
        raise UnusableImage(f"BUNIT is '{units[0]}' in the image's header and '{units[1]}' in the primary header")
    here, above = (named_bands(keywords, n_planes) for keywords in (own, primary))
    if here and above and any(band_letter(here[n]) != band_letter(above[n]) for n in here.keys() & above.keys()):
        raise UnusableImage("the image's header and the primary header name the bands in two ways")


def _wavelengths_um(keywords: Keywords, hdus: Any, n_planes: int) -> tuple[float, ...] | None:
    """Return the wavelengths of the planes in micron, from SKIRT's table (``GRID_POINTS``) or a spectral third axis."""
    from astropy import units

    for hdu in hdus:
        names = hdu.columns.names if not hdu.is_image and hdu.columns else []
        if name := next((name for name in names if _has_wavelengths(name, hdu, n_planes)), None):
            column = hdu.columns[name]
            unit = str(column.unit or "").strip() or text(keywords, "CUNIT3")
            values = np.asarray(hdu.data[name], dtype=float)
            if len(values) != n_planes:
                raise UnusableImage(f"has {n_planes} planes and {len(values)} wavelengths ({name})")
            break
    else:
        kind, unit = text(keywords, "CTYPE3"), text(keywords, "CUNIT3")
        if not _is_spectral(kind, unit):
            numbered = [key for key in keywords if _NUMBERED_WAVELENGTH.fullmatch(key)]
            if len(numbered) == n_planes and not named_bands(keywords, n_planes):
                raise UnusableImage(f"its wavelengths ({', '.join(numbered)}) have no unit; name its bands (BANDS)")
            return None
        unit = unit or ("Hz" if kind.upper().startswith("FREQ") else "m")
        start, step, at = (number(keywords, key) for key in ("CRVAL3", "CDELT3", "CRPIX3"))
        step = number(keywords, "CD3_3") if step is None else step
        if start is None or step is None:
            if named_bands(keywords, n_planes):
                return None
            raise UnusableImage(
                "its third axis is spectral (CTYPE3), but CRVAL3 and CDELT3 do not give its wavelengths"
            )
        step *= number(keywords, "PC3_3") or 1.0
        if not _LINEAR_SPECTRA.fullmatch(kind):
            raise UnusableImage(f"its third axis is {kind} (CTYPE3), a linear axis of wavelengths is needed")
        values = start + (np.arange(1, n_planes + 1) - (1.0 if at is None else at)) * step
    parsed = parse_unit(unit)
    try:
        return tuple(units.Quantity(values, parsed).to_value("micron", units.spectral()).tolist())
    except (units.UnitConversionError, TypeError):
        raise UnusableImage(f"its wavelengths are in '{unit}', which is not a unit of wavelength") from None


def _has_wavelengths(column: str, table: Any, n_planes: int) -> bool:
    """Return whether a column is SKIRT's, or has such a name and one value per plane, which excludes spectra."""
    return column == "GRID_POINTS" or (column.upper() in _WAVELENGTHS and len(table.data) == n_planes)


def _is_spectral(kind: str, unit: str) -> bool:
    """Return whether an axis holds wavelengths, frequencies or energies, by its ``CTYPE``, else by its unit."""
    if kind:
        return kind[:4].upper() in ("WAVE", "AWAV", "FREQ", "ENER", "LAMB")
    parsed = parse_unit(unit) if unit else None
    return parsed is not None and parsed.physical_type in ("length", "frequency")
