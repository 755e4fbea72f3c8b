"""Who is at work on a data root: processes of the command line, and the runs they left behind when they were killed."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from rotator_assets.core.data_root import DataRoot

_HOST_TAG, _PID_TAG, _BIRTH_TAG = "rotators/host", "rotators/pid", "rotators/process_started"


def process_tags() -> dict[str, str]:
    """Tags of a run by which its process is known."""
    return {_HOST_TAG: platform.node(), _PID_TAG: str(os.getpid()), _BIRTH_TAG: _birth(os.getpid())}


def fail_lost_runs(instance: dg.DagsterInstance) -> None:
    """Let the runs of processes of this machine that were killed count as failed.

    Dagster would take them to be running for ever, and they would hold the training pool.
    """
    here = {_HOST_TAG: platform.node()}
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], tags=here)):
        if _birth(int(run.tags[_PID_TAG])) != run.tags[_BIRTH_TAG]:
            instance.report_run_failed(run, "The process of this run is gone: it was killed.")


@contextmanager
def at_work(root: DataRoot) -> Iterator[None]:
    """Within it, `is_at_work` is true of the root in every process; several may be at work at once."""
    with _lock_file(root).open("w") as file:
        _locked(file, fcntl.LOCK_SH)
        yield


def is_at_work(root: DataRoot) -> bool:
    """True while ``rotators run`` is at work on a data root; a process that was killed is not."""
    with _lock_file(root).open("w") as file:
        return not _locked(file, fcntl.LOCK_EX)


def _lock_file(root: DataRoot) -> Path:
    root.dagster_home.mkdir(parents=True, exist_ok=True)
    return root.dagster_home / ".at_work"


def _locked(file, kind: int) -> bool:
    """Whether the file could be locked without waiting; some network file systems know no locks: True there."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _birth(pid: int) -> str:
    """When a process started, in the kernel's ticks; "running" where that cannot be told, "" where there is none."""
    try:
        os.kill(pid, 0)
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return "" if state == "Z" else fields[18]  # a zombie is gone, only not yet reaped
    except ProcessLookupError:
        return ""
    except OSError:
        return "running"
