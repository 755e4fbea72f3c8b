"""A worker process: it calls the functions that its parent asks for on its standard input, one after another.

The end of its input interrupts it, also where its parent was killed. As a program it takes the name of a function that
it calls first, to load what the requests will need. It imports little, so that it starts in a fraction of a second.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from functools import reduce
from queue import SimpleQueue
from typing import Any, BinaryIO

from rotator_assets.core import environment
from rotator_assets.core.errors import InputError
from rotator_assets.engine import frames

STOP_SECONDS = 20.0
"""Time to clean up after the end of the input; then the process ends by force."""


def main(prepare: str | None = None) -> None:
    """Answer requests until the input ends, which interrupts the current one."""
    environment.end_quietly()
    # The children of a script's background job inherit that it ignores interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Only answers go to the parent; what functions print goes to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        threading.Thread(target=_listen, args=(requests,), daemon=True).start()
        if prepare:
            _function(prepare)()
        for request in iter(requests.get, None):
            frames.write(answers, *_answered(request, answers))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt


def _answered(request: bytes, answers: BinaryIO) -> tuple[bytes, bytes]:
    """Return the kind and the content of the answer to a request."""

    def on_report(report: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent has ended
            frames.write(answers, frames.REPORT, pickle.dumps(report))

    try:
        name, arguments, reports = pickle.loads(request)
        return frames.ANSWER, pickle.dumps(_function(name)(*arguments, **({"on_report": on_report} if reports else {})))
    except Exception as error:
        if not isinstance(error, InputError):
            error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        # Libraries may let pickle follow these, to objects that cannot be pickled.
        error.__traceback__ = error.__cause__ = error.__context__ = None
        try:
            pickle.loads(content := pickle.dumps(error))
        except Exception:  # classes of other libraries fail in many ways to be pickled or made again
            content = pickle.dumps(RuntimeError(repr(error)))
        return frames.ERROR, content


def _function(name: str) -> Any:
    module, _, path = name.partition(":")
    return reduce(getattr, path.split("."), importlib.import_module(module))


def _listen(requests: SimpleQueue[bytes | None]) -> None:
    """Pass on the requests; at the end of input interrupt the process, and later force it to exit."""
    # The interpreter could not close sys.stdin on exit while this thread reads from it.
    with os.fdopen(os.dup(0), "rb") as file:
        while (request := frames.read(file)) is not None:
            requests.put(request)
    requests.put(None)  # also where Dagster ignores the interrupt between two phases of a run
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
