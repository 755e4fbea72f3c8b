"""Runs programs in turn, each in its own process, and measures time, processor time and memory."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import Machine

_SAMPLED_EVERY = 0.02
"""Seconds between two looks at the memory of a program."""
_REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Options:
    """Options of all stages: the folder for generated input, and whether the large sizes are run (``full``)."""

    folder: Path
    full: bool = False

    def generated(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return the path of generated input, made by ``make(path)`` unless an earlier run has completed it."""
        path, complete = self.folder / name, self.folder / f"{name}.complete"
        if not complete.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(path, ignore_errors=True)
            make(path)
            complete.touch()
        return path


@dataclass(frozen=True)
class Side:
    """A program; the last line of its output is JSON with ``items``, perhaps ``seconds``, and more for comparison.

    Without ``seconds``, the time of the whole process counts, start-up included.
    """

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def python(cls, module: str, *arguments: object, **environment: str) -> Side:
        """Return a Python module as a program."""
        return cls((sys.executable, "-m", module, *map(str, arguments)), environment)


@dataclass(frozen=True)
class Result:
    """One run of a program.

    Attributes
    ----------
    items
        Amount of work, in the unit of the case.
    seconds, processor_seconds
        Wall time, and user plus system time of the process and its children.
    own_gb, mapped_gb
        Peaks of the memory of the process and its children: their own pages, and pages of mapped files.
    said
        The JSON that the program printed.
    """

    items: float
    seconds: float
    processor_seconds: float
    own_gb: float
    mapped_gb: float
    said: dict[str, Any]

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.items / self.seconds


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes
    ----------
    name, unit
        What is done, and what ``items`` counts.
    ours, peer
        This project's program, and a plain one (None where there is none).
    compare
        Says what was found equal in the results of both; raises AssertionError if they differ.
    goal
        Ratio of the rates to reach.
    limit
        Items per second that the machine allows.
    most_repeats
        Limits the repeats of a slow case.
    most_seconds
        A program that takes longer is ended, and the case fails.
    """

    name: str
    unit: str
    ours: Side
    peer: Side | None = None
    compare: Callable[[Result, Result], str] | None = None
    goal: float | None = None
    limit: Callable[[Machine, Result], float] | None = None
    most_repeats: int = 99
    most_seconds: float | None = None


@dataclass(frozen=True)
class Measured:
    """The runs of one case: ours, the peer's, and what their comparison found."""

    stage: str
    case: Case
    ours: list[Result]
    peer: list[Result]
    compared: str

    @property
    def ratio(self) -> float | None:
        """Median of the ratios of the rates of consecutive runs."""
        if not self.peer:
            return None
        return statistics.median(own.rate / other.rate for own, other in zip(self.ours, self.peer, strict=True))


def measured(stage: str, case: Case, repeats: int) -> Measured:
    """Run the programs of a case in turn, ours first, and compare the results of the last runs."""
    ours: list[Result] = []
    peer: list[Result] = []
    for _ in range(min(repeats, case.most_repeats)):
        ours.append(run(case.ours, case.most_seconds))
        if case.peer is not None:
            peer.append(run(case.peer, case.most_seconds))
    compared = case.compare(ours[-1], peer[-1]) if case.compare is not None and peer else ""
    return Measured(stage, case, ours, peer, compared)


def run(side: Side, most_seconds: float | None = None) -> Result:
    """Run a program to its end. Raises RuntimeError with its last messages if it fails, and where it takes too long."""
    environment = os.environ | {"PYTHONPATH": str(_REPOSITORY)} | side.environment
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as messages:
        started, before = time.perf_counter(), os.times()
        process = psutil.Popen(side.command, stdout=output, stderr=messages, env=environment)
        with watched_memory(process) as peaks:
            status = _ended(process, most_seconds)
        seconds, after = time.perf_counter() - started, os.times()
        output.seek(0)
        lines = output.read().splitlines()
        if status:
            messages.seek(0)
            raise RuntimeError(f"{' '.join(side.command)} ended with status {status}:\n{messages.read()[-2000:]}")
    said = json.loads(lines[-1])
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Result(said["items"], said.get("seconds", seconds), used, peaks.own / 1e9, peaks.mapped / 1e9, said)


def _ended(process: psutil.Popen, most_seconds: float | None) -> int:
    """Wait for a program; return its status. One that takes too long is ended, and so are its children."""
    try:
        return process.wait(most_seconds)
    except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                one.kill()
        process.wait()
        raise RuntimeError(f"{' '.join(process.args)} took more than {most_seconds:.0f} s") from None


class watched_memory:
    """Looks at the memory of a process and its children until the context is left; ``own`` and ``mapped`` in bytes."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self._ended = process, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.own = self.mapped = 0

    def __enter__(self) -> watched_memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLED_EVERY):
            shared = [_pages(process) for process in self._family()]
            self.own = max(self.own, sum(resident - mapped for resident, mapped in shared))
            self.mapped = max([self.mapped, *(mapped for _, mapped in shared)])

    def _family(self) -> Iterator[psutil.Process]:
        try:
            yield self._process
            yield from self._process.children(recursive=True)
        except psutil.Error:
            return


def _pages(process: psutil.Process) -> tuple[int, int]:
    """Return resident bytes of a process, and those of mapped files among them (0 where the system does not say)."""
    try:
        memory = process.memory_info()
    except psutil.Error:  # it has ended
        return 0, 0
    return memory.rss, getattr(memory, "shared", 0)
