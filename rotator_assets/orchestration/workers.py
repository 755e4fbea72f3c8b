"""Worker processes for the trainings of a plan, so that several run at the same time.

A worker is the module `worker` run as a program. It reads one line of JSON per step, and writes lines of JSON with its
progress and finally its result. The end of its input stops it, whether the parent has closed it or was killed.
(``multiprocessing`` would import the caller's main module in each process.)
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue

from rotator_assets.core import progress
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
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
        self._root, self._jobs = root, jobs
        self._free: list[_Worker] = []
        self._busy: dict[str, _Worker] = {}
        self._ended: SimpleQueue[tuple[_Worker, Step, Exception | None]] = SimpleQueue()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        workers = [*self._free, *self._busy.values()]
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.stop()

    @property
    def running(self) -> set[str]:
        """Titles of the running steps."""
        return set(self._busy)

    @property
    def idle(self) -> bool:
        """True where another step can start."""
        return len(self._busy) < self._jobs

    def start(self, step: Step) -> None:
        """Start the step in a worker."""
        worker = self._free.pop() if self._free else _Worker(self._root)
        self._busy[step.title] = worker
        threading.Thread(target=lambda: self._ended.put((worker, step, worker.run(step))), daemon=True).start()

    def wait(self) -> tuple[Step, Exception | None]:
        """Wait for the next step to end; return it and its error, None after success."""
        worker, step, error = self._ended.get()
        del self._busy[step.title]
        if worker.is_alive:
            self._free.append(worker)
        else:
            worker.close()
        return step, error


class _Worker:
    """A process that runs one step after another."""

    def __init__(self, root: DataRoot) -> None:
        self._process = subprocess.Popen(
            [*WORKER, str(root.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # the parent handles interrupts and stops this process
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def run(self, step: Step) -> Exception | None:
        """Run the step, report its progress, and return its error; None after success."""
        for answer in self._answers(step):
            if "stage" in answer:
                progress.report(**answer)
            elif answer["state"] == "done":
                return None
            else:
                return (InputError if answer["state"] == "bad input" else TrainingFailed)(answer["error"])
        status = self._process.wait()
        return TrainingFailed(
            f"its process ended with status {status}; where memory is short, run fewer at a time with --jobs 1"
        )

    def _answers(self, step: Step) -> Iterator[dict]:
        try:
            self._process.stdin.write(json.dumps(asdict(step)) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # it has died or has just been closed
            return
        for line in self._process.stdout:
            yield json.loads(line)

    def close(self) -> None:
        """End the input: a running step is interrupted without leaving partial files, and the process ends."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def stop(self) -> None:
        """Wait until the process has ended; kill it after `STOP_SECONDS`."""
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
