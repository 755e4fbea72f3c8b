"""Commands in processes forked from this one, which has imported everything, so that they start at once."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from rotator_assets_tests.chaos import switch

HOOK = Path(__file__).parent / "hook"
_LIBRARIES = (
    *("rotator_assets.cli", "rotator_assets.definitions", "rotator_assets.running", "sqlalchemy.engine.default"),
    *("matplotlib.pyplot", "sklearn.pipeline", "scipy.stats", "keras", "alibi.explainers", "photutils.segmentation"),
)
_ADOPT_ORPHANS = 36
"""PR_SET_CHILD_SUBREAPER of prctl."""


def prepare() -> None:
    """Import what commands need, and become the parent of processes whose own has been killed."""
    here = str(Path(__file__).parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HOOK), here])
    for name in _LIBRARIES:
        importlib.import_module(name)
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)


class Process:
    """A function that runs in a forked process and a new session. Its output goes to a file."""

    def __init__(self, function: Callable[[], None], printed: Path, variables: Mapping[str, str] | None = None) -> None:
        sys.stdout.flush()
        self.printed, self.status = printed, None
        self.pid = os.fork()
        if not self.pid:
            _become(function, printed, variables or {})

    def wait(self, seconds: float) -> int | None:
        """Wait so long for its end; return its exit status, negative for a signal, or None while it runs."""
        end = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                return None
            else:
                time.sleep(0.005)
        return self.status

    def kill(self) -> None:
        """Kill it and all its descendants at once, unless it has ended."""
        if self.status is not None:
            return
        family = [self.pid, *_descendants(self.pid)]
        for sent in (signal.SIGSTOP, signal.SIGKILL):
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sent)
        self.wait(10)

    @property
    def output(self) -> str:
        """What it has printed."""
        return self.printed.read_text(encoding="utf-8", errors="replace")


def command(*arguments: object) -> Callable[[], None]:
    """Return a function that runs the command `rotators`."""

    def run() -> None:
        from rotator_assets.cli import main

        sys.argv = ["rotators", *map(str, arguments)]
        main()

    return run


def end_orphans(seconds: float = 0.0) -> None:
    """Wait so long for processes that were adopted, then kill them."""
    end = time.monotonic() + seconds
    while orphans := _descendants(os.getpid()):
        if time.monotonic() >= end:
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def _become(function: Callable[[], None], printed: Path, variables: Mapping[str, str]) -> None:
    """Run the function and exit as a program does; never returns."""
    status = 1
    try:
        os.setsid()
        file = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in (1, 2):
            os.dup2(file, number)
        os.environ.update(variables)
        switch.arm()
        function()
        status = 0
    except SystemExit as done:
        status = done.code if isinstance(done.code, int) else int(done.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _descendants(pid: int) -> list[int]:
    """Return the processes that this one and its children have started."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found
