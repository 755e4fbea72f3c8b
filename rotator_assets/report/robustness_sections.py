"""Sections of the report about the robustness checks."""

from __future__ import annotations

from dataclasses import replace

from rotator_assets.core.frames import rows_of
from rotator_assets.plots.exhibit import Topic
from rotator_assets.report.content import ReportContent, Subject
from rotator_assets.report.page import ReportSection, ReportTable
from rotator_assets.report.result_sections import Training

_TOPIC: Topic = "robustness"


def robustness_sections(content: ReportContent, trained: list[Training]) -> list[ReportSection]:
    """Return a section on the robustness checks of all trainings, then one for each training with such checks."""
    intro = (
        "Uncertainties of the results, performance of baselines on the same galaxies, dependence on the definition of "
        "the labels, and the gain expected from more galaxies."
    )
    checked = content.store.query("SELECT dataset, recipe, synthetic FROM referee_metrics ORDER BY dataset, recipe")
    curves = content.store.query("SELECT dataset, synthetic FROM learning_curve_fit ORDER BY dataset")
    if checked.empty and curves.empty:
        intro += " They have not been run: use `rotators run --robustness` with datasets and recipes."
        return [ReportSection(title="Robustness checks", anchor="robustness", intro=intro)]
    study = Subject("study")
    figures = content.figures(study, _TOPIC)
    for curve in curves.itertuples():
        figures += content.figures(Subject("dataset", bool(curve.synthetic), dataset=str(curve.dataset)), _TOPIC)
    overview = ReportSection(
        title="Robustness checks",
        anchor="robustness",
        intro=intro,
        figures=figures,
        tables=content.tables(study, _TOPIC),
    )
    known = {(training.dataset, training.recipe) for training in trained}
    subjects = [
        Subject("training", bool(row.synthetic), dataset=row.dataset, recipe=row.recipe)
        for row in rows_of(checked)
        if (row.dataset, row.recipe) in known
    ]
    return [overview, *(_of_training(content, subject) for subject in subjects)]


def _of_training(content: ReportContent, subject: Subject) -> ReportSection:
    return ReportSection(
        title=f"Robustness checks of {subject.dataset}: {subject.recipe}",
        anchor=f"robustness-{subject.dataset}-{subject.recipe}",
        figures=content.figures(subject, _TOPIC),
        tables=[_as_list(table) for table in content.tables(subject, _TOPIC)],
        level=3,
    )


def _as_list(table: ReportTable) -> ReportTable:
    """Turn a table of one row into a list of quantities and values."""
    if len(table.frame) != 1:
        return table
    return replace(table, frame=table.frame.T.reset_index().set_axis(["quantity", "value"], axis=1))
