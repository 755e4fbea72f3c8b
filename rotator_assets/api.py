"""The Python interface for notebooks: tables, figures, and the commands that make them.

Reading never waits for a run and never blocks one. Commands run in a separate process, so a notebook loads no
TensorFlow, and an interrupted one leaves what was finished.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from shutil import copyfile
from signal import SIGINT
from typing import TYPE_CHECKING
from warnings import warn

from rotator_assets.core.data_root import ENVIRONMENT_VARIABLE, DataRoot
from rotator_assets.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from rotator_assets.store.columns import Table
    from rotator_assets.store.table_store import TableStore

_KEYS = ("survey", "dataset", "recipe")
"""Columns whose value a user names; where no row has it, it is misspelt, or its results were never made."""
_STOP_SECONDS = 60.0
"""Time that an interrupted command has to end."""
_WRONG_INPUT = 2
"""Exit status of the command for wrong usage or input."""


class CommandFailed(RuntimeError):
    """A command failed for another reason than its input. The message is the last line that it printed."""


class Picture:
    """A figure as a file. A notebook shows it.

    Attributes
    ----------
    name
        Name of the figure.
    caption
        What it shows.
    path
        The PNG file.
    """

    def __init__(self, path: Path, caption: str) -> None:
        self.name, self.path, self.caption = path.stem, path, caption

    def __repr__(self) -> str:
        return f"<{self.name}: {self.caption}>"

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()

    def save(self, file: str | os.PathLike[str]) -> None:
        """Copy it to a PNG file, or to a PDF file if it reproduces a figure of the study.

        Raises InputError where there is no such form of it.
        """
        source = self.path.with_suffix(Path(file).suffix)
        if not source.is_file():
            forms = sorted(path.suffix for path in self.path.parent.glob(f"{self.name}.*"))
            raise InputError(f"{file}: figure {self.name} is saved as {' or '.join(forms)}; choose that ending")
        copyfile(source, file)


class Results:
    """The inputs and results of a data root; see `rotator_assets.open`."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self._root = DataRoot.from_environment() if root is None else DataRoot.at(root)
        if not self._root.path.is_dir():
            raise InputError(f"{self._root.path}: there is no such folder; make it, or run `rotators demo`")

    def __repr__(self) -> str:
        return f"<rotator_assets results in {self.path}>"

    @property
    def path(self) -> Path:
        """The data root."""
        return self._root.path

    @property
    def report(self) -> Path:
        """The report, an HTML file."""
        return self._root.report

    @property
    def tables(self) -> list[str]:
        """Names of the tables that have rows, or had once."""
        store = self._store()
        return [name for name in store.tables if store.partitions(name)]

    @property
    def trainings(self) -> pd.DataFrame:
        """Each trained recipe, with the AUC and its 95 % interval."""
        columns = "dataset, recipe, synthetic, auc, auc_low, auc_high, training"
        return self.query(f"SELECT {columns} FROM model_metrics ORDER BY dataset, recipe")

    def columns(self, table: str) -> pd.DataFrame:
        """Return name, type, unit and meaning of each column of a table. Raises InputError for an unknown name."""
        import pandas as pd

        columns = self._declared(table).columns
        return pd.DataFrame(
            [(c.name, c.type, c.unit, c.meaning) for c in columns], columns=["column", "type", "unit", "meaning"]
        )

    def table(self, name: str, /, **values: object) -> pd.DataFrame:
        """Return a table, or those of its rows that have the given values.

        Parameters
        ----------
        name
            One of `tables`; the reference of tables describes each.
        **values
            Values of columns by name, such as ``dataset="manga-observed-64"``; None selects missing values.

        Returns
        -------
        pandas.DataFrame
            The rows. Its ``attrs["units"]`` has the unit of each column that has one.

        Raises
        ------
        InputError
            For an unknown table or column, and for a survey, dataset or recipe of which it has no row.
        """
        declared = self._declared(name)
        if unknown := values.keys() - set(declared.column_names):
            raise InputError(
                f"table {name} has no column {sorted(unknown)[0]}; it has {', '.join(declared.column_names)}"
            )
        chosen = " AND ".join(f'"{column}" IS NOT DISTINCT FROM ${column}' for column in values)
        rows = self.query(f"FROM {name}" + (f" WHERE {chosen}" if chosen else ""), **values)
        if rows.empty:
            for column in [key for key in _KEYS if key in values]:
                there = self.query(f'SELECT DISTINCT "{column}" FROM {name} ORDER BY ALL')[column].tolist()
                if values[column] not in there:
                    raise InputError(f"table {name} has no row of {column} {values[column]}; it has {_listed(there)}")
        rows.attrs["units"] = {column.name: column.unit for column in declared.columns if column.unit}
        return rows

    def query(self, sql: str, /, **parameters: object) -> pd.DataFrame:
        """Return the answer to SQL on the tables.

        Parameters
        ----------
        sql
            A query of DuckDB.
        **parameters
            Values of ``$name`` in it.

        Raises
        ------
        duckdb.Error
            For wrong SQL.
        """
        return self._store().query(sql, parameters)

    def summary(self) -> list[str]:
        """Return the answer, in at most five sentences. It is empty until something was trained and reported.

        Warns if results are newer than the answer.
        """
        from rotator_assets.orchestration.summary import answer, is_outdated

        store = self._store()
        sentences = answer(store)
        if sentences and is_outdated(store):
            warn("results are newer than this answer: run `rotators report` to make it again", stacklevel=2)
        return sentences

    @property
    def figures(self) -> pd.DataFrame:
        """Each figure's name, the survey or dataset and the recipe that it belongs to, its caption and its file."""
        import pandas as pd

        rows: list[tuple[str, str | None, str | None, str, Path]] = []
        for path in sorted(self._root.figures.rglob("*.png")):
            of, recipe, *_ = (*path.relative_to(self._root.figures).parts[:-1], None, None)
            rows.append((path.stem, of, recipe, _caption(path.stem), path))
        return pd.DataFrame(rows, columns=["figure", "of", "recipe", "caption", "path"])

    def figure(self, name: str, of: str = "study", recipe: str | None = None) -> Picture:
        """Return a figure.

        Parameters
        ----------
        name
            Its name, such as ``roc``; `figures` lists them.
        of
            The dataset or survey that it belongs to; by default it is one of the study as a whole.
        recipe
            The recipe, for a figure of one training.

        Raises
        ------
        InputError
            Where there is no such figure.
        """
        folder = self._root.figures / of / (recipe or "")
        path = folder / f"{name}.png"
        if path.parent != folder or not path.is_file():
            there = [found.stem for found in sorted(folder.glob("*.png"))]
            place = f"{of} with recipe {recipe}" if recipe else of
            raise InputError(f"there is no figure {name} of {place}; there is {_listed(there)}")
        return Picture(path, _caption(name))

    def run(
        self,
        datasets: Iterable[str] | str = (),
        recipes: Iterable[str] | str = (),
        *,
        stale: bool = False,
        robustness: bool = False,
        jobs: int | None = None,
    ) -> None:
        """Train recipes on datasets and report, as ``rotators run`` does, and print its progress.

        Parameters
        ----------
        datasets
            Keys such as ``manga-observed-64``; by default all that can be built.
        recipes
            Names such as ``thesis``, the default.
        stale
            Whether only what is missing or out of date is made.
        robustness
            Whether the robustness checks are made as well.
        jobs
            Trainings at a time.

        Raises
        ------
        InputError
            For wrong input.
        CommandFailed
            Where something else went wrong.
        """
        options = [f"--dataset={key}" for key in _several(datasets)] + [
            f"--recipe={name}" for name in _several(recipes)
        ]
        options += ["--stale"] * stale + ["--robustness"] * robustness + ([f"--jobs={jobs}"] if jobs else [])
        self._command("run", options)

    def predict(
        self, images: Iterable[str | os.PathLike[str]] | str | os.PathLike[str], dataset: str, recipe: str
    ) -> pd.DataFrame:
        """Predict slow rotators in any images, as ``rotators predict`` does.

        Parameters
        ----------
        images
            Files, folders, tar archives, or a table of them.
        dataset, recipe
            The training whose networks predict.

        Returns
        -------
        pandas.DataFrame
            One row per image; one without a prediction has its reason.

        Raises
        ------
        InputError
            For wrong input.
        CommandFailed
            Where something else went wrong.
        """
        import duckdb

        given = [images] if isinstance(images, str | os.PathLike) else list(images)
        with tempfile.TemporaryDirectory(prefix="rotators-predictions-") as folder:
            file = Path(folder, "predictions.parquet")
            options = [
                f"--dataset={dataset}",
                f"--recipe={recipe}",
                f"--output={file}",
                "--",
                *(str(Path(path)) for path in given),
            ]
            self._command("predict", options)
            return duckdb.read_parquet(str(file)).df()

    def _store(self) -> TableStore:
        from rotator_assets.tables import open_store

        return open_store(self._root)

    def _declared(self, name: str) -> Table:
        tables = self._store().tables
        if name not in tables:
            near = get_close_matches(name, tables, cutoff=0.4) or tables
            raise InputError(f"there is no table {name}; there is {_listed(near)}")
        return tables[name]

    def _command(self, name: str, options: Sequence[str]) -> None:
        """Run a command on the root and print what it prints."""
        command = [sys.executable, "-P", "-m", "rotator_assets", name, *options]
        variables = {**os.environ, ENVIRONMENT_VARIABLE: str(self.path)}
        last = ""
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", env=variables
        ) as process:
            assert process.stdout
            try:
                for line in process.stdout:
                    print(line, end="", flush=True)
                    last = line.strip() or last
            except KeyboardInterrupt:
                process.send_signal(SIGINT)
                process.wait(_STOP_SECONDS)
                raise
        if process.returncode:
            raise (InputError if process.returncode == _WRONG_INPUT else CommandFailed)(last.removeprefix("rotators: "))


def _caption(figure: str) -> str:
    """Return what a figure shows; empty for one that an earlier version has made."""
    from rotator_assets.domains import exhibits
    from rotator_assets.plots.exhibit import figure_named

    try:
        return figure_named(exhibits(), figure).caption
    except KeyError:
        return ""


def _several(names: Iterable[str] | str) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names)) or "none"
