"""Differences in AUC between recipes of one dataset, and between datasets for one recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rotator_assets.comparison.dataset_pairs import DatasetPair
from rotator_assets.comparison.tables import TABLES
from rotator_assets.core.statistics import holm
from rotator_assets.evaluation.auc import auc_difference, auc_interval, size_and_auc
from rotator_assets.evaluation.network_scores import NetworkScores, sizes

SIGNIFICANT = 0.05
"""Largest corrected p-value of a significant difference."""


@dataclass(frozen=True)
class ScorePair:
    """Scores of two trainings, each with pairs of galaxies of both classes."""

    scores: NetworkScores
    reference: NetworkScores


def compare_recipes(repeats: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return the recipes of one dataset, best AUC first, each compared with the reference.

    The comparison uses the galaxies that both recipes predict: paired differences (`auc_difference`), with p-values
    corrected for their number after Holm. They are missing for the reference, and if it is absent or shares no galaxies
    of both classes with the recipe. A recipe with other labels than the reference is compared by its own labels, for
    both scores.

    ``repeats``: one row per galaxy and network that tested it, with recipe, fold, galaxy_id, object_id, rotator_type
    and probability_fast. Returns the columns of ``recipe_comparison`` except dataset, synthetic and the costs.
    """
    by_recipe = dict(iter(repeats.groupby("recipe")))
    rows = []
    for recipe, tested in by_recipe.items():
        row = {"recipe": recipe, **size_and_auc(NetworkScores.of(tested))}
        both = in_both(tested, by_recipe[reference]) if recipe != reference and reference in by_recipe else None
        if both is not None:
            change = auc_difference(both.scores, both.reference)
            row |= {
                "n_in_both": both.scores.n_galaxies,
                "auc_difference": change.difference,
                "auc_difference_low": change.low,
                "auc_difference_high": change.high,
                "p_value": change.p_value,
            }
        rows.append(row)
    table = pd.DataFrame(rows).sort_values("auc", ascending=False, ignore_index=True)
    table["p_value_adjusted"] = holm(table["p_value"]) if "p_value" in table else np.nan
    known = table["p_value_adjusted"].notna()
    table["significant"] = (table["p_value_adjusted"] < SIGNIFICANT).astype("boolean").where(known)
    return table


def compare_datasets(repeats: pd.DataFrame, pairs: Sequence[DatasetPair]) -> pd.DataFrame:
    """Return each recipe on two datasets, for every pair of datasets that have it.

    A paired comparison uses the galaxies in both datasets; any other uses all galaxies of each, as independent samples.
    p-values are corrected after Holm for all comparisons of a kind. A comparison without galaxies of both classes is
    left out.

    ``repeats``: one row per galaxy and network that tested it, with dataset, recipe, fold, galaxy_id, object_id,
    rotator_type, probability_fast and synthetic. Returns the columns of ``dataset_comparison``.
    """
    trained = dict(iter(repeats.groupby(["dataset", "recipe"])))
    rows = [
        {
            "kind": pair.kind,
            "recipe": recipe,
            "dataset": pair.dataset,
            "reference_dataset": pair.reference,
            "paired": pair.paired,
            "synthetic": bool(tested["synthetic"].any() or trained[pair.reference, recipe]["synthetic"].any()),
            **compared,
        }
        for pair in pairs
        for (dataset, recipe), tested in trained.items()
        if dataset == pair.dataset and (pair.reference, recipe) in trained
        if (compared := _compared(tested, trained[pair.reference, recipe], pair.paired))
    ]
    table = pd.DataFrame(rows, columns=TABLES["dataset_comparison"].column_names)
    adjusted = table.groupby("kind")["p_value"].transform(lambda p: holm(p.to_numpy(float)))
    return table.assign(p_value_adjusted=adjusted.astype(float))


def in_both(tested: pd.DataFrame, reference: pd.DataFrame) -> ScorePair | None:
    """Return two trainings' scores of the galaxies that both predict, with the labels of the first.

    Each argument holds the rows of ``repeat_predictions`` of one training. None if the galaxies give no AUC.
    """
    labels = tested.drop_duplicates("galaxy_id").set_index("galaxy_id")["rotator_type"]
    shared = reference[reference["galaxy_id"].isin(labels.index)]
    own = tested[tested["galaxy_id"].isin(shared["galaxy_id"])]
    relabelled = shared.assign(rotator_type=shared["galaxy_id"].map(labels))
    return with_pairs(NetworkScores.of(own), NetworkScores.of(relabelled))


def with_pairs(scores: NetworkScores, reference: NetworkScores) -> ScorePair | None:
    """Return both trainings; None if the networks of either scored no two galaxies of different classes."""
    return ScorePair(scores, reference) if scores.has_pairs and reference.has_pairs else None


def _compared(tested: pd.DataFrame, reference: pd.DataFrame, paired: bool) -> dict[str, float | int]:
    """Columns of one comparison; empty if a class is missing."""
    pair = in_both(tested, reference) if paired else with_pairs(NetworkScores.of(tested), NetworkScores.of(reference))
    if pair is None:
        return {}
    change = auc_difference(pair.scores, pair.reference, paired=paired)
    return {
        **sizes(pair.scores),
        "reference_n_galaxies": pair.reference.n_galaxies,
        "auc": auc_interval(pair.scores).auc,
        "reference_auc": auc_interval(pair.reference).auc,
        "difference": change.difference,
        "low": change.low,
        "high": change.high,
        "p_value": change.p_value,
    }
