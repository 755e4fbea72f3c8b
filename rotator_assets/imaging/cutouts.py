"""Turn a galaxy's image file into the pixels of a dataset: read, check, observe if simulated, crop."""

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
from rotator_assets.imaging.cropping import centre_crop, check_size, interleaved, pad_or_crop
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
"""Side of every mock observation in pixels. Smaller crops are cut from it, so crops of one galaxy show the same
noise."""
MAX_STAMP_VALUES = 64 * 1024**2
"""Largest total number of values of the sky stamps, which are kept in memory (256 MiB)."""


Noise = Literal["observed", "noisy", "noiseless"]
Conditions = dict[str, float | int | str | None]
"""Values by column name of table ``images``."""


@dataclass(frozen=True)
class Cutout:
    """Pixels of one galaxy and how they were made.

    Attributes
    ----------
    pixels
        float32 (size, size, 3), bands g, r, i.
    conditions
        Values by column name of table ``images``.
    synthetic
        Whether the image is marked as synthetic.
    angular_scale
        Apparent size of the galaxy over that in its file: 1 unless the galaxy was moved to another redshift. Sizes from
        the survey's catalogues have to be multiplied by it.
    sky
        Right ascension and declination of the middle of an observed image, degrees, if the position of the galaxy was
        not given; None if the file has no coordinates.
    """

    pixels: NDArray[np.float32]
    conditions: Conditions
    synthetic: bool
    angular_scale: float = 1.0
    sky: tuple[float, float] | None = None


@dataclass(frozen=True)
class Treatment:
    """How the images of a dataset are made and checked.

    Attributes
    ----------
    survey
        Key of the survey, part of the seed of each mock observation.
    noise
        ``observed``: the centre of the image, which must be as large as the crop. ``noisy``: a simulated image as SDSS
        would observe it (`mock.observe`), padded with sky. ``noiseless``: a simulated image, padded with zeros.
    crop_px
        Side of the crop in pixels.
    images
        Which checks are made, and the fraction of missing pixels that may be filled.
    mock
        How simulated galaxies are observed. Noiseless images only use its redshift.
    stamps
        Stamps of real sky, needed if ``mock.sky`` is ``stamps``.
    arcsec_per_pixel
        Pixel scale of the survey, which every file must have unless ``images.check_pixel_scale`` is off; None accepts
        any.
    """

    survey: str
    noise: Noise
    crop_px: int
    images: ImageSettings = field(default_factory=ImageSettings)
    mock: MockSettings = DEFAULT_MOCK
    stamps: SkyStamps | None = None
    arcsec_per_pixel: float | None = SDSS_ARCSEC_PER_PIXEL


def make_cutout(
    source: ImageSource, galaxy_id: str, treatment: Treatment, ra: float | None = None, dec: float | None = None
) -> Cutout:
    """Read one galaxy's image and make its cut-out.

    Parameters
    ----------
    source
        Where the image is and how to read it.
    galaxy_id
        Identifier of the galaxy, part of the seed of its mock observation.
    treatment
        How the dataset's images are made.
    ra, dec
        Catalogue position in degrees; None or NaN if unknown.

    Returns
    -------
    Cutout
        The pixels, and the columns of table ``images`` that describe them.

    Raises
    ------
    UnusableImage
        With the reason, if the image cannot be used.
    InputError
        If sky stamps are needed but missing or too small.
    """
    image = source.read(treatment.crop_px) if treatment.noise == "observed" else source.read()
    if treatment.noise == "observed":
        check_size(image.pixels, treatment.crop_px)
    place = check_matches(
        image,
        ra,
        dec,
        arcsec_per_pixel=expected_scale(treatment),
        max_offset_px=MAX_OFFSET_PX if treatment.images.check_centre else None,
    )
    shape = image.pixels.shape[:2]
    if place is not None and offset_px(shape, *place) > MAX_OFFSET_PX:
        place = None  # the centre is not checked
    conditions = conditions_of(
        image.unit, image.arcsec_per_pixel, image.north_angle_deg, image.unread, place, shape, treatment
    )
    if not treatment.images.check_saturation and image.missing is not None:
        image = replace(image, missing=np.where(image.missing == Missing.SATURATED, 0, image.missing))
    if treatment.noise == "observed":
        return _observed(image, treatment, conditions, None if place else _middle_of(image))
    return _simulated(image, galaxy_id, treatment, conditions)


