"""Settings for the catalogues and images of a survey: the blocks of ``settings.yaml``. All are optional."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from rotator_assets.core.declarations import declared

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
"""Unknown keys and values of another type are errors: ``"20"`` is not a number, and ``1`` is not a boolean."""
FROM_LIST = Field(strict=False)
"""For tuples, which YAML writes as lists."""

BeamRule = Literal["none", "all", "regular_rotators"]
"""Which galaxies are corrected for seeing."""
Seeing = Annotated[float, Field(ge=0.6, le=10)]
"""FWHM in arcsec. Pixels of 0.396 arcsec undersample narrower profiles, and wider ones are no realistic seeing."""
Depth = Annotated[float, Field(ge=0, le=1e6)]
"""Standard deviation of the sky in nanomaggies per pixel."""
Factor = Annotated[float, Field(gt=0, le=10)]


def _one_line(value: object) -> object:
    """Return text without line breaks and surrounding blanks, and a whole number as text: identifiers of TNG."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return " ".join(value.split()) if isinstance(value, str) else value


Line = Annotated[str, Field(min_length=1), BeforeValidator(_one_line)]


class Exclusion(BaseModel):
    """A galaxy to leave out, with its repeat observations: named by an identifier, or by its position."""

    model_config = STRICT

    galaxy_id: Line | None = None
    object_id: Line | None = None
    ra: float | None = Field(default=None, ge=0, le=360, description="degrees")
    dec: float | None = Field(default=None, ge=-90, le=90, description="degrees")
    radius_arcsec: float = Field(default=5.0, gt=0, le=3600, description="largest distance from the position")
    excluded_from: Literal["training", "everything"] = "everything"
    reason: Line

    @model_validator(mode="after")
    def _named_once(self) -> Exclusion:
        if (self.ra is None) != (self.dec is None):
            raise ValueError("a position needs both ra and dec")
        if sum(value is not None for value in (self.galaxy_id, self.object_id, self.ra)) != 1:
            raise ValueError("name the galaxy in one way: by galaxy_id, by object_id, or by ra and dec")
        if self.ra is None and "radius_arcsec" in self.model_fields_set:
            raise ValueError("radius_arcsec belongs to a position: leave it out")
        return self

    @property
    def position(self) -> tuple[float, float] | None:
        """Right ascension and declination in degrees; None for a galaxy named by an identifier."""
        return None if self.ra is None or self.dec is None else (self.ra, self.dec)

    @property
    def name(self) -> str:
        """How the entry names the galaxy."""
        if self.position:
            return f"ra {self.ra} dec {self.dec} within {self.radius_arcsec:g} arcsec"
        return f"galaxy_id {self.galaxy_id}" if self.galaxy_id is not None else f"object_id {self.object_id}"


class LabelSettings(BaseModel):
    """Which galaxies are early types, which are slow rotators, and which get a label. Every cut is off by default."""

    model_config = STRICT

    t_type_max: float = Field(default=2.0, description="early type: T-Type strictly below this")
    p_late_max: float = Field(
        default=0.5, ge=0, le=1, description="early type where only P_Late is known: at most this"
    )
    boundary: Literal["emsellem2011", "cappellari2016"] = "emsellem2011"
    log_mass_min: float | None = Field(
        default=None, description="no label below this log10 stellar mass, in the source's h"
    )
    reject_drp3qual_critical: bool = Field(default=False, description="no label where DRP3QUAL has bit 30 (CRITICAL)")
    reject_dapqual_critical: bool = Field(default=False, description="no label where DAPQUAL has bit 30 (CRITICAL)")
    reject_spurious_subhalos: bool = Field(default=False, description="no label where SubhaloFlag is 0 (TNG)")
    reject_repeat_observations: bool = Field(
        default=False, description="one label per galaxy: that of its first observation with a label"
    )
    reject_flag_t_type: bool = Field(
        default=False, description="no label where the morphology catalogue flags its T-Type"
    )
    reject_failed_photometry: bool = Field(
        default=False, description="no label where the PyMorph r-band Sersic fit failed"
    )


class ImageSettings(BaseModel):
    """Checks of images, and the scale of PNG and JPG cut-outs, whose files do not contain it."""

    model_config = STRICT

    pixels_per_r_eff: float | None = Field(
        default=None, gt=0, description="cut-outs scaled to the galaxy: pixels per R_e"
    )
    arcsec_per_pixel: float | None = Field(default=None, gt=0, description="cut-outs with the same angular scale")
    check_centre: bool = Field(
        default=True, description="unusable where the galaxy is more than a pixel off the centre (WCS)"
    )
    check_pixel_scale: bool = Field(
        default=True, description="unusable where the pixel scale differs from that of the survey by more than 2 %"
    )
    check_saturation: bool = Field(
        default=True, description="observed images: clipped pixels count as missing; unusable where many are white"
    )
    max_missing_fraction: float = Field(
        default=0.0,
        ge=0,
        le=0.2,
        description="fill up to this fraction of the crop's pixels where they are missing",
        json_schema_extra={"introduced": 0.0},
    )

    @model_validator(mode="after")
    def _one_scale(self) -> ImageSettings:
        if self.pixels_per_r_eff and self.arcsec_per_pixel:
            raise ValueError("give pixels_per_r_eff or arcsec_per_pixel, not both")
        return self


