"""Everything that classifies the galaxies of a dataset in one table: recipes, baselines, and columns of a fusion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rotator_assets.comparison.differences import compare_recipes, in_both
from rotator_assets.comparison.tables import TABLES
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.statistics import holm
from rotator_assets.core.study import REFERENCES
from rotator_assets.evaluation.auc import auc_difference, size_and_auc
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.training.fusion import NETWORK

_DIFFERENCE = ("auc_difference", "auc_difference_low", "auc_difference_high", "p_value")


def compare_classifiers(
    repeats: pd.DataFrame,
    metrics: pd.DataFrame,
    baselines: pd.DataFrame,
    parts: pd.DataFrame,
    recipes: Mapping[str, Recipe],
) -> pd.DataFrame:
    """Return recipes, baselines and fused columns of one dataset, each compared with the study's recipe.

    The study's recipe is that of the population tested (`REFERENCES`). All comparisons are paired differences on the
    galaxies of both; p-values are corrected after Holm for all classifiers of a population. Without a training of the
    study's recipe there are no differences.

    Parameters
    ----------
    repeats
        Table ``repeat_predictions`` of the dataset.
    metrics
        Its ``model_metrics``, for parameters and seconds.
    baselines
        Its ``baseline_metrics``; those of the study's recipe are used.
    parts
        Its ``fusion_predictions``; parts without the network are used.
    recipes
        All recipes by name; trainings of removed recipes are left out.

    Returns
    -------
    DataFrame
        Columns of ``classifier_comparison`` except dataset and synthetic, best AUC first within a population.
    """
    costs = metrics.set_index("recipe")[["parameters", "seconds"]]
    found = []
    for population, reference in REFERENCES.items():
        members = [name for name in repeats["recipe"].unique() if name in recipes]
        members = [name for name in members if recipes[name].population == population]
        tested = repeats[repeats["recipe"].isin(members)]
        if tested.empty:
            continue
        networks = compare_recipes(tested, reference).rename(columns={"recipe": "classifier"})
        networks = networks.assign(kind="recipe").join(costs, on="classifier")
        of_columns = _fused_columns(
            parts[parts["recipe"].isin(members) & ~parts["part"].str.startswith(NETWORK)],
            tested[tested["recipe"] == reference],
        )
        simple = _baselines(baselines[baselines["recipe"] == reference])
        rows = pd.concat([frame for frame in (networks, simple, of_columns) if len(frame)], ignore_index=True)
        rows = rows.assign(population=population, reference=reference).reindex(columns=_COLUMNS)
        rows["p_value_adjusted"] = holm(rows["p_value"].to_numpy(np.float64))
        found.append(rows.sort_values("auc", ascending=False))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=_COLUMNS)


_COLUMNS = [name for name in TABLES["classifier_comparison"].column_names if name not in ("dataset", "synthetic")]


def _baselines(of_reference: pd.DataFrame) -> pd.DataFrame:
    """Return the baselines of the study's recipe: their differences from it are its gains, with the other sign."""
    gains = {"auc_difference": "auc_gain", "auc_difference_low": "auc_gain_high", "auc_difference_high": "auc_gain_low"}
    differences = {name: -of_reference[gain].astype(float) for name, gain in gains.items()}
    return of_reference.rename(columns={"baseline": "classifier"}).assign(kind="baseline", **differences)


def _fused_columns(parts: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Return the sets of columns that a fusion uses, without the network; of equal sets those of one recipe."""
    rows = []
    for part, predicted in parts.groupby("part", sort=False):
        tested = predicted[predicted["recipe"] == predicted["recipe"].iloc[0]]
        row = {"classifier": part, "kind": "columns", **size_and_auc(NetworkScores.of(tested))}
        both = in_both(tested, reference) if len(reference) else None
        if both is not None:
            change = auc_difference(both.scores, both.reference)
            row |= dict(zip(_DIFFERENCE, (change.difference, change.low, change.high, change.p_value), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)
