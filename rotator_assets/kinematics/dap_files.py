"""Read MAPS files of MaNGA's data analysis pipeline (DAP; Westfall et al. 2019, AJ 158, 231).

Only the extensions needed are read, and only if their size is plausible for maps of one galaxy.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.compressed import unpacked
from rotator_assets.core.errors import UnusableKinematics
from rotator_assets.core.fits_files import check_complete


class PixelMask(IntFlag):
    """Bits of MANGA_DAPPIXMASK, used in the mask of every map."""

    NOCOV = 1 << 0
    LOWCOV = 1 << 1
    DEADFIBER = 1 << 2
    FORESTAR = 1 << 3
    NOVALUE = 1 << 4
    UNRELIABLE = 1 << 5
    MATHERROR = 1 << 6
    FITFAILED = 1 << 7
    NEARBOUND = 1 << 8
    NOCORRECTION = 1 << 9
    MULTICOMP = 1 << 10
    DONOTUSE = 1 << 30


@dataclass(frozen=True)
class MapsLayout:
    """Layout of a release's MAPS files; a new release needs another entry in ``LAYOUTS``. Other fields name extensions.

    Attributes
    ----------
    release
        Name of the release.
    daptypes
        Binning and templates as in file names, in order of preference.
    flux_band
        Band over which ``flux`` is averaged.
    correction_channel
        Channel of the dispersion's instrumental correction; None if the extension is a single map.
    n_elliptical
        Number of channels of the elliptical coordinates.
    bin_channel
        Channel of the bins of the stellar kinematics.
    rejected
        Mask bits that exclude a spaxel (the default of Marvin, Cherinka et al. 2019, AJ 158, 74).
    """

    release: str
    daptypes: tuple[str, ...]
    flux_band: str
    correction_channel: int | None
    n_elliptical: int
    sky: str = "SPX_SKYCOO"
    elliptical: str = "SPX_ELLCOO"
    flux: str = "SPX_MFLUX"
    bins: str = "BINID"
    bin_channel: int = 1
    velocity: str = "STELLAR_VEL"
    dispersion: str = "STELLAR_SIGMA"
    correction: str = "STELLAR_SIGMACORR"
    rejected: PixelMask = PixelMask.NOCOV | PixelMask.UNRELIABLE | PixelMask.DONOTUSE


LAYOUTS = (
    MapsLayout(
        release="DR17",
        daptypes=(
            "HYB10-MILESHC-MASTARSSP",
            "HYB10-MILESHC-MASTARHC2",
            "VOR10-MILESHC-MASTARSSP",
            "SPX-MILESHC-MASTARSSP",
        ),
        flux_band="g band, weighted by its response",
        correction_channel=0,
        n_elliptical=4,
    ),
    MapsLayout(
        release="DR15",
        daptypes=("HYB10-GAU-MILESHC", "VOR10-GAU-MILESHC"),
        flux_band="r band, 5600 to 6750 Angstrom",
        correction_channel=None,
        n_elliptical=3,
    ),
)
"""Newest first. Files of DR16 have the layout of DR15."""

MAX_UNPACKED_BYTES = 500_000_000
"""A file of the largest IFU has about 100 MB."""
MAX_VALUES = 1 << 22
"""Files with larger images are refused before they are read. 50 channels of the largest IFU are 300 000 values."""
MAX_EXTENSIONS = 300
"""Later extensions are ignored; published files have about 60."""
MAX_SPEED_KM_S = 5000.0
"""Larger values are not velocities (relative to the input redshift) or dispersions that the fits can return."""

_FITS_MAGIC = b"SIMPLE"


@dataclass(frozen=True)
class DapMaps:
    """Maps of a file that lambda_R needs: float64 (ny, nx), except ``bin_id`` (integer) and ``usable`` (bool).

    Attributes
    ----------
    release
        Release whose layout the file has.
    header
        Primary header.
    east_arcsec, north_arcsec
        Offsets from the galaxy's centre in arcsec.
    flux
        In 1e-17 erg/s/cm^2/Angstrom/spaxel, in the band of the release.
    velocity, observed_dispersion, instrumental_dispersion
        In km/s; the dispersion as observed, and its instrumental part.
    velocity_error, observed_dispersion_error
        In km/s; NaN if unknown.
    bin_id
        Number of the bin, negative for none.
    usable
        False where any map is masked or has no meaning.
    """

    release: str
    header: Mapping[str, Any]
    east_arcsec: NDArray[np.float64]
    north_arcsec: NDArray[np.float64]
    flux: NDArray[np.float64]
    velocity: NDArray[np.float64]
    velocity_error: NDArray[np.float64]
    observed_dispersion: NDArray[np.float64]
    observed_dispersion_error: NDArray[np.float64]
    instrumental_dispersion: NDArray[np.float64]
    bin_id: NDArray[np.integer]
    usable: NDArray[np.bool_]


def read_maps(path: Path) -> DapMaps:
    """Read the maps of one FITS file in any compression; the release follows from the shapes of its maps.

    Raises UnusableKinematics with the file's name and the reason.
    """
    with naming(path), _opened(path) as file:
        layout = _layout_of(file)
        velocity, dispersion = file.plane(layout.velocity), file.plane(layout.dispersion)
        maps = {
            "east_arcsec": file.plane(layout.sky, 0),
            "north_arcsec": file.plane(layout.sky, 1),
            "flux": file.plane(layout.flux),
            "velocity": velocity,
            "observed_dispersion": dispersion,
            "instrumental_dispersion": file.plane(layout.correction, layout.correction_channel),
        }
        errors = {
            "velocity_error": file.errors(layout.velocity),
            "observed_dispersion_error": file.errors(layout.dispersion),
        }
        bin_id = file.whole_numbers(layout.bins, layout.bin_channel)
        masks = [file.mask(layout.velocity), file.mask(layout.dispersion)]
        shapes = sorted({plane.shape for plane in (*maps.values(), *errors.values(), bin_id, *masks)})
        if len(shapes) > 1:
            raise UnusableKinematics(f"its maps have different shapes: {', '.join(map(str, shapes))}")
        usable = np.all([np.isfinite(plane) for plane in maps.values()], axis=0) & (maps["flux"] > 0) & (bin_id >= 0)
        usable &= (np.abs(velocity) < MAX_SPEED_KM_S) & (dispersion >= 0) & (dispersion < MAX_SPEED_KM_S)
        for mask in masks:
            usable &= (mask & int(layout.rejected)) == 0
        return DapMaps(layout.release, file.header, **maps, **errors, bin_id=bin_id, usable=usable)


@contextmanager
def naming(path: Path) -> Generator[None]:
    """Turn any error raised in the block into an UnusableKinematics that begins with the file's name."""
    try:
        yield
    except UnusableKinematics as error:
        raise type(error)(f"{path.name}: {error}") from None
    except Exception as error:  # parsers of damaged files raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnusableKinematics(f"{path.name}: cannot be read ({reason})") from error


