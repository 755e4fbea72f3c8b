"""Celestial coordinates of images: the position of a galaxy, the pixel scale and the direction of north.

They are computed from header keywords. ``astropy.wcs`` gives the same values (a test checks this) but takes longer than
reading a small image.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.keywords import Keywords, number, text
from rotator_assets.imaging.photometric_units import parse_unit
from rotator_assets.imaging.redshifting import angular_diameter_distance_mpc

_PLANES = ("TAN", "SIN", "ARC", "STG", "ZEA", "TPV")
"""Projections that equal the gnomonic one (TAN) to 0.001 arcsec within 0.1 degrees of their reference point."""
_STEP_DEG = 1e-4
_COS_89_DEG = math.cos(math.radians(89))
SQUARE_WITHIN = 1.02
"""Largest ratio of the longer to the shorter side of a pixel."""
_SCALES = ("PIXSCALE", "PIXSCAL1", "PIXSCAL2", "PIXSCL", "SECPIX", "SECPIX1", "SECPIX2", "PIXELSCL", "PLTSCALE")
"""Keywords that hold the side of a pixel in arcsec."""


Matrix = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class TangentPlane:
    """Gnomonic projection of the sky on the pixels of an image (Calabretta & Greisen 2002, A&A 395, 1077).

    Attributes
    ----------
    ra, dec
        Reference point in degrees; arrays for images that differ only in it.
    x, y
        Pixel of the reference point: column and row, counted from 0 at the centre of the first.
    matrix
        ((a, b), (c, d)) in degrees per pixel: a step of dx, dy pixels moves a dx + b dy east and c dx + d dy north.
    """

    ra: float
    dec: float
    x: float
    y: float
    matrix: Matrix

    @classmethod
    def from_header(cls, header: Keywords) -> TangentPlane | None:
        """Read the projection from a FITS header; None if its first two axes are not right ascension and declination.

        The axes may come in either order. Distortions (SIP) are ignored. Raises UnusableImage if the keywords are not
        finite or the matrix has no inverse.
        """
        read = (re.fullmatch(r"(RA|DEC)-+([A-Z]{3})(-SIP)?", str(header.get(f"CTYPE{i}", "")).strip()) for i in (1, 2))
        types = [match for match in read if match]
        if len(types) < 2 or {t[1] for t in types} != {"RA", "DEC"} or types[0][2] not in _PLANES:
            return None
        if header.get("LONPOLE", 180.0) != 180.0:  # a rotated plane: legal, but unused in cut-outs
            return None
        matrix = pixel_matrix(header)
        reference = [float(header.get(f"CRVAL{i}", 0.0)) * _degrees(header, i) for i in (1, 2)]
        if types[0][1] == "DEC":
            matrix, reference = matrix[::-1], reference[::-1]
        pixel = [float(header.get(f"CRPIX{i}", 0.0)) - 1 for i in (1, 2)]
        if not np.isfinite([*reference, *pixel]).all() or abs(reference[1]) > 90:
            raise UnusableImage("its celestial coordinates (CRVAL, CRPIX) are not a position")
        return cls(reference[0], reference[1], pixel[0], pixel[1], _tuple(matrix))

    @property
    def arcsec_per_pixel(self) -> float:
        """Side of a pixel in arcsec: the square root of its area |det matrix|.

        Raises UnusableImage if it is not square.
        """
        return side_arcsec(self.matrix)

    @property
    def is_mirrored(self) -> bool:
        """True if east is to the right of north, unlike the sky as seen from Earth."""
        return _determinant(self.matrix) > 0

    def mirrored(self, nx: int) -> TangentPlane:
        """Return the coordinates of ``image[:, ::-1]`` for an image with ``nx`` columns."""
        (a, b), (c, d) = self.matrix
        return replace(self, x=nx - 1 - self.x, matrix=((-a, b), (-c, d)))

    def cut(self, x: int, y: int) -> TangentPlane:
        """Return the coordinates of ``image[y:, x:]``."""
        return replace(self, x=self.x - x, y=self.y - y)

    def pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y (columns and rows from 0) of positions in degrees.

        NaN more than 89 degrees from the reference.
        """
        moved = _inverse(self.matrix) @ np.stack(self._offset(ra, dec), axis=-1)[..., None]
        return self.x + moved[..., 0, 0], self.y + moved[..., 1, 0]

    def _offset(self, ra: ArrayLike, dec: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where positions lie in the plane of the projection, in degrees to the east and north."""
        ra, dec, ra0, dec0 = np.radians(ra), np.radians(dec), np.radians(self.ra), np.radians(self.dec)
        sin0, cos0, sin, cos, along = np.sin(dec0), np.cos(dec0), np.sin(dec), np.cos(dec), np.cos(ra - ra0)
        height = sin0 * sin + cos0 * cos * along
        height = np.where(height > _COS_89_DEG, height, np.nan)
        east = cos * np.sin(ra - ra0) / height
        north = (cos0 * sin - sin0 * cos * along) / height
        return np.degrees(east), np.degrees(north)

    def sky(self, x: float, y: float) -> tuple[float, float]:
        """Return right ascension and declination, in degrees, of a place in pixels (column and row from 0)."""
        east, north = map(math.radians, (np.array(self.matrix) @ (x - self.x, y - self.y)).tolist())
        ra0, dec0 = math.radians(self.ra), math.radians(self.dec)
        sin0, cos0 = np.sin(dec0), np.cos(dec0)
        ra = ra0 + np.arctan2(east, cos0 - north * sin0)
        dec = np.arctan2(north * cos0 + sin0, np.hypot(east, cos0 - north * sin0))
        return math.degrees(ra) % 360, math.degrees(dec)

    def north_angle_deg(self, ra: ArrayLike | None = None, dec: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the position angle of the +y axis at positions (default: the reference point).

        The angle is in degrees east of north, in [0, 360). With east to the left of north it is the angle from north to
        +y, counterclockwise in the picture. A position angle on the sky minus this angle is the angle in the picture,
        counterclockwise from +y.
        """
        ra, dec = (self.ra, self.dec) if ra is None or dec is None else (ra, dec)
        inwards = np.where(np.greater(dec, 0), -_STEP_DEG, _STEP_DEG)  # never across a pole
        ends = [self._offset(ra, dec), self._offset(ra, np.add(dec, inwards))]
        moved = _inverse(self.matrix) @ np.stack([np.stack(end, axis=-1) for end in ends], axis=-1)
        x, y = self.x + moved[..., 0, :], self.y + moved[..., 1, :]
        north = np.arctan2((y[..., 1] - y[..., 0]) * inwards, (x[..., 1] - x[..., 0]) * inwards)
        angle = 90 - np.degrees(north)
        return (-angle if self.is_mirrored else angle) % 360


@lru_cache(maxsize=64)
def _inverse(matrix: Matrix) -> NDArray[np.float64]:
    """Return pixels per degree; the images of a survey usually have the same matrix."""
    return np.asarray(np.linalg.inv(np.array(matrix)), dtype=np.float64)


@lru_cache(maxsize=64)
def _determinant(matrix: Matrix) -> float:
    return float(np.linalg.det(matrix))


def pixel_matrix(header: Keywords) -> NDArray[np.float64]:
    """Return the (2, 2) matrix in degrees per pixel, world axes by pixel axes.

    It is computed from CD, or from CDELT with PC or CROTA2, and CUNIT (Greisen & Calabretta 2002, A&A 395, 1061).
    Raises UnusableImage if it has no inverse, if it is not finite, or if a unit is not an angle.
    """
    return np.diag([_degrees(header, axis) for axis in (1, 2)]) @ _matrix(header)


def _matrix(header: Keywords) -> NDArray[np.float64]:
    """Return the matrix of `pixel_matrix` with each world axis in its own unit."""
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


def _degrees(header: Keywords, axis: int) -> float:
    """Return the unit of a celestial axis in degrees; the FITS default is degrees."""
    name = text(header, f"CUNIT{axis}")
    if name in ("", "deg"):
        return 1.0
    unit = parse_unit(name)
    if unit is None or unit.physical_type != "angle":
        raise UnusableImage(f"CUNIT{axis} is '{name}' in its header, a unit of angle is needed (deg, arcsec)")
    return float(unit.to("deg"))


@lru_cache(maxsize=64)
def side_arcsec(matrix: Matrix) -> float:
    """Return the side of a square pixel in arcsec, for a matrix in degrees per pixel.

    Raises UnusableImage if not square.
    """
    sides = np.hypot(*np.asarray(matrix)) * 3600
    area = abs(_determinant(matrix)) * 3600**2
    if sides.max() > SQUARE_WITHIN * sides.min() or sides.prod() > SQUARE_WITHIN * area:
        raise UnusableImage(f"its pixels are not square: {sides[0]:.3g} x {sides[1]:.3g} arcsec")
    return float(np.sqrt(area))


def pixel_scale_arcsec(header: Keywords) -> float | None:
    """Return the side of a pixel in arcsec; None if the header does not give it.

    It comes from celestial coordinates of any kind. Without them it comes from linear axes in a unit of angle
    (``CUNIT`` or, in published SKIRT images, ``CTYPE``) or from ``PIXSCALE`` and similar keywords, which must agree.
    Last come linear axes in a unit of length at the distance ``DISTANGD`` (SKIRT 9), or at the redshift ``USE_Z`` in
    the cosmology of IllustrisTNG. Raises UnusableImage if the keywords are incomplete or disagree, or if pixels are not
    square.
    """
    if any(re.match(r"RA--|DEC-|[A-Z]LON|[A-Z]LAT", text(header, f"CTYPE{i}")) for i in (1, 2)):
        return side_arcsec(_tuple(pixel_matrix(header)))
    named, linear = _named_scale(header), None
    unit = _linear_unit(header)
    if unit is not None and unit.physical_type == "angle":
        linear = side_arcsec(_tuple(_matrix(header) * unit.to("deg")))
    if named is not None and linear is not None and abs(named / linear - 1) > SQUARE_WITHIN - 1:
        raise UnusableImage(f"its header has pixels of {linear:.3g} arcsec (CDELT) and {named:.3g} arcsec (PIXSCALE)")
    if named is None and unit is not None and unit.physical_type == "length":
        return side_arcsec(_tuple(np.degrees(_matrix(header) * unit.to("Mpc") / _distance_mpc(header))))
    return linear if named is None else named


def _tuple(matrix: NDArray[np.float64]) -> Matrix:
    (a, b), (c, d) = matrix.tolist()
    return (a, b), (c, d)


def _linear_unit(header: Keywords) -> Any:
    """Return the ``astropy.units.Unit`` of both axes; None if there is none. Raises UnusableImage if they differ."""
    units = [text(header, f"CUNIT{i}") or text(header, f"CTYPE{i}") for i in (1, 2)]
    if not (units[0] and all(f"CDELT{i}" in header or f"CD{i}_{i}" in header for i in (1, 2))):
        return None
    first, second = (parse_unit(name) for name in units)
    if first is not None and second is not None and first != second:
        raise UnusableImage(f"its axes are in different units: {units[0]} and {units[1]}")
    return first


def _named_scale(header: Keywords) -> float | None:
    """Return the value of ``PIXSCALE`` and similar keywords in arcsec. Raises UnusableImage if two differ."""
    found = {key: value for key in _SCALES if (value := number(header, key)) is not None and value > 0}
    if found and max(found.values()) > SQUARE_WITHIN * min(found.values()):
        raise UnusableImage("its header has pixels of " + " and ".join(f"{v:g} ({k})" for k, v in found.items()))
    return next(iter(found.values()), None)


def _distance_mpc(header: Keywords) -> float:
    distance, unit = number(header, "DISTANGD"), parse_unit(text(header, "DISTUNIT") or "Mpc")
    if distance is not None and distance > 0 and unit is not None and unit.physical_type == "length":
        return distance * unit.to("Mpc")
    redshift = number(header, "USE_Z") or number(header, "REDSHIFT")
    if redshift is not None and redshift > 0:
        return angular_diameter_distance_mpc(redshift)
    raise UnusableImage(
        "its pixel size is a length, but the header has no distance (PIXSCALE in arcsec, DISTANGD or USE_Z)"
    )
