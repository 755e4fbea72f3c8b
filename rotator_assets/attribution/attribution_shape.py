"""Where in a galaxy its attribution lies: shares within ellipses, radial profile, centroid, elongation, sign.

The attribution of a pixel is a number a band. Two images are made of it, and everything is measured on these: the
*signed* attribution is the sum over bands, as it enters the logit; the *absolute* one is the sum over bands of the
absolute values, so that bands which pull in opposite directions (a colour) count as much as others.

A galaxy stands at a place of its own near the middle of its image (`centre`), first row at the bottom; places are told
in pixels from the middle. Angles are degrees counter-clockwise from +x, of axes, so in [0, 180). The elliptical radius
of a place is the semi-major axis of the ellipse of the galaxy's axis ratio and angle that runs through it. Pixels
partly inside an ellipse count by the area inside (photutils).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.imaging.centre import middle
from rotator_assets.imaging.neighbours import BORDER_SHARE, neighbour_mask, remove_neighbours

RADII_R_EFF = (0.5, 1.0, 2.0)
"""Semi-major axes, in half-light ones, of the ellipses whose shares are measured."""
PROFILE_EDGES_R_EFF = np.linspace(0, 3, 13)
LEAST_COVERAGE = 0.5
"""Least part of an elliptical ring in the image for a value of the radial profile."""
MOMENTS_R_EFF = 2.0
"""Radius of the circle within which second moments are taken; the largest in the image where that is smaller."""
ROUND_ELLIPTICITY = 0.05
"""Below this, the direction of a longest axis means nothing."""


@dataclass(frozen=True)
class Ellipse:
    """Half-light ellipse: semi-major axis in pixels, b/a, angle; NaN where not known.

    ``x``, ``y``: the galaxy's place, pixels from the middle of the image.
    """

    r_eff_pixels: float
    axis_ratio: float
    angle_deg: float
    x: float = 0.0
    y: float = 0.0

    @property
    def unknown(self) -> str | None:
        """What is missing of it; None where it is whole."""
        if not 0 < self.r_eff_pixels < np.inf:
            return "half-light radius not known"
        if not 0 < self.axis_ratio <= 1:
            return "axis ratio not known"
        return None if np.isfinite(self.angle_deg) else "no light by which to tell the galaxy's angle"

    def fits(self, shape: Sequence[int], radius_r_eff: float) -> bool:
        """Whether the ellipse of that many half-light semi-major axes lies wholly in an image (ny, nx)."""
        semi_major, angle = radius_r_eff * self.r_eff_pixels, np.radians(self.angle_deg)
        semi_minor = semi_major * self.axis_ratio
        x = np.hypot(semi_major * np.cos(angle), semi_minor * np.sin(angle))
        y = np.hypot(semi_major * np.sin(angle), semi_minor * np.cos(angle))
        return bool(x + abs(self.x) <= shape[1] / 2 and y + abs(self.y) <= shape[0] / 2)

    def radius(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Elliptical radius, in half-light semi-major axes, of places in pixels from the middle of the image."""
        angle = np.radians(self.angle_deg)
        x, y = np.asarray(x) - self.x, np.asarray(y) - self.y
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        return np.hypot(along, across / self.axis_ratio) / self.r_eff_pixels


@dataclass(frozen=True)
class Elongation:
    """Ellipticity 1 - b/a and angle by second moments; NaN where there is nothing to measure."""

    ellipticity: float = np.nan
    angle_deg: float = np.nan


@dataclass(frozen=True)
class AttributionShape:
    """Numbers of one map, named as columns of table ``attributions``; NaN where they are not defined.

    ``reason``: why some are not.
    """

    fraction_within_half_light: float = np.nan
    fraction_within_half_r_eff: float = np.nan
    fraction_within_r_eff: float = np.nan
    fraction_within_two_r_eff: float = np.nan
    light_within_half_r_eff: float = np.nan
    light_within_r_eff: float = np.nan
    light_within_two_r_eff: float = np.nan
    area_within_half_r_eff: float = np.nan
    area_within_r_eff: float = np.nan
    area_within_two_r_eff: float = np.nan
    centroid_offset_r_eff: float = np.nan
    attribution_ellipticity: float = np.nan
    attribution_angle_deg: float = np.nan
    light_ellipticity: float = np.nan
    light_angle_deg: float = np.nan
    angle_to_major_axis_deg: float = np.nan
    fraction_on_neighbours: float = np.nan
    sign_balance: float = np.nan
    reason: str | None = None