class _OpenFile:
    """Extensions of an open FITS file by name; all sizes are checked before any data are read."""

    def __init__(self, hdus: Any) -> None:
        self.header: Mapping[str, Any] = hdus[0].header
        self._by_name: dict[str, Any] = {}
        for hdu in islice(hdus, MAX_EXTENSIONS):
            if hdu.is_image and math.prod(hdu.shape) > MAX_VALUES:
                raise UnusableKinematics(f"{hdu.name} has shape {hdu.shape}, too large for maps of one galaxy")
            self._by_name.setdefault(hdu.name, hdu)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an image extension."""
        hdu = self._by_name.get(name)
        if hdu is None or not hdu.is_image:
            raise UnusableKinematics(f"has no extension {name}: is it a MAPS file of the stellar kinematics?")
        return hdu.shape

    def plane(self, name: str, channel: int | None = None) -> NDArray[np.float64]:
        """Return one map of an extension as float64 (ny, nx); ``channel`` is None if it is the only one."""
        return self._read(name, channel).astype(np.float64)

    def whole_numbers(self, name: str, channel: int | None = None) -> NDArray[np.integer]:
        """Return one map of bins or bits as int64."""
        data = self._read(name, channel)
        if data.dtype.kind not in "iu":
            raise UnusableKinematics(f"{name} holds {data.dtype.name}, whole numbers are needed")
        return data.astype(np.int64)

    def mask(self, name: str) -> NDArray[np.integer]:
        """Return the mask bits of a map."""
        return self.whole_numbers(self._companion(name, "QUALDATA", "MASK"))

    def errors(self, name: str) -> NDArray[np.float64]:
        """Return the standard deviations of a map; NaN if there is no positive inverse variance."""
        extension = self._companion(name, "ERRDATA", "IVAR")
        if extension not in self._by_name:
            return np.full(self.shape(name), np.nan)
        inverse_variance = self.plane(extension)
        known = np.isfinite(inverse_variance) & (inverse_variance > 0)
        return np.where(known, 1 / np.sqrt(np.where(known, inverse_variance, 1.0)), np.nan)

    def _companion(self, name: str, key: str, ending: str) -> str:
        """Return the extension with the mask or the errors of a map: named in its header, else ``<name>_<ending>``."""
        named = str(self._by_name[name].header.get(key, "")).strip().upper()
        return named if named in self._by_name else f"{name}_{ending}"

    def _read(self, name: str, channel: int | None) -> NDArray[Any]:
        shape = self.shape(name)
        if len(shape) != (2 if channel is None else 3) or (channel is not None and channel >= shape[0]):
            expected = "(ny, nx)" if channel is None else f"(at least {channel + 1}, ny, nx)"
            raise UnusableKinematics(f"{name} has shape {shape}, {expected} is needed")
        data = self._by_name[name].data
        return data if channel is None else data[channel]


@contextmanager
def _opened(path: Path) -> Generator[_OpenFile]:
    from astropy.io import fits

    with unpacked(path, MAX_UNPACKED_BYTES) as content:
        if content.read(len(_FITS_MAGIC)) != _FITS_MAGIC:
            raise UnusableKinematics("is not a FITS file")
        content.seek(0)
        with fits.open(content, memmap=False) as hdus:
            file = _OpenFile(hdus)
            check_complete(content, islice(hdus, MAX_EXTENSIONS))
            yield file


def _layout_of(file: _OpenFile) -> MapsLayout:
    """Return the layout that matches the shapes of the file."""
    for layout in LAYOUTS:
        correction = file.shape(layout.correction)
        elliptical = file.shape(layout.elliptical)
        n_axes = 2 if layout.correction_channel is None else 3
        if len(correction) == n_axes and elliptical[:-2] == (layout.n_elliptical,):
            return layout
    known = ", ".join(layout.release for layout in LAYOUTS)
    last = LAYOUTS[-1]
    shapes = ", ".join(f"{name} has shape {file.shape(name)}" for name in (last.correction, last.elliptical))
    raise UnusableKinematics(f"does not have the layout of a known release ({known}): {shapes}")
