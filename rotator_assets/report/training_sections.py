"""Sections of the report about single trainings: results, attribution maps, candidates, robustness, wrong answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import pandas as pd

from rotator_assets.core.number_text import with_interval
from rotator_assets.core.study import STUDY_RECIPES
from rotator_assets.plots.exhibit import Topic
from rotator_assets.report.content import ReportContent, Subject
from rotator_assets.report.misclassified import misclassified
from rotator_assets.report.page import ReportSection, ReportTable
from rotator_assets.surveys.datasets import DATASETS

MOST_CARDS = 400
"""Largest number of misclassified galaxies in the report, about 6 kB each."""


@dataclass(frozen=True)
class Training:
    """One training: the columns of ``model_metrics`` that the report mentions."""

    dataset: str
    recipe: str
    n_galaxies: int
    n_slow: int
    auc: float
    auc_low: float
    auc_high: float
    fold_auc_min: float
    fold_auc_max: float
    seconds: float
    device: str
    folds: int
    epochs: int
    synthetic: bool

    @property
    def subject(self) -> Subject:
        """The training as the subject of a section."""
        return Subject("training", self.synthetic, dataset=self.dataset, recipe=self.recipe)

    @property
    def title(self) -> str:
        """Dataset and recipe."""
        return f"{self.dataset}: {self.recipe}"


def trainings(metrics: pd.DataFrame) -> list[Training]:
    """Return the rows of ``model_metrics``, in their order."""
    columns = [field.name for field in fields(Training)]
    return [Training(*row) for row in metrics[columns].itertuples(index=False)]


def dataset_section(content: ReportContent, trained: Sequence[Training]) -> ReportSection:
    """Compare everything that classifies the galaxies of a dataset; one subsection for each training on it."""
    dataset = trained[0].dataset
    subject = Subject("dataset", any(training.synthetic for training in trained), dataset=dataset)
    return ReportSection(
        title=f"Networks and baselines on {dataset}",
        anchor=dataset,
        intro=content.see_figures(subject),
        figures=content.figures(subject),
        tables=content.tables(subject),
        subsections=[_training_section(content, training) for training in trained],
    )


def gallery_section(content: ReportContent, trained: Sequence[Training]) -> ReportSection | None:
    """Show the misclassified galaxies of the study's recipes, or of all trainings of datasets without those."""
    of_study = [training for training in trained if training.recipe in STUDY_RECIPES]
    with_study = {training.dataset for training in of_study}
    chosen = of_study + [training for training in trained if training.dataset not in with_study]
    most = MOST_CARDS // max(len(chosen), 1)
    found = [(one, misclassified(content.store, one, DATASETS[one.dataset].survey, most)) for one in chosen]
    shown = [(training, gallery) for training, gallery in found if gallery is not None]
    if not shown:
        return None
    return ReportSection(
        title="Misclassified galaxies",
        anchor="misclassified",
        intro=(
            "Image, attribution map, and place among all tested galaxies (lambda_R against ellipticity, with the "
            "boundary that the settings set). In a map, red pixels favour slow and blue ones fast; all maps "
            "of a training share a scale. P(slow) is the network's probability before calibration, as the threshold is."
        ),
        subsections=[
            ReportSection(training.title, f"misclassified-{training.dataset}-{training.recipe}", galleries=[gallery])
            for training, gallery in shown
        ],
    )


def attribution_section(content: ReportContent, trained: Sequence[Training]) -> ReportSection | None:
    """Describe the attribution maps of each training; None without any."""
    return _by_training(
        content,
        trained,
        "attribution",
        title="Attribution maps: pixels that decide",
        anchor="attributions",
        intro=(
            "The attributions of a galaxy add up to the difference in logit between its image and the recipe's "
            "baseline image; positive ones favour a fast rotator. R_e is the half-light semi-major axis. Fractions "
            "refer to the absolute attribution. Each map is in a FITS file together with its image: "
            "results/attributions/DATASET/RECIPE/fits."
        ),
    )


def candidates_section(content: ReportContent, trained: Sequence[Training]) -> ReportSection | None:
    """Describe the ranked candidates of each training; None without any."""
    return _by_training(
        content,
        trained,
        "candidates",
        title="Candidates for follow-up",
        anchor="candidates",
        intro=(
            "Every galaxy with a usable image, ranked by its calibrated probability of being a slow rotator. Each is "
            "predicted by networks that have not seen it."
        ),
    )


def robustness_section(content: ReportContent, trained: Sequence[Training]) -> ReportSection | None:
    """Describe the robustness checks of all trainings, then those of each; None without any."""
    topic: Topic = "robustness"
    study = Subject("study")
    curves = content.store.query("SELECT DISTINCT dataset, synthetic FROM learning_curve_fit ORDER BY dataset")
    figures = content.figures(study, topic)
    for curve in curves.itertuples():
        figures += content.figures(Subject("dataset", bool(curve.synthetic), dataset=str(curve.dataset)), topic)
    checked = content.store.query("SELECT dataset, recipe FROM referee_metrics")
    keys = set(zip(checked["dataset"], checked["recipe"], strict=True))
    chosen = [training for training in trained if (training.dataset, training.recipe) in keys]
    section = _by_training(
        content,
        chosen,
        topic,
        title="Robustness checks",
        anchor="robustness",
        intro=(
            "Uncertainties of the results, performance of baselines on the same galaxies, dependence on the definition "
            "of the labels, and the gain expected from more galaxies."
        ),
        arrange=_as_list,
    )
    overview = content.tables(study, topic)
    if section is None and not (figures or overview):
        return None
    section = section or ReportSection("Robustness checks", "robustness")
    return replace(section, figures=figures, tables=overview)


def _by_training(
    content: ReportContent,
    trained: Sequence[Training],
    topic: Topic,
    *,
    title: str,
    anchor: str,
    intro: str,
    arrange: Callable[[ReportTable], ReportTable] = lambda table: table,
) -> ReportSection | None:
    """Return a section on one topic with a subsection for each training that has something to show."""
    subsections = []
    for training in trained:
        figures = content.figures(training.subject, topic)
        tables = [arrange(table) for table in content.tables(training.subject, topic)]
        see = content.see_figures(training.subject, topic).strip()
        if figures or see or tables:
            name = f"{anchor}-{training.dataset}-{training.recipe}"
            subsections.append(ReportSection(training.title, name, see, figures, tables))
    return ReportSection(title, anchor, intro, subsections=subsections) if subsections else None


def _training_section(content: ReportContent, training: Training) -> ReportSection:
    intro = (
        f"{training.n_galaxies} galaxies, {training.n_slow} of them slow rotators. "
        f"AUC {with_interval(training.auc, training.auc_low, training.auc_high)}; single networks "
        f"{training.fold_auc_min:.2f} to {training.fold_auc_max:.2f}. Trained in {training.seconds:.0f} s on "
        f"{training.device}, {training.folds} folds, at most {training.epochs} epochs."
        + content.see_figures(training.subject)
    )
    return ReportSection(
        title=training.title,
        anchor=f"{training.dataset}-{training.recipe}",
        intro=intro,
        figures=content.figures(training.subject),
        tables=content.tables(training.subject),
    )


def _as_list(table: ReportTable) -> ReportTable:
    """Turn a table of one row into a list of quantities and values."""
    from rotator_assets.report.table_view import table_view

    if len(table.frame) != 1:
        return table
    rows = [(view.heading, view.cells[0]) for view in table_view(table.frame, table.columns)]
    return replace(table, frame=pd.DataFrame(rows, columns=["quantity", "value"]), columns={})
