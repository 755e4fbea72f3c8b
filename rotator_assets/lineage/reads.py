"""What an asset may read: what it declares to depend on, and nothing else.

An asset that reads what is no dependency of it does not go stale when that changes, and goes on showing what is no
longer true. So the assets open no table, tensor, file, settings or recipe by themselves; they ask a `Reads`, which
knows what they declare, by partition. Checks look at all partitions of what their asset may read and of what it writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pandas as pd

from rotator_assets.core.keys import WHOLE, split_training_key
from rotator_assets.core.recipes import Recipe, Stage
from rotator_assets.lineage.inputs import RECIPES, SETTINGS
from rotator_assets.lineage.observed_results import RESULTS, Snapshot, partition_for
from rotator_assets.lineage.observing import observe_before_reading
from rotator_assets.lineage.partitions import DATASETS
from rotator_assets.lineage.settings_file import Settings
from rotator_assets.store.models import TrainedModels, open_models
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor, open_tensor


class UndeclaredRead(Exception):
    """An asset reads what it does not depend on: a mistake of the code, not of an input."""


class Reads:
    """What the asset that runs may read, of one partition.

    Directly declared are its inputs, of the partitions that Dagster follows. For what lies beyond stands an observed
    result (`results.RESULTS`) that the asset declares; those are observed here, before anything is read.
    """

    def __init__(self, context: dg.AssetExecutionContext, store: TableStore) -> None:
        self._asset = context.asset_key.to_user_string()
        self._partition = str(context.partition_key) if context.has_partition_key else None
        self._declared = {key.to_user_string() for key in context.assets_def.dependency_keys}
        self._root, self._store = store.root, store
        self._observed = [result for result in RESULTS if result.name in self._declared]
        self.observed = {result.name: observe_before_reading(context, store, result.spec) for result in self._observed}
        """What each observed result is that the asset depends on."""

    @cached_property
    def _snapshot(self) -> Snapshot:
        return Snapshot(self._store)

    def table(self, name: str, partition: str | None = None) -> pd.DataFrame:
        """One partition of a table, by default the asset's own. Raises FileNotFoundError where it was never written."""
        partition = str(partition or self._partition or WHOLE)
        self._require(self._may_read(name, partition), f"table {name} of {partition}")
        return self._store.read(name, partition)

    def partitions(self, name: str) -> list[str]:
        """Those partitions of a table that are there and may be read."""
        return [partition for partition in self._store.partitions(name) if self._may_read(name, partition)]

    def every(self, name: str) -> pd.DataFrame:
        """All `partitions` of a table together; no rows where there are none."""
        frames = [self._store.read(name, partition) for partition in self.partitions(name)]
        frames = [frame for frame in frames if len(frame)]
        return pd.concat(frames, ignore_index=True) if frames else self._store.query(f'FROM "{name}" LIMIT 0')

    def every_table(self) -> TableStore:
        """All tables, for an asset that depends on all of them."""
        self._require(any("tables" in result.others for result in self._observed), "every table")
        return self._store

    def tensor(self, dataset: str) -> ImageTensor:
        """A dataset's images. Raises FileNotFoundError where there are none."""
        self._require(self._may_read("image_tensors", dataset), f"the images of {dataset}")
        return open_tensor(self._root.tensors / dataset)

    def recipe(self, stage: Stage) -> Recipe:
        """The recipe of the asset's partition, as it stands in the file, for the settings that decide a stage."""
        asset = RECIPES[stage].key.to_user_string()
        self._require(asset in self._declared, asset)
        return self._snapshot.recipes[split_training_key(self._partition)[1]]

    def recipes(self) -> dict[str, Recipe]:
        """All recipes of the file, for an asset with an observed result that holds what is read of them."""
        self._require(any("recipes" in result.others for result in self._observed), "the recipes")
        return self._snapshot.recipes

    def profile(self) -> str:
        """The profile of ``settings.yaml``, which counts where a recipe's stage does."""
        profiled = [RECIPES[stage].key.to_user_string() for stage in ("training", "attribution")]
        self._require(not self._declared.isdisjoint(profiled), "the profile")
        return self._snapshot.settings.profile

    def settings(self, asset: str) -> SimpleNamespace:
        """The blocks of the survey's settings that one of the inputs of settings stands for, by their names."""
        self._require(asset in self._declared, asset)
        chosen = self._snapshot.settings.survey(self._survey)
        return SimpleNamespace(**{name: getattr(chosen, name) for name in SETTINGS[asset]})

    def all_settings(self) -> Settings:
        """All settings, for an asset with an observed result that holds what is read of them."""
        self._require(any("settings" in result.others for result in self._observed), "the settings")
        return self._snapshot.settings

    def folder(self, asset: str) -> Path:
        """The survey's folder, to read the files that one of the inputs of files stands for."""
        self._require(asset in self._declared, asset)
        return self._root.survey(self._survey)

    @property
    def _survey(self) -> str:
        """The survey of the asset's partition, which is a survey or a dataset."""
        return DATASETS[self._partition].survey if self._partition in DATASETS else str(self._partition)

    def _may_read(self, table: str, partition: str) -> bool:
        subject, _, part = partition.partition(".")  # shared tables and history have several parts of a subject
        makers = _makers(self._store, table, part)
        if makers == {self._asset}:
            return subject == (self._partition or WHOLE)
        return (makers <= self._declared and self._follows(subject)) or self._is_observed(table, subject)

    def _follows(self, subject: str) -> bool:
        """True for the partitions of an input that Dagster marks the asset stale by.

        It does not for more than a hundred of them: the trainings of all datasets, or of one, are observed results.
        """
        own = self._partition
        dataset = split_training_key(own)[0] if own and "|" in own else own
        survey = DATASETS[own].survey if own in DATASETS else None
        return subject in (own or WHOLE, dataset, survey)

    def _is_observed(self, what: str, subject: str) -> bool:
        return any(
            result.covers(self._snapshot, partition_for(result.spec, self._partition), what, subject)
            for result in self._observed
        )

    def _require(self, allowed: bool, what: str) -> None:
        if not allowed:
            declared = ", ".join(sorted(self._declared))
            raise UndeclaredRead(f"{self._asset} reads {what}, for which no dependency of it stands: {declared}")


