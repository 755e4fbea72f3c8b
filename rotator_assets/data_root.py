"""The data root: the one folder that holds the inputs as downloaded and, beside them, all that is made from them."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that takes its place in one step when the block ends well.

    The block writes a file at the path it is given. A reader sees the old file or the new one, never a part; after
    an exception or a kill the old file stands.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
