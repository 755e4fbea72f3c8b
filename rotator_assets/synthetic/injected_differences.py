"""Synthetic galaxies for the injection-recovery test, whose classes differ by a known amount.

Every galaxy is a spheroid (n = 4) with an exponential disc. Disc fractions are Gaussian, with a
mean that is ``strength`` standard deviations higher for fast rotators. Brightness, size, shape, colour and orientation
have the same distributions in both classes. The best possible classifier knows each galaxy's disc fraction, and
the area under its ROC curve is Phi(strength / sqrt(2)).

Alternatively, galaxies do not differ, and a mark in a corner of the images of fast rotators is an injected leak.
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
"""Side of the injected mark as a fraction of the image's side."""
_MARK_PEAK = 0.5
"""Brightness of the mark in each band as a fraction of the image's brightest pixel."""


@dataclass(frozen=True)
class PlantedGalaxies:
    """Images with an injected difference between the classes.

    Attributes
    ----------
    images
        float32 (n, size, size, 3), nanomaggies per pixel.
    labels
        int8 (n,): 0 slow, 1 fast, half of each.
    disc_fraction
        float64 (n,): the disc's fraction of the light, which is the best possible score.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int8]
    disc_fraction: NDArray[np.float64]


def planted_galaxies(n: int, strength: float, seed: int, size_px: int = 64) -> PlantedGalaxies:
    """Draw galaxies whose disc fractions differ by ``strength`` between the classes, with SDSS seeing and sky noise.

    The same seed draws the same galaxies at every strength, except for their disc fractions.

    Parameters
    ----------
    n
        Number of galaxies.
    strength
        Difference of the mean disc fractions in standard deviations.
    seed
        Seed of the sample.
    size_px
        Side of the images in pixels.

    Returns
    -------
    PlantedGalaxies
        Images, labels and disc fractions.
    """
    generator = np.random.default_rng(seed)
    labels = np.tile(np.array([0, 1], dtype=np.int8), -(-n // 2))[:n]
    shift = (labels - 0.5) * strength * SPREAD_DISC
    disc_fraction = np.clip(MEAN_DISC + shift + SPREAD_DISC * generator.standard_normal(n), 0.02, 0.98)
    magnitude, size = generator.uniform(15.2, 16.2, n), generator.uniform(3.0, 5.0, n)
    axis_ratio, angle = generator.uniform(0.5, 0.95, n), generator.uniform(0, 180, n)
    sigma = np.array([10 ** (0.4 * (22.5 - mean)) * SDSS_ARCSEC_PER_PIXEL**2 for mean, _ in SKY_SIGMA_MAG_ARCSEC2])
    images = np.empty((n, size_px, size_px, 3), dtype=np.float32)
    for row in range(n):
        parts = ((1 - disc_fraction[row], 0.8, 4.0), (disc_fraction[row], 1.2, 1.0))
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
    return PlantedGalaxies(images, labels, disc_fraction)


def marked_galaxies(n: int, seed: int, size_px: int = 64) -> PlantedGalaxies:
    """Draw galaxies that do not differ, with a square mark (`mark_pixels`) in the images of the fast ones.

    Parameters
    ----------
    n
        Number of galaxies.
    seed
        Seed of the sample.
    size_px
        Side of the images in pixels.

    Returns
    -------
    PlantedGalaxies
        Images, labels and disc fractions.
    """
    galaxies = planted_galaxies(n, 0.0, seed, size_px)
    mark, fast = mark_pixels(size_px), galaxies.labels == 1
    peak = galaxies.images.max(axis=(1, 2))
    galaxies.images[np.ix_(fast, np.arange(size_px), np.arange(size_px))] += (
        _MARK_PEAK * mark[None, :, :, None] * peak[fast][:, None, None]
    )
    return galaxies


def mark_pixels(size_px: int) -> NDArray[np.bool_]:
    """Return the pixels of the mark, bool (size_px, size_px).

    It is a square, at a distance of its own side from the first row and column.
    """
    side = max(1, round(size_px * MARK_FRACTION))
    mark = np.zeros((size_px, size_px), dtype=bool)
    mark[side : 2 * side, side : 2 * side] = True
    return mark


def best_auc(strength: float) -> float:
    """Return the area under the ROC curve of the best possible classifier."""
    return float(ndtr(strength / np.sqrt(2)))
