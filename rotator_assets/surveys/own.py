"""A user's own survey, described by settings alone: one table and a folder of images, without a module."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from rotator_assets.core.archives import ImageFile
from rotator_assets.core.errors import InputError
from rotator_assets.core.frames import NONE
from rotator_assets.core.own_surveys import OwnSurvey
from rotator_assets.imaging.image_names import NamedImage, named_images
from rotator_assets.surveys.aliases import text
from rotator_assets.surveys.any_table import columns_of, read_table
from rotator_assets.surveys.base import (
    KINEMATICS,
    MORPHOLOGY,
    PHOTOMETRY,
    Catalog,
    ExpectedInput,
    SourceFile,
    Survey,
    conform,
    read_source,
)
from rotator_assets.surveys.image_index import ImageIndex, best_images
from rotator_assets.surveys.image_templates import ImageTemplate
from rotator_assets.surveys.lambda_r_tables import check_lambda_r
from rotator_assets.surveys.own_columns import own_columns
from rotator_assets.surveys.quality_cuts import IS_CRITICAL, QualityCut, is_flagged, is_zero
from rotator_assets.surveys.table_files import Table

_FILE = "image file"
"""Common name of the column that names the image of each galaxy, if the template has one."""


class ExactInput(ExpectedInput):
    """An input with one path, which is not a pattern."""

    def find(self, folder: Path) -> list[Path]:
        """Return the file, if it is there."""
        path = folder / self.patterns[0]
        return [path] if path.is_file() else []


class DeclaredSurvey(Survey):
    """A survey that a block under ``surveys`` of ``settings.yaml`` describes.

    Parameters
    ----------
    key : str
        Its name.
    chosen : OwnSurvey
        The block.

    Raises
    ------
    ValueError
        With the place in the block, if it names an unknown column or its images have no valid name.
    """

    quality_cuts = (
        QualityCut("reject_drp3qual_critical", "drp3qual", "DRP3QUAL is CRITICAL", IS_CRITICAL),
        QualityCut("reject_dapqual_critical", "dapqual", "DAPQUAL is CRITICAL", IS_CRITICAL),
        QualityCut("reject_flag_t_type", "flag_t_type", "T-Type is flagged", is_flagged),
        QualityCut("reject_failed_photometry", "flag_failed_s", "the Sersic fit failed", is_flagged),
        QualityCut("reject_spurious_subhalos", "subhalo_flag", "the subhalo is no galaxy", is_zero),
    )

    def __init__(self, key: str, chosen: OwnSurvey) -> None:
        self.key, self.chosen = key, chosen
        self.lambda_r_sources = self.ellipticity_sources = (key,)
        self.columns = own_columns(chosen.columns, chosen.units)
        self.arcsec_per_pixel = self.scale_of_others = chosen.pixel_scale_arcsec
        self.template = None if chosen.images is None else ImageTemplate.of(chosen.images)
        where = f"your own: named by surveys.{key} in settings.yaml"
        self.table_input = ExactInput("table of galaxies", (chosen.catalog,), "required", where, "any")
        self.expected_inputs = (self.table_input,)
        self.folders = {"catalogs": (chosen.catalog,), "kinematics": (), "images": ()}
        if self.template:
            self.noises = (chosen.noise,)
            self.image_folder = self.template.folder
            self.image_name = self.template.pattern if self._named_by_id else None
            images = ExpectedInput("images", self.template.globs, "required", where, "any", several=True)
            self.expected_inputs = (self.table_input, images)
            table = () if self._named_by_id else (chosen.catalog,)
            self.folders = {**self.folders, "images": (self.image_folder, *table)}

    @property
    def _named_by_id(self) -> bool:
        """Return whether images are named after the galaxy_id, not after another column of the table."""
        own = self.columns["galaxy_id"].spellings
        return self.template is not None and self.template.column.casefold() in {
            "galaxy_id",
            *([own[0].casefold()] if len(own) == 1 else []),
        }

    def reading_of(self, kind: str) -> str:
        """Return the settings about the files of a kind."""
        names = {
            "catalogs": ("catalog", "columns", "units"),
            "images": ("images", "pixel_scale_arcsec", *(() if self._named_by_id else ("columns",))),
        }
        chosen = {name: getattr(self.chosen, name) for name in names.get(kind, ())}
        return json.dumps(chosen, sort_keys=True) if chosen else ""

    def read_table(self, folder: Path) -> Table:
        """Return every column of the table that can be used; those that settings name must be there.

        Raises InputError if the table is not there, leads out of the survey's folder, or is bad.
        """
        path = inside(folder, self.chosen.catalog)
        required = tuple(dict.fromkeys(("galaxy_id", *self.chosen.columns, *self.chosen.units)))
        optional = tuple(name for name in self.columns if name not in required)
        table = read_table(path, required, optional, self.columns)
        frame = table.frame
        if frame["axis_ratio"].isna().all():
            frame = frame.assign(axis_ratio=(1 - frame["ellipticity"]).where(frame["ellipticity"] < 1))
        return replace(table, frame=frame.assign(position_angle_deg=frame["position_angle_deg"] % 180))

    def read_morphology(self, folder: Path) -> Catalog:
        """Return every row of the table, in its order.

        Raises InputError as `read_table` does, and if a galaxy_id is missing or repeated.
        """
        source, frame = self._rows(folder)
        objects = frame["object_id"].fillna(frame["galaxy_id"])
        return Catalog(conform(frame.assign(object_id=objects), MORPHOLOGY), (source,))

    def read_photometry(self, folder: Path) -> Catalog:
        """Return the photometry of the table; without an axis ratio it is 1 - ellipticity."""
        source, frame = self._rows(folder)
        named = np.where(frame["axis_ratio"].notna(), self.key, NONE)
        return Catalog(conform(frame.assign(axis_ratio_source=named), PHOTOMETRY), (replace(source, notices=()),))

    def read_kinematics(self, folder: Path) -> Catalog:
        """Return lambda_R and, for the labels, the ellipticity of the table.

        Raises InputError if no row has a lambda_R.
        """
        source, frame = self._rows(folder)
        table = self.read_table(folder)
        if "lambda_r" not in table.published:
            raise InputError(f"{source.path}: has no lambda_r; name its column under surveys.{self.key}.columns")
        check_lambda_r(source.path, table)
        frame = frame[["galaxy_id", "lambda_r", "lambda_r_error", "lambda_r_limit", "ellipticity"]]
        frame = frame.assign(lambda_r_source=self.key)
        return Catalog(conform(frame, KINEMATICS), (replace(source, notices=()),))

    def _rows(self, folder: Path) -> tuple[SourceFile, pd.DataFrame]:
        source, frame = read_source(
            folder, self.table_input, lambda _: self.read_table(folder), every_row=True, of_user=True
        )
        if source is None or frame is None:
            raise InputError(f"{folder / self.chosen.catalog}: there is no such file (surveys.{self.key}.catalog)")
        return source, frame

    def images_in(self, folder: Path) -> tuple[list[NamedImage], list[ImageFile]]:
        """Return the image files that are named after a galaxy, and those with other names."""
        if self.template is None:
            return [], []
        found, others = named_images(inside(folder, self.template.folder), self.template.pattern)
        wanted = [image for image in found if self.template.accepts(image)]
        others += [image.file for image in found if not self.template.accepts(image)]
        if self._named_by_id:
            return wanted, others
        ids = self._ids_by_file(folder)
        others += [image.file for image in wanted if image.galaxy_id not in ids]
        return [replace(image, galaxy_id=ids[image.galaxy_id]) for image in wanted if image.galaxy_id in ids], others

    def _ids_by_file(self, folder: Path) -> dict[str, str]:
        """Return each galaxy_id by the name that a column of the table gives to its image."""
        assert self.template is not None
        path, column = inside(folder, self.chosen.catalog), self.template.column
        there = columns_of(path, self.columns["galaxy_id"].spellings)
        if column.casefold() not in {name.casefold() for name in there}:
            known = ", ".join(["galaxy_id", *there])
            raise InputError(f"surveys.{self.key}.images: {{{column}}} is no column of {path}; it can be: {known}")
        frame = read_table(path, ("galaxy_id", _FILE), (), {**self.columns, _FILE: text(column)}).frame.dropna()
        return {self.template.stem_of(name): own for name, own in zip(frame[_FILE], frame["galaxy_id"], strict=True)}

    def image_index(self, folder: Path, galaxies: pd.DataFrame | None = None) -> ImageIndex:
        """Return images by galaxy_id, from files and tar archives; see `best_images`."""
        return best_images(self.images_in(folder)[0])


def inside(folder: Path, path: str) -> Path:
    """Return a path below a survey's folder. Raises InputError where a link leads out of it."""
    whole = folder / path
    if not whole.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{whole}: is a link out of the survey's folder; move the files there, or make the folder itself the link"
        )
    return whole
