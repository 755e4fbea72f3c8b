"""Runners with all assets of the project."""

from __future__ import annotations

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.verbosity import LOG_LEVEL
from rotator_assets.definitions import definitions
from rotator_assets.orchestration.runner import Runner
from rotator_assets.tables import open_store


def open_runner(root: DataRoot, log_level: str = LOG_LEVEL) -> Runner:
    """Open a runner of all assets on a data root; use it as a context manager.

    Messages of Dagster runs from ``log_level`` on are shown on standard error.
    """
    return Runner(open_store(root), definitions(root), log_level)
