"""Celestial coordinates of images: where a galaxy lies in one, how large its pixels are, and where north is.

Read from the header's keywords: ``astropy.wcs`` gives the same (a test holds that) and takes longer than a small image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.errors import UnusableImage

_PLANES = ("TAN", "SIN", "ARC", "STG", "ZEA", "TPV")
"""Projections that are the gnomonic one (TAN) to 0.001 arcsec within 0.1 degrees of their reference point."""
_STEP_DEG = 1e-4


@dataclass(frozen=True)
class TangentPlane:
    """Gnomonic projection of the sky on the pixels of an image (Calabretta & Greisen 2002, A&A 395, 1077).

    The reference point, ``ra`` and ``dec`` in degrees, lies at pixel ``x``, ``y`` (columns and rows, counted from 0 at
    the centre of the first). ``matrix``: ((a, b), (c, d)) in degrees a pixel; a step of dx, dy pixels leads
    a dx + b dy east and c dx + d dy north on the plane.
    """

    ra: float
    dec: float
    x: float
    y: float
    matrix: tuple[tuple[float, float], tuple[float, float]]

    @classmethod
    def from_header(cls, header: Mapping) -> TangentPlane | None:
        """Of a FITS header with right ascension and declination on its first two axes, in either order; else None.

        Distortions (SIP) are left out. Raises UnusableImage where the keywords have no inverse or are not finite.
        """
        types = [re.fullmatch(r"(RA|DEC)-+([A-Z]{3})(-SIP)?", str(header.get(f"CTYPE{i}", "")).strip()) for i in (1, 2)]
        if not all(types) or {t[1] for t in types} != {"RA", "DEC"} or types[0][2] not in _PLANES:
            return None
        if header.get("LONPOLE", 180.0) != 180.0:  # a turned plane: legal, and never seen in a cut-out
            return None
        matrix = pixel_matrix(header)
        reference = [float(header.get(f"CRVAL{i}", 0.0)) for i in (1, 2)]
        if types[0][1] == "DEC":
            matrix, reference = matrix[::-1], reference[::-1]
        pixel = [float(header.get(f"CRPIX{i}", 0.0)) - 1 for i in (1, 2)]
        if not np.isfinite([*reference, *pixel]).all() or abs(reference[1]) > 90:
            raise UnusableImage("its celestial coordinates (CRVAL, CRPIX) are no position")
        return cls(*reference, *pixel, tuple(map(tuple, matrix.tolist())))

    @property
    def arcsec_per_pixel(self) -> float:
        """Side of a pixel: the root of its area, |det matrix|."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix)))) * 3600

    @property
    def is_mirrored(self) -> bool:
        """True where east is to the right of north, unlike the sky as it is seen."""
        return bool(np.linalg.det(self.matrix) > 0)

    def mirrored(self, nx: int) -> TangentPlane:
        """The coordinates of ``image[:, ::-1]``, of an image with ``nx`` columns."""
        (a, b), (c, d) = self.matrix
        return replace(self, x=nx - 1 - self.x, matrix=((-a, b), (-c, d)))

    def cut(self, x: int, y: int) -> TangentPlane:
        """The coordinates of ``image[y:, x:]``."""
        return replace(self, x=self.x - x, y=self.y - y)

    def pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x and y (columns and rows from 0) of positions in degrees; NaN more than 89 degrees from the reference."""
        ra, dec, ra0, dec0 = (np.radians(value) for value in (ra, dec, self.ra, self.dec))
        height = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(ra - ra0)
        height = np.where(height > np.cos(np.radians(89)), height, np.nan)
        east = np.cos(dec) * np.sin(ra - ra0) / height
        north = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(ra - ra0)) / height
        dx, dy = np.tensordot(np.linalg.inv(self.matrix), np.degrees([east, north]), axes=1)
        return self.x + dx, self.y + dy

    def north_angle_deg(self, ra: float | None = None, dec: float | None = None) -> float:
        """Position angle of the +y axis, degrees east of north in [0, 360), at a position (default: the reference).

        With east to the left of north this is the angle, counterclockwise in the picture, from north to +y: a
        position angle on the sky minus it is the angle in the picture, counterclockwise from +y.
        """
        ra, dec = (self.ra, self.dec) if ra is None or dec is None else (ra, dec)
        inwards = -_STEP_DEG if dec > 0 else _STEP_DEG  # never over a pole
        (x0, x1), (y0, y1) = self.pixel([ra, ra], [dec, dec + inwards])
        north = np.arctan2((y1 - y0) * inwards, (x1 - x0) * inwards)
        angle = 90 - np.degrees(north)
        return float((-angle if self.is_mirrored else angle) % 360)


def pixel_matrix(header: Mapping) -> NDArray[np.float64]:
    """Degrees a pixel, (2, 2): the world axes by the pixel axes, from CD, or CDELT and PC or CROTA2.

    Greisen & Calabretta 2002, A&A 395, 1061. Raises UnusableImage where it has no inverse or is not finite.
    """
    axes = (1, 2)
    if any(f"CD{i}_{j}" in header for i in axes for j in axes):
        matrix = np.array([[float(header.get(f"CD{i}_{j}", 0.0)) for j in axes] for i in axes])
    else:
        step = np.array([float(header.get(f"CDELT{i}", 1.0)) for i in axes])
        if any(f"PC{i}_{j}" in header for i in axes for j in axes):
            turn = np.array([[float(header.get(f"PC{i}_{j}", i == j)) for j in axes] for i in axes])
            matrix = step[:, None] * turn
        else:
            angle = np.radians(float(header.get("CROTA2", 0.0)))
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            matrix = turn * step[None, :]
    if not np.isfinite(matrix).all() or np.linalg.det(matrix) == 0:
        raise UnusableImage("its celestial coordinates (CD, CDELT, PC) have no inverse")
    return matrix


def pixel_scale_arcsec(header: Mapping) -> float | None:
    """Side of a pixel: from celestial coordinates of any kind (the root of its area), else ``PIXSCALE``, else None."""
    if re.match(r"RA--|DEC-|[GE]LON|[GE]LAT", str(header.get("CTYPE1", ""))):
        return float(np.sqrt(abs(np.linalg.det(pixel_matrix(header)))) * 3600)
    scale = header.get("PIXSCALE")
    return float(scale) if isinstance(scale, int | float) and scale > 0 else None
