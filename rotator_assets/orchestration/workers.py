"""Worker processes for the trainings of a plan, so that several run at the same time.

What they do is in the module `worker`, which they load as they start (`engine.worker`).
"""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, wait

from rotator_assets.core import progress
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.machine import ACCELERATORS
from rotator_assets.core.verbosity import LOG_LEVEL
from rotator_assets.engine.processes import WORKER, ProcessEnded, ProcessPool
from rotator_assets.engine.worker import STOP_SECONDS
from rotator_assets.orchestration.plans import Step

COMMAND = (*WORKER, "rotator_assets.worker:load_libraries")
"""Command that starts a worker."""
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
        self._jobs, self._root, self._log_level = jobs, root.path, log_level
        self._pool = ProcessPool(jobs, command=COMMAND, stop_seconds=STOP_SECONDS)
        self._steps: dict[Future[None], Step] = {}

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
        # By its name: the module loads all assets, which the workers do while other steps run here.
        function = "rotator_assets.worker:run_step"
        asked = (self._root, self._log_level, step)
        self._steps[self._pool.submit(function, *asked, on_report=lambda report: progress.report(*report))] = step

    def wait(self) -> tuple[Step, Exception | None]:
        """Wait for the next step to end; return it and its error, None after success."""
        done, _ = wait(self._steps, return_when=FIRST_COMPLETED)
        ended = next(iter(done))
        return self._steps.pop(ended), _error(ended)


def _error(ended: Future[None]) -> Exception | None:
    """Return the error of a step; None after success."""
    try:
        ended.result()
    except ProcessEnded as lost:
        return TrainingFailed(f"{lost}; where memory is short, run fewer at a time with --jobs 1")
    except Exception as error:
        return error
    return None
