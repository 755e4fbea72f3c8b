"""Worker processes for the trainings of a plan, so that several run at the same time.

A worker is the module `worker` run as a program (`core.processes`). A request is a step; the answer is its state.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict
from pathlib import Path

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.processes import ProcessEnded, ProcessPool
from rotator_assets.orchestration.plans import Step

WORKER = (sys.executable, "-P", "-m", "rotator_assets.worker")
"""Command that starts a worker without modules of the working directory; the data root is its argument."""
STOP_SECONDS = 20.0
"""Time for a worker to clean up after it was stopped."""
_MOST_JOBS = 4
_ACCELERATORS = ("/dev/nvidia0", "/dev/kfd")


class TrainingFailed(RuntimeError):
    """A step failed in a worker for another reason than its input."""


def default_jobs() -> int:
    """Return the number of trainings at a time: one with a GPU, else one per processor, at most four."""
    if any(Path(device).exists() for device in _ACCELERATORS):
        return 1
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, _MOST_JOBS)


class Workers:
    """At most ``jobs`` processes that run steps on one data root. Leaving the context stops running steps."""

    def __init__(self, root: DataRoot, jobs: int) -> None:
        self._jobs = jobs
        self._pool = ProcessPool([*WORKER, str(root.path)], jobs, stop_seconds=STOP_SECONDS)
        self._steps: dict[Future[dict], Step] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    @property
    def running(self) -> set[str]:
        """Titles of the running steps."""
        return {step.title for step in self._steps.values()}

    @property
    def idle(self) -> bool:
        """True where another step can start."""
        return len(self._steps) < self._jobs

    def start(self, step: Step) -> None:
        """Start the step in a worker."""
        self._steps[self._pool.submit(asdict(step))] = step

    def wait(self) -> tuple[Step, Exception | None]:
        """Wait for the next step to end; return it and its error, None after success."""
        done, _ = wait(self._steps, return_when=FIRST_COMPLETED)
        answer = next(iter(done))
        return self._steps.pop(answer), _error(answer)


def _error(answer: Future[dict]) -> Exception | None:
    """Return the error in the answer of a worker; None after success."""
    try:
        content = answer.result()
    except ProcessEnded as ended:
        return TrainingFailed(f"{ended}; where memory is short, run fewer at a time with --jobs 1")
    if content["state"] == "done":
        return None
    return (InputError if content["state"] == "bad input" else TrainingFailed)(content["error"])
