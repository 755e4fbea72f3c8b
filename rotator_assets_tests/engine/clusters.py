"""A real Dask scheduler and workers, each started by its command in a folder of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

_DASK = (sys.executable, "-m", "distributed.cli.dask_scheduler"), (sys.executable, "-m", "distributed.cli.dask_worker")


class Cluster:
    """A scheduler and its workers on this machine; leaving the context ends them."""

    def __init__(self, folder: Path, workers: int = 1, port: int = 0) -> None:
        self._folder, self._opened, self.port = folder, ExitStack(), port
        self.workers: list[subprocess.Popen] = []
        self.start(workers)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, workers: int) -> None:
        """Start the scheduler, at the same port as before, and workers."""
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", "--no-show")
        self.scheduler, said = self._run("scheduler", _DASK[0], *options)
        self.port = int(_wait_for(r"Scheduler at:\s+tcp://127\.0\.0\.1:(\d+)", said))
        started = [self._add_worker() for _ in range(workers)]
        for said in started:
            _wait_for(r"(Registered to)", said)

    def _add_worker(self) -> Path:
        """Start a worker of one thread; return the file with what it says."""
        fixed = (
            "--host",
            "127.0.0.1",
            "--nthreads",
            "1",
            "--no-dashboard",
            "--memory-limit",
            "0",
            "--death-timeout",
            "60",
        )
        worker, said = self._run(f"worker-{len(self.workers)}", _DASK[1], self.address, *fixed)
        self.workers.append(worker)
        return said

    def stop(self) -> None:
        """Kill everything."""
        for process in (*self.workers, self.scheduler):
            kill_tree(process.pid)
            process.wait()
        self.workers.clear()
        self._opened.close()

    def _run(self, name: str, *command) -> tuple[subprocess.Popen, Path]:
        (first, *rest) = command
        place = self._folder / name
        place.mkdir(parents=True, exist_ok=True)
        said = place / f"{time.monotonic_ns()}.log"
        output = self._opened.enter_context(said.open("wb"))
        variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen([*first, *rest], cwd=place, env=variables, stdout=output, stderr=output)
        return process, said


def kill_tree(pid: int) -> None:
    """Kill a process and its children."""
    import psutil

    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in tree:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _wait_for(pattern: str, file: Path, seconds: float = 60.0) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := re.search(pattern, file.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise TimeoutError(file.read_text(errors="replace"))
