"""Celestial coordinates of images: where a galaxy lies in one, how large its pixels are, and where north is.

Read from the header's keywords: ``astropy.wcs`` gives the same (a test holds that) and takes longer than a small image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.keywords import number, text
from rotator_assets.imaging.photometric_units import parse_unit
from rotator_assets.imaging.redshifting import angular_diameter_distance_mpc

_PLANES = ("TAN", "SIN", "ARC", "STG", "ZEA", "TPV")
"""Projections that are the gnomonic one (TAN) to 0.001 arcsec within 0.1 degrees of their reference point."""
_STEP_DEG = 1e-4
SQUARE_WITHIN = 1.02
"""The longer side of a pixel over the shorter one, at most."""
_SCALES = ("PIXSCALE", "PIXSCAL1", "PIXSCAL2", "PIXSCL", "SECPIX", "SECPIX1", "SECPIX2", "PIXELSCL", "PLTSCALE")
"""Keywords of the side of a pixel in arcsec."""


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
        reference = [float(header.get(f"CRVAL{i}", 0.0)) * _degrees(header, i) for i in (1, 2)]
        if types[0][1] == "DEC":
            matrix, reference = matrix[::-1], reference[::-1]
        pixel = [float(header.get(f"CRPIX{i}", 0.0)) - 1 for i in (1, 2)]
        if not np.isfinite([*reference, *pixel]).all() or abs(reference[1]) > 90:
            raise UnusableImage("its celestial coordinates (CRVAL, CRPIX) are no position")
        return cls(*reference, *pixel, tuple(map(tuple, matrix.tolist())))

    @property
    def arcsec_per_pixel(self) -> float:
        """Side of a pixel: the root of its area, |det matrix|. Raises UnusableImage where it is not square."""
        return side_arcsec(self.matrix)

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
    """Degrees a pixel, (2, 2): the world axes by the pixel axes, from CD, or CDELT and PC or CROTA2, and CUNIT.

    Greisen & Calabretta 2002, A&A 395, 1061. Raises UnusableImage where it has no inverse or is not finite, and where
    a unit is no angle.
    """
    return np.diag([_degrees(header, axis) for axis in (1, 2)]) @ _matrix(header)


def _matrix(header: Mapping) -> NDArray[np.float64]:
    """As `pixel_matrix`, each world axis in its own unit."""
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


def _degrees(header: Mapping, axis: int) -> float:
    """Degrees in the unit of a celestial axis; FITS has degrees where it names none."""
    name = text(header, f"CUNIT{axis}")
    if name in ("", "deg"):
        return 1.0
    unit = parse_unit(name)
    if unit is None or unit.physical_type != "angle":
        raise UnusableImage(f"CUNIT{axis} is '{name}' in its header, a unit of angle is needed (deg, arcsec)")
    return float(unit.to("deg"))


def side_arcsec(matrix: ArrayLike) -> float:
    """Side of a square pixel in arcsec, of a matrix in degrees. Raises UnusableImage where pixels are not square."""
    sides = np.hypot(*np.asarray(matrix)) * 3600
    area = abs(np.linalg.det(matrix)) * 3600**2
    if sides.max() > SQUARE_WITHIN * sides.min() or sides.prod() > SQUARE_WITHIN * area:
        raise UnusableImage(f"its pixels are not square: {sides[0]:.3g} x {sides[1]:.3g} arcsec")
    return float(np.sqrt(area))


def pixel_scale_arcsec(header: Mapping) -> float | None:
    """Side of a pixel in arcsec; None where the header does not tell.

    From celestial coordinates of any kind; else from linear axes in a unit of angle (``CUNIT`` or, in published SKIRT
    images, ``CTYPE``), or ``PIXSCALE`` and its like, which must agree; else from linear axes in a unit of length at
    the distance ``DISTANGD`` (SKIRT 9), or at the redshift ``USE_Z`` in the cosmology of IllustrisTNG. Raises
    UnusableImage where what it tells is not enough, differs, or pixels are not square.
    """
    if any(re.match(r"RA--|DEC-|[A-Z]LON|[A-Z]LAT", text(header, f"CTYPE{i}")) for i in (1, 2)):
        return side_arcsec(pixel_matrix(header))
    named, linear = _named_scale(header), None
    unit = _linear_unit(header)
    if unit is not None and unit.physical_type == "angle":
        linear = side_arcsec(_matrix(header) * unit.to("deg"))
    if named is not None and linear is not None and abs(named / linear - 1) > SQUARE_WITHIN - 1:
        raise UnusableImage(f"its header has pixels of {linear:.3g} arcsec (CDELT) and {named:.3g} arcsec (PIXSCALE)")
    if named is None and unit is not None and unit.physical_type == "length":
        return side_arcsec(np.degrees(_matrix(header) * unit.to("Mpc") / _distance_mpc(header)))
    return linear if named is None else named


def _linear_unit(header: Mapping):
    """The ``astropy.units.Unit`` of both axes, None where none is told. Raises UnusableImage where they differ."""
    units = [text(header, f"CUNIT{i}") or text(header, f"CTYPE{i}") for i in (1, 2)]
    if not (units[0] and all(f"CDELT{i}" in header or f"CD{i}_{i}" in header for i in (1, 2))):
        return None
    first, second = (parse_unit(name) for name in units)
    if first is not None and second is not None and first != second:
        raise UnusableImage(f"its axes are in different units: {units[0]} and {units[1]}")
    return first


def _named_scale(header: Mapping) -> float | None:
    """Of ``PIXSCALE`` and its like, in arcsec. Raises UnusableImage where two differ."""
    found = {key: value for key in _SCALES if (value := number(header, key)) is not None and value > 0}
    if found and max(found.values()) > SQUARE_WITHIN * min(found.values()):
        raise UnusableImage("its header has pixels of " + " and ".join(f"{v:g} ({k})" for k, v in found.items()))
    return next(iter(found.values()), None)


def _distance_mpc(header: Mapping) -> float:
    distance, unit = number(header, "DISTANGD"), parse_unit(text(header, "DISTUNIT") or "Mpc")
    if distance is not None and distance > 0 and unit is not None and unit.physical_type == "length":
        return distance * unit.to("Mpc")
    redshift = number(header, "USE_Z") or number(header, "REDSHIFT")
    if redshift is not None and redshift > 0:
        return angular_diameter_distance_mpc(redshift)
    raise UnusableImage("its pixels are told as a length, but no distance is (PIXSCALE in arcsec, DISTANGD or USE_Z)")
