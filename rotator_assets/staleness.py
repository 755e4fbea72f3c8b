"""What is stale, as Dagster's own UI judges it. The one place that reaches into Dagster's internals."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContext


class _Loading(LoadingContext):
    """The batch loaders of one look at an instance."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict = {}

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._instance

    @property
    def loaders(self) -> dict:
        return self._loaders


class Staleness:
    """One look at what an instance has materialized; take a new one after a run."""

    def __init__(self, instance: dg.DagsterInstance, graph: BaseAssetGraph) -> None:
        self._instance, self._graph = instance, graph
        self._resolver = CachingStaleStatusResolver(instance, graph, _Loading(instance))

    def is_fresh(self, asset: str, partition: str | None) -> bool:
        """True where the partition was made, and from what its inputs are now."""
        return self._resolver.get_status(dg.AssetKey(asset), partition) == StaleStatus.FRESH

    def stale(self) -> Iterator[tuple[str, str, str]]:
        """Asset, partition and reason of everything that was made and no longer fits its inputs."""
        for key in sorted(self._graph.materializable_asset_keys):
            if not self._graph.get(key).is_partitioned:
                continue  # the report is made anew by every run
            for partition in sorted(self._instance.get_materialized_partitions(key)):
                if self._resolver.get_status(key, partition) == StaleStatus.STALE:
                    yield key.to_user_string(), partition, self._reason(key, partition)

    def _reason(self, key: dg.AssetKey, partition: str) -> str:
        causes = self._resolver.get_stale_causes(key, partition)
        return "; ".join(
            f"{cause.dependency.asset_key.to_user_string()} {cause.reason}" if cause.dependency else cause.reason
            for cause in causes
        )
