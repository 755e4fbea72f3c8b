"""Move a galaxy's image to another redshift: apparent size and surface brightness.

Sizes follow the angular-diameter distance and fluxes the luminosity distance in the cosmology of IllustrisTNG. There is
no K-correction: bands stay fixed in the galaxy's rest frame, so colours are those at the redshift of the source.
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
"""Redshift of the galaxies in the published TNG images: ``USE_Z`` in their headers (Rodriguez-Gomez et al. 2019)."""


@lru_cache(maxsize=256)
def angular_diameter_distance_mpc(redshift: float) -> float:
    """Return the angular-diameter distance in Mpc."""
    from astropy.cosmology import FlatLambdaCDM

    return float(FlatLambdaCDM(H0=HUBBLE_KM_S_MPC, Om0=OMEGA_MATTER).angular_diameter_distance(redshift).value)


def angular_scale(source_redshift: float, redshift: float) -> float:
    """Return the apparent size at ``redshift`` relative to that at ``source_redshift``: d_A(source) / d_A."""
    return angular_diameter_distance_mpc(source_redshift) / angular_diameter_distance_mpc(redshift)


def flux_scale(source_redshift: float, redshift: float) -> float:
    """Return the flux at ``redshift`` relative to that at ``source_redshift``.

    It is (d_L(source) / d_L)^2, with the luminosity distance d_L = (1 + z)^2 d_A. Divided by the squared angular scale,
    it is the dimming of surface brightness, ((1 + z_source) / (1 + z))^4 (Tolman 1930, PNAS 16, 511).
    """
    return (angular_scale(source_redshift, redshift) * ((1 + source_redshift) / (1 + redshift)) ** 2) ** 2


def at_redshift(
    pixels: NDArray[np.floating], source_redshift: float, redshift: float, size: int
) -> NDArray[np.float64]:
    """Return the image of a galaxy at another redshift, with the same pixel scale.

    At a lower redshift than the source, the image shows the pixels of the simulation, enlarged.

    Parameters
    ----------
    pixels
        (ny, nx, bands) in nanomaggies per pixel.
    source_redshift
        Redshift at which the image shows the galaxy.
    redshift
        Redshift to move it to.
    size
        Side of the result in pixels.

    Returns
    -------
    float64 array
        (size, size, bands) in nanomaggies per pixel; zeros beyond the edges of the image.
    """
    return flux_scale(source_redshift, redshift) * resample(pixels, angular_scale(source_redshift, redshift), size)


def resample(pixels: NDArray[np.floating], scale: float, size: int) -> NDArray[np.float64]:
    """Scale an image on pixels of the same size; the total flux is conserved.

    The light of each pixel is distributed over the new pixels by their overlap. The middle of the image is that of
    `cropping.pad_or_crop`, to which scale 1 is equal. Only pixels that overlap the result are read. A pixel that is not
    finite makes most of the result NaN.

    Parameters
    ----------
    pixels
        (ny, nx, bands) in any linear unit.
    scale
        Factor by which the image is enlarged.
    size
        Side of the result in pixels.

    Returns
    -------
    float64 array
        (size, size, bands) in the same unit.
    """
    (rows, overlap_y), (columns, overlap_x) = (_overlaps(n, scale, size) for n in pixels.shape[:2])
    planes = np.moveaxis(np.asarray(pixels[rows, columns], dtype=np.float64), 2, 0)
    with np.errstate(invalid="ignore"):
        return np.moveaxis(overlap_y @ planes @ overlap_x.T, 0, 2)


def _overlaps(n: int, scale: float, size: int) -> tuple[slice, NDArray[np.float64]]:
    """Return the old pixels of one axis that overlap the new ones, and the fraction of each in every new one.

    The fractions are (new, old).
    """
    middle = n / 2 - crop_start(n, size)
    first = int(np.clip(np.floor(n / 2 - middle / scale), 0, n))
    last = int(np.clip(np.ceil(n / 2 + (size - middle) / scale), first, n))
    edges = middle + (np.arange(first, last + 1) - n / 2) * scale
    new = np.arange(size)[:, None]
    overlap = np.minimum(new + 1, edges[1:]) - np.maximum(new, edges[:-1])
    return slice(first, last), np.clip(overlap, 0.0, None) / scale
