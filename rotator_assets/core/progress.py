"""Progress reports of long computations. The command line displays them; elsewhere they are ignored."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

Listener = Callable[[str, int, int, str], None]
_listeners: list[Listener] = []
_whole: list[tuple[int, int]] = []
"""Steps before the current part, and those of all parts."""


def report(stage: str, done: int, total: int, note: str = "") -> None:
    """Report that ``done`` of ``total`` steps of a stage are done.

    Parameters
    ----------
    stage
        What is being computed.
    done, total
        Steps that are finished, and all steps.
    note
        Details to display next to the progress bar.
    """
    if _whole:
        before, total = _whole[-1]
        done += before
    for listener in _listeners:
        listener(stage, done, total, note)


@contextmanager
def part(before: int, total: int) -> Generator[None]:
    """Count the steps that are reported while the block runs after ``before`` others of ``total``."""
    _whole.append((before, total))
    try:
        yield
    finally:
        _whole.pop()


@contextmanager
def listening(listener: Listener) -> Generator[None]:
    """Call the listener for every report made in this process while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
