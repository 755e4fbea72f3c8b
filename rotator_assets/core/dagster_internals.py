"""What this project needs of Dagster's internals, which have no public interface. Nothing else imports them.

Checked against the versions that ``pyproject.toml`` allows; a new minor version of Dagster may move any of them.
"""

from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import (
    DATA_VERSION_TAG,
    CachingStaleStatusResolver,
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
    "CachingStaleStatusResolver",
    "DagsterExecutionInterruptedError",
    "DagsterInvalidPropertyError",
    "LoadableTargetOrigin",
    "LoadingContext",
    "ManagedGrpcPythonEnvCodeLocationOrigin",
    "RemoteJobOrigin",
    "RemoteRepositoryOrigin",
    "StaleCause",
    "StaleCauseCategory",
    "StaleStatus",
]