class CheckReads:
    """What a check of an asset may read: all partitions of what the asset depends on, and of what it writes."""

    def __init__(self, asset: dg.AssetsDefinition, store: TableStore) -> None:
        self._asset = asset.key.to_user_string()
        self._declared = {key.to_user_string() for key in asset.dependency_keys} | {self._asset}
        self._root, self._store = store.root, store

    def query(self, sql: str) -> pd.DataFrame:
        """Result of a query of these tables."""
        self._require(
            name for name in self._store.tables if re.search(rf'\b(FROM|JOIN)\s+"?{name}\b', sql, re.IGNORECASE)
        )
        return self._store.query(sql)

    def table(self, name: str, partition: str) -> pd.DataFrame:
        """One partition of a table."""
        self._require([name])
        return self._store.read(name, partition)

    def partitions(self, name: str) -> list[str]:
        """All partitions of a table."""
        self._require([name])
        return self._store.partitions(name)

    def tensor(self, dataset: str) -> ImageTensor:
        """A dataset's images."""
        self._require(["image_tensors"])
        return open_tensor(self._root.tensors / dataset)

    def models(self, training: str) -> TrainedModels:
        """The networks of a training."""
        self._require(["rotator_classifier"])
        dataset, recipe = split_training_key(training)
        return open_models(self._root.models / dataset / recipe)

    def _require(self, names: Iterable[str]) -> None:
        for name in names:
            if not _makers(self._store, name) <= self._declared:
                raise UndeclaredRead(f"a check of {self._asset} reads {name}, of which {self._asset} is not made")


def _makers(store: TableStore, name: str, part: str = "") -> set[str]:
    """The assets that write a table or, of a shared one, the asset that wrote a part of it; other assets themselves."""
    table = store.tables.get(name)
    if table is None:
        return {name}
    return {part} if part and table.shared else set(table.made_by)
