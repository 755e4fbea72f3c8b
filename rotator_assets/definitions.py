"""The code location: assets, checks, jobs, sensors and resources. Loads without TensorFlow."""

from __future__ import annotations

from functools import cache

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from rotator_assets.assets import (
    attribution_tests,
    attributions,
    catalogs,
    checks,
    comparison,
    current,
    ellipticity,
    galaxies,
    images,
    kinematics,
    learning,
    observing,
    planted,
    referee,
    reports,
    sensitivity,
    study,
    transfer,
)
from rotator_assets.data_root import DataRoot
from rotator_assets.following import report_sensor
from rotator_assets.jobs import JOBS
from rotator_assets.storage.io_managers import ModelIOManager, TableIOManager, TensorIOManager

_QUESTIONS = [ellipticity, referee, attribution_tests, transfer, planted]
_SURVEYS = [catalogs, kinematics, galaxies, sensitivity]
_MODULES = [*_SURVEYS, images, learning, reports, attributions, comparison, *_QUESTIONS, study]


def definitions(root: DataRoot) -> dg.Definitions:
    """The code location over one data root."""
    return dg.Definitions(
        assets=[*observing.OBSERVED, *dg.load_assets_from_modules(_MODULES)],
        asset_checks=[
            *dg.load_asset_checks_from_modules([checks, attribution_tests]),
            *current.currency_checks(asset_graph),
        ],
        jobs=JOBS,
        sensors=[observing.input_changes, report_sensor(asset_graph)],
        resources={
            "root": root,
            "tables": TableIOManager(root),
            "tensors": TensorIOManager(root),
            "models": ModelIOManager(root),
        },
        # Each partition is a run, and so a process, of its own already.
        executor=dg.in_process_executor,
    )


@cache
def asset_graph() -> BaseAssetGraph:
    """The assets and how they depend on each other, the same for every data root."""
    return defs.resolve_asset_graph()


defs = definitions(DataRoot.from_environment())
