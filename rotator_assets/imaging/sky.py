"""Stamps of real sky without a galaxy, to which simulated galaxies are added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError


@dataclass(frozen=True, eq=False)
class SkyStamps:
    """Stamps of blank sky.

    Attributes
    ----------
    names
        Name of each stamp.
    pixels
        float32 (ny, nx, 3), bands g, r, i, sky-subtracted, in nanomaggies per pixel of 0.396 arcsec.
    sigma_nmgy
        Standard deviation of each stamp in g, r, i, from the median absolute deviation, which faint sources hardly
        change.
    synthetic
        Whether any stamp is synthetic.
    """

    names: tuple[str, ...]
    pixels: tuple[NDArray[np.float32], ...]
    sigma_nmgy: tuple[tuple[float, float, float], ...]
    synthetic: bool = False

    @classmethod
    def measured(cls, pixels: Mapping[str, NDArray[np.float32]], synthetic: bool = False) -> SkyStamps:
        """Return stamps by name, with their noise measured. Raises InputError with the name of an invalid stamp."""
        from astropy.stats import mad_std

        if not pixels:
            raise InputError("there are no sky stamps: at least one is needed")
        sigmas = []
        for name, stamp in pixels.items():
            if stamp.ndim != 3 or stamp.shape[2] != 3 or not np.isfinite(stamp).all():
                raise InputError(f"sky stamp {name}: (ny, nx, 3) finite values are needed; remove it")
            sigmas.append(tuple(float(sigma) for sigma in mad_std(stamp, axis=(0, 1))))
            if min(sigmas[-1]) <= 0:
                raise InputError(f"sky stamp {name}: a band is constant, which is not sky; remove it")
        return cls(tuple(pixels), tuple(pixels.values()), tuple(sigmas), synthetic)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[NDArray[np.float32], int]:
        """Draw ``size`` x ``size`` pixels at random from one stamp, in one of 8 orientations.

        Also return the stamp's number.

        Raises InputError if any stamp is smaller, because the galaxies that can be observed must not depend on the
        draw.
        """
        for name, stamp in zip(self.names, self.pixels, strict=True):
            if min(stamp.shape[:2]) < size:
                ny, nx = stamp.shape[:2]
                raise InputError(f"sky stamp {name}: is {ny} x {nx} pixels, the image has {size}; remove it")
        number = int(rng.integers(len(self.pixels)))
        stamp = self.pixels[number]
        y, x = (int(rng.integers(n - size + 1)) for n in stamp.shape[:2])
        sky = np.rot90(stamp[y : y + size, x : x + size], int(rng.integers(4)))
        return (sky[:, ::-1] if rng.integers(2) else sky), number
