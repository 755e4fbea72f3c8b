"""A worker process: runs the steps that its parent (`workers.Workers`) writes to its standard input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

from rotator_assets.core import progress
from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.plans import Step
from rotator_assets.orchestration.runner import input_error
from rotator_assets.orchestration.workers import STOP_SECONDS
from rotator_assets.running import open_runner


def main(root: DataRoot) -> None:
    """Run the steps that stand on standard input, one a line. Its end interrupts what is in hand then."""
    # A parent that a script started in the background ignores interrupts, and leaves that to its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lines: SimpleQueue[str] = SimpleQueue()
    with contextlib.suppress(KeyboardInterrupt):
        threading.Thread(target=_listen, args=(lines,), daemon=True).start()
        _run(root, iter(lines.get, ""))


def _run(root: DataRoot, lines: Iterator[str]) -> None:
    """Run the steps, one a line."""
    # Only answers go to the parent; what libraries print goes where errors go.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(**content: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # a parent that is gone needs none
            os.write(answers, f"{json.dumps(content)}\n".encode())

    def tell(stage: str, done: int, total: int, note: str) -> None:
        answer(stage=stage, done=done, total=total, note=note)

    with open_runner(root) as runner, progress.listening(tell):
        for line in lines:
            step = Step(**{name: _tuple(value) for name, value in json.loads(line).items()})
            try:
                runner.materialize(step)
            except Exception as error:
                bad = input_error(error)
                answer(state="bad input" if bad else "failed", error=str(bad or repr(error)))
            else:
                answer(state="done")


def _listen(lines: SimpleQueue[str]) -> None:
    """Pass the lines of standard input on; at its end interrupt the process, and end it where that takes long."""
    # Not sys.stdin, which the interpreter could not close at its end while this waits for a line.
    with os.fdopen(os.dup(sys.stdin.fileno())) as steps:
        for line in steps:
            lines.put(line)
    os.kill(os.getpid(), signal.SIGINT)
    lines.put("")  # for the case that Dagster, between two phases of a run, takes the interrupt and goes on
    time.sleep(STOP_SECONDS)
    os._exit(1)


def _tuple(value: object) -> object:
    """JSON's lists as the tuples they were."""
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main(DataRoot(Path(sys.argv[1])))
