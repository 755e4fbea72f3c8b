"""Sections of the report about all results, and about each survey, dataset and training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain

import pandas as pd

from rotator_assets.galaxies.figures import match_figure
from rotator_assets.galaxies.sources import label_sources_text
from rotator_assets.lineage.settings_file import Settings
from rotator_assets.plots.style import save_figure
from rotator_assets.report.content import ReportContent, Subject
from rotator_assets.report.label_text import label_definition
from rotator_assets.report.page import ReportSection, ReportTable
from rotator_assets.report.provenance import seeds, trained_recipes


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


def trainings(metrics: pd.DataFrame) -> list[Training]:
    """Return the rows of ``model_metrics``, in their order."""
    columns = [field.name for field in fields(Training)]
    return [Training(*row) for row in metrics[columns].itertuples(index=False)]


def results_section(content: ReportContent, settings: Settings) -> ReportSection:
    """Describe all trainings: AUCs, and the seeds, files and recipes needed to repeat them."""
    study = Subject("study")
    return ReportSection(
        title="Summary of results",
        anchor="results",
        intro=(
            f"{label_definition(content.store)} All numbers are from out-of-fold predictions: each galaxy is "
            "classified by a network that used neither it nor a repeat observation of it for training, "
            "normalization, early stopping or the choice of the threshold. The AUC compares galaxies classified by the "
            "same network; auc_pooled compares all galaxies, by calibrated probability. Intervals are 95 % (DeLong "
            "within networks). network_scatter is the scatter between whole networks."
        ),
        tables=[
            *content.tables(study),
            ReportTable("Seeds", seeds(content.store, settings), "DuckDB: images (mock_seed), model_metrics_history"),
            *content.tables(study, "inputs"),
            ReportTable(
                "Recipes as trained",
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


def survey_section(content: ReportContent, survey: str) -> ReportSection:
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


def dataset_sections(content: ReportContent, trained: list[Training]) -> list[ReportSection]:
    """Describe a dataset and each training on it, with attributions."""
    dataset = trained[0].dataset
    subject = Subject("dataset", any(training.synthetic for training in trained), dataset=dataset)
    section = ReportSection(
        title=dataset,
        anchor=dataset,
        intro=content.see_figures(subject),
        figures=content.figures(subject),
        tables=content.tables(subject),
    )
    each = ((_training_section(content, one), _attribution_section(content, one)) for one in trained)
    return [section, *(found for found in chain.from_iterable(each) if found)]


def _training_section(content: ReportContent, training: Training) -> ReportSection:
    intro = (
        f"{training.n_galaxies} galaxies, {training.n_slow} of them slow rotators. AUC {training.auc:.3f} "
        f"[{training.auc_low:.3f}, {training.auc_high:.3f}]; single networks {training.fold_auc_min:.2f} to "
        f"{training.fold_auc_max:.2f}. Trained in {training.seconds:.0f} s on {training.device}, {training.folds} "
        f"folds, at most {training.epochs} epochs." + content.see_figures(training.subject)
    )
    return ReportSection(
        title=f"{training.dataset}: {training.recipe}",
        anchor=f"{training.dataset}-{training.recipe}",
        intro=intro,
        figures=content.figures(training.subject),
        tables=content.tables(training.subject),
        level=3,
    )


def _attribution_section(content: ReportContent, training: Training) -> ReportSection | None:
    """Describe the attribution maps of a training and their measures; None if there are none."""
    subject = training.subject
    tables = content.tables(subject, "attribution")
    if all(table.frame.empty for table in tables):
        return None
    return ReportSection(
        title=f"{training.dataset}: {training.recipe}: attributions",
        anchor=f"{training.dataset}-{training.recipe}-attributions",
        intro=(
            "The attributions of a galaxy add up to the difference in logit between its image and the recipe's "
            "baseline image; positive ones favour a fast rotator. R_e is the half-light semi-major axis. Fractions "
            "refer to the absolute attribution. Each map is in a FITS file together with its image: "
            f"results/attributions/{subject.folder}/fits." + content.see_figures(subject, "attribution")
        ),
        figures=content.figures(subject, "attribution"),
        tables=tables,
        level=3,
    )
