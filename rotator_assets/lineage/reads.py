"""Access to data for assets, limited to their declared dependencies.

An asset that reads anything else does not become stale when it changes, and keeps outdated results. Therefore assets
open no table, tensor, file, settings or recipe themselves but use `Reads`, which knows their dependencies by partition.
Checks may read all partitions of what their asset reads and writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd

from rotator_assets.core.keys import WHOLE, split_training_key
from rotator_assets.core.recipes import Recipe, Stage
from rotator_assets.lineage.input_checksums import input_checksums, inputs_of
from rotator_assets.lineage.inputs import RECIPES, SETTINGS
from rotator_assets.lineage.observed_results import RESULTS, partition_for
from rotator_assets.lineage.observing import observe_before_reading
from rotator_assets.lineage.settings_file import Settings
from rotator_assets.lineage.snapshot import Snapshot
from rotator_assets.store.models import TrainedModels, open_models
from rotator_assets.store.rows import Rows
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor, open_tensor
from rotator_assets.surveys.datasets import DATASETS


class UndeclaredRead(Exception):
    """An asset reads something it does not depend on. This is a bug, not an error in the input."""


class Reads:
    """Access to everything that the running asset may read for its partition.

    These are its inputs in the partitions that Dagster tracks, and everything covered by an observed result
    (`observed_results.RESULTS`) that the asset depends on. Observed results are recorded here before anything is read.
    """

    def __init__(self, context: dg.AssetExecutionContext, store: TableStore) -> None:
        self._asset = context.asset_key.to_user_string()
        self._partition = str(context.partition_key) if context.has_partition_key else None
        self._declared = {key.to_user_string() for key in context.assets_def.dependency_keys}
        self._root, self._store = store.root, store
        self._observed = [result for result in RESULTS if result.name in self._declared]
        self.observed = {result.name: observe_before_reading(context, store, result.spec) for result in self._observed}
        """The current state of each observed result that the asset depends on, by name."""

    @cached_property
    def _snapshot(self) -> Snapshot:
        return Snapshot(self._store)

    def table(self, name: str, partition: str | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read one partition of a table, by default the asset's own, with all columns or these.

        Raises FileNotFoundError where it was never written.
        """
        partition = str(partition or self._partition or WHOLE)
        self._require(self._may_read(name, partition), f"table {name} of {partition}")
        return self._store.read(name, partition, columns)

    def partitions(self, name: str) -> list[str]:
        """Return the existing partitions of a table that may be read."""
        return [partition for partition in self._store.partitions(name) if self._may_read(name, partition)]

    def every(self, name: str) -> pd.DataFrame:
        """Read all `partitions` of a table; without any the frame has no rows."""
        return self._store.read_several(name, self.partitions(name))

    def every_table(self) -> TableStore:
        """Return the store, for an asset that depends on all tables."""
        self._require(any("tables" in result.others for result in self._observed), "every table")
        return self._store

    def tensor(self, dataset: str) -> ImageTensor:
        """Open the images of a dataset. Raises FileNotFoundError where there are none."""
        self._require(self._may_read("image_tensors", dataset), f"the images of {dataset}")
        return open_tensor(self._root.tensors / dataset)

    def recipe(self, stage: Stage) -> Recipe:
        """Return the recipe of the asset's partition as written in the file, for its settings of a stage."""
        asset = RECIPES[stage].key.to_user_string()
        self._require(asset in self._declared, asset)
        return self._snapshot.recipes[split_training_key(self._partition or WHOLE)[1]]

    def encoders(self) -> Path:
        """Return the folder of the encoders, for an asset that depends on a recipe's training."""
        asset = RECIPES["training"].key.to_user_string()
        self._require(asset in self._declared, "the encoders")
        return self._root.encoders

    def recipes(self) -> dict[str, Recipe]:
        """Return all recipes of the file, for an asset with an observed result that covers them."""
        self._require(any("recipes" in result.others for result in self._observed), "the recipes")
        return self._snapshot.recipes

    def profile(self) -> str:
        """Return the profile of ``settings.yaml``, for an asset that depends on a recipe's training or attribution."""
        profiled = [RECIPES[stage].key.to_user_string() for stage in ("training", "attribution")]
        self._require(not self._declared.isdisjoint(profiled), "the profile")
        return self._snapshot.settings.profile

    def settings(self, asset: str) -> SimpleNamespace:
        """Return the survey's settings in an input, as attributes."""
        self._require(asset in self._declared, asset)
        chosen = self._snapshot.settings.survey(self._survey)
        return SimpleNamespace(**{name: getattr(chosen, name) for name in SETTINGS[asset]})

    def all_settings(self) -> Settings:
        """Return all settings, for an asset with an observed result that covers them."""
        self._require(any("settings" in result.others for result in self._observed), "the settings")
        return self._snapshot.settings

    def folder(self, asset: str) -> Path:
        """Return the survey's folder, for reading the files of an input."""
        self._require(asset in self._declared, asset)
        return self._root.survey(self._survey)

    def checksums(self, asset: str) -> Rows:
        """Return the checksums of the files of an input, which are about to be read; ``synthetic`` is to be set."""
        self._require(asset in self._declared, asset)
        return input_checksums(self._store, self._survey, self._asset, str(self._partition), asset)

    def inputs(self, dataset: str) -> dict[str, Any]:
        """Return the recorded checksums of the inputs of a dataset and the settings of its survey, for the record."""
        survey = DATASETS[dataset].survey
        settings = self._snapshot.settings.survey(survey).model_dump(mode="json", exclude_defaults=True)
        return {**inputs_of(self._store, survey, dataset), "settings": settings}

    @property
    def _survey(self) -> str:
        """Survey of the asset's partition, which is a survey or a dataset."""
        return DATASETS[self._partition].survey if self._partition in DATASETS else str(self._partition)

    def _may_read(self, table: str, partition: str) -> bool:
        subject, _, part = partition.partition(".")  # shared tables and histories have several parts per partition
        makers = _makers(self._store, table, part)
        if makers == {self._asset}:
            return subject == (self._partition or WHOLE)
        return (makers <= self._declared and self._follows(subject)) or self._is_observed(table, subject)

    def _follows(self, subject: str) -> bool:
        """Return True for the partitions of an input whose changes make the asset stale in Dagster.

        Dagster ignores inputs of more than a hundred partitions, such as all trainings: these need an observed result.
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
            raise UndeclaredRead(f"{self._asset} reads {what}, which none of its dependencies covers: {declared}")


class CheckReads:
    """Access to all partitions of what an asset depends on and of what it writes, for its checks."""

    def __init__(self, asset: dg.AssetsDefinition, store: TableStore) -> None:
        self._asset = asset.key.to_user_string()
        self._declared = {key.to_user_string() for key in asset.dependency_keys} | {self._asset}
        self._root, self._store = store.root, store

    def query(self, sql: str) -> pd.DataFrame:
        """Return the result of a query of these tables."""
        self._require(
            name for name in self._store.tables if re.search(rf'\b(FROM|JOIN)\s+"?{name}\b', sql, re.IGNORECASE)
        )
        return self._store.query(sql)

    def table(self, name: str, partition: str) -> pd.DataFrame:
        """Read one partition of a table."""
        self._require([name])
        return self._store.read(name, partition)

    def partitions(self, name: str) -> list[str]:
        """Return the keys of all partitions of a table."""
        self._require([name])
        return self._store.partitions(name)

    def tensor(self, dataset: str) -> ImageTensor:
        """Open the images of a dataset."""
        self._require(["image_tensors"])
        return open_tensor(self._root.tensors / dataset)

    def models(self, training: str) -> TrainedModels:
        """Open the networks of a training."""
        self._require(["rotator_classifier"])
        dataset, recipe = split_training_key(training)
        return open_models(self._root.models / dataset / recipe)

    def _require(self, names: Iterable[str]) -> None:
        for name in names:
            if not _makers(self._store, name) <= self._declared:
                raise UndeclaredRead(f"a check of {self._asset} reads {name}, which {self._asset} does not depend on")


def _makers(store: TableStore, name: str, part: str = "") -> set[str]:
    """Return the assets that write a table or a part of a shared one; a name that is no table is itself an asset."""
    table = store.tables.get(name)
    if table is None:
        return {name}
    return {part} if part and table.shared else set(table.made_by)
