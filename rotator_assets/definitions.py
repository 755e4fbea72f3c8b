"""The code location: assets, checks, jobs, sensors and resources. Loads without TensorFlow."""

from __future__ import annotations

from collections.abc import Generator
from functools import cache

import dagster as dg

from rotator_assets.core.dagster_internals import BaseAssetGraph
from rotator_assets.core.data_root import DataRoot
from rotator_assets.domains import assets, exhibits, modules
from rotator_assets.lineage import observing
from rotator_assets.orchestration import is_current
from rotator_assets.orchestration.at_work import run_alive
from rotator_assets.orchestration.following import report_sensor
from rotator_assets.orchestration.jobs import JOBS
from rotator_assets.store.io_managers import ModelIOManager, TableIOManager, TensorIOManager
from rotator_assets.store.table_store import TableStore
from rotator_assets.tables import open_store


def definitions(root: DataRoot) -> dg.Definitions:
    """Return the code location for a data root."""
    store = open_store(root)
    return dg.Definitions(
        assets=[*observing.OBSERVED, *assets()],
        asset_checks=[
            *dg.load_asset_checks_from_modules(modules("checks")),
            *is_current.currency_checks(asset_graph),
        ],
        jobs=JOBS,
        sensors=[observing.input_changes, report_sensor(asset_graph), observing.follow_changes],
        resources={
            "store": _shown_alive(store),
            "tables": TableIOManager(store),
            "tensors": TensorIOManager(store),
            "models": ModelIOManager(store),
            "exhibits": exhibits(),
        },
        # Each partition is a run in its own process already.
        executor=dg.in_process_executor,
    )


def _shown_alive(store: TableStore) -> dg.ResourceDefinition:
    """Return the tables as a resource, which every asset needs: runs that have it can be told from dead ones."""

    @dg.resource
    def opened(context: dg.InitResourceContext) -> Generator[TableStore]:
        with run_alive(context, store.root):
            yield store

    return opened


@cache
def asset_graph() -> BaseAssetGraph:
    """Return the asset graph, which is the same for every runner of this process: its surveys and recipes are fixed."""
    return defs.resolve_asset_graph()


defs = definitions(DataRoot.from_environment())
