"""Functions for worker processes, in which they find these by name."""

import os
import time
from pathlib import Path

from rotator_assets.core.errors import InputError


def double(number, on_report=None):
    """Twice the number, and the process that says so."""
    print("what a function prints is no answer")
    if on_report:
        on_report(f"half of {number}")
    return 2 * number, os.getpid()


def refuse(reason):
    raise InputError(reason)


def end(status):
    os._exit(status)


def sleep(seconds, started: Path | None = None):
    """Sleep; write the process to a file before."""
    if started:
        started.write_text(str(os.getpid()))
    time.sleep(seconds)


def fail():
    return 1 / 0


def thread_variables():
    return os.environ["OMP_NUM_THREADS"], os.environ["TF_NUM_INTRAOP_THREADS"]
