"""What was not run: trainings and figures of the study, and robustness checks, each with the command that runs it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from rotator_assets.core.study import REFERENCE_RECIPE, STUDY_RESULTS
from rotator_assets.report.content import ReportContent
from rotator_assets.report.page import ReportSection, ReportTable
from rotator_assets.report.training_sections import Training


def not_run_section(content: ReportContent, trained: Sequence[Training]) -> ReportSection | None:
    """Return the list of what the study has and this data root has not; None if nothing is missing."""
    known = {(training.dataset, training.recipe) for training in trained}
    missing: dict[str, list[str]] = {}
    for dataset, recipe in STUDY_RESULTS:
        if (dataset, recipe) not in known:
            missing.setdefault(dataset, []).append(recipe)
    rows = [
        (f"{dataset}: {', '.join(recipes)}", f"rotators run -d {dataset} {' '.join(f'-r {name}' for name in recipes)}")
        for dataset, recipes in missing.items()
    ]
    rows += [_unchecked(training) for training in trained if training.recipe == REFERENCE_RECIPE
             and not _is_checked(content, training)]  # fmt: skip
    figures = [
        (f"figure {shown.figure.number}: {shown.figure.caption}", f"needs {shown.figure.needs}")
        for shown in content.study_pictures
        if shown.folder is None
    ]
    if not (rows or figures):
        return None
    tables = [
        ReportTable("Trainings and checks", pd.DataFrame(rows, columns=["not run", "command"])),
        ReportTable("Figures of the study", pd.DataFrame(figures, columns=["not drawn", "needs"])),
    ]
    return ReportSection(
        title="Not run",
        anchor="not-run",
        intro="Add --data ROOT to the commands if ROTATORS_DATA does not name the data root. `rotators run --all` runs "
        "the whole study.",
        tables=[table for table in tables if len(table.frame)],
    )


def _is_checked(content: ReportContent, training: Training) -> bool:
    keys = {"dataset": training.dataset, "recipe": training.recipe}
    found = content.store.query("FROM referee_metrics WHERE dataset = $dataset AND recipe = $recipe LIMIT 1", keys)
    return len(found) > 0


def _unchecked(training: Training) -> tuple[str, str]:
    what = f"{training.dataset}: robustness checks of {training.recipe}"
    return what, f"rotators run --robustness -d {training.dataset} -r {training.recipe}"
