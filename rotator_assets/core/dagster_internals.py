"""What this project needs of Dagster's internals, which have no public interface. Nothing else imports them.

Checked against the versions that ``pyproject.toml`` allows; a new minor version of Dagster may move any of them.
"""

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import (
    DATA_VERSION_TAG,
    CachingStaleStatusResolver,
    DataProvenance,
    StaleCause,
    StaleCauseCategory,
    StaleStatus,
)
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.errors import DagsterExecutionInterruptedError, DagsterInvalidPropertyError
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.loader import LoadingContext
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

__all__ = [
    "DATA_VERSION_TAG",
    "FINISHED_STATUSES",
    "NOT_FINISHED_STATUSES",
    "SINGLETON_REPOSITORY_NAME",
    "AssetKeyPartitionKey",
    "BaseAssetGraph",
    "BulkActionStatus",
    "BulkActionsFilter",
    "DagsterExecutionInterruptedError",
    "DagsterInvalidPropertyError",
    "DataProvenance",
    "LoadableTargetOrigin",
    "LoadingContext",
    "ManagedGrpcPythonEnvCodeLocationOrigin",
    "RemoteJobOrigin",
    "RemoteRepositoryOrigin",
    "StaleCause",
    "StaleCauseCategory",
    "StaleStatus",
    "StaleStatusResolver",
]


class StaleStatusResolver(CachingStaleStatusResolver):
    """Resolves stale partitions, and says what it knows about one."""

    def record_of(self, key: AssetKeyPartitionKey) -> dg.EventLogRecord | None:
        """Return the record of the latest materialization or observation."""
        return self._get_latest_data_version_record(key=key)

    def event_of(self, key: AssetKeyPartitionKey) -> dg.AssetMaterialization | dg.AssetObservation | None:
        """Return the latest materialization or observation."""
        return self._get_latest_data_version_event(key=key)

    def provenance_of(self, key: AssetKeyPartitionKey) -> DataProvenance | None:
        """Return what the latest materialization was made from."""
        return self._get_current_data_provenance(key=key)
