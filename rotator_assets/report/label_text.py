"""The definition of slow rotators in the report, taken from the labels that the trainings used."""

from __future__ import annotations

from rotator_assets.core.frames import parts_of
from rotator_assets.kinematics.spin import BOUNDARIES, boundary_of
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys.datasets import survey_of


def label_definition(tables: TableStore) -> str:
    """Return the boundary of slow rotators in the existing trainings, and the recipes that use another one."""
    by_survey = _boundaries_of_surveys(tables)
    sentences = [_common(by_survey)]
    for recipe, label, gap in _recipes(tables):
        if label in BOUNDARIES and set(by_survey.values()) != {label}:
            sentences.append(f"Recipe {recipe} uses another boundary: {BOUNDARIES[label]}.")
        if gap:
            sentences.append(f"Recipe {recipe} leaves out galaxies with lambda_R closer to the boundary than {gap:g}.")
    return " ".join(sentence for sentence in sentences if sentence)


def _common(by_survey: dict[str, str]) -> str:
    """Return the boundary set for all surveys, or one per survey if they differ."""
    if not by_survey:
        return ""
    if len(set(by_survey.values())) == 1:
        return f"A galaxy is a slow rotator if {BOUNDARIES[next(iter(by_survey.values()))]}."
    each = "; ".join(f"in {survey} if {BOUNDARIES[name]}" for survey, name in by_survey.items())
    return f"A galaxy is a slow rotator: {each}."


def _boundaries_of_surveys(tables: TableStore) -> dict[str, str]:
    labelled = tables.query(
        "SELECT dataset, ellipticity, spin_threshold FROM labeled_images SEMI JOIN model_metrics USING (dataset)"
    )
    found = {
        survey_of(dataset): boundary_of(rows["ellipticity"], rows["spin_threshold"])
        for dataset, rows in parts_of(labelled, "dataset")
    }
    return {survey: boundary for survey, boundary in found.items() if boundary is not None}


def _recipes(tables: TableStore) -> list[tuple[str, str | None, float]]:
    """Return the recipe, its boundary and its gap, for each recipe trained."""
    trained = tables.query(
        """SELECT DISTINCT recipe, json_extract_string(recipe_content, '$.label') AS label,
        coalesce(CAST(json_extract(recipe_content, '$.boundary_gap') AS DOUBLE), 0) AS gap
        FROM model_metrics_history SEMI JOIN model_metrics USING (dataset, recipe, recipe_version) ORDER BY ALL"""
    )
    return list(trained.itertuples(index=False, name=None))
