"""How long work tells whoever watches how far it is. The command line listens; elsewhere nobody does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int, int, str], None]
_listeners: list[Listener] = []


def report(stage: str, done: int, total: int, note: str = "") -> None:
    """Tell that ``done`` of ``total`` steps of a stage are done."""
    for listener in _listeners:
        listener(stage, done, total, note)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call the listener on every report made in the block, in this process."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
