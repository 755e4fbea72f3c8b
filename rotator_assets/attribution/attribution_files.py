"""FITS files of attribution maps: one per galaxy, with its image and a WCS for both, ready for DS9."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.files import replacing
from rotator_assets.core.fits_files import SYNTHETIC_KEYWORD
from rotator_assets.imaging.centre import middle

if TYPE_CHECKING:
    from astropy.io import fits

Card = tuple[str | float | int | bool, str]
"""Value and comment of a header card."""


@dataclass(frozen=True)
class SkyPlace:
    """Position and orientation of a galaxy's image on the sky; NaN for unknown values.

    ``ra``, ``dec``: of the galaxy, degrees (ICRS). ``north_angle_deg``: position angle of the image's +y axis, degrees
    east of north, with east to the left of north. ``x_pixels``, ``y_pixels``: column and row of the galaxy, 0 at the
    centre of the first pixel; if unknown, the middle of the image is used (`imaging.centre`).
    """

    ra: float = np.nan
    dec: float = np.nan
    arcsec_per_pixel: float = np.nan
    north_angle_deg: float = np.nan
    x_pixels: float = np.nan
    y_pixels: float = np.nan

    def cards(self, shape: tuple[int, int]) -> dict[str, Card]:
        """Return the WCS cards of an image (ny, nx) (Calabretta & Greisen 2002, A&A 395, 1077).

        The projection is gnomonic if everything is known. Otherwise it is linear with the galaxy at the origin, in
        arcsec if the pixel scale is known, else in pixels.
        """
        place = [
            float(value) if np.isfinite(value) else middle(n)
            for value, n in zip((self.x_pixels, self.y_pixels), shape[::-1], strict=True)
        ]
        centre = {f"CRPIX{axis}": (value + 1, "of the galaxy, from 1") for axis, value in enumerate(place, start=1)}
        scale_known = np.isfinite(self.arcsec_per_pixel)
        if not np.isfinite([self.ra, self.dec, self.arcsec_per_pixel, self.north_angle_deg]).all():
            unit, step = ("arcsec", float(self.arcsec_per_pixel)) if scale_known else ("pixel", 1.0)
            axes = {f"CTYPE{axis}": ("LINEAR", "from the galaxy") for axis in (1, 2)}
            units = {f"CUNIT{axis}": (unit, "") for axis in (1, 2)}
            steps = {f"CDELT{axis}": (step, f"{unit} per pixel") for axis in (1, 2)}
            origin = {f"CRVAL{axis}": (0.0, "") for axis in (1, 2)}
            return {"WCSAXES": (2, ""), **axes, **units, **centre, **origin, **steps}
        north = np.radians(self.north_angle_deg)
        step, cos, sin = self.arcsec_per_pixel / 3600, float(np.cos(north)), float(np.sin(north))
        return {
            "WCSAXES": (2, ""),
            "CTYPE1": ("RA---TAN", "gnomonic"),
            "CTYPE2": ("DEC--TAN", "gnomonic"),
            "CUNIT1": ("deg", ""),
            "CUNIT2": ("deg", ""),
            **centre,
            "CRVAL1": (float(self.ra), "[deg] right ascension of the galaxy"),
            "CRVAL2": (float(self.dec), "[deg] declination of the galaxy"),
            "CD1_1": (-step * cos, ""),
            "CD1_2": (step * sin, ""),
            "CD2_1": (step * sin, ""),
            "CD2_2": (step * cos, ""),
            "RADESYS": ("ICRS", ""),
        }


def maps_path(folder: Path) -> Path:
    """Return the path of the maps of a training, float32 (n, ny, nx), for its folder of attributions."""
    return folder / "maps.npy"


def write_attribution(
    folder: Path,
    galaxy_id: str,
    attribution: NDArray[np.float32],
    image: NDArray[np.float32],
    place: SkyPlace,
    cards: Mapping[str, Card],
    image_unit: str,
) -> Path:
    """Write one galaxy's file atomically: the map in the primary HDU, the image in the extension IMAGE.

    Parameters
    ----------
    folder : Path
        Folder of the training's files.
    galaxy_id : str
        Determines the name of the file.
    attribution : float32 (ny, nx)
        The map, in logits.
    image : float32 (ny, nx)
        The galaxy's image.
    place : SkyPlace
        For the WCS of both.
    cards : mapping of str to (value, comment)
        Further cards for the primary header; NaN and infinite values are left out.
    image_unit : str
        Unit of the image, such as nanomaggies.

    Returns
    -------
    Path
        The file.
    """
    from astropy.io import fits

    sky = place.cards(attribution.shape)
    primary = fits.PrimaryHDU(np.asarray(attribution, dtype=np.float32), _header({**cards, **sky}))
    primary.header["BUNIT"] = ("logit", "contribution to the logit of P(fast)")
    primary.header["EXTNAME"] = "ATTRIBUTION"
    image_hdu = fits.ImageHDU(np.asarray(image, dtype=np.float32), _header(sky), name="IMAGE")
    image_hdu.header["BUNIT"] = _printable(image_unit)
    path = folder / _file_name(galaxy_id)
    with replacing(path) as temporary:
        fits.HDUList([primary, image_hdu]).writeto(temporary)
    return path


def explanation_cards(
    logit: float, logit_baseline: float, completeness_error: float, n_steps: int, *, synthetic: bool
) -> dict[str, Card]:
    """Return the header cards that every map has.

    Parameters
    ----------
    logit, logit_baseline
        Logits of P(fast) of the image and of the baseline image.
    completeness_error
        Relative difference of the sum of the map from their difference.
    n_steps
        Number of quadrature points.
    synthetic
        True for maps made from synthetic files.
    """
    return {
        "LOGIT": (float(logit), "logit of the image"),
        "LOGIT0": (float(logit_baseline), "logit of the baseline image"),
        "COMPLERR": (float(completeness_error), "|sum - (LOGIT - LOGIT0)| / |LOGIT - LOGIT0|"),
        "N_STEPS": (int(n_steps), "quadrature points"),
        SYNTHETIC_KEYWORD: (synthetic, "made from synthetic files"),
    }


def remove_other_files(folder: Path, galaxy_ids: Iterable[str]) -> None:
    """Delete the files of galaxies that are not in ``galaxy_ids``."""
    kept = {_file_name(galaxy_id) for galaxy_id in galaxy_ids}
    for path in folder.glob("*.fits"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _file_name(galaxy_id: str) -> str:
    """Return the name of a galaxy's file, percent-encoded so that every ``galaxy_id`` gives a valid, unique name."""
    return f"{quote(str(galaxy_id), safe='').replace('.', '%2E')}.fits"


def _header(cards: Mapping[str, Card]) -> fits.Header:
    from astropy.io import fits

    header = fits.Header()
    for key, (value, comment) in cards.items():
        if isinstance(value, str):
            value = _printable(value)
        elif not np.isfinite(value):
            continue
        header[key] = (value, comment)
    return header


def _printable(text: str) -> str:
    """Replace characters that FITS headers do not allow: all but printable ASCII."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
