"""Everything that classifies the galaxies of a dataset in one table: recipes, baselines, and columns of a fusion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rotator_assets.comparison.differences import compare_recipes
from rotator_assets.comparison.tables import TABLES
from rotator_assets.core.statistics import holm
from rotator_assets.core.study import REFERENCES
from rotator_assets.training.fusion import NETWORK


def compare_classifiers(
    repeats: pd.DataFrame, metrics: pd.DataFrame, baselines: pd.DataFrame, parts: pd.DataFrame
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
        Its ``model_metrics``, for populations, parameters and seconds; a training without a row is left out.
    baselines
        Its ``baseline_metrics``; those of the study's recipe are used.
    parts
        Its ``fusion_predictions``; parts without the network are used, named by recipe and columns.

    Returns
    -------
    DataFrame
        Columns of ``classifier_comparison`` except dataset and synthetic, best AUC first within a population.
    """
    costs = metrics.set_index("recipe")[["parameters", "seconds"]]
    found = []
    for population, reference in REFERENCES.items():
        members = metrics.loc[metrics["population"] == population, "recipe"]
        tested = repeats[repeats["recipe"].isin(members)]
        if tested.empty:
            continue
        simple = parts[parts["recipe"].isin(members) & ~parts["part"].str.startswith(NETWORK)]
        simple = simple.assign(recipe=simple["recipe"] + ": " + simple["part"])  # no recipe has such a name
        compared = compare_recipes(pd.concat([tested, simple]), reference).rename(columns={"recipe": "classifier"})
        compared["kind"] = np.where(compared["classifier"].isin(members), "recipe", "columns")
        of_reference = _baselines(baselines[baselines["recipe"] == reference])
        compared = compared.join(costs, on="classifier")
        rows = pd.concat([compared, of_reference], ignore_index=True) if len(of_reference) else compared
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
