"""Shapes of attribution maps: fractions within ellipses, radial profile, centroid, ellipticity and sign.

A map has one value per pixel and band. All measures use two images made from it. The *signed* attribution is the sum
over bands, as it enters the logit. The *absolute* attribution is the sum over bands of the absolute values, so that
bands with opposite signs (a colour) do not cancel.

A galaxy's centre is near the middle of its image (`imaging.centre`); positions are in pixels from the middle, with the
first row at the bottom. Angles are those of axes, in degrees counter-clockwise from +x, in [0, 180). The elliptical
radius of a point is the semi-major axis of the ellipse through it that has the galaxy's axis ratio and angle. Pixels
partly inside an ellipse count with the area inside (photutils).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.imaging.centre import middle
from rotator_assets.imaging.neighbours import BORDER_DIVISOR, neighbour_mask, remove_neighbours

RADII_R_EFF = (0.5, 1.0, 2.0)
"""Semi-major axes, in units of R_e, of the ellipses in which fractions are measured."""
PROFILE_EDGES_R_EFF = np.linspace(0, 3, 13)
LEAST_COVERAGE = 0.5
"""Smallest fraction of an elliptical ring that must be in the image for a value of the radial profile."""
MOMENTS_R_EFF = 2.0
"""Radius, in R_e, of the circle in which second moments are measured; at most the largest circle in the image."""
ROUND_ELLIPTICITY = 0.05
"""Below this ellipticity, the angle of the major axis is meaningless."""


@dataclass(frozen=True)
class Ellipse:
    """Half-light ellipse: semi-major axis (pixels), axis ratio and angle; NaN if unknown.

    ``x``, ``y``: centre of the galaxy, pixels from the middle of the image.
    """

    r_eff_pixels: float
    axis_ratio: float
    angle_deg: float
    x: float = 0.0
    y: float = 0.0

    @property
    def unknown(self) -> str | None:
        """What is unknown, in words; None if nothing is."""
        if not 0 < self.r_eff_pixels < np.inf:
            return "half-light radius not known"
        if not 0 < self.axis_ratio <= 1:
            return "axis ratio not known"
        return None if np.isfinite(self.angle_deg) else "angle not known: no light in the image"

    def fits(self, shape: Sequence[int], radius_r_eff: float) -> bool:
        """Return True if the ellipse with a semi-major axis of ``radius_r_eff`` R_e is inside an image (ny, nx)."""
        semi_major, angle = radius_r_eff * self.r_eff_pixels, np.radians(self.angle_deg)
        semi_minor = semi_major * self.axis_ratio
        x = np.hypot(semi_major * np.cos(angle), semi_minor * np.sin(angle))
        y = np.hypot(semi_major * np.sin(angle), semi_minor * np.cos(angle))
        return bool(x + abs(self.x) <= shape[1] / 2 and y + abs(self.y) <= shape[0] / 2)

    def radius(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Return the elliptical radius, in R_e, of positions in pixels from the middle of the image."""
        angle = np.radians(self.angle_deg)
        x, y = np.asarray(x) - self.x, np.asarray(y) - self.y
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        return np.hypot(along, across / self.axis_ratio) / self.r_eff_pixels


@dataclass(frozen=True)
class Elongation:
    """Ellipticity 1 - b/a and angle from second moments; NaN if undefined."""

    ellipticity: float = np.nan
    angle_deg: float = np.nan


