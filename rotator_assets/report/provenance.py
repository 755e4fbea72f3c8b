"""Report tables of the recipes and random seeds of the trainings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from rotator_assets.core.changes import leaves
from rotator_assets.core.frames import parts_of, rows_of
from rotator_assets.core.recipe_differences import in_words
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.study import REFERENCE_RECIPE
from rotator_assets.lineage.settings_file import Settings
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys.datasets import DATASETS


@dataclass(frozen=True)
class _Seed:
    """One row of the table of seeds: what the seed is for, and the recipes or galaxies that use it."""

    purpose: str
    seed: int
    used_by: str


def trained_recipes(tables: TableStore) -> pd.DataFrame:
    """Return how the recipes as trained differ from thesis, one row for all datasets with the same settings.

    Where thesis was not trained, the defaults of a recipe take its place, which are those of the study.
    """
    trained = tables.query(
        """SELECT recipe, recipe_content, string_agg(DISTINCT dataset, ', ' ORDER BY dataset) AS datasets
        FROM model_metrics_history SEMI JOIN model_metrics USING (dataset, recipe, recipe_version)
        GROUP BY ALL ORDER BY recipe, datasets"""
    )
    trained = trained.sort_values("recipe", key=lambda names: names != REFERENCE_RECIPE, kind="stable")
    contents = [dict(leaves(json.loads(content))) for content in trained["recipe_content"]]
    is_reference = bool(len(trained)) and trained["recipe"].iloc[0] == REFERENCE_RECIPE
    defaults = Recipe(name=REFERENCE_RECIPE).model_dump(mode="json")
    reference = contents[0] if is_reference else dict(leaves(defaults))
    differences = [_differences(content, reference) for content in contents]
    return trained[["recipe", "datasets"]].assign(differences=differences)


def _differences(content: dict[str, Any], reference: dict[str, Any]) -> str:
    """Return the settings that differ, such as ``normalization: log; folds: 3``."""
    changed = {key: value for key, value in content.items() if key != "name" and value != reference.get(key)}
    return "; ".join(in_words(changed)) or "none"


def seeds(tables: TableStore, settings: Settings) -> pd.DataFrame:
    """Return the seeds of all random numbers: of trainings as recorded, of mock observations as currently set."""
    trained = tables.query(
        """SELECT CAST(json_extract(recipe_content, '$.seed') AS BIGINT) AS seed, dataset, recipe
        FROM model_metrics_history QUALIFY row_number() OVER (PARTITION BY dataset, recipe ORDER BY trained_at DESC) = 1
        ORDER BY dataset, recipe"""
    )
    mocked = tables.query(
        "SELECT dataset, count(*) AS n FROM images WHERE mock_seed IS NOT NULL GROUP BY dataset ORDER BY dataset"
    )
    rows = [
        _Seed(f"folds, weights, augmentation: {dataset}", seed, ", ".join(group["recipe"]))
        for (dataset, seed), group in parts_of(trained, ["dataset", "seed"])
    ]
    rows += [
        _Seed(
            f"mock observation: {row.dataset}",
            settings.survey(DATASETS[row.dataset].survey).mock.seed,
            f"{row.n} galaxies, each with its own seed derived from this one",
        )
        for row in rows_of(mocked)
    ]
    return pd.DataFrame([asdict(row) for row in rows], columns=["purpose", "seed", "used_by"])
