"""Observations report to Dagster that an input, or a result that it cannot track, has changed.

They are made by the sensor `input_changes`, by the command line before each step, and by assets before they read. An
observation has a new data version, and Dagster marks exactly the partitions made from the old one as stale. It also
records the content and what changed, which gives the reason for a stale partition.
"""

import gzip
import json
import warnings
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg

from rotator_assets.core.changes import changes, file_changes
from rotator_assets.core.dagster_internals import DATA_VERSION_TAG, DagsterInvalidPropertyError
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing
from rotator_assets.core.recipes import kept_settings
from rotator_assets.lineage.inputs import FOLDERS, INPUT_SPECS, RECIPES, Input, read_inputs
from rotator_assets.lineage.observed_results import RESULTS, partition_for, read_results
from rotator_assets.lineage.snapshot import Snapshot
from rotator_assets.store.table_store import TableStore

warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*(multi_observable_source_asset|include_sources)")

_RESULTS = {result.name for result in RESULTS}
_IN_MANIFESTS = {*FOLDERS, *_RESULTS}
"""Content that is too long for the metadata of an observation and is kept in files."""
FIRST_SEEN = "first seen"
_NAMED = 3
"""Maximum number of partitions named among those with the same change."""
_MANIFESTS_KEPT = 50
"""Manifests kept per input. Changes since older ones are reported without file names."""


def read_everything(store: TableStore) -> Iterator[Input]:
    """Iterate over the current state of every input and observed result. Raises InputError as `read_inputs` does."""
    return chain(read_inputs(store.root), read_results(store))


def observe(instance: dg.DagsterInstance, store: TableStore, now: Iterable[Input] | None = None) -> list:
    """Return observations of the inputs that have changed since their last observation.

    Parameters
    ----------
    instance
        The Dagster instance with the earlier observations.
    store
        The tables of the data root.
    now
        Current state of the inputs to compare; by default of all.

    Returns
    -------
    list of AssetObservation
        Not yet reported to the instance.

    Raises
    ------
    InputError
        As `read_inputs` does.
    """
    observations, versions = [], {}
    for one in read_everything(store) if now is None else now:
        if one.asset not in versions:
            versions[one.asset] = _last_versions(instance, one)
        last = versions[one.asset].get(one.partition)
        is_news = bool(one.content) or one.asset not in _RESULTS if last is None else last != one.version
        if is_news:
            seen = None if last is None else last_observation(instance, one.asset, one.partition)
            observations.append(_observation(instance, store.root, one, seen))
    return observations


def _last_versions(instance: dg.DagsterInstance, one: Input) -> dict[str | None, str]:
    """Return the last observed data version of each partition of the input (key None without partitions)."""
    if one.partition is None:
        whole = last_observation(instance, one.asset, None)
        return {} if whole is None or whole.data_version is None else {None: whole.data_version}
    found = instance.event_log_storage.get_latest_tags_by_partition(
        dg.AssetKey(one.asset), dg.DagsterEventType.ASSET_OBSERVATION, [DATA_VERSION_TAG]
    )
    return {key: tags[DATA_VERSION_TAG] for key, tags in found.items()}


def last_observation(
    instance: dg.DagsterInstance, asset: str, partition: str | None, before_storage_id: int | None = None
) -> dg.AssetObservation | None:
    """Return the last observation of an input; None where there is none.

    Parameters
    ----------
    instance
        The Dagster instance.
    asset
        Name of the input.
    partition
        Partition key; None without partitions.
    before_storage_id
        Consider only observations before this event of the instance.
    """
    record = _last_record(instance, asset, partition, before_storage_id)
    return record.asset_observation if record else None


def last_observation_id(instance: dg.DagsterInstance, asset: str, partition: str | None) -> int | None:
    """Return the event number of the last observation of an input; None where there is none.

    Parameters
    ----------
    instance
        The Dagster instance.
    asset
        Name of the input.
    partition
        Partition key; None without partitions.
    """
    record = _last_record(instance, asset, partition)
    return record.storage_id if record else None


def _last_record(
    instance: dg.DagsterInstance, asset: str, partition: str | None, before_storage_id: int | None = None
) -> dg.EventLogRecord | None:
    wanted = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey(asset),
        asset_partitions=None if partition is None else [partition],
        before_storage_id=before_storage_id,
    )
    records = instance.fetch_observations(wanted, limit=1).records
    return records[0] if records else None


def observed_content(instance: dg.DagsterInstance, observation: dg.AssetObservation) -> dict[str, Any] | None:
    """Return the content of an input at an observation, as in `Input.content`; None where it was not kept."""
    asset = observation.asset_key.to_user_string()
    if asset in _IN_MANIFESTS:
        version = observation.data_version
        return None if version is None else _read_manifest(_manifest(instance, asset, observation.partition, version))
    content = observation.metadata.get("content")
    value = content.value if isinstance(content, dg.JsonMetadataValue) else None
    return value if isinstance(value, dict) else None


