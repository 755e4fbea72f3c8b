"""Baselines of the attributions: the images without a galaxy that a galaxy's image is compared with.

Each is made of fluxes and then normalized by the numbers of the galaxy's own image (`normalize_like`), so it is what
the network would see of that image had the galaxy's light been taken away and nothing else been changed. This goes for
fluxes in nanomaggies and for 8-bit pictures alike.

- ``sky``: no light at all, every flux zero.
- ``blurred``: the image smoothed by a Gaussian of an eighth of its side: its light stays about where it is, but shape,
  structure and neighbours are gone.
- ``noise``: `N_SKIES` skies with the level and the scatter that each band has in a border of the image, uncorrelated
  from pixel to pixel. The mean attribution over several such baselines is that of expected gradients (Erion et al.
  2021, Nature Machine Intelligence 3, 620, arXiv:1906.10670, eq. 2).
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
"""Width of the border whose pixels are taken for sky, as a fraction of the image's side; at least one pixel."""


def baselines(
    images: NDArray[np.float32], rows: NDArray[np.int64], recipe: Recipe, kind: str | None = None
) -> NDArray[np.float32]:
    """What the recipe's network sees of the baselines of these rows, float32 (len(rows), k, ny, nx, n_bands).

    k is 1, or `N_SKIES` of kind ``noise``. ``images``: raw fluxes (n, ny, nx, 3) as `network_input` takes them;
    ``kind``: by default the recipe's ``attribution_baseline``. A galaxy's noise is seeded by the recipe's seed and its
    fluxes, so it is the same in whatever company and order galaxies are explained.

    Raises ValueError for another kind.
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
    """Skies (N_SKIES, n, ny, nx, bands)."""
    skies = np.empty((N_SKIES, *flux.shape), dtype=np.float32)
    for number, image in enumerate(flux):
        level, scatter = _border_sky(image)
        digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        generator = np.random.default_rng([seed, int.from_bytes(digest)])
        skies[:, number] = level + scatter * generator.standard_normal((N_SKIES, *image.shape))
    return skies


def _border_sky(image: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and robust standard deviation (of the median absolute deviation) of each band in the image's border."""
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
