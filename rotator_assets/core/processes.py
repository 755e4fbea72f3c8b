"""Worker processes behind the interface of ``concurrent.futures``, so that another engine can replace them.

A worker is a program. It reads one request per line from standard input and writes lines of JSON to standard output:
any number of progress reports, which have a key ``stage``, and then its answer. The end of its input tells it to stop,
also where its parent was killed. A request that crashes or hangs its process affects no other one.
(``multiprocessing`` would import the caller's main module in each process.)
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import LifoQueue
from typing import IO, Any

from rotator_assets.core import progress


class ProcessEnded(RuntimeError):
    """The process of a request ended without an answer; ``status`` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the process ended with status {status}")
        self.status = status


class ProcessPool:
    """An executor of requests in worker processes, which start when they are needed and are reused.

    Leaving the context shuts it down.
    """

    def __init__(
        self,
        command: Sequence[str],
        max_workers: int,
        limit_seconds: float | None = None,
        stop_seconds: float = 0.0,
        files: Sequence[int] = (),
    ) -> None:
        """Prepare the pool without starting a process.

        Parameters
        ----------
        command
            The program of a worker and its arguments.
        max_workers
            Maximum number of processes.
        limit_seconds
            A process is killed when a request takes longer.
        stop_seconds
            Time that a process has on shutdown, after the end of its input and before it is killed.
        files
            Numbers of open files that a process inherits.
        """
        self._workers = [_Worker(command, limit_seconds, files) for _ in range(max_workers)]
        self._idle: LifoQueue[_Worker] = LifoQueue()  # a process that runs already comes first
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(max(1, max_workers))
        self._stop_seconds = stop_seconds

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()

    def start(self) -> None:
        """Start all processes at once, so that they are ready for the first requests."""
        for worker in self._workers:
            worker.start()

    def submit(
        self, request: dict[str, Any], on_progress: Callable[..., None] = progress.report
    ) -> Future[dict[str, Any]]:
        """Send a request to the next free process.

        Parameters
        ----------
        request
            Content that JSON can hold.
        on_progress
            Called in another thread with the content of each progress report as keywords.

        Returns
        -------
        Future
            The answer, or `ProcessEnded`.
        """
        return self._threads.submit(self._answer, json.dumps(request), on_progress)

    def _answer(self, request: str, on_progress: Callable[..., None]) -> dict[str, Any]:
        worker = self._idle.get()
        try:
            return worker.answer(request, on_progress)
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


class _Worker:
    """A process that answers one request after another, and is started again after it has ended."""

    def __init__(self, command: Sequence[str], limit_seconds: float | None, files: Sequence[int]) -> None:
        self._command, self._limit_seconds, self._files = command, limit_seconds, files
        self._starting = threading.Lock()
        self._closed = False
        self.process: subprocess.Popen[str] | None = None

    def answer(self, request: str, on_progress: Callable[..., None]) -> dict[str, Any]:
        """Send the request and wait for the answer. Raises ProcessEnded without one."""
        process = self.start()
        requests, answers = _pipes(process)
        limit = threading.Timer(self._limit_seconds, process.kill) if self._limit_seconds else None
        try:
            if limit:
                limit.start()
            requests.write(f"{request}\n")
            requests.flush()
            for line in answers:
                answer = json.loads(line)
                if "stage" not in answer:
                    return answer
                on_progress(**answer)
        except (OSError, ValueError):  # it has died, perhaps within a line, or its input was closed
            pass
        finally:
            if limit:
                limit.cancel()
        _kill(process)
        raise ProcessEnded(process.returncode)

    def start(self) -> subprocess.Popen[str]:
        """Start the process if none is running; return it."""
        with self._starting:
            if self._closed:
                raise ProcessEnded(0)
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    encoding="utf-8",
                    pass_fds=self._files,
                    start_new_session=True,  # the parent handles interrupts and stops this process
                )
            return self.process

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


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process and close its pipes."""
    requests, answers = _pipes(process)
    process.kill()
    with contextlib.suppress(OSError):
        requests.close()
    process.wait()
    answers.close()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    """Return standard input and output of a process."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the process has no pipes")
    return process.stdin, process.stdout
