"""What this project needs of Dagster's internals, which have no public interface. Nothing else imports them.

Checked against the versions that ``pyproject.toml`` allows; a new minor version of Dagster may move any of them.
"""

import subprocess
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

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
from dagster._core.loader import LoadingContext
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from rotator_assets.core.same_origin import SameOrigin

__all__ = [
    "DATA_VERSION_TAG",
    "FINISHED_STATUSES",
    "NOT_FINISHED_STATUSES",
    "SINGLETON_REPOSITORY_NAME",
    "AssetKeyPartitionKey",
    "BaseAssetGraph",
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
    "dagster_dev",
    "database_of_run",
    "forget_outputs",
    "keep_engines",
    "requested_backfills",
    "serve_with_file",
]


def keep_engines() -> None:
    """Let the SQLite storages of this process keep an engine for each database, with the statements it has compiled.

    Dagster makes an engine for each query. Compiling every statement again takes a quarter of the time of a run without
    trainings. It also loads its ninety migrations whenever it opens or makes a database; they are kept, too. Nor does
    each of the hundred events of a run wait for the disk: after a power failure the last ones may be missing, as if
    their run had not ended.
    """
    # Imported here, as the code location needs no database until Dagster opens its instance.
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage
    from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
    from dagster._core.storage.sql import ScriptDirectory  # pyright: ignore[reportPrivateImportUsage]

    sqlite_event_log.create_engine = _engine  # pyright: ignore[reportPrivateImportUsage]
    sqlite_run_storage.create_engine = _engine  # pyright: ignore[reportPrivateImportUsage]
    sqlite_schedule_storage.create_engine = _engine  # pyright: ignore[reportPrivateImportUsage]
    migrations = ScriptDirectory.from_config
    if not hasattr(migrations, "cache_info"):  # a second call would keep what is kept
        ScriptDirectory.from_config = lru_cache(maxsize=4)(migrations)  # pyright: ignore[reportAttributeAccessIssue]


def _engine(url: str, poolclass: type, connect_args: dict[str, Any] | None = None) -> Any:
    return _kept_engine(url, poolclass, tuple((connect_args or {}).items()))


@lru_cache(maxsize=16)
def _kept_engine(url: str, poolclass: type, connect_args: tuple[tuple[str, Any], ...]) -> Any:
    from sqlalchemy import create_engine, event

    engine = create_engine(url, poolclass=poolclass, connect_args=dict(connect_args))
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
    return engine


def database_of_run(instance: dg.DagsterInstance, run_id: str) -> Path | None:
    """Return the SQLite database with the events of a run, which is made if it does not exist; None without SQLite.

    Events without a run are in the database of the run with an empty identifier.
    """
    from dagster._core.storage.event_log import SqliteEventLogStorage

    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return None
    with storage.run_connection(run_id):
        return Path(storage.path_for_shard(run_id))


def requested_backfills(instance: dg.DagsterInstance) -> Sequence[str]:
    """Return the identifiers of the backfills in progress."""
    # Imported here, as it loads Dagster's interface to code servers.
    from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

    wanted = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    return [backfill.backfill_id for backfill in instance.get_backfills(filters=wanted)]


def forget_outputs(context: dg.OutputContext) -> None:
    """Drop the outputs of the running steps once they are stored.

    Runs in this process keep the value of every output until their end, which nothing here asks for.
    """
    step = context._step_context  # pyright: ignore[reportPrivateUsage]
    if step is not None and step.output_capture is not None:
        step.output_capture.clear()


def dagster_dev(arguments: Sequence[str], webserver: str) -> None:
    """Run ``dagster dev`` until it is stopped, with a module of this project as its webserver (`serve_with_file`)."""
    from dagster._cli import dev

    start = dev.open_ipc_subprocess  # pyright: ignore[reportPrivateImportUsage]

    def start_own(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        return start([webserver if part == "dagster_webserver" else part for part in command], **options)

    dev.open_ipc_subprocess = start_own  # pyright: ignore[reportPrivateImportUsage]
    dev.dev_command.main(list(arguments), prog_name="dagster dev")


def serve_with_file(address: str, file: Path, proxy: str = "") -> None:
    """Run ``dagster-webserver`` with the arguments of this process; it also serves one HTML file, at an address.

    The page has its own origin, so its scripts cannot reach the server. Requests from pages of other sites are refused;
    ``proxy`` is the name under which a reverse proxy serves the UI.
    """
    from dagster_webserver import app, cli
    from starlette.middleware import Middleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, PlainTextResponse, Response
    from starlette.routing import BaseRoute, Route

    def respond(_: Request) -> Response:
        if not file.is_file():
            return PlainTextResponse(f"{file} does not exist yet; materialize {file.stem}", status_code=404)
        return FileResponse(file, media_type="text/html", headers=_OF_PAGE)

    class Webserver(app.DagsterWebserver):  # pyright: ignore
        def build_routes(self) -> list[BaseRoute]:  # pyright: ignore[reportIncompatibleMethodOverride]
            return [Route(address, respond, methods=["GET"]), *super().build_routes()]

        def build_middleware(self) -> list[Middleware]:
            return [Middleware(SameOrigin, proxy), *super().build_middleware()]

    app.DagsterWebserver = Webserver  # pyright: ignore[reportPrivateImportUsage]
    cli.main()


_OF_PAGE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox allow-modals "
    "allow-downloads",
    "X-Content-Type-Options": "nosniff",
}


class StaleStatusResolver(CachingStaleStatusResolver):
    """Resolves stale partitions, and says what it knows about one.

    Dagster asks for the later events of each dependency of each partition. Most dependencies have no later event. One
    query per dependency, for all its partitions, shows this.
    """

    @cached_property
    def _latest(self) -> dict[dg.AssetKey, Mapping[str, int]]:
        return {}

    def _is_dep_updated(self, provenance: DataProvenance, dep_key: AssetKeyPartitionKey) -> bool:
        asset, partition = dep_key.asset_key, dep_key.partition_key
        seen = None if partition is None else provenance.input_storage_ids[asset]
        if partition is not None and seen is not None and self._latest_events(asset).get(partition, 0) <= seen:
            return False
        return super()._is_dep_updated(provenance, dep_key)

    def _latest_events(self, asset: dg.AssetKey) -> Mapping[str, int]:
        """Return the number of the latest event with a data version, by partition."""
        if asset not in self._latest:
            kinds = dg.DagsterEventType
            kind = kinds.ASSET_OBSERVATION if self.asset_graph.get(asset).is_external else kinds.ASSET_MATERIALIZATION
            self._latest[asset] = self._instance.get_latest_storage_id_by_partition(asset, kind)
        return self._latest[asset]

    def record_of(self, key: AssetKeyPartitionKey) -> dg.EventLogRecord | None:
        """Return the record of the latest materialization or observation."""
        return self._get_latest_data_version_record(key=key)

    def event_of(self, key: AssetKeyPartitionKey) -> dg.AssetMaterialization | dg.AssetObservation | None:
        """Return the latest materialization or observation."""
        return self._get_latest_data_version_event(key=key)

    def provenance_of(self, key: AssetKeyPartitionKey) -> DataProvenance | None:
        """Return what the latest materialization was made from."""
        return self._get_current_data_provenance(key=key)
