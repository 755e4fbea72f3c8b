"""``settings.yaml`` of a data root: choices about the catalogues and images that stand there. All are optional."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError


class LabelSettings(BaseModel):
    """Who is early, who is slow, and which galaxies get a label at all. Every cut is off until set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    t_type_max: float = Field(2.0, description="early type: T-Type strictly below this")
    p_late_max: float = Field(0.5, ge=0, le=1, description="early type where only P_Late is known: at most this")
    boundary: Literal["emsellem2011", "cappellari2016"] = "emsellem2011"
    log_mass_min: float | None = Field(None, description="no label below this log10 stellar mass, in the source's h")
    reject_drp3qual_critical: bool = Field(False, description="no label where DRP3QUAL has bit 30 (CRITICAL)")
    reject_flag_t_type: bool = Field(False, description="no label where the morphology catalogue flags its T-Type")
    reject_failed_photometry: bool = Field(False, description="no label where the PyMorph r-band Sersic fit failed")


class ImageSettings(BaseModel):
    """Scale of images whose files do not tell it (PNG and JPG colour cut-outs). At most one of the two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pixels_per_r_eff: float | None = Field(None, gt=0, description="cut-outs scaled to the galaxy: pixels per R_e")
    arcsec_per_pixel: float | None = Field(None, gt=0, description="cut-outs of one angular scale")

    @model_validator(mode="after")
    def _one_scale(self) -> ImageSettings:
        if self.pixels_per_r_eff and self.arcsec_per_pixel:
            raise ValueError("give pixels_per_r_eff or arcsec_per_pixel, not both")
        return self


class SurveySettings(BaseModel):
    """Settings of one survey."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lambda_r_preference: tuple[Literal["user", "dynpop", "pipe3d"], ...] = ("user", "dynpop", "pipe3d")
    labels: LabelSettings = LabelSettings()
    images: ImageSettings = ImageSettings()
    mock_seed: int = Field(2020, ge=0, description="seed of the mock observation of simulated galaxies")


class Settings(BaseModel):
    """All settings of a data root."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Literal["auto", "quick", "full"] = Field(
        "auto", description="quick: fewer folds and epochs; auto: quick where the galaxies are synthetic"
    )
    manga: SurveySettings = SurveySettings()
    tng100: SurveySettings = SurveySettings()

    def survey(self, survey: str) -> SurveySettings:
        return getattr(self, survey)


def version_of(model: BaseModel) -> str:
    """Hash of a settings block: equal content, equal version."""
    return hashlib.sha256(json.dumps(model.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:16]


def load_settings(root: DataRoot) -> Settings:
    """The root's settings, defaults where it has no ``settings.yaml``.

    Raises InputError naming the file and the key: not YAML, unknown key, value of a wrong type or out of range.
    """
    path = root.settings
    if not path.is_file():
        return Settings()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None
    if content is not None and not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of settings, got {type(content).__name__}")
    try:
        return Settings(**(content or {}))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
