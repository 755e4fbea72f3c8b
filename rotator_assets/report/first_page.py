"""The first page of the report: the answer, the forest plot, the funnel of the sample, and the caveats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rotator_assets.answer.caveats import caveats
from rotator_assets.answer.figures import forest_figure
from rotator_assets.answer.forest import forest_rows
from rotator_assets.answer.funnel import funnel
from rotator_assets.answer.results import POPULATIONS, Results
from rotator_assets.answer.sentences import QUESTION, KeyResult
from rotator_assets.core.study import study_auc
from rotator_assets.plots.pictures import inline_picture
from rotator_assets.plots.style import save_picture
from rotator_assets.report.label_text import label_definition
from rotator_assets.report.page import Answer, FirstPage
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import DATASETS

FOREST = "forest.png"
"""File name of the forest plot, under ``results/figures/study``."""
_TESTED = """
SELECT g.lambda_r_source, i.image_unit FROM predictions p
JOIN labeled_galaxies g ON g.survey = $survey AND g.galaxy_id = p.galaxy_id
LEFT JOIN images i ON i.dataset = p.dataset AND i.galaxy_id = p.galaxy_id
WHERE p.dataset = $dataset AND p.recipe = $recipe
"""


def first_page(tables: TableStore, results: Results, answers: Sequence[KeyResult]) -> FirstPage:
    """Return the first page; also saves the forest plot.

    Parameters
    ----------
    tables : TableStore
        The tables of the data root.
    results : Results
        Those with the results of trainings.
    answers : sequence of KeyResult
        The sentences of the answer.
    """
    main = results.main_training(list(DATASETS))
    if main is None:
        return FirstPage()
    survey = DATASETS[main.dataset].survey
    synthetic = bool(main.synthetic)
    figure = forest_figure(
        forest_rows(results, main),
        dataset=main.dataset,
        detail=f"{main.n_galaxies} {POPULATIONS[main.population]}, {main.n_slow} of them slow",
        synthetic=synthetic,
        study=study_auc(main.dataset),
    )
    losses = tables.query("FROM match_report WHERE survey = $survey", {"survey": survey})
    tested = tables.query(_TESTED, {"survey": survey, "dataset": main.dataset, "recipe": main.recipe})
    notices = tables.query(
        "SELECT DISTINCT notice FROM notices WHERE survey = $survey ORDER BY ALL", {"survey": survey}
    )
    return FirstPage(
        answers=[Answer(one.sentence, _section_of(one)) for one in answers],
        forest=save_picture(figure, tables.root.figures / "study" / FOREST, for_print=True),
        forest_caption=_forest_caption(main, synthetic),
        funnel=funnel(main, losses),
        funnel_title=f"Galaxies of {main.dataset}, from the catalogue to the test",
        caveats=caveats(main, results.model_metrics, tested, _uncorrected(survey), [*notices["notice"]]),
        definition=label_definition(tables),
    )


def as_markdown(page: FirstPage, synthetic: bool) -> str:
    """Return the first page for Dagster's UI."""
    sentences = "\n".join(f"{number}. {one.sentence}" for number, one in enumerate(page.answers, start=1))
    remarks = "\n".join(f"- {caveat}" for caveat in page.caveats)
    steps = "\n".join(f"- {step.n_galaxies} {step.remaining}" for step in page.funnel)
    parts = [
        "**SYNTHETIC DATA.**" if synthetic else "",
        f"**{QUESTION}**",
        sentences or "No network has been trained yet.",
        inline_picture("forest", page.forest) if page.forest else "",
        f"**{page.funnel_title}**\n\n{steps}" if steps else "",
        f"**Caveats**\n\n{remarks}" if remarks else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _uncorrected(survey: str) -> Mapping[str, str]:
    """Return the sources of lambda_R that seeing has lowered, each with the size of the effect if it is known."""
    known = SURVEYS[survey].lambda_r_scales
    return {
        source: f" (its values are about {1 / known[source]:.2f} of those of corrected sources)"
        if source in known
        else ""
        for source in SURVEYS[survey].uncorrected_for_seeing
    }


def _forest_caption(main: Any, synthetic: bool) -> str:
    origin = "Synthetic data. " if synthetic else ""
    return (
        f"{origin}AUC of everything that classifies the same galaxies of {main.dataset}, with 95 % intervals: networks "
        "on images alone, baselines without a network and, where trained, network and columns together. 0.5 is chance; "
        "diamonds mark values of the study, for real galaxies."
    )


def _section_of(result: KeyResult) -> str:
    """Return the anchor of the section with the details of a result."""
    sections = {
        "network": f"{result.dataset}-{result.recipe}",
        "pixels": f"attributions-{result.dataset}-{result.recipe}",
        "datasets": "across-datasets",
    }
    return sections.get(result.topic, result.dataset)
