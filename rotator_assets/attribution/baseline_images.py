"""Baseline images of the attributions: images without a galaxy, with which a galaxy's image is compared.

A baseline image is made from fluxes and then normalized with the constants of the galaxy's own image
(`normalize_like`). It is what the network would see if only the galaxy's light were removed. This holds for fluxes in
nanomaggies and for 8-bit images.

- ``sky``: no light; every flux is zero.
- ``blurred``: the image smoothed with a Gaussian of an eighth of its side. The light stays roughly in place, but shape,
  structure and neighbours disappear.
- ``noise``: `N_SKIES` skies with the level and scatter of each band in the border of the image, uncorrelated between
  pixels. The mean attribution over several such baselines is that of expected gradients (Erion et al. 2021, Nature
  Machine Intelligence 3, 620, arXiv:1906.10670, eq. 2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.recipes import Recipe
from rotator_assets.imaging.normalization import normalize_like
from rotator_assets.training.pipeline import network_input

N_SKIES = 5
BLUR_FRACTION = 1 / 8
"""Standard deviation of the blur, as a fraction of the image's side."""
BORDER_FRACTION = 1 / 20
"""Width of the border used as sky, as a fraction of the image's side; at least one pixel."""


def baselines(
    images: NDArray[np.float32], rows: NDArray[np.int64], recipe: Recipe, kind: str | None = None
) -> NDArray[np.float32]:
    """Return the baseline images of some galaxies, as the recipe's network sees them.

    Parameters
    ----------
    images : float32 (n, ny, nx, 3)
        Raw fluxes, as for `network_input`.
    rows : int64 (m,)
        Rows of ``images``.
    recipe : Recipe
        For bands, normalization and seed.
    kind : str, optional
        ``sky``, ``blurred`` or ``noise``; by default the recipe's ``attribution_baseline``.

    Returns
    -------
    float32 (m, k, ny, nx, bands)
        k is `N_SKIES` for ``noise``, else 1. The noise is seeded by the recipe's seed and the galaxy's fluxes, so it
        does not depend on the other galaxies or on their order.

    Raises
    ------
    ValueError
        For an unknown kind.
    """
    kind = recipe.attribution_baseline if kind is None else kind
    if kind not in _KINDS:
        raise ValueError(f"unknown baseline '{kind}': use {', '.join(_KINDS)}")
    flux = network_input(images, rows, recipe.model_copy(update={"normalization": "none"}))
    without = _KINDS[kind](flux, recipe.seed)
    seen = [normalize_like(draw, flux, recipe.normalization, recipe.bands) for draw in without]
    return np.stack(seen, axis=1)


def _sky(flux: NDArray[np.float32], seed: int) -> list[NDArray[np.float32]]:
    return [np.zeros_like(flux)]


def _blurred(flux: NDArray[np.float32], seed: int) -> list[NDArray[np.float32]]:
    from scipy.ndimage import gaussian_filter

    ny, nx = flux.shape[1:3]
    return [gaussian_filter(flux, (0, ny * BLUR_FRACTION, nx * BLUR_FRACTION, 0), mode="nearest")]


def _noise(flux: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Return skies (N_SKIES, n, ny, nx, bands)."""
    skies = np.empty((N_SKIES, *flux.shape), dtype=np.float32)
    for number, image in enumerate(flux):
        level, scatter = _border_sky(image)
        digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        generator = np.random.default_rng([seed, int.from_bytes(digest)])
        skies[:, number] = level + scatter * generator.standard_normal((N_SKIES, *image.shape))
    return skies


def _border_sky(image: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the median and the MAD standard deviation of each band in the image's border."""
    from astropy.stats import mad_std

    ny, nx = image.shape[:2]
    width = max(1, round(min(ny, nx) * BORDER_FRACTION))
    border = np.ones((ny, nx), dtype=bool)
    border[width:-width, width:-width] = False
    sky = image[border].astype(np.float64)
    return np.median(sky, axis=0), mad_std(sky, axis=0)


_KINDS: dict[str, Callable[[NDArray[np.float32], int], NDArray[np.float32] | list[NDArray[np.float32]]]] = {
    "sky": _sky,
    "blurred": _blurred,
    "noise": _noise,
}
