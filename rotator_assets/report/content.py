"""Figures and tables of the report's sections, gathered from the exhibits that the domains declare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rotator_assets.core.study import ACROSS_DATASETS, STUDY_RECIPES, StudyFigure
from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, Scope, TableExhibit, Topic
from rotator_assets.report.page import ReportFigure, ReportTable
from rotator_assets.store.frame_content import quoted
from rotator_assets.store.table_store import TableStore


@dataclass(frozen=True)
class Subject:
    """The survey, dataset or training of a section; none of them for sections about all trainings.

    ``synthetic``: whether it shows synthetic data; None means the same as the whole report.
    """

    scope: Scope
    synthetic: bool | None = None
    survey: str = ""
    dataset: str = ""
    recipe: str = ""

    @property
    def keys(self) -> dict[str, str]:
        """Columns with the values that select its rows."""
        named = {"survey": self.survey, "dataset": self.dataset, "recipe": self.recipe}
        return {column: value for column, value in named.items() if value}

    @property
    def folder(self) -> str:
        """Its folder under ``results/figures``; empty for the whole study."""
        return ACROSS_DATASETS if self.scope == "across datasets" else "/".join(self.keys.values())


@dataclass(frozen=True)
class StudyPicture:
    """A figure of the study with the picture that shows it; ``folder`` is None if it does not exist yet."""

    figure: StudyFigure
    picture: str
    folder: str | None


class ReportContent:
    """The exhibits of one data root."""

    def __init__(self, store: TableStore, exhibits: Iterable[Exhibit]) -> None:
        self.store, self.root = store, store.root
        self._exhibits = sorted(exhibits, key=lambda exhibit: exhibit.order)

    @cached_property
    def study_pictures(self) -> list[StudyPicture]:
        """Every figure of the study, by its number."""
        found = []
        for exhibit in self._exhibits:
            for figure in exhibit.study if isinstance(exhibit, FigureExhibit) else ():
                picture = figure.picture or exhibit.name
                found.append(StudyPicture(figure, picture, figure.folder(self.root.figures, picture)))
        return sorted(found, key=lambda shown: shown.figure.number)

    @cached_property
    def study_numbers(self) -> dict[tuple[str, str], int]:
        """Numbers of the study's figures, by the folder and name of the pictures that show them."""
        return {(one.folder, one.picture): one.figure.number for one in self.study_pictures if one.folder is not None}

    def figures(self, subject: Subject, topic: Topic = "results") -> list[ReportFigure]:
        """Return the existing pictures of a section, without those that already show a figure of the study."""
        return [
            ReportFigure(
                caption=f"{path.parent.relative_to(self.root.figures).as_posix().replace('/', ', ')}: "
                f"{_as_continuation(exhibit.caption)}",
                png=path,
                synthetic=subject.synthetic if exhibit.synthetic is None else exhibit.synthetic,
            )
            for exhibit, path in self._pictures(subject, topic)
            if (subject.folder, path.stem) not in self.study_numbers
        ]

    def see_figures(self, subject: Subject, topic: Topic = "results") -> str:
        """Name the study's figures among the pictures of a section, in a sentence; empty if there are none."""
        paths = [path for _, path in self._pictures(subject, topic)]
        numbers = sorted(
            self.study_numbers[subject.folder, path.stem]
            for path in paths
            if (subject.folder, path.stem) in self.study_numbers
        )
        return f" See figure{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}." if numbers else ""

    def tables(self, subject: Subject, topic: Topic = "results") -> list[ReportTable]:
        """Return the tables of a section that have rows."""
        chosen = [exhibit for exhibit in self._of(subject, topic) if isinstance(exhibit, TableExhibit)]
        found = [self._table(exhibit, subject) for exhibit in chosen]
        return [table for table in found if len(table.frame)]

    def _of(self, subject: Subject, topic: Topic) -> list[Exhibit]:
        return [one for one in self._exhibits if (one.scope, one.topic) == (subject.scope, topic)]

    def _pictures(self, subject: Subject, topic: Topic) -> list[tuple[FigureExhibit, Path]]:
        """Exhibits with the files that exist."""
        brief = subject.scope == "training" and subject.recipe not in STUDY_RECIPES
        found = []
        for exhibit in self._of(subject, topic):
            if isinstance(exhibit, FigureExhibit) and not (brief and exhibit.study_recipes_only):
                folder = self.root.figures / (exhibit.folder or subject.folder)
                found += [(exhibit, path) for path in sorted(folder.glob(f"{exhibit.name}.png"))]
        return found

    def _table(self, exhibit: TableExhibit, subject: Subject) -> ReportTable:
        keys = subject.keys
        where = " AND ".join(f"{column} = ${column}" for column in keys)
        shown = " AND ".join(f"{column} = {quoted(value)}" for column, value in keys.items())
        clauses = f"WHERE {where} {exhibit.clauses}" if keys else exhibit.clauses
        frame = self.store.query(f"{exhibit.select} FROM {exhibit.name} {clauses}", keys)
        frame = frame.drop(columns=[*keys, *exhibit.hidden], errors="ignore")
        return ReportTable(
            caption=exhibit.caption,
            frame=exhibit.arrange(frame) if exhibit.arrange else frame,
            note=exhibit.note or f"DuckDB: FROM {exhibit.name}" + (f" WHERE {shown}" if keys else ""),
            synthetic=subject.synthetic if exhibit.synthetic is None else exhibit.synthetic,
            columns={column.name: column for column in self.store.tables[exhibit.name].columns},
        )


def _as_continuation(caption: str) -> str:
    """Return the caption with its first letter in lower case, unless it starts with an acronym."""
    return caption if caption[1:2].isupper() else f"{caption[0].lower()}{caption[1:]}"
