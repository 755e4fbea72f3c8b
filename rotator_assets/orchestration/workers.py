"""Worker processes for the trainings of a plan, so that several run at the same time.

A worker is the module `worker` run as a program (`core.processes`). A request is a step; the answer is its state.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.machine import ACCELERATORS
from rotator_assets.core.processes import ProcessEnded, ProcessPool
from rotator_assets.core.verbosity import LOG_LEVEL
from rotator_assets.orchestration.plans import Step

WORKER = (sys.executable, "-P", "-m", "rotator_assets.worker")
"""Command that starts a worker without modules of the working directory; its arguments are the data root and the lowest
level of the messages that it shows."""
STOP_SECONDS = 20.0
"""Time for a worker to clean up after it was stopped."""
_MOST_JOBS = 4


class TrainingFailed(RuntimeError):
    """A step failed in a worker for another reason than its input."""


def default_jobs() -> int:
    """Return the number of trainings at a time: one with a GPU, else one per processor, at most four."""
    if any(device.exists() for device in ACCELERATORS):
        return 1
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, _MOST_JOBS)


class Workers:
    """At most ``jobs`` processes that run steps on one data root. Leaving the context stops running steps.

    Messages of Dagster runs from ``log_level`` on are shown on standard error.
    """

    def __init__(self, root: DataRoot, jobs: int, log_level: str = LOG_LEVEL) -> None:
        self._jobs = jobs
        self._pool = ProcessPool([*WORKER, str(root.path), log_level], jobs, stop_seconds=STOP_SECONDS)
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

    def prepare(self) -> None:
        """Start the processes, which load their libraries while other steps run here."""
        self._pool.start()

    def close(self) -> None:
        """Let the processes end, as no step will follow; this does not wait for them."""
        self._pool.close()

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