@dataclass(frozen=True)
class AttributionShape:
    """Measures of one map, named as in the table ``attributions``; NaN if undefined.

    ``reason``: why some are undefined.
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


_FRACTIONS = ("fraction", "light", "area")
_WITHIN = ("half_r_eff", "r_eff", "two_r_eff")


@dataclass(frozen=True)
class Layers:
    """Images of one galaxy on which shapes are measured, float64 (ny, nx).

    ``signed`` and ``absolute``: attribution, in logits. ``light``: flux minus the median of the image's border (which
    belongs to the galaxy if it fills the image). ``clean``: light without neighbours. ``neighbours``: bool, True on
    sources other than the galaxy.
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
        """Make the layers of one galaxy.

        Parameters
        ----------
        attribution : float32 (ny, nx, bands)
            The map, in logits.
        image : float32 (ny, nx, 3)
            The image as stored, in any linear unit.
        band_indices : sequence of int
            Bands of the image that the network sees; their sum is the light.

        Returns
        -------
        Layers
            Images (ny, nx).
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
    def fractions(self) -> NDArray[np.float64]:
        """Signed and absolute attribution over the total absolute attribution, and light over total light: (ny, nx, 3).

        NaN if the total is not positive.
        """
        attribution, light = self.absolute.sum(), self.light.sum()
        totals = [total if total > 0 else np.nan for total in (attribution, attribution, light)]
        return np.stack([self.signed, self.absolute, self.light], axis=-1) / totals

    def ellipse(self, r_eff_pixels: float, axis_ratio: float, x: float = 0.0, y: float = 0.0) -> Ellipse:
        """Return the half-light ellipse with the angle that the galaxy has in its image.

        The angle is measured on the light with `elongation`, as the direction of north is not known for every image.

        Parameters
        ----------
        r_eff_pixels : float
            Half-light semi-major axis, pixels.
        axis_ratio : float
            b/a of the light.
        x, y : float
            Centre of the galaxy, pixels from the middle of the image.

        Returns
        -------
        Ellipse
            Its angle is NaN if the light does not define one.
        """
        return Ellipse(r_eff_pixels, axis_ratio, elongation(self.clean, r_eff_pixels, x, y).angle_deg, x, y)


def measure_shape(layers: Layers, ellipse: Ellipse) -> AttributionShape:
    """Measure one map. Undefined measures are NaN, with the reason; nothing is raised."""
    total = layers.absolute.sum()
    if not (np.isfinite(total) and total > 0):
        return AttributionShape(reason="the map is zero everywhere, or not finite")
    shape, fractions = layers.absolute.shape, layers.fractions
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
        found["fraction_within_half_light"] = float(enclosed(fractions[..., 1:2], circle, [1.0])[0, 0])
        inside = [radius for radius in RADII_R_EFF if ellipse.fits(shape, radius)]
        area = np.full((*shape, 1), 1 / layers.absolute.size)
        sums = enclosed(np.concatenate([fractions[..., 1:], area], axis=-1), ellipse, inside)
        for name, row in zip(_WITHIN, sums, strict=False):
            found |= {f"{what}_within_{name}": float(value) for what, value in zip(_FRACTIONS, row, strict=True)}
        if len(inside) < len(RADII_R_EFF):
            reason = f"the ellipse of {RADII_R_EFF[len(inside)]:g} half-light radii leaves the image"
    return AttributionShape(**found, reason=reason)


def radial_profile(values: NDArray[np.float64], ellipse: Ellipse) -> NDArray[np.float64]:
    """Return the mean density of images (ny, nx, k) in elliptical rings between `PROFILE_EDGES_R_EFF`, (rings, k).

    The density is in the images' unit per R_e^2, over the part of a ring inside the image. It is NaN if less than
    `LEAST_COVERAGE` of the ring is inside the image, or if the ellipse is unknown.
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


def enclosed(
    values: NDArray[np.float64], ellipse: Ellipse, radii_r_eff: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sums of images within ellipses.

    Parameters
    ----------
    values : float64 (ny, nx, k)
        The images.
    ellipse : Ellipse
        Centre, axis ratio and angle of the ellipses.
    radii_r_eff : array (m,)
        Their semi-major axes, in R_e.

    Returns
    -------
    float64 (m, k)
        Zero for radius 0.
    """
    from photutils.geometry import elliptical_overlap_grid

    ny, nx, k = values.shape
    left, bottom = -0.5 - middle(nx) - ellipse.x, -0.5 - middle(ny) - ellipse.y
    edges, angle = (left, left + nx, bottom, bottom + ny), np.radians(ellipse.angle_deg)
    sums = np.zeros((len(radii_r_eff), k))
    for number, radius in enumerate(radii_r_eff):
        if radius > 0:
            axes = radius * ellipse.r_eff_pixels * np.array([1, ellipse.axis_ratio])
            inside = elliptical_overlap_grid(*edges, nx, ny, *axes, angle, use_exact=1, subpixels=1)
            sums[number] = inside.ravel() @ values.reshape(-1, k)
    return sums


def centroid(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return x and y of the centroid of an image with a positive sum, pixels from the middle."""
    x, y = _from_middle(values.shape)
    total = values.sum()
    return float((values * x).sum() / total), float((values * y).sum() / total)


def elongation(values: NDArray[np.float64], r_eff_pixels: float, x0: float = 0.0, y0: float = 0.0) -> Elongation:
    """Measure ellipticity and angle of an image from second moments about the centroid, within a circular aperture.

    The aperture makes extended images look rounder, so compare only ellipticities measured with the same aperture.

    Parameters
    ----------
    values : float64 (ny, nx)
        The image.
    r_eff_pixels : float
        The radius of the aperture is `MOMENTS_R_EFF` times this; the largest circle in the image if this is NaN.
    x0, y0 : float
        Centre of the aperture, pixels from the middle of the image.

    Returns
    -------
    Elongation
        NaN if the second moments are not positive, as for noise.
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
    if not mean > spread:  # noise
        return Elongation()
    ratio = np.sqrt((mean - spread) / (mean + spread))
    return Elongation(float(1 - ratio), float(np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 % 180))


def angle_between(one_deg: ArrayLike, other_deg: ArrayLike) -> NDArray[np.float64]:
    """Return the angle between two axes, degrees, 0 to 90."""
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
    """Subtract the median of the border from an image."""
    width = max(2, min(light.shape) // BORDER_DIVISOR)
    border = np.ones(light.shape, dtype=bool)
    border[width:-width, width:-width] = False
    return light - np.median(light[border])


def _from_middle(shape: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of every pixel of an image (ny, nx), pixels from the middle."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return x - middle(shape[1]), y - middle(shape[0])