def content_changes(asset: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[str]:
    """Describe the differences between two contents of an input.

    Parameters
    ----------
    asset
        Name of the input.
    old, new
        Contents as in `Input.content`; None where unknown.

    Returns
    -------
    list of str
        One line per change.
    """
    if old is None or new is None:
        return ["what it was before is not recorded"]
    if asset in _IN_MANIFESTS:
        return file_changes(old, new, "result" if asset in _RESULTS else "file")
    for stage, recipe in RECIPES.items():
        if recipe.key.to_user_string() == asset:
            old = kept_settings(old, stage)
    return changes(old, new) or ["recorded by an earlier version of this program"]


def observe_before_reading(context: dg.AssetExecutionContext, store: TableStore, spec: dg.AssetSpec) -> Input:
    """Record the observed result that an asset is about to read, so that later changes make the asset stale.

    Dagster looks up the observations of a step's inputs when the step starts. Without a new one, a result that has
    changed since its last observation would be read, but the old version be recorded.

    Parameters
    ----------
    context
        Context of the running asset.
    store
        The tables of the data root.
    spec
        The observed result.

    Returns
    -------
    Input
        Its current state.
    """
    (result,) = (one for one in RESULTS if one.spec.key == spec.key)
    now = result.now(
        Snapshot(store, reading=True), partition_for(spec, context.partition_key if context.has_partition_key else None)
    )
    try:
        step = context.get_step_execution_context()
    except DagsterInvalidPropertyError:  # called directly, without a run
        return now
    for observation in observe(context.instance, store, [now]):
        context.instance.report_runless_asset_event(observation)
    step.wipe_input_asset_version_info(spec.key)
    step.maybe_fetch_and_get_input_asset_version_info(spec.key)
    return now


def summary(observations: Iterable[dg.AssetObservation]) -> str:
    """Describe the observed changes in one line: ``training_recipe log: normalization: max_all -> log``."""
    partitions: dict[tuple[str, str], list[str]] = {}
    for one in observations:
        change = (one.asset_key.to_user_string(), str(one.metadata["changed"].value))
        partitions.setdefault(change, []).append(one.partition or "")
    return "; ".join(f"{asset}{_listed(named)}: {what}" for (asset, what), named in partitions.items())


def _listed(partitions: list[str]) -> str:
    """List the first partitions after a space; empty for an input without partitions."""
    shown = ", ".join(partitions[:_NAMED])
    more = f" and {len(partitions) - _NAMED} more" if len(partitions) > _NAMED else ""
    return f" {shown}{more}" if shown else ""


@dg.sensor(
    name="input_changes",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Reports changed files, settings, recipes and results, so that assets made from them show as stale.",
)
def input_changes(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[TableStore]
) -> dg.SensorResult | dg.SkipReason:
    """Report the inputs that have changed."""
    try:
        observations = observe(context.instance, store)
    except InputError as error:
        return dg.SkipReason(f"changes cannot be detected until this is fixed: {error}")
    if not observations:
        return dg.SkipReason("no input changed")
    changed = summary(observations)
    # The cursor is used only for display: the page of the sensor shows it next to each tick.
    return dg.SensorResult(asset_events=observations, skip_reason=changed, cursor=changed)


follow_changes = dg.AutomationConditionSensorDefinition(
    name="follow_changes",
    target=dg.AssetSelection.all(include_sources=True),
    description="Rebuilds partitions whose inputs have changed, trainings included, as soon as they change. Off until "
    "you switch it on; nothing is built for the first time.",
)


def _observable(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    """Make the input an observable asset, which automation conditions and the UI's button Observe need."""
    name = spec.key.to_user_string()

    @dg.multi_observable_source_asset(name=f"observe_{name}", specs=[spec])
    def observe_it(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]):
        wanted = set(context.partition_keys) if spec.partitions_def else {None}
        for now in read_everything(store):
            if now.asset == name and now.partition in wanted:
                last = last_observation(context.instance, name, now.partition)
                observation = _observation(context.instance, store.root, now, last)
                yield dg.ObserveResult(
                    asset_key=spec.key,
                    data_version=dg.DataVersion(now.version),
                    metadata=observation.metadata,
                )

    return observe_it


OBSERVED = [_observable(spec) for spec in (*INPUT_SPECS, *(result.spec for result in RESULTS))]


def _observation(
    instance: dg.DagsterInstance, root: DataRoot, now: Input, last: dg.AssetObservation | None
) -> dg.AssetObservation:
    metadata: dict[str, Any] = {"data_root": dg.MetadataValue.path(str(root.path))}
    if last is None:
        metadata["changed"] = FIRST_SEEN
    else:
        metadata["changed"] = "; ".join(content_changes(now.asset, observed_content(instance, last), now.content))
    if now.asset in _IN_MANIFESTS:
        metadata["results" if now.asset in _RESULTS else "files"] = len(now.content)
        _keep_manifest(instance, now)
    else:
        metadata["content"] = dg.MetadataValue.json(now.content)
    if now.written_in and now.written_in.is_file():
        metadata["written_in"] = dg.MetadataValue.path(str(now.written_in))
        metadata["edited"] = dg.MetadataValue.timestamp(now.written_in.stat().st_mtime)
    return dg.AssetObservation(
        asset_key=now.asset, partition=now.partition, tags={"dagster/data_version": now.version}, metadata=metadata
    )


def _manifest(instance: dg.DagsterInstance, asset: str, partition: str | None, version: str) -> Path:
    """Return the path of a content file: a list of images would be too long for an observation's metadata."""
    return Path(instance.root_directory) / "inputs" / f"{asset}.{partition or 'all'}.{version}.json.gz"


def _keep_manifest(instance: dg.DagsterInstance, now: Input) -> None:
    path = _manifest(instance, now.asset, now.partition, now.version)
    with replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(json.dumps(now.content).encode(), compresslevel=5))
    others = {*path.parent.glob(f"{path.name.removesuffix(now.version + '.json.gz')}*.json.gz")} - {path}
    for old in sorted(others, key=_changed_ns)[: 1 - _MANIFESTS_KEPT]:
        old.unlink(missing_ok=True)


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # another process has removed it
        return 0


def _read_manifest(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, zlib.error):
        return None
