"""Worker processes on this machine behind the interface of ``concurrent.futures``.

A worker is a program (`engine.worker`) that answers requests: the name of a function, and its arguments. A request that
crashes or hangs its process affects no other one. (``multiprocessing`` would import the caller's main module in each
process.)
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import LifoQueue
from typing import Any, BinaryIO

from rotator_assets.engine import frames

WORKER = (sys.executable, "-P", "-m", "rotator_assets.engine.worker")
"""Command that starts a worker without modules of the working directory."""

OnReport = Callable[[Any], None]


class ProcessEnded(RuntimeError):
    """The process of a request ended without an answer; ``status`` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the process ended with status {status}")
        self.status = status


class ProcessPool:
    """An executor of requests in worker processes, which start when they are needed and are reused.

    Leaving the context shuts it down.
    """

    is_here = True

    def __init__(
        self,
        max_workers: int,
        *,
        command: Sequence[str] = WORKER,
        limit_seconds: float | None = None,
        stop_seconds: float = 0.0,
        files: Sequence[int] = (),
    ) -> None:
        """Prepare the pool without starting a process.

        Parameters
        ----------
        max_workers
            Maximum number of processes.
        command
            The program of a worker and its arguments.
        limit_seconds
            A process is killed when a request takes longer.
        stop_seconds
            Time that a process has on shutdown, after the end of its input and before it is killed.
        files
            Numbers of open files that a process inherits.
        """
        self.size = max_workers
        self._workers = [WorkerProcess(command, files) for _ in range(max_workers)]
        self._idle: LifoQueue[WorkerProcess] = LifoQueue()  # a process that runs already comes first
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(max(1, max_workers))
        self._limit_seconds, self._stop_seconds = limit_seconds, stop_seconds

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()

    def start(self) -> None:
        """Start all processes at once, so that they are ready for the first requests."""
        for worker in self._workers:
            worker.start()

    def submit(self, function: frames.Function, *arguments: Any, on_report: OnReport | None = None) -> Future[Any]:
        """Call a function in the next free process.

        Parameters
        ----------
        function
            A function of a module, or its name ``module:function``.
        arguments
            Its arguments, which can be pickled.
        on_report
            If given, the function takes a keyword ``on_report``; what it calls this with is passed to ``on_report``
            here, in another thread.

        Returns
        -------
        Future
            What the function returns or raises, or `ProcessEnded`.
        """
        return self._threads.submit(self._answer, frames.requested(function, arguments, bool(on_report)), on_report)

    def _answer(self, request: bytes, on_report: OnReport | None) -> Any:
        worker = self._idle.get()
        try:
            return unpacked(
                worker.answer(
                    request, lambda report: on_report and on_report(pickle.loads(report)), self._limit_seconds
                )
            )
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """Drop waiting requests and end the input of all processes, which ends these."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def shutdown(self) -> None:
        """Close the pool, wait for the processes, and kill those that do not end in time."""
        self.close()
        for worker in self._workers:
            worker.stop(self._stop_seconds)


def unpacked(answer: bytes) -> Any:
    """Return what a function has returned, from the answer of its process; raise what it has raised."""
    if answer[:1] == frames.ENDED:
        raise ProcessEnded(int(answer[1:]))
    content = pickle.loads(memoryview(answer)[1:])
    if answer[:1] == frames.ERROR:
        raise content
    return content


class WorkerProcess:
    """A process that answers one request after another, and is started again after it has ended.

    Parameters
    ----------
    command
        Its program and arguments.
    files
        Numbers of open files that it inherits.
    environment
        Variables that it has in addition to those of this process.
    """

    def __init__(
        self,
        command: Sequence[str] = WORKER,
        files: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._files, self._environment = command, files, environment or {}
        self._starting = threading.Lock()
        self._closed = False
        self.process: subprocess.Popen[bytes] | None = None

    def answer(self, request: bytes, on_report: Callable[[bytes], object], limit_seconds: float | None = None) -> bytes:
        """Send a request and wait for its answer.

        Parameters
        ----------
        request
            Of `frames.requested`.
        on_report
            Called with each report, which is pickled.
        limit_seconds
            The process is killed when the request takes longer.

        Returns
        -------
        bytes
            For `unpacked`.

        Raises
        ------
        ProcessEnded
            Without an answer.
        """
        process = self.start()
        requests, answers = _pipes(process)
        limit = threading.Timer(limit_seconds, process.kill) if limit_seconds else None
        try:
            if limit:
                limit.start()
            frames.write(requests, request)
            while (answer := frames.read(answers)) is not None:
                if answer[:1] != frames.REPORT:
                    return answer
                on_report(answer[1:])
        except (OSError, ValueError):  # it has died, or its input was closed
            pass
        finally:
            if limit:
                limit.cancel()
        _kill(process)
        raise ProcessEnded(process.returncode)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process if none is running; return it."""
        with self._starting:
            if self._closed:
                raise ProcessEnded(0)
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    pass_fds=self._files,
                    env={**os.environ, **self._environment},
                    start_new_session=True,  # the parent handles interrupts and stops this process
                )
            return self.process

    def kill(self) -> None:
        """Kill the process; the current request ends with `ProcessEnded`."""
        if self.process is not None:
            self.process.kill()

    def close(self) -> None:
        """End the input of the process, and start no other one."""
        with self._starting:
            self._closed = True
        if self.process is not None:
            with contextlib.suppress(OSError):
                _pipes(self.process)[0].close()

    def stop(self, seconds: float) -> None:
        """Wait until the process has ended; kill it after these seconds."""
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        _kill(self.process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and close its pipes."""
    requests, answers = _pipes(process)
    process.kill()
    with contextlib.suppress(OSError):
        requests.close()
    process.wait()
    answers.close()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    """Return standard input and output of a process."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the process has no pipes")
    return process.stdin, process.stdout  # pyright: ignore[reportReturnType]
