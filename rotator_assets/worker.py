"""What a worker process of `orchestration.workers` does: it runs steps on one data root, one after another."""

from __future__ import annotations

import atexit
import importlib
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from rotator_assets.core import progress
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.plans import Step
from rotator_assets.orchestration.runner import Runner, input_error
from rotator_assets.orchestration.workers import TrainingFailed
from rotator_assets.running import open_runner

_until_the_end = ExitStack()
atexit.register(_until_the_end.close)


def load_libraries() -> None:
    """Import the libraries of trainings, which takes longer than anything else that precedes the first one."""
    tensorflow()
    for name in ("alibi.explainers", "photutils.segmentation"):
        importlib.import_module(name)


def run_step(root: Path, log_level: str, step: Step, on_report: Callable[[tuple[str, int, int, str]], None]) -> None:
    """Run a step as one Dagster run.

    Parameters
    ----------
    root
        The data root.
    log_level
        Lowest level of the messages that are shown.
    step
        The step.
    on_report
        Called with the arguments of `progress.report`.

    Raises
    ------
    InputError or TrainingFailed
        If it fails.
    """
    with progress.listening(lambda *report: on_report(report)):
        try:
            _runner(root, log_level).materialize(step)
        except Exception as error:
            raise (input_error(error) or TrainingFailed(repr(error))) from None


@cache
def _runner(root: Path, log_level: str) -> Runner:
    """Open the runner at the first step, when the parent has made the instance of the root."""
    return _until_the_end.enter_context(open_runner(DataRoot(root), log_level))
