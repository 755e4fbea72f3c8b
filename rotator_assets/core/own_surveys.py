"""The settings of a survey that needs no module: one table, one folder of images, and which column is which."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from rotator_assets.core.settings import STRICT, Line


def _inside(path: str) -> str:
    """Return a path that stays in the survey's folder. Raises ValueError for another."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or ".." in parts or (parts and parts[0].startswith("~")):
        raise ValueError(f"'{path}' leaves the survey's folder: give a path relative to it, without '..'")
    if not parts or any(sign in path for sign in "*?[]"):
        raise ValueError(f"'{path}' is not the path of a file: write it out, without *, ? and brackets")
    return str(PurePosixPath(path))


class OwnSurvey(BaseModel):
    """A block under ``surveys`` of ``settings.yaml``. Paths are relative to the survey's folder in the data root."""

    model_config = STRICT

    catalog: Line = Field(description="the table: CSV, FITS, VOTable, ECSV or Parquet")
    images: Line | None = Field(
        default=None, description="names of the images, such as `images/{galaxy_id}.fits`; null: no images"
    )
    noise: Literal["observed"] = Field(default="observed", description="kind of the images")
    columns: dict[str, Line] = Field(default={}, description="the table's columns, by the name of ours")
    units: dict[str, Line] = Field(default={}, description="units that the table does not give, by the name of ours")
    pixel_scale_arcsec: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        default=None, description="side of a pixel of the images; a file with another one is unusable"
    )

    @field_validator("noise", mode="before")
    @classmethod
    def _only_observed(cls, value: object) -> object:
        if value in ("noisy", "noiseless", "simulated"):
            raise ValueError("only observed images are read by settings alone; simulated ones need a module")
        return value

    @field_validator("catalog")
    @classmethod
    def _catalog_inside(cls, path: str) -> str:
        return _inside(path)

    @field_validator("images")
    @classmethod
    def _images_inside(cls, path: str | None) -> str | None:
        return None if path is None else _inside(path)
