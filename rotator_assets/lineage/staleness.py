"""Stale partitions and the reasons, from the resolver that Dagster's UI uses; it has no public interface."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg
from pydantic import ValidationError

from rotator_assets.core.changes import changes
from rotator_assets.core.dagster_internals import (
    AssetKeyPartitionKey,
    BaseAssetGraph,
    LoadingContext,
    StaleCause,
    StaleCauseCategory,
    StaleStatus,
    StaleStatusResolver,
)
from rotator_assets.core.keys import WHOLE, split_training_key
from rotator_assets.core.profiles import effective_recipe
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage.inputs import training_recipe
from rotator_assets.lineage.observed_results import RESULTS
from rotator_assets.lineage.observing import content_changes, last_observation, observed_content
from rotator_assets.surveys.datasets import DATASETS


class Stale(NamedTuple):
    """A partition that is out of date; `WHOLE` for an asset without partitions."""

    asset: str
    partition: str
    reason: str


class _Loading(LoadingContext):
    """Batch loaders for one evaluation of an instance."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict = {}

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._instance

    @property
    def loaders(self) -> dict:
        return self._loaders


Lost = Callable[[str, str | None, Mapping[str, Any]], str | None]
"""Says what is lost of a materialization, given by its asset, partition and metadata; None where nothing is."""


class Staleness:
    """The state of the materialized partitions of an instance; create a new one after a run.

    ``lost`` finds results whose files are gone or damaged, which are stale, too; by default, files are not looked at.
    """

    def __init__(self, instance: dg.DagsterInstance, graph: BaseAssetGraph, lost: Lost = lambda *_: None) -> None:
        self._instance, self._graph, self._lost = instance, graph, lost
        self._resolver = StaleStatusResolver(instance, graph, _Loading(instance))

    def is_fresh(self, asset: str, partition: str | None) -> bool:
        """Return True where the partition was materialized from its current inputs, and is still there."""
        key = dg.AssetKey(asset)
        return self._resolver.get_status(key, partition) == StaleStatus.FRESH and not self._what_is_lost(key, partition)

    def was_made(self, asset: str) -> bool:
        """Return True where an asset without partitions was materialized."""
        return self.made_id(asset, None) is not None

    def made_id(self, asset: str, partition: str | None) -> int | None:
        """Return the event number of the latest materialization; None where there is none."""
        record = self._resolver.record_of(AssetKeyPartitionKey(dg.AssetKey(asset), partition))
        return record.storage_id if record else None

    def observed_result_of(self, asset: str) -> str:
        """Return the name of the observed result that an asset across trainings depends on."""
        parents = self._graph.get(dg.AssetKey(asset)).parent_keys
        (name,) = (result.name for result in RESULTS if result.spec.key in parents)
        return name

    def stale(self, assets: Collection[str] | None = None) -> Iterator[Stale]:
        """Iterate over the stale partitions of all assets, or of some.

        The reason says what changed since the partition was materialized: ``training_recipe changed (normalization:
        max_all -> log)``, ``image_tensors was updated``. Partitions of removed recipes are left out.
        """
        every = sorted(self._graph.materializable_asset_keys)
        keys = [key for key in every if assets is None or key.to_user_string() in assets]
        self._resolver.instance_queryer.prefetch_asset_records(keys)  # one query in place of one for each asset
        for key in keys:
            node = self._graph.get(key)
            made: Sequence[str | None] = [None]
            if node.is_partitioned:
                known = set(node.partitions_def.get_partition_keys())
                made = sorted(self._instance.get_materialized_partitions(key) & known)
            for partition in made:
                status = self._resolver.get_status(key, partition)
                lost = self._what_is_lost(key, partition) if status != StaleStatus.MISSING else None
                if lost or status == StaleStatus.STALE:
                    yield Stale(key.to_user_string(), partition or WHOLE, lost or self._reason(key, partition))

    def _what_is_lost(self, key: dg.AssetKey, partition: str | None) -> str | None:
        event = self._resolver.event_of(AssetKeyPartitionKey(key, partition))
        metadata = {name: value.value for name, value in event.metadata.items()} if event else {}
        return self._lost(key.to_user_string(), partition, metadata)

    def _reason(self, key: dg.AssetKey, partition: str | None) -> str:
        updated: dict[str, list[str]] = {}
        reasons = []
        for cause in self._resolver.get_stale_causes(key, partition):
            if cause.category != StaleCauseCategory.DATA or cause.dependency is None:
                reasons.append(self._code_reason(cause))
            elif self._graph.get(cause.dependency.asset_key).is_external:
                what = "; ".join(self._input_changes(cause, cause.dependency))
                reasons.append(f"{cause.dependency.asset_key.to_user_string()} changed ({what})")
            else:
                names = updated.setdefault(cause.dependency.asset_key.to_user_string(), [])
                parts = (cause.dependency.partition_key or "").split("|")
                own = (partition or "").split("|")
                survey = DATASETS[own[0]].survey if own[0] in DATASETS else None
                names += [part for part in parts if part not in ("", survey, *own)]
        for asset, names in updated.items():
            reasons.append(f"{asset} was updated" + (f" ({', '.join(names)})" if names else ""))
        return "; ".join(dict.fromkeys(reasons))

    def _code_reason(self, cause: StaleCause) -> str:
        """Return the reason for a partition that was made by other code or from other assets than the current ones."""
        if cause.category == StaleCauseCategory.DEPENDENCIES and cause.dependency is not None:
            asset = cause.dependency.asset_key
            is_new = asset in self._graph.get(cause.asset_key).parent_keys
            return f"{'has a new' if is_new else 'no longer has the'} input ({asset.to_user_string()})"
        if cause.category != StaleCauseCategory.CODE:
            return cause.reason
        provenance = self._resolver.provenance_of(cause.key)
        then = provenance.code_version if provenance else None
        return f"its code changed (version {then} -> {self._graph.get(cause.asset_key).code_version})"

    def _input_changes(self, cause: StaleCause, changed: AssetKeyPartitionKey) -> list[str]:
        """Describe the net change of an input since the partition was made from it."""
        asset, partition = changed.asset_key, changed.partition_key
        provenance, name = self._resolver.provenance_of(cause.key), asset.to_user_string()
        seen = provenance.input_storage_ids.get(asset) if provenance else None
        then = last_observation(self._instance, name, partition, None if seen is None else seen + 1)
        now = last_observation(self._instance, name, partition)
        old, new = (one and observed_content(self._instance, one) for one in (then, now))
        event = self._resolver.event_of(cause.key)
        made = {key: value.value for key, value in event.metadata.items()} if event else {}
        recipe, training = made.get("recipe"), cause.partition_key
        if asset == training_recipe.key and isinstance(recipe, dict) and new is not None and training is not None:
            dataset, _ = split_training_key(training)
            synthetic = bool(made["synthetic"])
            trained = {**recipe, "profile": made["profile"]}
            return recipe_changes(trained, old, new, DATASETS[dataset].crop_px, synthetic)
        return content_changes(name, old, new)


