"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.core.study import StudyFigure
from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

_SPIN = "Spin parameter and ellipticity of early-type and late-type galaxies in {}, with the threshold."

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "spin_ellipticity",
        "survey",
        "Spin parameter against ellipticity, with the threshold below which galaxies are slow rotators.",
        study=(
            StudyFigure.of_survey(3, _SPIN.format("MaNGA"), "manga"),
            StudyFigure.of_survey(18, _SPIN.format("TNG100"), "tng100"),
        ),
    ),
    FigureExhibit("classes", "survey", "Slow and fast rotators among early and late types."),
    FigureExhibit("lambda_r_agreement", "survey", "Sources of lambda_R compared galaxy by galaxy."),
    FigureExhibit("matching", "survey", "Galaxies kept and lost at each step of matching and labelling."),
    TableExhibit(
        "match_report",
        "survey",
        "Galaxies lost between the morphology catalogue and the labelled early types, each at its first loss",
        clauses="ORDER BY step_number",
        hidden=("step_number", "synthetic"),
    ),
    TableExhibit(
        "source_report",
        "survey",
        "Rows in each file and each source of lambda_R",
        order=2,
        clauses="ORDER BY step_number",
        hidden=("step_number", "synthetic"),
    ),
    TableExhibit(
        "lambda_r_agreement",
        "survey",
        "Pairs of lambda_R sources: galaxies in both, agreement, and labels that change",
        order=2,
    ),
    TableExhibit(
        "label_sensitivity",
        "study",
        "Labelled galaxies, slow rotators and early types, and the labels that change with each choice",
        topic="labels",
        clauses="ORDER BY survey, choice_number",
        hidden=("choice_number", "synthetic"),
    ),
)
