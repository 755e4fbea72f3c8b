"""A galaxy's image as it would be at another redshift: apparent size and surface brightness.

Sizes follow the angular-diameter distance and fluxes the luminosity distance of the cosmology of IllustrisTNG. Bands
stay as they are in the galaxy's frame: there is no K-correction, so colours are those of the source's redshift.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rotator_assets.imaging.centre import crop_start

HUBBLE_KM_S_MPC = 67.74
OMEGA_MATTER = 0.3089
"""Flat cosmology of IllustrisTNG (Planck Collaboration 2016, A&A 594, A13)."""

SKIRT_REDSHIFT = 0.0485236
"""Where the published TNG images place the galaxies: ``USE_Z`` of their headers (Rodriguez-Gomez et al. 2019)."""


@lru_cache(maxsize=256)
def angular_diameter_distance_mpc(redshift: float) -> float:
    """Angular-diameter distance in Mpc."""
    from astropy.cosmology import FlatLambdaCDM

    return float(FlatLambdaCDM(H0=HUBBLE_KM_S_MPC, Om0=OMEGA_MATTER).angular_diameter_distance(redshift).value)


def angular_scale(source_redshift: float, redshift: float) -> float:
    """Apparent size at ``redshift`` over that at ``source_redshift``: d_A(source) / d_A."""
    return angular_diameter_distance_mpc(source_redshift) / angular_diameter_distance_mpc(redshift)


def flux_scale(source_redshift: float, redshift: float) -> float:
    """Flux at ``redshift`` over that at ``source_redshift``: (d_L(source) / d_L)^2, with d_L = (1 + z)^2 d_A.

    Divided by the squared angular scale it is the dimming of surface brightness, ((1 + z_source) / (1 + z))^4
    (Tolman 1930, PNAS 16, 511).
    """
    return (angular_scale(source_redshift, redshift) * ((1 + source_redshift) / (1 + redshift)) ** 2) ** 2


def at_redshift(
    pixels: NDArray[np.floating], source_redshift: float, redshift: float, size: int
) -> NDArray[np.float64]:
    """The central ``size`` x ``size`` pixels of the image that the galaxy gives at ``redshift``; zeros where it ends.

    ``pixels`` are (ny, nx, bands) in nanomaggies a pixel, seen at ``source_redshift``; the pixel scale stays. Nearer
    than the source, the image shows the simulation's own pixels, enlarged.
    """
    return flux_scale(source_redshift, redshift) * resample(pixels, angular_scale(source_redshift, redshift), size)


def resample(pixels: NDArray[np.floating], scale: float, size: int) -> NDArray[np.float64]:
    """An image (ny, nx, bands) enlarged ``scale`` times on pixels of the same size; the sum is kept.

    Every pixel's light is shared among the new pixels by the area that they have in common with it. The image's middle
    stays where ``mock.pad_or_crop`` puts it, with which scale 1 is the same. Only pixels that reach into the result
    are read; one that is not finite makes most of it NaN.
    """
    (rows, shares_y), (columns, shares_x) = (_shares(n, scale, size) for n in pixels.shape[:2])
    planes = np.moveaxis(np.asarray(pixels[rows, columns], dtype=np.float64), 2, 0)
    with np.errstate(invalid="ignore"):
        return np.moveaxis(shares_y @ planes @ shares_x.T, 0, 2)


def _shares(n: int, scale: float, size: int) -> tuple[slice, NDArray[np.float64]]:
    """Old pixels of one axis that reach into the new ones, and the share (new, old) of each that every new one gets."""
    middle = n / 2 - crop_start(n, size)
    first = int(np.clip(np.floor(n / 2 - middle / scale), 0, n))
    last = int(np.clip(np.ceil(n / 2 + (size - middle) / scale), first, n))
    edges = middle + (np.arange(first, last + 1) - n / 2) * scale
    new = np.arange(size)[:, None]
    overlap = np.minimum(new + 1, edges[1:]) - np.maximum(new, edges[:-1])
    return slice(first, last), np.clip(overlap, 0.0, None) / scale
