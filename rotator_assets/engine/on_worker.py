"""What a Dask worker does with a request: it passes it on to a separate worker process.

So a request runs exactly as on one machine: in a process whose environment is set before its libraries are loaded, that
may crash, be killed when it takes too long or is no longer wanted, and does not count against the memory limit of Dask.
"""

from __future__ import annotations

import pickle
import platform
import threading
import time
from collections.abc import Callable, Mapping

from distributed import Reschedule, Worker, get_worker
from distributed.core import Status

from rotator_assets.core import origin
from rotator_assets.core.errors import InputError
from rotator_assets.engine import frames
from rotator_assets.engine.processes import ProcessEnded, WorkerProcess

IDLE_SECONDS = 120.0
"""A process without requests ends after this time."""
_LOOK_SECONDS = 0.3
_GRACE_SECONDS = 1.0
"""Where a whole machine or job is ended, the processes are killed one after the other: this one may be next."""
_AT_WORK = (Status.running, Status.paused)


def answered(
    request: bytes,
    number: int,
    environment: Mapping[str, str],
    program: str,
    limit_seconds: float | None,
    topic: str | None,
) -> bytes:
    """Return the answer of a worker process to a request; `frames.ENDED` and its status if the process has ended.

    Parameters
    ----------
    request
        Of `frames.requested`.
    number
        Number of the request, which its reports have.
    environment
        Variables of the process.
    program
        `origin.code_hash` of the program that asks.
    limit_seconds
        The process is killed when the request takes longer.
    topic
        Where reports are sent: events of this name; None where none are wanted.
    """
    worker = get_worker()
    if origin.code_hash() != program:
        other = InputError(f"the worker on {platform.node()} has another version of this program: install the same one")
        return frames.ERROR + pickle.dumps(other)

    def on_report(report: bytes) -> None:
        if topic:
            worker.log_event(topic, (number, report))

    child, done = _child(), threading.Event()
    watch = threading.Thread(target=_watch, args=(worker, worker.get_current_task(), child, done), daemon=True)
    watch.start()
    try:
        return child.answer(request, environment, on_report, limit_seconds)
    except ProcessEnded as ended:
        time.sleep(_GRACE_SECONDS)
        if worker.status not in _AT_WORK:
            raise Reschedule from None
        return frames.ENDED + str(ended.status).encode()
    finally:
        done.set()
        watch.join()


class _Child:
    """The worker process of one thread of a Dask worker."""

    def __init__(self) -> None:
        self._in_use = threading.Lock()
        self._process: WorkerProcess | None = None
        self._environment: Mapping[str, str] = {}
        self._idle: threading.Timer | None = None

    def answer(
        self,
        request: bytes,
        environment: Mapping[str, str],
        on_report: Callable[[bytes], object],
        limit_seconds: float | None,
    ) -> bytes:
        with self._in_use:
            if self._idle:
                self._idle.cancel()
            if self._process is None or environment != self._environment:
                self._end()
                self._process, self._environment = WorkerProcess(environment=environment), environment
            try:
                return self._process.answer(request, on_report, limit_seconds)
            finally:
                self._idle = threading.Timer(IDLE_SECONDS, self._end_unused)
                self._idle.daemon = True
                self._idle.start()

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    def _end_unused(self) -> None:
        with self._in_use:
            self._end()

    def _end(self) -> None:
        if self._process:
            self._process.close()
            self._process.stop(0)
            self._process = None


_of_thread = threading.local()


def _child() -> _Child:
    if not hasattr(_of_thread, "child"):
        _of_thread.child = _Child()
    return _of_thread.child


def _watch(worker: Worker, key: str, child: _Child, done: threading.Event) -> None:
    """Kill the process of a task that is no longer wanted; Dask itself lets it run to its end."""
    while not done.wait(_LOOK_SECONDS):
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled" or worker.status not in _AT_WORK:
            child.kill()
            return
