"""The sections of the study report after its first page, most important first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import pandas as pd

from rotator_assets.lineage.settings_file import Settings
from rotator_assets.report.content import ReportContent
from rotator_assets.report.not_run import not_run_section
from rotator_assets.report.page import ReportSection
from rotator_assets.report.result_sections import (
    across_section,
    all_trainings_section,
    comparison_section,
    sample_section,
)
from rotator_assets.report.training_sections import (
    Training,
    attribution_section,
    candidates_section,
    dataset_section,
    gallery_section,
    robustness_section,
)


def report_sections(
    content: ReportContent,
    settings: Settings,
    surveys: Sequence[str],
    trained: Sequence[Training],
    compared: pd.DataFrame,
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
    compared : DataFrame
        The comparison with the study, of what was run.

    Returns
    -------
    list of ReportSection
        Sections that do not apply are left out.
    """
    sections = [
        *(dataset_section(content, list(group)) for _, group in groupby(trained, key=lambda one: one.dataset)),
        attribution_section(content, trained),
        gallery_section(content, trained),
        across_section(content),
        candidates_section(content, trained),
        robustness_section(content, trained),
        comparison_section(content, compared),
        sample_section(content, surveys),
        all_trainings_section(content, settings),
        not_run_section(content, trained),
    ]
    return [section for section in sections if section is not None]
