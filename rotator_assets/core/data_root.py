"""The data root: the folder that holds the downloaded inputs and all results made from them."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from rotator_assets.core.encoder_files import FOLDER as ENCODERS
from rotator_assets.core.errors import InputError

DEFAULT_ROOT = "data"
ENVIRONMENT_VARIABLE = "ROTATORS_DATA"
LONGEST_PATH = 430
"""Maximum length of a root's path in bytes. SQLite opens no path of more than 504, and Dagster adds to the root's."""


@dataclass(frozen=True)
class DataRoot:
    """Paths under one data root. Folders are created only when something is written."""

    path: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> DataRoot:
        """Return the root at a path, which need not exist yet.

        Raises InputError where the path cannot be a data root: it is not a folder, is not accessible, or has a name
        that DuckDB or Dagster cannot use.
        """
        given = Path(path)
        try:
            if not stat.S_ISDIR(given.stat().st_mode):
                raise InputError(f"{given}: is a file, not a folder; name a folder as data root")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputError(f"{given}: {error.strerror}; name another folder as data root") from None
        # `link/..` is the folder of the link for Dagster, and the folder of its target for the system.
        whole = given.resolve() if ".." in given.parts else given.absolute()
        whole = Path(re.sub("^//+", "/", str(whole)))
        if problem := database_problem(whole) or _instance_problem(whole):
            raise InputError(f"{whole}: {problem}; rename the folder, or move it elsewhere")
        return cls(whole)

    @classmethod
    def from_environment(cls) -> DataRoot:
        """Return the root named by ``ROTATORS_DATA``, else ``data/`` in the working folder.

        Raises InputError as `at` does.
        """
        return cls.at(os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_ROOT)

    def require_writable(self) -> None:
        """Raise InputError where results cannot be written."""
        for folder in (self.path, self.results, *sorted(self.results.glob("*"))):
            if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
                raise InputError(f"{folder}: cannot be written to; check its permissions, or work on a copy")

    @property
    def settings(self) -> Path:
        """The user's settings file."""
        return self.path / "settings.yaml"

    @property
    def encoders(self) -> Path:
        """Folder of the encoders that recipes start from."""
        return self.path / ENCODERS

    @property
    def results(self) -> Path:
        """Folder of everything this project writes except the database; safe to delete."""
        return self.path / "results"

    @property
    def tables(self) -> Path:
        """Folder of the Parquet files, one per table and partition."""
        return self.results / "tables"

    @property
    def tensors(self) -> Path:
        """Folder of the image tensors, one folder per dataset."""
        return self.results / "tensors"

    @property
    def models(self) -> Path:
        """Folder of the trained networks, one folder per dataset and recipe."""
        return self.results / "models"

    @property
    def measured(self) -> Path:
        """Folder of the cached measurements of single galaxies."""
        return self.results / "measured"

    @property
    def attributions(self) -> Path:
        """Folder of the attribution maps, one folder per dataset and recipe."""
        return self.results / "attributions"

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return self.results / "figures"

    @property
    def report(self) -> Path:
        """The study report, one HTML file."""
        return self.results / "study_report.html"

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return self.results / "dagster"

    @property
    def database(self) -> Path:
        """The DuckDB database, which holds views of the tables."""
        return self.path / "rotators.duckdb"

    def survey(self, survey: str) -> Path:
        """Return the folder of a survey's inputs: ``catalogs/``, ``images/`` and optional ones."""
        return self.path / survey


def database_problem(path: Path) -> str | None:
    """Return the reason why DuckDB cannot keep a database at a path; None where it can."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "DuckDB cannot keep a database under a path that is not UTF-8"
    if found := re.search(r"[?\\]", str(path)):
        return f"DuckDB cannot keep a database under a path with '{found[0]}'"
    return None


def _instance_problem(path: Path) -> str | None:
    """Return the reason why Dagster cannot keep its SQLite files under a path; None where it can."""
    if found := re.search("%[0-9A-Fa-f]{2}", str(path)):
        return f"Dagster cannot keep its runs under a path with '{found[0]}', which it takes for an encoded character"
    if (length := len(os.fsencode(path))) > LONGEST_PATH:
        return f"is {length} bytes long, and Dagster cannot keep its runs under a path of more than {LONGEST_PATH}"
    return None
