"""From a galaxy's image file to the pixels of a dataset: read, observe if simulated, crop, check."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.files import walk_files
from rotator_assets.core.settings import ImageSettings, MockSettings
from rotator_assets.imaging.bands import BANDS
from rotator_assets.imaging.centre import crop_start, middle
from rotator_assets.imaging.cropping import centre_crop, check_size, pad_or_crop
from rotator_assets.imaging.image_checks import (
    MAX_OFFSET_PX,
    SCALE_TOLERANCE,
    check_matches,
    check_not_white,
    check_usable,
    offset_px,
)
from rotator_assets.imaging.image_names import is_fits_name
from rotator_assets.imaging.images import GalaxyImage, ImageSource
from rotator_assets.imaging.missing import Missing, check_complete, filled
from rotator_assets.imaging.mock import (
    DEFAULT_MOCK,
    MockConditions,
    apparent,
    galaxy_seed,
    observe,
)
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.imaging.redshifting import SKIRT_REDSHIFT, angular_scale
from rotator_assets.imaging.sky import SkyStamps

OBSERVED_PX = 128
"""Side of every mock observation, pixels: smaller crops are cut from it, so that crops differ in nothing else."""
MAX_STAMP_VALUES = 64 * 1024**2
"""Values of all sky stamps together, which are held in memory: 256 MiB."""


@dataclass(frozen=True)
class Cutout:
    """Pixels float32 (size, size, 3), bands g, r, i, and how they came about, named as columns of table ``images``.

    ``angular_scale``: apparent size of the galaxy over that in its file, other than 1 where it was placed at another
    redshift; sizes from the survey's catalogues are to be multiplied by it.
    """

    pixels: NDArray[np.float32]
    conditions: dict[str, float | int | str | None]
    synthetic: bool
    angular_scale: float = 1.0


@dataclass(frozen=True)
class Treatment:
    """How every image of a dataset is made, and what is checked of it.

    ``noise``: ``observed``, the centre of the image as it is, which must fill the crop; ``noisy``, a simulated image as
    SDSS would have seen it (`science.mock.observe`), its padding covered by sky; ``noiseless``, the simulated image,
    padded with zeros. ``mock`` is for simulated images, of which noiseless ones have the redshift alone.
    ``max_missing_fraction``: where no more of the crop is missing, it is filled (`missing.filled`).
    ``arcsec_per_pixel`` is the survey's pixel scale. Every file must have it unless ``check_pixel_scale`` is off; None
    accepts any.
    """

    survey: str
    noise: Literal["observed", "noisy", "noiseless"]
    crop_px: int
    images: ImageSettings = field(default_factory=ImageSettings)
    mock: MockSettings = DEFAULT_MOCK
    stamps: SkyStamps | None = None
    arcsec_per_pixel: float | None = SDSS_ARCSEC_PER_PIXEL


def make_cutout(
    source: ImageSource, galaxy_id: str, treatment: Treatment, ra: float | None = None, dec: float | None = None
) -> Cutout:
    """The galaxy, at ``ra`` and ``dec`` in degrees where they are known, as the dataset has it.

    Raises UnusableImage with the reason, InputError where sky stamps are asked for that are missing or too small.
    """
    image = source.read()
    if treatment.noise == "observed":
        check_size(image.pixels, treatment.crop_px)
    check_matches(
        image,
        ra,
        dec,
        arcsec_per_pixel=treatment.arcsec_per_pixel if treatment.images.check_pixel_scale else None,
        max_offset_px=MAX_OFFSET_PX if treatment.images.check_centre else None,
    )
    conditions = {
        "image_unit": image.unit,
        "arcsec_per_pixel": image.arcsec_per_pixel,
        "north_angle_deg": image.north_angle_deg,
        "unread_extensions": ", ".join(image.unread) or None,
        **_place(image, ra, dec, treatment.crop_px),
    }
    if not treatment.images.check_saturation and image.missing is not None:
        image = replace(image, missing=np.where(image.missing == Missing.SATURATED, 0, image.missing))
    if treatment.noise == "observed":
        return _observed(image, treatment, conditions)
    return _simulated(image, galaxy_id, treatment, conditions)


def _place(image: GalaxyImage, ra: float | None, dec: float | None, crop_px: int) -> dict[str, float]:
    """Where the galaxy stands in the crop (`science.centre`), as columns of table ``images``.

    Coordinates that do not have it near the middle, which are used where they are not checked, are not believed.
    """
    ny, nx = image.pixels.shape[:2]
    x, y = middle(nx), middle(ny)
    known = image.coordinates is not None and ra is not None and dec is not None and np.isfinite([ra, dec]).all()
    if known and offset_px(image, ra, dec) <= MAX_OFFSET_PX:
        x, y = (float(value) for value in image.coordinates.pixel(ra, dec))
    return {"galaxy_x_pixels": x - crop_start(nx, crop_px), "galaxy_y_pixels": y - crop_start(ny, crop_px)}


def _observed(image: GalaxyImage, treatment: Treatment, conditions: dict) -> Cutout:
    """The centre of an observed image."""
    pixels = centre_crop(image.pixels, treatment.crop_px)
    missing = None if image.missing is None else centre_crop(image.missing, treatment.crop_px)
    conditions["filled_fraction"] = check_complete(missing, treatment.images.max_missing_fraction)
    if conditions["filled_fraction"]:
        pixels = filled(pixels, missing)
    check_usable(pixels)
    if image.unit == "colour" and treatment.images.check_saturation:
        check_not_white(pixels)
    return Cutout(pixels, conditions, image.synthetic)


def _simulated(image: GalaxyImage, galaxy_id: str, treatment: Treatment, conditions: dict) -> Cutout:
    """The cut-out of a simulated image. Where it is moved in redshift, missing pixels anywhere in it count."""
    options, crop_px = treatment.mock, treatment.crop_px
    if options.redshift is not None and image.redshift is None:
        raise UnusableImage(
            "its header does not tell the redshift (USE_Z, REDSHIFT), from which mock.redshift moves it"
        )
    source_redshift = image.redshift or SKIRT_REDSHIFT
    whole = image.missing is None or options.redshift is not None
    missing = image.missing if whole else pad_or_crop(image.missing, crop_px)
    conditions["filled_fraction"] = check_complete(missing, treatment.images.max_missing_fraction)
    if treatment.images.max_missing_fraction and image.missing is not None:
        image = replace(image, pixels=filled(image.pixels, image.missing))
    pixels = apparent(image.pixels, crop_px, options.redshift, source_redshift).astype(np.float32)
    check_usable(pixels)
    conditions["mock_redshift"] = options.redshift
    scale = 1.0 if options.redshift is None else angular_scale(source_redshift, options.redshift)
    synthetic = image.synthetic
    if treatment.noise == "noisy":
        seed = galaxy_seed(treatment.survey, galaxy_id, options.seed)
        size = max(OBSERVED_PX, crop_px)
        observed, mock = observe(image.pixels, seed, size, options, treatment.stamps, source_redshift)
        pixels = centre_crop(observed, crop_px)
        conditions |= _columns(mock)
        synthetic |= mock.sky_stamp is not None and treatment.stamps.synthetic
    return Cutout(pixels, conditions, synthetic, scale)


def _columns(mock: MockConditions) -> dict[str, float | int | str | None]:
    """Conditions of a mock observation as columns of table ``images``."""
    columns = {
        "mock_seed": mock.seed,
        "psf_profile": mock.psf_profile,
        "moffat_beta": mock.moffat_beta,
        "mock_redshift": mock.redshift,
        "sky_stamp": mock.sky_stamp,
    }
    for band, fwhm, sigma in zip(BANDS, mock.psf_fwhm_arcsec, mock.sky_sigma_nmgy, strict=True):
        columns[f"psf_fwhm_{band}_arcsec"] = fwhm
        columns[f"sky_sigma_{band}_nmgy"] = sigma
    return columns


def read_sky_stamps(folder: Path) -> SkyStamps:
    """Every FITS cube below a folder as a stamp of blank sky, named by its path from there.

    Which stamp a galaxy gets depends on its seed and on how many stamps there are. Raises InputError naming the file
    that cannot be read, is not finite or constant, is smaller than ``OBSERVED_PX``, has other pixels than SDSS's, or
    where there are no files or more than ``MAX_STAMP_VALUES`` fit.
    """
    stamps: dict[str, NDArray[np.float32]] = {}
    n_values, synthetic = 0, False
    for path in walk_files(folder):
        if not is_fits_name(path):
            continue
        name = path.relative_to(folder).as_posix()
        try:
            image = _read_stamp(path)
        except UnusableImage as reason:
            raise InputError(f"{folder}: sky stamp {name}: {reason}; mend it or leave it out") from None
        stamps[name] = image.pixels
        synthetic |= image.synthetic
        n_values += image.pixels.size
        if n_values > MAX_STAMP_VALUES:
            raise InputError(f"{folder}: more sky stamps than fit in memory ({MAX_STAMP_VALUES} values); keep fewer")
    if not stamps:
        raise InputError(f"{folder}: holds no sky stamps (FITS cubes of g, r, i)")
    return SkyStamps.measured(stamps, synthetic)


def _read_stamp(path: Path) -> GalaxyImage:
    image = ImageSource("cube", (path,)).read()
    if image.unit != "nanomaggies":
        raise UnusableImage("is a picture, fluxes are needed")
    check_complete(image.missing)
    check_usable(image.pixels)
    scale = image.arcsec_per_pixel
    if scale is not None and abs(scale / SDSS_ARCSEC_PER_PIXEL - 1) > SCALE_TOLERANCE:
        raise UnusableImage(f"has pixels of {scale:.3f} arcsec, {SDSS_ARCSEC_PER_PIXEL} are needed")
    if min(image.pixels.shape[:2]) < OBSERVED_PX:
        ny, nx = image.pixels.shape[:2]
        raise UnusableImage(f"is {ny} x {nx} pixels, at least {OBSERVED_PX} x {OBSERVED_PX} are needed")
    return image
