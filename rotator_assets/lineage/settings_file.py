"""The file ``settings.yaml`` of a data root: the profile, settings per survey, and the user's own surveys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, ValidationInfo, model_validator

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.declarations import block, block_of_list
from rotator_assets.core.errors import InputError
from rotator_assets.core.instance_settings import InstanceSettings
from rotator_assets.core.settings import STRICT, SurveySettings
from rotator_assets.core.yaml_files import read_yaml, unknown_key
from rotator_assets.engine.cluster_settings import ClusterSettings
from rotator_assets.surveys import SURVEYS, DeclaredSurvey, Survey, own_surveys
from rotator_assets.surveys.declared import BLOCK

_BLOCKS: dict[str, type[BaseModel]] = {"instance": InstanceSettings, "cluster": ClusterSettings}
"""The blocks of the data root as a whole."""


class Settings(BaseModel):
    """All settings of a data root: ``profile``, and ``SurveySettings`` under the key of each survey."""

    model_config = STRICT

    profile: Literal["auto", "quick", "full"] = Field(
        default="auto", description="quick: fewer folds and epochs; auto: quick where the galaxies are synthetic"
    )
    instance: InstanceSettings | None = Field(
        default=None, description="Dagster's records in Postgres; null: in the root"
    )
    cluster: ClusterSettings | None = Field(default=None, description="a Dask cluster that does the work")
    surveys: dict[str, SurveySettings] = {}
    _described: Mapping[str, Survey] = PrivateAttr(default_factory=dict)
    _own: dict[str, DeclaredSurvey] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _one_block_a_survey(cls, content: dict, info: ValidationInfo) -> dict:
        """Collect the blocks under ``surveys``, with the survey's default preferences where none are given."""
        blocks = {}
        described = _described(info)
        for key, survey in described.items():
            block = content.get(key)
            if block is not None and not isinstance(block, dict):
                raise ValueError(f"{key}: expected a mapping of settings, got {type(block).__name__}")
            own = {
                "lambda_r_preference": survey.lambda_r_sources,
                "ellipticity_preference": survey.ellipticity_sources,
            }
            blocks[key] = {**own, **(block or {})}
        others = {key: value for key, value in content.items() if key not in (*described, BLOCK)}
        return {**others, "surveys": blocks}

    @model_validator(mode="after")
    def _apply_to_their_survey(self, info: ValidationInfo) -> Settings:
        described = _described(info)
        self._described, self._own = described, dict(info.context or {})
        for key, chosen in self.surveys.items():
            survey = described[key]
            for name, sources, known in (
                ("lambda_r_preference", chosen.lambda_r_preference, survey.lambda_r_sources),
                ("lambda_r_scale", chosen.lambda_r_scale, survey.lambda_r_sources),
                ("ellipticity_preference", chosen.ellipticity_preference, survey.ellipticity_sources),
            ):
                if unknown := [source for source in sources if source not in known]:
                    raise ValueError(f"{key}.{name}: there is no '{unknown[0]}', only {', '.join(known)}")
            aperture, apertures = chosen.kinematics.aperture, survey.apertures
            if aperture and apertures and aperture not in apertures:
                raise ValueError(f"{key}.kinematics.aperture: there is no '{aperture}', only {', '.join(apertures)}")
            if not survey.noises and (idle := sorted(chosen.model_fields_set & {"images", "mock"})):
                raise ValueError(f"{key}.{idle[0]}: {key} has no images here: leave it out")
        return self

    def survey(self, survey: str) -> SurveySettings:
        """Return the settings of a survey."""
        return self.surveys[survey]

    def described(self, survey: str) -> Survey:
        """Return a survey as the settings now describe it; `SURVEYS` has it as it was when the process began."""
        return self._described[survey]

    @property
    def own_surveys(self) -> dict[str, DeclaredSurvey]:
        """The surveys that the settings declare, by name."""
        return self._own


def _described(info: ValidationInfo) -> Mapping[str, Survey]:
    """Return the surveys that settings are for: those of the process, and those that the settings declare."""
    return {**SURVEYS, **(info.context or {})}


def load_settings(root: DataRoot) -> Settings:
    """Read the settings of a data root; without ``settings.yaml`` they have their defaults.

    Raises InputError, with file, line and key, for invalid YAML (see `read_yaml`), an unknown key, and a value of a
    wrong type or out of range. Also raises it for a file with a similar name, which would otherwise be ignored.
    """
    path = root.settings
    if not path.is_file():
        if path.is_symlink() or path.exists():
            raise InputError(f"{path}: is not a file, or is a dangling link")
        _refuse_similar_names(path)
        return Settings()
    try:
        file = read_yaml(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    content = {} if file.content is None else file.content
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of settings, got {type(content).__name__}")
    own = own_surveys(file)
    try:
        return Settings.model_validate(content, context=own)
    except ValidationError as error:
        first = min(error.errors(), key=lambda one: one["type"] == "missing")  # a misspelled key is missing, too
        keys = [part for part in first["loc"] if part != "surveys"]
        where = ".".join(map(str, keys))
        unknown = first["type"] == "extra_forbidden"
        what = (
            unknown_key(keys[-1], _known([str(key) for key in keys[:-1]], own))
            if unknown
            else first["msg"].removeprefix("Value error, ")
        )
        what = " ".join(what.split())
        raise InputError(f"{file.where(*keys)}: {f'{where}: ' if where else ''}{what}") from None


def _known(place: list[str], own: Mapping[str, Survey]) -> list[str]:
    """Return the valid keys at the top level, in a survey's block, in one of its blocks, or in an entry of a list."""
    if not place:
        return list(dict.fromkeys(["profile", *_BLOCKS, BLOCK, *SURVEYS, *own]))
    model = _BLOCKS.get(place[0], SurveySettings)
    for name in place[1:]:
        if field := model.model_fields.get(name):  # otherwise the position in a list
            model = block(field) or block_of_list(field) or model
    return list(model.model_fields)


def _refuse_similar_names(path: Path) -> None:
    for other in path.parent.glob("[sS]*.[yY]*"):
        if other.name.casefold() in ("settings.yaml", "settings.yml", "setting.yaml", "setting.yml"):
            raise InputError(f"{other}: is not read under this name: call it {path.name}")
