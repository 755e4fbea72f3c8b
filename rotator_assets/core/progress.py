"""Progress reports of long computations. The command line displays them; elsewhere they are ignored."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

Listener = Callable[[str, int, int, str], None]
_listeners: list[Listener] = []


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
    for listener in _listeners:
        listener(stage, done, total, note)


@contextmanager
def listening(listener: Listener) -> Generator[None]:
    """Call the listener for every report made in this process while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
