"""Dagster's records of old runs, which grow with every run and slow down its UI."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from rotator_assets.core.dagster_internals import FINISHED_STATUSES
from rotator_assets.core.data_root import DataRoot
from rotator_assets.store.leftovers import Leftovers

_BATCH = 500
"""Events per query."""


@dataclass(frozen=True)
class OldRuns:
    """Finished runs of which no result and no check is current, and their files: events, logs and what they printed."""

    run_ids: tuple[str, ...]
    files: Leftovers

    @classmethod
    def find(
        cls, instance: dg.DagsterInstance, root: DataRoot, checks: Collection[dg.AssetCheckKey], days: float
    ) -> OldRuns:
        """Return the runs that were created more than some days ago.

        Parameters
        ----------
        instance
            The Dagster instance.
        root
            Its data root.
        checks
            The checks of all assets.
        days
            Age of the youngest run.
        """
        created = datetime.now(UTC) - timedelta(days=days)
        filters = dg.RunsFilter(statuses=list(FINISHED_STATUSES), created_before=created)
        needed = {*_runs_of_current_results(instance), *_runs_of_last_checks(instance, checks)}
        run_ids = [run.run_id for run in instance.get_runs(filters) if run.run_id not in needed]
        home = root.dagster_home
        files = [
            path
            for run_id in run_ids
            for path in (home / "storage" / run_id, *sorted((home / "history" / "runs").glob(f"{run_id}.db*")))
            if path.exists()
        ]
        return cls(tuple(run_ids), Leftovers(f"records of runs older than {days:g} days", tuple(files)))

    def remove(self, instance: dg.DagsterInstance) -> None:
        """Remove the runs, their events and their files."""
        for run_id in self.run_ids:
            instance.delete_run(run_id)
        self.files.remove()


def _runs_of_current_results(instance: dg.DagsterInstance) -> set[str]:
    """Return the runs that made or observed the latest version of anything: staleness depends on them."""
    storage = instance.event_log_storage
    keys = instance.all_asset_keys()
    found: set[str] = set()
    for record in instance.get_asset_records(keys):
        entry = record.asset_entry
        latest = (entry.last_materialization_record, entry.last_observation_record)
        found.update(event.run_id for event in latest if event is not None)
    for key in keys:
        for kind in (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION):
            numbers = list(storage.get_latest_storage_id_by_partition(key, kind).values())
            found.update(_runs_of(instance, key, kind, numbers))
    return found


def _runs_of_last_checks(instance: dg.DagsterInstance, checks: Collection[dg.AssetCheckKey]) -> set[str]:
    """Return the runs of the results of checks that the UI shows."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    return {execution.run_id for execution in latest.values()}


def _runs_of(
    instance: dg.DagsterInstance, key: dg.AssetKey, kind: dg.DagsterEventType, numbers: Sequence[int]
) -> Iterator[str]:
    """Iterate over the runs of the events of an asset with these numbers."""
    made = kind == dg.DagsterEventType.ASSET_MATERIALIZATION
    fetch = instance.fetch_materializations if made else instance.fetch_observations
    for start in range(0, len(numbers), _BATCH):
        some = list(numbers[start : start + _BATCH])
        for record in fetch(dg.AssetRecordsFilter(asset_key=key, storage_ids=some), limit=len(some)).records:
            yield record.run_id
