"""Running processes of the command line on a data root, and runs left behind by killed ones.

Processes on this host are checked directly, processes on other hosts that share the root by their heartbeats
(`core.heartbeats`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import dagster as dg

from rotator_assets.core.dagster_internals import NOT_FINISHED_STATUSES
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.heartbeats import beating, silent

_HIDDEN = ".dagster/rotators/"
"""What the names of tags begin with that the UI does not show."""
RUN_STEP_TAG = f"{_HIDDEN}step"
"""The title of the step that a run executes."""
_HOST_TAG, _PID_TAG, _BIRTH_TAG = f"{_HIDDEN}host", f"{_HIDDEN}pid", f"{_HIDDEN}process_started"
_HEARTBEAT_TAG = f"{_HIDDEN}heartbeat"
"""Name of the file that the process of a run touches (`alive`)."""
_RUN_TAG = f"{_HIDDEN}run"
"""The run that these tags are of: Dagster copies them to a run that repeats it."""
_RUNS, _AT_WORK = "runs", "at_work"
"""What the names of these files begin with."""


def process_tags(run_id: str) -> dict[str, str]:
    """Return the tags of a run that identify its process."""
    pid = os.getpid()
    return {
        _RUN_TAG: run_id,
        _HOST_TAG: platform.node(),
        _PID_TAG: str(pid),
        _BIRTH_TAG: _birth(pid),
        _HEARTBEAT_TAG: _heartbeat(_RUNS),
    }


@contextmanager
def alive(root: DataRoot) -> Generator[None]:
    """Show other hosts that this process may have runs in progress, while the block runs."""
    with beating(_folder(root) / _heartbeat(_RUNS)):
        yield


@contextmanager
def run_alive(context: dg.InitResourceContext, root: DataRoot) -> Generator[None]:
    """Do the same for the run of a resource, if it has one; runs that Dagster launches get tags of their process."""
    run, instance = context.run, context.instance
    tags = process_tags(run.run_id) if run else {}
    if run is None or instance is None or tags.items() <= run.tags.items():  # a sensor, or a run of the command line
        yield
        return
    instance.add_run_tags(run.run_id, tags)
    with alive(root):
        yield


def fail_lost_runs(instance: dg.DagsterInstance, root: DataRoot) -> None:
    """Mark runs as failed whose processes were killed, on this host or on another one that shares the root.

    Otherwise Dagster would show them as running forever, and they would block the training pool.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
    of_processes = [run for run in runs if _PID_TAG in run.tags and run.tags.get(_RUN_TAG, run.run_id) == run.run_id]
    elsewhere = {run.tags.get(_HEARTBEAT_TAG, "") for run in of_processes if not _is_here(run.tags)} - {""}
    lost = _lost(root, elsewhere)
    for run in of_processes:
        tags = run.tags
        if _is_gone(tags[_PID_TAG], tags[_BIRTH_TAG]) if _is_here(tags) else tags.get(_HEARTBEAT_TAG) in lost:
            instance.report_run_failed(run, "The process of this run is gone: it was killed.")
    _forget_killed(root)


@contextmanager
def at_work(root: DataRoot) -> Generator[None]:
    """Make `is_at_work` True for the root in every process while the block runs; several may run at once."""
    with _lock_file(root).open("w") as file:
        _locked(file, fcntl.LOCK_SH)
        with beating(_folder(root) / _heartbeat(_AT_WORK)):
            yield


def is_at_work(root: DataRoot) -> bool:
    """Return True while a ``rotators run`` is working on a data root, on any host; killed processes do not count."""
    with _lock_file(root).open("w") as file:
        if not _locked(file, fcntl.LOCK_EX):
            return True
    elsewhere = _heartbeats_elsewhere(root)
    return any(name.startswith(f"{_AT_WORK}.") for name in elsewhere - _lost(root, elsewhere))


def _heartbeats_elsewhere(root: DataRoot) -> set[str]:
    return {name for path in _folder(root).glob("*") if _machine_of(name := path.name) != _machine()}


def _lost(root: DataRoot, heartbeats: Collection[str]) -> set[str]:
    """Return the heartbeats of processes of other hosts that count as dead, and remove their files.

    Those that have a file are looked at in any case: of each, the time of its last change has to be known.
    """
    files = [_folder(root) / name for name in {*heartbeats, *_heartbeats_elsewhere(root)}]
    lost = silent(files, root.dagster_home / ".seen") if files else set[Path]()
    for file in lost:
        file.unlink(missing_ok=True)
    return {file.name for file in lost}


def _forget_killed(root: DataRoot) -> None:
    """Remove the heartbeats of processes of this host that were killed."""
    for file in _folder(root).glob(f"*.{_machine()}.*"):
        pid, _, birth = file.name.split(f".{_machine()}.")[1].partition(".")
        if _is_gone(pid, birth):
            file.unlink(missing_ok=True)


def _folder(root: DataRoot) -> Path:
    return root.dagster_home / ".heartbeats"


def _heartbeat(kind: str) -> str:
    """Return the name of a file that this process touches."""
    return f"{kind}.{_machine()}.{os.getpid()}.{_birth(os.getpid())}"


def _machine_of(heartbeat: str) -> str:
    return heartbeat.split(".")[1]


def _machine() -> str:
    """Return a name of this host that no other one has; containers that see other processes are other hosts."""
    known = [platform.node()]
    with suppress(OSError):
        known.append(Path("/etc/machine-id").read_text(encoding="ascii"))
    with suppress(OSError):
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    name = re.sub(r"[^A-Za-z0-9-]", "_", known[0])[:64]
    return f"{name}-{hashlib.blake2b(repr(known).encode(), digest_size=6).hexdigest()}"


def _is_here(tags: Mapping[str, str]) -> bool:
    """Return whether a run belongs to a process of this host; runs of earlier versions have no heartbeat."""
    heartbeat = tags.get(_HEARTBEAT_TAG)
    return tags[_HOST_TAG] == platform.node() and (heartbeat is None or _machine_of(heartbeat) == _machine())


def _lock_file(root: DataRoot) -> Path:
    """Return the file that runs of this host lock. Others keep locks of hosts that were switched off."""
    root.dagster_home.mkdir(parents=True, exist_ok=True)
    return root.dagster_home / f".at_work.{_machine()}"


def _locked(file: IO[str], kind: int) -> bool:
    """Return True where the file could be locked without waiting, or the file system does not support locks."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_gone(pid: str, birth: str) -> bool:
    return _birth(int(pid)) != birth


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
