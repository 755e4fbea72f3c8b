"""Runners of the whole project: every asset there is, over one data root."""

from __future__ import annotations

from rotator_assets.core.data_root import DataRoot
from rotator_assets.definitions import definitions
from rotator_assets.orchestration.runner import Runner
from rotator_assets.tables import open_store


def open_runner(root: DataRoot) -> Runner:
    """A runner of all assets on the data root; use it as a context."""
    return Runner(open_store(root), definitions(root))
