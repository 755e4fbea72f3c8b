"""Heartbeats of processes that share a data root: each process touches one file every few seconds.

Another host cannot ask whether a process runs, and its clock may differ. It compares the modification time with the one
that it saw before, and measures by its own clock how long it has not changed. What it saw is kept in a file, because
commands are short.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from rotator_assets.core.files import replacing

BEAT_SECONDS = 10.0
SILENT_SECONDS = 120.0
"""After so long without a change a process counts as dead. Network file systems may show a change a minute later."""
_FORGOTTEN_SECONDS = 86_400.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def beating(file: Path) -> Generator[None]:
    """Touch a file every few seconds while the block runs, and remove it afterwards."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            with suppress(OSError):  # the next one may succeed
                _touch(file)

    _touch(file)
    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(BEAT_SECONDS)  # else it could make the file again; it may be waiting for a file system
        with suppress(OSError):
            file.unlink()


def silent(files: Iterable[Path], memory: Path) -> set[Path]:
    """Return those of these files that have not changed for long, as seen on this machine.

    Parameters
    ----------
    files
        Files that processes of other hosts touch. One that does not exist counts like one that does not change.
    memory
        Folder for what was seen.

    Returns
    -------
    set of Path
        A file that was not looked at before is never among them.
    """
    file = memory / f"{_this_boot()}.json"
    try:
        before = json.loads(file.read_bytes())
    except (OSError, ValueError):
        before = {}
    now = time.monotonic()  # of the machine, since it was started
    kept = {name: seen for name, seen in before.items() if 0 <= now - seen["since"] < _FORGOTTEN_SECONDS}
    beats = {one: _last_change(one) for one in files}
    for one, changed in beats.items():
        if one.name not in kept or kept[one.name]["changed"] != changed:
            kept[one.name] = {"changed": changed, "since": now}
    if kept != before:
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    return {one for one in beats if now - kept[one.name]["since"] > SILENT_SECONDS}


def _touch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def _last_change(file: Path) -> int | None:
    """Return the time of the last change in nanoseconds of any clock; None where there is no such file."""
    try:
        with file.open("rb") as opened:  # a network file system refreshes the time when the file is opened
            return os.fstat(opened.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None


def _this_boot() -> str:
    """Return a name for the time since this machine was started: its clock has begun with it."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()
