"""The sections of the study report, in order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rotator_assets.lineage.settings_file import Settings
from rotator_assets.report.content import ReportContent
from rotator_assets.report.page import ReportSection
from rotator_assets.report.result_sections import (
    Training,
    across_section,
    dataset_sections,
    results_section,
    survey_section,
)
from rotator_assets.report.robustness_sections import robustness_sections
from rotator_assets.report.source_sections import sensitivity_section
from rotator_assets.report.study_figures import study_section


def report_sections(
    content: ReportContent, settings: Settings, surveys: Sequence[str], trained: Sequence[Training]
) -> list[ReportSection]:
    """Return all sections except the last, which lists the sources.

    Parameters
    ----------
    content : ReportContent
        The exhibits of the data root.
    settings : Settings
        For the seeds of mock observations.
    surveys : sequence of str
        Keys of the surveys with labelled galaxies, in the order shown.
    trained : sequence of Training
        The trainings, sorted by dataset in the order shown.

    Returns
    -------
    list of ReportSection
        Sections that do not apply are left out.
    """
    sections = [
        study_section(content),
        results_section(content, settings),
        across_section(content),
        *(survey_section(content, survey) for survey in surveys),
        sensitivity_section(content),
        *robustness_sections(content, list(trained)),
    ]
    for _, group in groupby(trained, key=lambda training: training.dataset):
        sections += dataset_sections(content, list(group))
    return [section for section in sections if section is not None]