def recipe_changes(
    trained: dict[str, Any], written: dict[str, Any] | None, now: dict[str, Any], crop_px: int, synthetic: bool
) -> list[str]:
    """Describe what changed in a recipe since a training.

    The settings in the file are those that a user recognizes, so they are compared if the networks confirm that they
    were trained with them. They were not if the file was edited and trained before the change was observed.

    Parameters
    ----------
    trained
        The recipe stored with the networks, as reduced by the quick profile, and its profile.
    written
        The training settings and the profile in the file when it was last observed before; None if not recorded.
    now
        The current ones.
    crop_px
        Side of the dataset's images in pixels.
    synthetic
        True where the dataset is synthetic.

    Returns
    -------
    list of str
        One line per change.
    """

    def effective(content: dict[str, Any]) -> dict[str, Any]:
        recipe, profile = effective_recipe(_recipe(content), crop_px, content["profile"], synthetic)
        return {**recipe.settings("training"), "profile": profile}

    try:
        networks = {**_recipe(trained).settings("training"), "profile": trained["profile"]}
        confirmed = written is not None and effective(written) == networks
    except ValidationError:  # stored by another version of this project
        networks, confirmed = {}, True
    if confirmed:
        return content_changes(training_recipe.key.to_user_string(), written, now)
    return changes(networks, effective(now)) or ["trained as it is now, before the change was noticed"]


def _recipe(content: dict[str, Any]) -> Recipe:
    return Recipe.kept({"name": "any", **{key: value for key, value in content.items() if key != "profile"}})