def _middle_of(image: GalaxyImage) -> tuple[float, float] | None:
    """Return the position on the sky of the middle of an image, in degrees; None without coordinates."""
    ny, nx = image.pixels.shape[:2]
    return image.coordinates.sky(middle(nx), middle(ny)) if image.coordinates else None


def expected_scale(treatment: Treatment) -> float | None:
    """Return the side of a pixel in arcsec that every file must have; None if any is accepted."""
    return treatment.arcsec_per_pixel if treatment.images.check_pixel_scale else None


def conditions_of(
    unit: str,
    arcsec_per_pixel: float | None,
    north_angle_deg: float | None,
    unread: tuple[str, ...],
    place: tuple[float, float] | None,
    shape: tuple[int, ...],
    treatment: Treatment,
) -> Conditions:
    """Return what an image of ``shape`` (ny, nx) is known to show, as columns of table ``images``.

    ``place`` is where the file's coordinates put the galaxy (see `centre`), by default the middle. Without the check of
    the centre, that may be far from the middle, and is not passed then.
    """
    ny, nx = shape
    x, y = place or (middle(nx), middle(ny))
    return {
        "image_unit": unit,
        "arcsec_per_pixel": arcsec_per_pixel,
        "north_angle_deg": north_angle_deg,
        "unread_extensions": ", ".join(unread) or None,
        "galaxy_x_pixels": x - crop_start(nx, treatment.crop_px),
        "galaxy_y_pixels": y - crop_start(ny, treatment.crop_px),
    }


def _observed(
    image: GalaxyImage, treatment: Treatment, conditions: Conditions, sky: tuple[float, float] | None
) -> Cutout:
    """Return the centre of an observed image."""
    pixels = centre_crop(image.pixels, treatment.crop_px)
    missing = None if image.missing is None else centre_crop(image.missing, treatment.crop_px)
    conditions["filled_fraction"] = check_complete(missing, treatment.images.max_missing_fraction)
    if missing is not None and conditions["filled_fraction"]:
        pixels = filled(pixels, missing)
    pixels = interleaved(pixels)
    check_usable(pixels)
    if image.unit == "colour" and treatment.images.check_saturation:
        check_not_white(pixels)
    return Cutout(pixels, conditions, image.synthetic, sky=sky)


def _simulated(image: GalaxyImage, galaxy_id: str, treatment: Treatment, conditions: Conditions) -> Cutout:
    """Return the cut-out of a simulated image. If it is moved in redshift, all its missing pixels count."""
    options, crop_px = treatment.mock, treatment.crop_px
    if options.redshift is not None and image.redshift is None:
        raise UnusableImage("its header has no redshift (USE_Z, REDSHIFT), so mock.redshift cannot move it")
    source_redshift = image.redshift or SKIRT_REDSHIFT
    image = replace(image, pixels=np.ascontiguousarray(image.pixels))
    missing = image.missing
    if missing is not None and options.redshift is None:
        missing = pad_or_crop(missing, crop_px)
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
        if mock.sky_stamp is not None and treatment.stamps is not None:
            synthetic |= treatment.stamps.synthetic
    return Cutout(pixels, conditions, synthetic, scale)


def _columns(mock: MockConditions) -> Conditions:
    """Return the conditions of a mock observation as columns of table ``images``."""
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
    """Read every FITS cube below a folder as a stamp of blank sky, named by its relative path.

    The stamp of a galaxy depends on its seed and on the number of stamps. Raises InputError with the file's name if a
    stamp cannot be read, is not finite, is constant, is smaller than ``OBSERVED_PX`` or does not have SDSS pixels, and
    if there are no files or more than ``MAX_STAMP_VALUES`` allows.
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
            raise InputError(f"{folder}: sky stamp {name}: {reason}; fix it or remove it") from None
        stamps[name] = image.pixels
        synthetic |= image.synthetic
        n_values += image.pixels.size
        if n_values > MAX_STAMP_VALUES:
            raise InputError(
                f"{folder}: the sky stamps do not fit in memory ({MAX_STAMP_VALUES} values at most); remove some"
            )
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
