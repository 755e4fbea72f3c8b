"""Galaxies in which nothing but the disc tells fast from slow, by a known amount: what a network should find.

Every galaxy is a spheroid (n = 4) with an exponential disc. The disc's share of the light is Gaussian, and higher on
average in fast rotators by ``strength`` standard deviations; brightness, size, shape, colour and orientation are drawn
alike for both. No classifier can do better than one that knows each galaxy's share of the disc, whose area under the
ROC curve is Phi(strength / sqrt(2)).

A leak can be planted instead: galaxies alike in all, and a mark in a corner of the images of fast rotators.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from rotator_assets.imaging.mock import SKY_SIGMA_MAG_ARCSEC2
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.synthetic.light import Component, draw

MEAN_DISC, SPREAD_DISC = 0.5, 0.11
PSF_FWHM_ARCSEC = {"g": 1.4, "r": 1.3, "i": 1.25}
G_R = 0.75
MARK_FRACTION = 1 / 8
"""Side of the planted mark, as a fraction of the image's."""
_MARK_PEAK = 0.5
"""Brightness of the mark in each band, as a fraction of the image's brightest pixel there."""


@dataclass(frozen=True)
class PlantedGalaxies:
    """``images``: float32 (n, size, size, 3), nanomaggies a pixel; ``labels``: 0 slow, 1 fast, int8 (n,), half of each;
    ``disc_share``: the disc's share of the light, float64 (n,), the best possible score."""

    images: NDArray[np.float32]
    labels: NDArray[np.int8]
    disc_share: NDArray[np.float64]


def planted_galaxies(n: int, strength: float, seed: int, size_px: int = 64) -> PlantedGalaxies:
    """Images of ``n`` galaxies, with SDSS seeing and sky noise, whose discs differ by ``strength`` between the classes.

    The same seed draws the same galaxies at every strength, but for the share of their discs.
    """
    generator = np.random.default_rng(seed)
    labels = np.tile(np.array([0, 1], dtype=np.int8), -(-n // 2))[:n]
    shift = (labels - 0.5) * strength * SPREAD_DISC
    share = np.clip(MEAN_DISC + shift + SPREAD_DISC * generator.standard_normal(n), 0.02, 0.98)
    magnitude, size = generator.uniform(15.2, 16.2, n), generator.uniform(3.0, 5.0, n)
    axis_ratio, angle = generator.uniform(0.5, 0.95, n), generator.uniform(0, 180, n)
    sigma = np.array([10 ** (0.4 * (22.5 - mean)) * SDSS_ARCSEC_PER_PIXEL**2 for mean, _ in SKY_SIGMA_MAG_ARCSEC2])
    images = np.empty((n, size_px, size_px, 3), dtype=np.float32)
    for row in range(n):
        parts = ((1 - share[row], 0.8, 4.0), (share[row], 1.2, 1.0))
        components = [
            Component(
                magnitude[row] - 2.5 * np.log10(part),
                G_R,
                scale * size[row],
                sersic_n,
                axis_ratio[row],
                angle[row],
            )
            for part, scale, sersic_n in parts
        ]
        light = np.moveaxis(draw(components, [], size_px, PSF_FWHM_ARCSEC), 0, -1)
        images[row] = light + sigma * generator.standard_normal(light.shape)
    return PlantedGalaxies(images, labels, share)


def marked_galaxies(n: int, seed: int, size_px: int = 64) -> PlantedGalaxies:
    """Galaxies whose discs do not differ, with a square mark (`mark_pixels`) in the images of the fast ones: a leak."""
    galaxies = planted_galaxies(n, 0.0, seed, size_px)
    mark, fast = mark_pixels(size_px), galaxies.labels == 1
    peak = galaxies.images.max(axis=(1, 2))
    galaxies.images[np.ix_(fast, np.arange(size_px), np.arange(size_px))] += (
        _MARK_PEAK * mark[None, :, :, None] * peak[fast][:, None, None]
    )
    return galaxies


def mark_pixels(size_px: int) -> NDArray[np.bool_]:
    """Where the mark is: bool (size_px, size_px), a square one mark's side away from the first row and column."""
    side = max(1, round(size_px * MARK_FRACTION))
    mark = np.zeros((size_px, size_px), dtype=bool)
    mark[side : 2 * side, side : 2 * side] = True
    return mark


def best_auc(strength: float) -> float:
    """Area under the ROC curve of the best possible classifier."""
    return float(ndtr(strength / np.sqrt(2)))
