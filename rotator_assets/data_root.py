"""The data root: the one folder that holds the inputs as downloaded and, beside them, all that is made from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_ROOT = "data"
ENVIRONMENT_VARIABLE = "ROTATORS_DATA"


@dataclass(frozen=True)
class DataRoot:
    """Where everything stands under one data root. Holds paths only; makes no folder until something is written."""

    path: Path

    @classmethod
    def from_environment(cls) -> DataRoot:
        """The root that ``ROTATORS_DATA`` names, else ``data/`` in the working folder."""
        return cls(Path(os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_ROOT).absolute())

    @property
    def settings(self) -> Path:
        return self.path / "settings.yaml"

    @property
    def results(self) -> Path:
        """Everything this project writes but the database; safe to delete."""
        return self.path / "results"

    @property
    def tables(self) -> Path:
        return self.results / "tables"

    @property
    def tensors(self) -> Path:
        return self.results / "tensors"

    @property
    def models(self) -> Path:
        return self.results / "models"

    @property
    def measured(self) -> Path:
        """What was measured of single galaxies, kept so that it is not measured again."""
        return self.results / "measured"

    @property
    def attributions(self) -> Path:
        return self.results / "attributions"

    @property
    def figures(self) -> Path:
        return self.results / "figures"

    @property
    def report(self) -> Path:
        return self.results / "study_report.html"

    @property
    def dagster_home(self) -> Path:
        return self.results / "dagster"

    @property
    def database(self) -> Path:
        return self.path / "rotators.duckdb"

    def survey(self, survey: str) -> Path:
        """Folder of a survey's inputs: ``catalogs/``, ``images/`` and the optional rest."""
        return self.path / survey