_SHARES = ("fraction", "light", "area")
_WITHIN = ("half_r_eff", "r_eff", "two_r_eff")


@dataclass(frozen=True)
class Layers:
    """What is measured of one galaxy: images (ny, nx) float64.

    ``signed`` and ``absolute``: attribution, see above; ``light``: less the median of the image's border (which is the
    galaxy's own where it fills the image); ``clean``: the light without neighbours; ``neighbours``: bool, true on other
    sources than the galaxy.
    """

    signed: NDArray[np.float64]
    absolute: NDArray[np.float64]
    light: NDArray[np.float64]
    clean: NDArray[np.float64]
    neighbours: NDArray[np.bool_]

    @classmethod
    def of(
        cls, attribution: NDArray[np.float32], image: NDArray[np.float32], band_indices: Sequence[int] = (0, 1, 2)
    ) -> Layers:
        """Of a map (ny, nx, bands) and its image as stored (ny, nx, 3), in any linear unit.

        ``band_indices``: the image's bands that the network sees, whose sum is the light.
        """
        values = np.asarray(attribution, dtype=np.float64)
        neighbours = neighbour_mask(image)
        bands = list(band_indices)
        light, clean = (
            _above_sky(pixels[..., bands].sum(axis=-1, dtype=np.float64))
            for pixels in (image, remove_neighbours(image, neighbours))
        )
        return cls(values.sum(axis=-1), np.abs(values).sum(axis=-1), light, clean, neighbours)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Signed and absolute attribution in units of all absolute attribution, and light of all light: (ny, nx, 3).

        NaN where there is none.
        """
        attribution, light = self.absolute.sum(), self.light.sum()
        totals = [total if total > 0 else np.nan for total in (attribution, attribution, light)]
        return np.stack([self.signed, self.absolute, self.light], axis=-1) / totals

    def ellipse(self, r_eff_pixels: float, axis_ratio: float, x: float = 0.0, y: float = 0.0) -> Ellipse:
        """The half-light ellipse at the angle at which the galaxy lies in its image, about its place ``x``, ``y``.

        Not every image says where north is, so the angle is measured on its light, as `elongation` does.
        """
        return Ellipse(r_eff_pixels, axis_ratio, elongation(self.clean, r_eff_pixels, x, y).angle_deg, x, y)


def measure_shape(layers: Layers, ellipse: Ellipse) -> AttributionShape:
    """Every number of one map. Nothing is raised: what is not defined is NaN, with the reason."""
    total = layers.absolute.sum()
    if not (np.isfinite(total) and total > 0):
        return AttributionShape(reason="the map is zero everywhere, or not finite")
    shape, shares = layers.absolute.shape, layers.shares
    found: dict[str, float] = {
        "fraction_on_neighbours": float(layers.absolute[layers.neighbours].sum() / total),
        "sign_balance": float(layers.signed.sum() / total),
        **_elongations(layers, ellipse),
    }
    reason = ellipse.unknown
    if reason is None:
        offset = np.hypot(*np.subtract(centroid(layers.absolute), (ellipse.x, ellipse.y)))
        found["centroid_offset_r_eff"] = float(offset / ellipse.r_eff_pixels)
        circle = Ellipse(ellipse.r_eff_pixels * np.sqrt(ellipse.axis_ratio), 1.0, 0.0, ellipse.x, ellipse.y)
        found["fraction_within_half_light"] = float(enclosed(shares[..., 1:2], circle, [1.0])[0, 0])
        inside = [radius for radius in RADII_R_EFF if ellipse.fits(shape, radius)]
        area = np.full((*shape, 1), 1 / layers.absolute.size)
        sums = enclosed(np.concatenate([shares[..., 1:], area], axis=-1), ellipse, inside)
        for name, row in zip(_WITHIN, sums, strict=False):
            found |= {f"{share}_within_{name}": float(value) for share, value in zip(_SHARES, row, strict=True)}
        if len(inside) < len(RADII_R_EFF):
            reason = f"the ellipse of {RADII_R_EFF[len(inside)]:g} half-light radii leaves the image"
    return AttributionShape(**found, reason=reason)


def radial_profile(values: NDArray[np.float64], ellipse: Ellipse) -> NDArray[np.float64]:
    """Density of images (ny, nx, k) in elliptical rings between `PROFILE_EDGES_R_EFF`, (rings, k).

    In the images' unit per R_e^2 (the square of the half-light semi-major axis), of that part of a ring that the image
    shows. NaN where it shows too little of it, and where the ellipse is not known.
    """
    rings = len(PROFILE_EDGES_R_EFF) - 1
    if ellipse.unknown is not None:
        return np.full((rings, values.shape[-1]), np.nan)
    with_area = np.concatenate([values, np.ones((*values.shape[:2], 1))], axis=-1)
    sums = np.diff(enclosed(with_area, ellipse, PROFILE_EDGES_R_EFF), axis=0)
    seen_px = sums[:, -1]
    whole_px = np.pi * ellipse.axis_ratio * ellipse.r_eff_pixels**2 * np.diff(PROFILE_EDGES_R_EFF**2)
    seen_px = np.where(seen_px >= LEAST_COVERAGE * whole_px, seen_px, np.nan)
    return sums[:, :-1] / seen_px[:, None] * ellipse.r_eff_pixels**2


def enclosed(values: NDArray[np.float64], ellipse: Ellipse, radii_r_eff: ArrayLike) -> NDArray[np.float64]:
    """Sums of images (ny, nx, k) within ellipses of these semi-major axes, in half-light ones: (len(radii), k)."""
    from photutils.aperture import EllipticalAperture

    ny, nx, k = values.shape
    sums = np.zeros((len(radii_r_eff), k))
    for number, radius in enumerate(radii_r_eff):
        if radius > 0:
            semi_major = radius * ellipse.r_eff_pixels
            place = (middle(nx) + ellipse.x, middle(ny) + ellipse.y)
            aperture = EllipticalAperture(
                place, semi_major, semi_major * ellipse.axis_ratio, theta=np.radians(ellipse.angle_deg)
            )
            sums[number] = np.tensordot(aperture.to_mask(method="exact").to_image((ny, nx)), values, axes=2)
    return sums


def centroid(values: NDArray[np.float64]) -> tuple[float, float]:
    """x and y of the centroid of an image of positive sum, pixels from the middle."""
    x, y = _from_middle(values.shape)
    total = values.sum()
    return float((values * x).sum() / total), float((values * y).sum() / total)


def elongation(values: NDArray[np.float64], r_eff_pixels: float, x0: float = 0.0, y0: float = 0.0) -> Elongation:
    """Elongation of an image by second moments about its centroid, within a circle of `MOMENTS_R_EFF` about a place.

    A round aperture draws an extended image towards round: compare ellipticities measured alike. Without a radius the
    circle is the largest in the image.
    """
    x, y = _from_middle(values.shape)
    x, y = x - x0, y - y0
    largest = min(values.shape) / 2 - max(abs(x0), abs(y0))
    radius = min(MOMENTS_R_EFF * r_eff_pixels, largest) if r_eff_pixels > 0 else largest
    weight = np.where(np.hypot(x, y) <= radius, values, 0.0)
    total = weight.sum()
    if not total > 0:
        return Elongation()
    x, y = x - (weight * x).sum() / total, y - (weight * y).sum() / total
    xx, yy, xy = ((weight * product).sum() / total for product in (x * x, y * y, x * y))
    mean, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    if not mean > spread:  # of noise
        return Elongation()
    ratio = np.sqrt((mean - spread) / (mean + spread))
    return Elongation(float(1 - ratio), float(np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 % 180))


def angle_between(one_deg: ArrayLike, other_deg: ArrayLike) -> NDArray[np.float64]:
    """Angle between two axes, degrees, 0 to 90."""
    return np.abs((np.asarray(one_deg) - np.asarray(other_deg) + 90) % 180 - 90)


def _elongations(layers: Layers, ellipse: Ellipse) -> dict[str, float]:
    about = ellipse.r_eff_pixels, ellipse.x, ellipse.y
    attribution, light = (elongation(values, *about) for values in (layers.absolute, layers.clean))
    elongated = min(attribution.ellipticity, light.ellipticity) >= ROUND_ELLIPTICITY
    angle = float(angle_between(attribution.angle_deg, light.angle_deg)) if elongated else np.nan
    return {
        "attribution_ellipticity": attribution.ellipticity,
        "attribution_angle_deg": attribution.angle_deg,
        "light_ellipticity": light.ellipticity,
        "light_angle_deg": light.angle_deg,
        "angle_to_major_axis_deg": angle,
    }


def _above_sky(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """An image less the median of its border."""
    width = max(2, min(light.shape) // BORDER_SHARE)
    border = np.ones(light.shape, dtype=bool)
    border[width:-width, width:-width] = False
    return light - np.median(light[border])


def _from_middle(shape: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of every pixel from the middle of an image (ny, nx), pixels."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return x - middle(shape[1]), y - middle(shape[0])
