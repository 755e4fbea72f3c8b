"""Surveys: one module each, which reads published files into common columns, or a block of settings.

``BUILT_IN`` has the reader of each survey with a module by key (see ``base.Survey``), and ``SURVEYS`` also those that
the settings of the process's data root declare (see ``own.DeclaredSurvey``). astropy, h5py and Pillow are only imported
when a file is read, so that importing this package is fast.
"""

from __future__ import annotations

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.yaml_files import YamlFile, read_yaml
from rotator_assets.surveys.atlas3d import ATLAS3D
from rotator_assets.surveys.base import Catalog, ExpectedInput, SourceFile, Survey
from rotator_assets.surveys.declared import declared_surveys, name_problem
from rotator_assets.surveys.manga import MANGA
from rotator_assets.surveys.own import DeclaredSurvey
from rotator_assets.surveys.tng100 import TNG100

BUILT_IN: dict[str, Survey] = {survey.key: survey for survey in (MANGA, TNG100, ATLAS3D)}
_SOURCES = {
    source for survey in BUILT_IN.values() for source in (*survey.lambda_r_sources, *survey.ellipticity_sources)
}


def own_surveys(file: YamlFile) -> dict[str, DeclaredSurvey]:
    """Return the surveys that a file of settings declares, by name. Raises InputError as `declared_surveys` does."""
    return declared_surveys(file, {*BUILT_IN, *_SOURCES})


def own_name_problem(name: str) -> str:
    """Return why a user's survey cannot have a name; empty if it can."""
    return name_problem(name, {*BUILT_IN, *_SOURCES})


def surveys_of(root: DataRoot) -> dict[str, Survey]:
    """Return the surveys of a data root: the built-in ones, and those of its settings.

    Where the settings have an error, these are left out: `lineage.settings_file.load_settings` reports it.
    """
    try:
        return {**BUILT_IN, **own_surveys(read_yaml(root.settings))}
    except (InputError, OSError):
        return dict(BUILT_IN)


def _of_process() -> dict[str, Survey]:
    try:
        root = DataRoot.from_environment()
    except InputError:
        return dict(BUILT_IN)
    return surveys_of(root)


SURVEYS: dict[str, Survey] = _of_process()
"""The surveys of the data root that ``ROTATORS_DATA`` names; partitions follow from it. A process works on one root."""

__all__ = [
    "BUILT_IN",
    "SURVEYS",
    "Catalog",
    "DeclaredSurvey",
    "ExpectedInput",
    "SourceFile",
    "Survey",
    "own_name_problem",
    "own_surveys",
    "surveys_of",
]
