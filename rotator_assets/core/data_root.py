"""The data root: the one folder that holds the inputs as downloaded and, beside them, all that is made from them."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from rotator_assets.core.errors import InputError

DEFAULT_ROOT = "data"
ENVIRONMENT_VARIABLE = "ROTATORS_DATA"
LONGEST_PATH = 430
"""Bytes of a root's path that leave room for the Dagster instance: SQLite opens no path of more than 504."""


@dataclass(frozen=True)
class DataRoot:
    """Where everything stands under one data root. Holds paths only; makes no folder until something is written."""

    path: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> DataRoot:
        """The root in a folder, which need not be there yet.

        Raises InputError where no data root can be at this path: it is no folder, cannot be looked into, or has a name
        under which the databases cannot be kept.
        """
        given = Path(path)
        try:
            if not stat.S_ISDIR(given.stat().st_mode):
                raise InputError(f"{given}: is a file, not a folder; name a folder as data root")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputError(f"{given}: {error.strerror}; name another folder as data root") from None
        # Dagster takes `link/..` for the folder that holds the link, the system for the one that holds its target.
        whole = given.resolve() if ".." in given.parts else given.absolute()
        whole = Path(re.sub("^//+", "/", str(whole)))
        if problem := database_problem(whole) or _instance_problem(whole):
            raise InputError(f"{whole}: {problem}; rename the folder, or put it elsewhere")
        return cls(whole)

    @classmethod
    def from_environment(cls) -> DataRoot:
        """The root that ``ROTATORS_DATA`` names, else ``data/`` in the working folder. Raises InputError as `at`."""
        return cls.at(os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_ROOT)

    def require_writable(self) -> None:
        """Raises InputError where results cannot be written."""
        for folder in (self.path, self.results, self.dagster_home, self.tables):
            if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
                raise InputError(f"{folder}: cannot be written to; check its permissions, or work on a copy")

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


def database_problem(path: Path) -> str | None:
    """Why DuckDB can keep no database at a path; None where it can."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "DuckDB cannot keep a database under a path that is not UTF-8"
    if found := re.search(r"[?\\]", str(path)):
        return f"DuckDB cannot keep a database under a path with '{found[0]}'"
    return None


def _instance_problem(path: Path) -> str | None:
    """Why Dagster can keep no instance, which is in SQLite files, under a path; None where it can."""
    if found := re.search("%[0-9A-Fa-f]{2}", str(path)):
        return f"Dagster cannot keep its runs under a path with '{found[0]}', which it takes for a coded character"
    if (length := len(os.fsencode(path))) > LONGEST_PATH:
        return f"is {length} bytes long, and Dagster cannot keep its runs under a path of more than {LONGEST_PATH}"
    return None
