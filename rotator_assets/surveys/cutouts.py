"""From a galaxy's image file to the pixels of a dataset: read, observe if simulated, crop, check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotator_assets.science.mock import BANDS, galaxy_seed, observe, pad_or_crop
from rotator_assets.surveys.images import ImageSource, centre_crop, check_usable

OBSERVED_PX = 128
"""Side of every mock observation, pixels: smaller crops are cut from it, so that crops differ in nothing else."""


@dataclass(frozen=True)
class Cutout:
    """Pixels float32 (size, size, 3), bands g, r, i, and how they came about, named as columns of table ``images``."""

    pixels: NDArray[np.float32]
    conditions: dict[str, float | int | str | None]
    synthetic: bool


def make_cutout(source: ImageSource, survey: str, noise: str, crop_px: int, galaxy_id: str, mock_seed: int) -> Cutout:
    """The galaxy as a dataset of this noise and crop has it.

    ``observed``: the centre of the image as it is, which must fill the crop. ``noisy``: a simulated image as SDSS
    would have seen it (`science.mock.observe`), its padding covered by sky. ``noiseless``: the simulated image,
    padded with zeros. Raises UnusableImage with the reason.
    """
    image = source.read()
    conditions = {"image_unit": image.unit, "arcsec_per_pixel": image.arcsec_per_pixel}
    pixels = (centre_crop if noise == "observed" else pad_or_crop)(image.pixels, crop_px)
    check_usable(pixels)
    if noise == "noisy":
        seed = galaxy_seed(survey, galaxy_id, mock_seed)
        observed, mock = observe(image.pixels, seed, max(OBSERVED_PX, crop_px))
        pixels = centre_crop(observed, crop_px)
        conditions["mock_seed"] = mock.seed
        for band, fwhm, sigma in zip(BANDS, mock.psf_fwhm_arcsec, mock.sky_sigma_nmgy, strict=True):
            conditions[f"psf_fwhm_{band}_arcsec"] = fwhm
            conditions[f"sky_sigma_{band}_nmgy"] = sigma
    return Cutout(pixels, conditions, image.synthetic)
