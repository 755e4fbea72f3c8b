"""Runners of the whole project: every asset there is, over one data root."""

from __future__ import annotations

from rotator_assets.data_root import DataRoot
from rotator_assets.definitions import definitions
from rotator_assets.runner import Runner


def open_runner(root: DataRoot) -> Runner:
    """A runner of all assets on the data root; use it as a context."""
    return Runner(root, definitions(root))
