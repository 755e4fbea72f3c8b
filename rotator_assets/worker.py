"""A worker process, which runs the steps that its parent (`workers.Workers`) writes to its standard input."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from rotator_assets.core import progress
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.plans import Step
from rotator_assets.orchestration.runner import Runner, input_error
from rotator_assets.orchestration.workers import STOP_SECONDS
from rotator_assets.running import open_runner


def main(root: DataRoot, log_level: str) -> None:
    """Run the steps on standard input, one per line. The end of input interrupts the current step."""
    # The children of a script's background job inherit that it ignores interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lines: SimpleQueue[str] = SimpleQueue()
    with contextlib.suppress(KeyboardInterrupt):
        threading.Thread(target=_listen, args=(lines,), daemon=True).start()
        _run(root, log_level, iter(lines.get, ""))


def _run(root: DataRoot, log_level: str, lines: Iterator[str]) -> None:
    """Run the steps, one per line."""
    # Only answers go to the parent; other output goes to standard error.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(**content: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent has ended
            os.write(answers, f"{json.dumps(content)}\n".encode())

    def report(stage: str, done: int, total: int, note: str) -> None:
        answer(stage=stage, done=done, total=total, note=note)

    with contextlib.ExitStack() as until_the_end, progress.listening(report):
        _load_libraries()
        runner: Runner | None = None  # opened when the parent has made the instance of the root
        for line in lines:
            runner = runner or until_the_end.enter_context(open_runner(root, log_level))
            step = Step(**{name: _tuple(value) for name, value in json.loads(line).items()})
            try:
                runner.materialize(step)
            except Exception as error:
                bad = input_error(error)
                answer(state="bad input" if bad else "failed", error=str(bad or repr(error)))
            else:
                answer(state="done")


def _load_libraries() -> None:
    """Import the libraries of trainings, which takes longer than anything else that precedes the first one."""
    tensorflow()
    for name in ("alibi.explainers", "photutils.segmentation"):
        importlib.import_module(name)


def _listen(lines: SimpleQueue[str]) -> None:
    """Pass on the lines of standard input; at its end interrupt the process, and later force it to exit."""
    # The interpreter could not close sys.stdin on exit while this thread reads from it.
    with os.fdopen(os.dup(sys.stdin.fileno())) as steps:
        for line in steps:
            lines.put(line)
    os.kill(os.getpid(), signal.SIGINT)
    lines.put("")  # in case Dagster ignores the interrupt between two phases of a run
    time.sleep(STOP_SECONDS)
    os._exit(1)


def _tuple(value: Any) -> Any:
    """Convert the lists of JSON back to tuples."""
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main(DataRoot(Path(sys.argv[1])), sys.argv[2])
