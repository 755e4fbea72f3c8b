"""Exhibits: the figures and tables of the study report.

Each domain declares its own in ``exhibits.py``, as a tuple ``EXHIBITS``; the report shows all that are declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import pandas as pd

from rotator_assets.core.study import StudyFigure

Scope = Literal["study", "across datasets", "survey", "dataset", "training"]
"""Subject of an exhibit: selects the folder of a figure and the rows of a table."""
Topic = Literal["results", "labels", "inputs", "attribution", "candidates", "robustness"]
"""Section of the report, among those of the same scope."""


@dataclass(frozen=True)
class Exhibit:
    """A figure or a table; ``name`` is its file under ``results/figures`` without ending, or its table in DuckDB.

    Within a section, exhibits are sorted by ``order``, then in the order of their declaration. ``synthetic`` is
    True for exhibits that show synthetic galaxies in every data root.
    """

    name: str
    scope: Scope
    caption: str
    topic: Topic = "results"
    order: int = 0
    synthetic: bool | None = None


@dataclass(frozen=True)
class FigureExhibit(Exhibit):
    """A figure, shown if its PNG exists. ``*`` in the name matches any text.

    ``study``: the figures of the study that it reproduces. ``study_recipes_only``: not shown for other recipes.
    ``folder``: under ``results/figures``, for the scope ``study`` only.
    """

    study: tuple[StudyFigure, ...] = ()
    study_recipes_only: bool = False
    folder: str = ""

    def for_print(self, folder: str, picture: str) -> bool:
        """Return True for a picture that may reproduce a figure of the study and is therefore also saved as PDF."""
        return any(folder in figure.folders and picture == (figure.picture or self.name) for figure in self.study)


@dataclass(frozen=True)
class TableExhibit(Exhibit):
    """A table: the rows of one survey, dataset or training, or all rows for the other scopes.

    ``select`` goes before FROM and ``clauses`` after WHERE. Columns that name the survey, dataset or recipe of the
    section are left out, and so are ``hidden`` ones. ``arrange`` turns the rows into the table shown. ``note`` replaces
    the line that says where in DuckDB the rows are. A table without rows is not shown.
    """

    select: str = ""
    clauses: str = ""
    hidden: tuple[str, ...] = ("synthetic",)
    arrange: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    note: str = ""


def figure_named(exhibits: Iterable[Exhibit], name: str) -> FigureExhibit:
    """Return the figure that a picture belongs to. Raises KeyError if none is declared."""
    for exhibit in exhibits:
        if isinstance(exhibit, FigureExhibit) and fnmatchcase(name, exhibit.name):
            return exhibit
    raise KeyError(f"picture {name}: no exhibit; declare a FigureExhibit in the exhibits.py of its domain")
