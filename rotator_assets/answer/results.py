"""The tables that the answer is read from, and the training that answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rotator_assets.comparison.differences import SIGNIFICANT
from rotator_assets.core.frames import rows_of
from rotator_assets.core.statistics import holm
from rotator_assets.core.study import REFERENCE_RECIPE
from rotator_assets.store.table_store import TableStore

POPULATIONS = {"early": "early-type galaxies", "all": "galaxies of all types"}
"""Populations tested, in words."""
_AS_NESTED = ("ellipticity", "ellipticity and Sersic index")
"""Baselines that nested feature sets repeat."""


@dataclass(frozen=True)
class Results:
    """Tables of one data root, under the names that they have in DuckDB."""

    model_metrics: pd.DataFrame
    classifier_comparison: pd.DataFrame
    baseline_metrics: pd.DataFrame
    feature_baselines: pd.DataFrame
    fusion_parts: pd.DataFrame
    dataset_comparison: pd.DataFrame
    attribution_summary: pd.DataFrame

    @classmethod
    def read(cls, tables: TableStore) -> Results:
        """Read all rows of every table."""
        return cls(*(tables.query(f"FROM {name}") for name in cls.__dataclass_fields__))

    def main_training(self, datasets: list[str]) -> Any:
        """Return the row of ``model_metrics`` of the training that answers the question; None without any.

        Real galaxies come before synthetic ones, networks that use images alone before fusions, the study's recipe
        before others, early types before all types, and datasets in the order given; trainings on other datasets are
        not considered.
        """
        metrics = self.model_metrics
        defined = metrics[np.isfinite(metrics["auc"].to_numpy(float)) & metrics["dataset"].isin(datasets)]
        return min(
            rows_of(defined),
            key=lambda row: (row.synthetic, self.fuses(row), row.recipe != REFERENCE_RECIPE, row.population != "early",
                             datasets.index(row.dataset), row.recipe),
            default=None,
        )  # fmt: skip

    def fuses(self, training: Any) -> bool:
        """Return True for a training that combines the network with columns."""
        return bool(_of(self.fusion_parts, training).any())

    def image_only(self, main: Any) -> list[Any]:
        """Return other recipes that use images alone and are tested on the same sample, as compared with the study's.

        Rows of ``classifier_comparison``, best first. Recipes with other labels or fewer galaxies are left out: their
        AUCs are of an easier or harder sample.
        """
        rows = self.classifier_comparison
        fusing = set(self.fusion_parts["recipe"])
        same = rows[_same_sample(rows, main) & (rows["population"] == main.population)]
        chosen = same[(same["kind"] == "recipe") & ~same["classifier"].isin({main.recipe, *fusing})]
        return list(rows_of(chosen.dropna(subset=["auc", "auc_difference"]).sort_values("auc", ascending=False)))

    def best_network(self, main: Any) -> Any:
        """Return the row of ``model_metrics`` of the best network that uses images alone.

        It is that of the main training unless another recipe is significantly better.
        """
        better = [row for row in self.image_only(main) if is_above(row.auc_difference, row.p_value_adjusted)]
        if not better:
            return main
        metrics = self.model_metrics
        chosen = metrics[(metrics["dataset"] == main.dataset) & (metrics["recipe"] == better[0].classifier)]
        return next(iter(rows_of(chosen)), main)

    def baselines(self, training: Any) -> pd.DataFrame:
        """Return everything without a network that was tested on the galaxies and folds of a training, best first.

        Columns ``features`` (what a baseline uses), ``name``, ``auc`` with its interval, ``gain`` (AUC of the network
        minus that of the baseline) with its interval, and ``p_value`` after Holm's correction for all of them.
        """
        simple = self.baseline_metrics[_of(self.baseline_metrics, training)]
        simple = simple.assign(features=simple["baseline"], name=simple["baseline"]).rename(
            columns={f"auc_gain{end}": f"gain{end}" for end in ("", "_low", "_high")}
        )
        nested = self.feature_baselines[_of(self.feature_baselines, training)]
        nested = nested.assign(features=nested["features"].map(_up_to)).rename(columns={"network_gain": "gain"})
        nested["name"] = nested["features"] + " (" + nested["model"] + ")"
        if len(nested):
            simple = simple[~simple["baseline"].isin(_AS_NESTED)]
        columns = ["features", "name", "auc", "auc_low", "auc_high", "gain", "gain_low", "gain_high", "p_value"]
        parts = [part[columns] for part in (simple, nested) if len(part)]
        if not parts:
            return pd.DataFrame(columns=columns)
        found = pd.concat(parts, ignore_index=True).dropna(subset=["auc"])
        found["p_value"] = holm(found["p_value"].to_numpy(np.float64))
        return found.sort_values("auc", ascending=False, ignore_index=True)

    def tested_against_baselines(self, main: Any) -> Any:
        """Return the training whose baselines include the strongest: the best network unless the main one has it."""
        best = self.best_network(main)
        strongest = [self.baselines(training)["auc"].max() for training in (best, main)]
        return main if strongest[1] > strongest[0] else best

    def fusion(self, main: Any) -> pd.DataFrame:
        """Return the rows of ``fusion_parts`` of the best fusion on the dataset and population; none without one."""
        tested = self.model_metrics
        same = tested[_same_sample(tested, main) & (tested["population"] == main.population)]
        rows = self.fusion_parts
        rows = rows[(rows["dataset"] == main.dataset) & rows["recipe"].isin(same["recipe"])]
        if rows.empty:
            return rows
        best = rows.loc[rows["auc"].astype(float).idxmax(), "recipe"]
        return rows[rows["recipe"] == best]


def is_above(difference: float, p_value_adjusted: float) -> bool:
    """Return True for a significantly positive difference."""
    return difference > 0 and p_value_adjusted < SIGNIFICANT


def _up_to(features: str) -> str:
    """Return the name of a nested feature set, which contains those before it."""
    return f"features up to {added}" if (added := features.removeprefix("+ ")) != features else features


def _same_sample(table: pd.DataFrame, main: Any) -> pd.Series:
    """Return True for rows of the same dataset with as many galaxies and slow rotators."""
    sizes = (table["n_galaxies"] == main.n_galaxies) & (table["n_slow"] == main.n_slow)
    return (table["dataset"] == main.dataset) & sizes


def _of(table: pd.DataFrame, training: Any) -> pd.Series:
    return (table["dataset"] == training.dataset) & (table["recipe"] == training.recipe)
