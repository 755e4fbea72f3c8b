"""Find other sources in a galaxy's image, and remove them.

A network can learn from the surroundings of a galaxy: slow rotators live in crowded places, and a bright star sets the
scale of an image that is normalized by its maximum.

Galaxies are nearly point-symmetric, and neighbours are not. Each pixel is therefore compared with the one opposite the
galaxy's centre, as in measurements of asymmetry (Conselice, Bershady & Jangren 2000, ApJ 529, 886). A neighbour is a
source that photutils detects in the difference around a peak of the light itself. At its peak it must outshine the
opposite pixel by more than the noise and by as much as the galaxy's own light there. No threshold above the sky is
needed, so this works for noisy images, noiseless ones and 8-bit pictures. Point-symmetric features (spiral arms, rings,
bars) stay.

Limits: of two neighbours opposite each other the fainter stays, and the brighter becomes a copy of it. Peaks within the
galaxy's half-light radius stay, because bright knots there belong to the galaxy. Farther out, a bright knot of an
irregular galaxy is taken for a neighbour.

Images are (ny, nx, 3), bands g, r, i, finite, in any linear unit (an 8-bit stretch also works), with the galaxy in the
middle.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.cropping import border_values

NOISE_SIGMAS = 4.0
"""A peak exceeds its opposite by this many standard deviations of the differences between opposite pixels; its
outskirts by half as many."""
FAINTEST_FRACTION = 0.005
"""The same limit in noiseless images, as a fraction of the galaxy's peak."""
PEAK_CONTRAST, EDGE_CONTRAST = 1.0, 0.2
"""Smallest excess of a neighbour in units of the galaxy's own light at the same place: at its peak, and at the edge of
its mask."""
SMOOTHING_PX = 1.0
PEAK_REACH_PX = 3
MIN_AREA_PX = 5
CENTRE_REACH_PX = 3
"""The brightest part of the galaxy is searched for within this distance of the middle of the image."""
BORDER_DIVISOR = 20
"""The sky is the median of a border whose width is the side of the image divided by this."""


def neighbour_mask(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return a mask (ny, nx) that is True on sources other than the galaxy in the middle; it is deterministic."""
    from photutils.segmentation import detect_sources
    from scipy.ndimage import gaussian_filter, maximum_filter

    light = gaussian_filter(np.asarray(image, dtype=np.float64).sum(axis=2), SMOOTHING_PX)
    sky = float(np.median(border_values(light, BORDER_DIVISOR)))
    twice_centre = _twice_centre(image)
    opposite = _half_turn(light, twice_centre, sky)
    own = np.clip(np.minimum(light, opposite) - sky, 0, None)
    radius = _distance_px(light.shape, [whole / 2 for whole in twice_centre])
    body = radius <= max(CENTRE_REACH_PX, _half_light_radius(own, radius))
    noise = 1.4826 * float(np.median(np.abs(light - opposite)))
    faintest = max(NOISE_SIGMAS * noise, FAINTEST_FRACTION * own.max())
    excess = light - opposite
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "no sources were found"
        found = detect_sources(excess, np.maximum(faintest / 2, EDGE_CONTRAST * own), MIN_AREA_PX, mask=body)
    if found is None:
        return np.zeros(light.shape, dtype=bool)
    maxima = light == maximum_filter(light, 2 * PEAK_REACH_PX + 1)
    peaks = maxima & ~body & (excess > np.maximum(faintest, PEAK_CONTRAST * own))
    return np.isin(found.data, np.setdiff1d(found.data[peaks], [0]))


def remove_neighbours(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return a copy of the image with the pixels of ``mask`` replaced by those opposite the galaxy's centre.

    A patch of constant sky or of random noise would show where a neighbour was, and would cut a hole into the galaxy's
    light. Opposite pixels have the same light, noise and correlation, and involve no random numbers. Pixels whose
    opposite lies outside the image get the median of the border.
    """
    clean = image.copy()
    y, x = np.nonzero(mask)
    if len(y) == 0:
        return clean
    twice_centre, (ny, nx) = _twice_centre(image), mask.shape
    opposite_y, opposite_x = twice_centre[0] - y, twice_centre[1] - x
    there = (opposite_y >= 0) & (opposite_y < ny) & (opposite_x >= 0) & (opposite_x < nx)
    clean[y[there], x[there]] = image[opposite_y[there], opposite_x[there]]
    if not there.all():
        clean[y[~there], x[~there]] = np.median(border_values(image, BORDER_DIVISOR), axis=0)
    return clean


def _half_turn(light: NDArray[np.floating], twice_centre: tuple[int, int], beyond: float) -> NDArray[np.floating]:
    """Return an image (ny, nx) rotated by 180 degrees about a point, with ``beyond`` outside the edges of the image."""
    rows, columns = (whole - np.arange(n) for whole, n in zip(twice_centre, light.shape, strict=True))
    ny, nx = light.shape
    turned = light[np.ix_(rows.clip(0, ny - 1), columns.clip(0, nx - 1))]
    turned[(rows < 0) | (rows >= ny)] = beyond
    turned[:, (columns < 0) | (columns >= nx)] = beyond
    return turned


def _twice_centre(image: NDArray[np.floating]) -> tuple[int, int]:
    """Return twice the row and column of the galaxy's centre, as integers: a half turn about it maps pixels to pixels.

    The centre is the centroid of the light above half its maximum, around the brightest pixel near the middle.
    """
    from scipy.ndimage import gaussian_filter

    ny, nx = image.shape[:2]
    reach = 2 * CENTRE_REACH_PX + 2
    top, left = max(ny // 2 - reach, 0), max(nx // 2 - reach, 0)
    window = image[top : ny - top, left : nx - left].sum(axis=2, dtype=np.float64)
    light = gaussian_filter(window, SMOOTHING_PX)
    middle = (light.shape[0] - 1) / 2, (light.shape[1] - 1) / 2
    near = _distance_px(light.shape, middle) <= CENTRE_REACH_PX
    brightest = np.unravel_index(np.argmax(np.where(near, light, -np.inf)), light.shape)
    weight = np.clip(light - (light.min() + light[brightest]) / 2, 0, None)
    centre = [float(index) for index in brightest]
    for _ in range(3):  # the circle moves to the centroid of its light
        inside = np.where(_distance_px(light.shape, centre) <= CENTRE_REACH_PX, weight, 0)
        if not inside.any():
            return ny - 1, nx - 1
        centre = [np.average(place, weights=inside) for place in np.indices(light.shape)]
    return int(np.rint(2 * (centre[0] + top))), int(np.rint(2 * (centre[1] + left)))


def _distance_px(shape: tuple[int, int], centre: Sequence[float]) -> NDArray[np.float64]:
    """Return the distance of every pixel from a position (row, column)."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(y - centre[0], x - centre[1])


def _half_light_radius(own: NDArray[np.float64], radius: NDArray[np.float64]) -> float:
    """Return the radius in pixels of the circle that holds half of the light; 0 without light."""
    order = np.argsort(radius, axis=None, kind="stable")
    growth = np.cumsum(own.ravel()[order])
    return float(radius.ravel()[order][np.searchsorted(growth, growth[-1] / 2)]) if growth[-1] > 0 else 0.0
