"""How much a command prints."""

from __future__ import annotations

import os
from enum import Enum

LOG_LEVEL = "CRITICAL"
"""Lowest level of the messages of Dagster runs that are shown on standard error: there are hardly any."""


class Verbosity(Enum):
    """How much a command prints: errors and final lines; progress and notices too; or also what libraries log."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"

    @property
    def log_level(self) -> str:
        """Lowest level of the messages of Dagster runs that are shown on standard error."""
        return "INFO" if self is Verbosity.VERBOSE else LOG_LEVEL

    def apply(self) -> None:
        """Set the log level of TensorFlow, which is imported later, here and in child processes."""
        if self is Verbosity.VERBOSE:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
