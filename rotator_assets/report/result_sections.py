"""Sections of the report about all trainings, about pairs of datasets, and about the galaxies of each survey."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from rotator_assets.galaxies.figures import match_figure
from rotator_assets.galaxies.sources import label_sources_text
from rotator_assets.lineage.settings_file import Settings
from rotator_assets.plots.style import save_figure
from rotator_assets.report.content import ReportContent, Subject
from rotator_assets.report.label_text import label_definition
from rotator_assets.report.page import ReportSection, ReportTable
from rotator_assets.report.provenance import seeds, trained_recipes
from rotator_assets.report.source_sections import sensitivity_section
from rotator_assets.report.study_figures import study_figures_section


def all_trainings_section(content: ReportContent, settings: Settings) -> ReportSection:
    """Describe all trainings: AUCs, and the seeds, files and recipes needed to repeat them."""
    study = Subject("study")
    return ReportSection(
        title="All trainings, recipes, seeds and input files",
        anchor="results",
        intro=(
            "All numbers are from out-of-fold predictions: each galaxy is "
            "classified by a network that used neither it nor a repeat observation of it for training, "
            "normalization, early stopping or the choice of the threshold. The AUC compares galaxies classified by the "
            "same network; the pooled AUC compares all galaxies, by calibrated probability. Intervals are 95 % (DeLong "
            "within networks). The network scatter is the scatter between whole networks."
        ),
        tables=[
            *content.tables(study),
            ReportTable("Seeds", seeds(content.store, settings), "DuckDB: images (mock_seed), model_metrics_history"),
            *content.tables(study, "inputs"),
            ReportTable(
                "Recipes as trained: differences from thesis",
                trained_recipes(content.store),
                "DuckDB: model_metrics_history (recipe_content)",
            ),
        ],
    )


def across_section(content: ReportContent) -> ReportSection | None:
    """Compare each recipe on two datasets; None if no datasets can be compared."""
    synthetic = content.store.query("SELECT synthetic FROM dataset_comparison")["synthetic"]
    if synthetic.empty:
        return None
    subject = Subject("across datasets", bool(synthetic.any()))
    return ReportSection(
        title="Crops, noise and surveys",
        anchor="across-datasets",
        intro=(
            "Each recipe on two datasets. Datasets of the same survey show the same galaxies; they are compared on the "
            "galaxies in both (DeLong within networks, paired). Surveys are independent samples. p-values are "
            "corrected for the number of comparisons of the same kind (Holm)." + content.see_figures(subject)
        ),
        figures=content.figures(subject),
        tables=content.tables(subject),
    )


def comparison_section(content: ReportContent, compared: pd.DataFrame) -> ReportSection:
    """Compare the results with those of the study, and show its figures.

    ``compared`` is from `study_comparison`.
    """
    table = ReportTable(
        "Results of the study and of this project",
        compared,
        "Verdicts on comparisons follow from the paired difference (DeLong within networks) and its p-value, corrected "
        "for the number of comparisons (Holm). Results that the study does not assign to one crop are compared with "
        "both. DuckDB: model_metrics, recipe_comparison, dataset_comparison.",
    )
    return ReportSection(
        title="Comparison with the study",
        anchor="study",
        tables=[table] if len(compared) else [],
        subsections=[study_figures_section(content)],
    )


def sample_section(content: ReportContent, surveys: Sequence[str]) -> ReportSection:
    """Describe the galaxies and labels of each survey, and how the labels depend on the choices behind them."""
    sensitivity = sensitivity_section(content)
    return ReportSection(
        title="Galaxies and labels",
        anchor="galaxies",
        intro=label_definition(content.store),
        subsections=[
            *(_survey_section(content, survey) for survey in surveys),
            *([sensitivity] if sensitivity else []),
        ],
    )


def _survey_section(content: ReportContent, survey: str) -> ReportSection:
    """Describe the labelled galaxies of a survey; also draws the figure of matching losses."""
    losses = content.store.query("FROM match_report WHERE survey = $survey ORDER BY step_number", {"survey": survey})
    labelled = content.store.query("FROM labeled_galaxies WHERE survey = $survey", {"survey": survey})
    subject = Subject("survey", bool(losses["synthetic"].any()), survey=survey)
    figure = match_figure(losses, dataset=survey, synthetic=bool(subject.synthetic))
    save_figure(figure, content.root.figures / survey / "matching.png")
    return ReportSection(
        title=f"Galaxies of {survey}",
        anchor=f"survey-{survey}",
        intro=label_sources_text(labelled) + content.see_figures(subject),
        figures=content.figures(subject),
        tables=content.tables(subject),
    )