class KinematicsSettings(BaseModel):
    """Measurement of lambda_R from stellar maps or star particles."""

    model_config = STRICT

    aperture: Literal["header", "particles", "photometry"] | None = Field(
        default=None, description="half-light ellipse: prefer the file's or the catalogues'; null: the survey's default"
    )
    beam_correction: BeamRule = Field(default="regular_rotators", description="which galaxies are corrected for seeing")
    min_coverage: float = Field(
        default=0.0, ge=0, le=1, description="lambda_R is rejected where data cover a smaller fraction of the ellipse"
    )
    min_particles_per_bin: int = Field(
        default=50, ge=20, description="bins have equal light; with fewer particles noise hides more slow rotators"
    )
    """With 50 the velocities of bins are as noisy as in MaNGA's Voronoi bins of S/N 10: without rotation the observed
    lambda_R is 0.1. With 20 it is 0.15. With 100 a galaxy of a few thousand particles has too few bins to resolve
    rotation."""

    @field_validator("aperture", "beam_correction", mode="before")
    @classmethod
    def _renamed(cls, value: object) -> object:
        """Reject values of earlier versions that correspond to several new ones."""
        if value == "file":
            raise ValueError("'file' is now named header (manga) or particles (tng100)")
        if value == "graham2018":
            raise ValueError("'graham2018' is now all (every galaxy, as before) or regular_rotators (the default)")
        return value


class MockSettings(BaseModel):
    """Mock observation of simulated galaxies. Values not set here are drawn per galaxy from those of SDSS."""

    model_config = STRICT

    seed: int = Field(default=2020, ge=0)
    psf: Literal["gaussian", "moffat"] = "gaussian"
    moffat_beta: float = Field(default=3.0, ge=2, le=100)
    """Between the value of turbulence, 4.765 (Trujillo et al. 2001, MNRAS 328, 977), and IRAF's default, 2.5, because
    stars in SDSS also have wings from the instrument (Xin et al. 2018, AJ 156, 222). Below 2 the wings cover the whole
    image, and 100 is close to a Gaussian."""
    sky: Literal["gaussian", "stamps"] = Field(
        default="gaussian", description="stamps: pasted from `<survey>/sky/*.fits`"
    )
    redshift: float | None = Field(
        default=None, ge=0.001, le=10, description="observe from this redshift instead of the file's"
    )
    psf_fwhm_arcsec: Annotated[tuple[Seeing, Seeing, Seeing], FROM_LIST] | None = Field(
        default=None, description="seeing in g, r, i"
    )
    sky_sigma_nmgy: Annotated[tuple[Depth, Depth, Depth], FROM_LIST] | None = Field(
        default=None, description="sky noise in g, r, i, in nmgy per pixel"
    )

    @model_validator(mode="after")
    def _stamps_have_noise_of_their_own(self) -> MockSettings:
        if self.sky == "stamps" and self.sky_sigma_nmgy:
            raise ValueError("sky stamps have their own noise: leave out sky_sigma_nmgy")
        return self


class SurveySettings(BaseModel):
    """Settings of one survey."""

    model_config = STRICT

    lambda_r_preference: Annotated[tuple[str, ...], FROM_LIST] = Field(
        description="sources of lambda_R, the most preferred first"
    )
    jam_qual_min: int | None = Field(
        default=None, ge=-1, le=3, description="DynPop lambda_R needs at least this `Qual`"
    )
    fill_refused: bool = Field(
        default=False,
        description="lambda_R rejected by a quality cut is taken from a later source",
        json_schema_extra={"introduced": False},
    )
    lambda_r_scale: dict[str, Factor] = Field(
        default={},
        description="factor of lambda_R and its error, by source",
        json_schema_extra={"introduced": {}},
    )
    ellipticity_preference: Annotated[tuple[str, ...], FROM_LIST] = Field(
        description="sources of the ellipticity, the most preferred first"
    )
    exclude: Annotated[tuple[Exclusion, ...], FROM_LIST] = Field(
        default=(), description="galaxies left out of training or of everything"
    )
    kinematics: KinematicsSettings = KinematicsSettings()
    labels: LabelSettings = LabelSettings()
    images: ImageSettings = ImageSettings()
    mock: MockSettings = MockSettings()

    @field_validator("exclude")
    @classmethod
    def _once_each(cls, exclude: tuple[Exclusion, ...]) -> tuple[Exclusion, ...]:
        names = [one.name for one in exclude]
        if repeated := [name for number, name in enumerate(names) if name in names[:number]]:
            raise ValueError(f"{repeated[0]} appears twice")
        return exclude


def version_of(model: BaseModel, names: Container[str] | None = None) -> str:
    """Return the hash of a settings block, or of some of its settings.

    A setting that was added later (``introduced`` in its field) does not count while it has the value it was introduced
    with, so that a new setting makes nothing stale.
    """
    content = model.model_dump(mode="json")
    if names is not None:
        content = {name: value for name, value in content.items() if name in names}
    for name, field in type(model).model_fields.items():
        later = declared(field)
        if "introduced" in later and name in content and content[name] == later["introduced"]:
            del content[name]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
