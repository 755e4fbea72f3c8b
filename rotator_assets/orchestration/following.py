"""The sensor that rebuilds comparisons and report after trainings and updates the checks ``is_current``."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import dagster as dg

from rotator_assets.core.dagster_internals import FINISHED_STATUSES, NOT_FINISHED_STATUSES, requested_backfills
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.keys import WHOLE
from rotator_assets.lineage.observed_results import read_results
from rotator_assets.lineage.observing import last_observation_id, observe, summary
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.lineage.staleness import Stale, Staleness
from rotator_assets.orchestration.at_work import RUN_STEP_TAG, fail_lost_runs, is_at_work
from rotator_assets.orchestration.is_current import COVERED, NAME, Graph, evaluation
from rotator_assets.orchestration.jobs import compare_recipes, refresh_report
from rotator_assets.orchestration.plans import COMPARISON_ASSETS, REPORT_ASSETS
from rotator_assets.store.table_store import TableStore

SENSOR = "report_follows_results"
QUIET_SECONDS = 20.0
"""Time without a finished run before anything is rebuilt: once after a backfill, not after each of its runs."""
_LOADED = uuid.uuid4().hex
"""Identifies the loaded code location: after a reload, other partitions may be stale without any event."""


def report_sensor(graph: Graph) -> dg.SensorDefinition:
    """Make the sensor; ``graph`` returns the asset graph."""

    @dg.sensor(
        name=SENSOR,
        jobs=[compare_recipes, refresh_report],
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Rebuilds stale comparisons and then the report when no run is in progress, if they were built "
        "before, and lists stale partitions in the checks `is_current`.",
    )
    def report_follows_results(
        context: dg.SensorEvaluationContext, store: dg.ResourceParam[TableStore]
    ) -> dg.SensorResult | dg.SkipReason:
        instance, root = context.instance, store.root
        if waits := _waits_for(instance, root):
            return dg.SkipReason(f"waits for {waits}")
        now = f"{_LOADED} {instance.event_log_storage.get_maximum_record_id()}"
        if context.cursor == now:
            return dg.SkipReason("nothing happened since the last look")
        try:
            load_settings(root)  # an error would make the report fail, and it is not tried again
            observations = observe(instance, store, read_results(store))  # `input_changes` observes the inputs
        except InputError as error:
            return dg.SkipReason(f"stale partitions cannot be listed until this is fixed: {error}")
        if observations:
            return dg.SensorResult(asset_events=observations, skip_reason=f"noticed first: {summary(observations)}")
        staleness = Staleness(instance, graph())
        stale = list(staleness.stale({asset for covered in COVERED.values() for asset in covered}))
        requests, failed = _requests(instance, staleness, stale)
        checks = list(_news(instance, stale))
        if requests:
            return dg.SensorResult(run_requests=requests, asset_events=checks, cursor=now)
        return dg.SensorResult(skip_reason=_nothing_to_do(stale, failed), asset_events=checks, cursor=now)

    return report_follows_results


def _nothing_to_do(stale: list[Stale], failed: list[str]) -> str:
    if failed:
        return f"failed to rebuild and not tried again: {', '.join(failed)}"
    others = f"; {len(stale)} partitions of their inputs are stale, see the checks {NAME}" if stale else ""
    return f"comparisons and report are current{others}"


def _waits_for(instance: dg.DagsterInstance, root: DataRoot) -> str:
    """Return what is running or has just ended; empty where nothing is."""
    if is_at_work(root):
        return "`rotators run`, which builds the report itself"
    fail_lost_runs(instance, root)
    if runs := instance.get_runs(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))):
        first = runs[0]
        what = first.tags.get(RUN_STEP_TAG) or " ".join(
            filter(None, (first.job_name, first.tags.get("dagster/partition")))
        )
        return f"{len(runs)} run{'s' if len(runs) > 1 else ''} in progress or queued ({first.run_id[:8]}: {what})"
    if backfills := requested_backfills(instance):
        return f"backfill {backfills[0]}"
    finished = instance.get_run_records(
        dg.RunsFilter(statuses=list(FINISHED_STATUSES)), limit=10, order_by="update_timestamp"
    )
    others = [record for record in finished if record.dagster_run.tags.get("dagster/sensor_name") != SENSOR]
    if others and 0 <= time.time() - (others[0].end_time or 0) < QUIET_SECONDS:  # not for a year, with a clock set back
        return f"{QUIET_SECONDS:.0f} s without a run; {others[0].dagster_run.run_id[:8]} has just ended"
    return ""


def _requests(
    instance: dg.DagsterInstance, staleness: Staleness, stale: list[Stale]
) -> tuple[list[dg.RunRequest], list[str]]:
    """Return requests to rebuild stale comparisons or, without any, the report; and what has failed before."""
    requests, failed = [], []
    for one in stale:
        if one.asset in COMPARISON_ASSETS:
            key = _run_key(instance, staleness, one.asset, one.partition)
            if _was_tried(instance, key):
                failed.append(f"{one.asset} {one.partition}")
            else:
                requests.append(dg.RunRequest(key, job_name=compare_recipes.name, partition_key=one.partition))
    if requests:
        return requests, failed
    across = {one.asset for one in stale} & set(REPORT_ASSETS)
    if "dataset_comparison" in across and staleness.was_made("study_report"):
        across.add("study_report")  # it shows the comparison
    if across:
        key = "+".join(_run_key(instance, staleness, asset, WHOLE) for asset in sorted(across))
        if _was_tried(instance, key):
            failed += sorted(across)
        else:
            assets = [dg.AssetKey(asset) for asset in sorted(across)]
            requests.append(dg.RunRequest(key, job_name=refresh_report.name, asset_selection=assets))
    return requests, failed


def _run_key(instance: dg.DagsterInstance, staleness: Staleness, asset: str, partition: str) -> str:
    """Identify the materialization to replace and its input, so that each combination is tried once."""
    part = None if partition == WHOLE else partition
    read = last_observation_id(instance, staleness.observed_result_of(asset), part)
    return f"{asset}:{partition}:{staleness.made_id(asset, part)}:{read}"


def _was_tried(instance: dg.DagsterInstance, key: str) -> bool:
    tags = {"dagster/run_key": key, "dagster/sensor_name": SENSOR}
    return bool(instance.get_runs(dg.RunsFilter(tags=tags), limit=1))


def _news(instance: dg.DagsterInstance, stale: list[Stale]) -> Iterator[dg.AssetCheckEvaluation]:
    """Iterate over check results that differ from the recorded ones."""
    keys = {asset: dg.AssetCheckKey(dg.AssetKey(asset), NAME) for asset in COVERED}
    recorded = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys.values()))
    for asset, key in keys.items():
        found, last = evaluation(asset, stale), recorded.get(key)
        event = last.event.dagster_event if last and last.event else None
        known = event.event_specific_data if event else None
        was = (known.passed, known.description) if isinstance(known, dg.AssetCheckEvaluation) else (True, None)
        if (found.passed, found.description if not found.passed else None) != (was[0], None if was[0] else was[1]):
            yield found
