"""Running processes of the command line on a data root, and runs left behind by killed ones."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import dagster as dg

from rotator_assets.core.dagster_internals import NOT_FINISHED_STATUSES
from rotator_assets.core.data_root import DataRoot

_HIDDEN = ".dagster/rotators/"
"""What the names of tags begin with that the UI does not show."""
RUN_STEP_TAG = f"{_HIDDEN}step"
"""The title of the step that a run executes."""
_HOST_TAG, _PID_TAG, _BIRTH_TAG = f"{_HIDDEN}host", f"{_HIDDEN}pid", f"{_HIDDEN}process_started"


def process_tags() -> dict[str, str]:
    """Return the tags of a run that identify its process."""
    return {_HOST_TAG: platform.node(), _PID_TAG: str(os.getpid()), _BIRTH_TAG: _birth(os.getpid())}


def fail_lost_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose processes on this machine were killed.

    Otherwise Dagster would show them as running forever, and they would block the training pool.
    """
    here = {_HOST_TAG: platform.node()}
    for run in instance.get_runs(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES), tags=here)):
        if _birth(int(run.tags[_PID_TAG])) != run.tags[_BIRTH_TAG]:
            instance.report_run_failed(run, "The process of this run is gone: it was killed.")


@contextmanager
def at_work(root: DataRoot) -> Generator[None]:
    """Make `is_at_work` True for the root in every process while the block runs; several may run at once."""
    with _lock_file(root).open("w") as file:
        _locked(file, fcntl.LOCK_SH)
        yield


def is_at_work(root: DataRoot) -> bool:
    """Return True while a ``rotators run`` is working on a data root; killed processes do not count."""
    with _lock_file(root).open("w") as file:
        return not _locked(file, fcntl.LOCK_EX)


def _lock_file(root: DataRoot) -> Path:
    root.dagster_home.mkdir(parents=True, exist_ok=True)
    return root.dagster_home / ".at_work"


def _locked(file: IO[str], kind: int) -> bool:
    """Return True where the file could be locked without waiting, or the file system does not support locks."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _birth(pid: int) -> str:
    """Return when a process started, in kernel ticks; "running" where unknown, "" where it does not exist."""
    try:
        os.kill(pid, 0)
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return "" if state == "Z" else fields[18]  # a zombie has ended but was not reaped yet
    except ProcessLookupError:
        return ""
    except OSError:
        return "running"
