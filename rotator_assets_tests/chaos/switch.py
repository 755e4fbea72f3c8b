"""The switch in every process of a command: at the moment that a variable names, it kills the process.

It listens to what the process asks of the file system. Nothing of this project is changed or called.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from errno import ENOSPC
from fnmatch import fnmatch
from functools import wraps
from pathlib import Path
from typing import Any

VARIABLE = "ROTATORS_CHAOS"
"""Environment variable with the moment, as JSON."""


@dataclass(frozen=True)
class Moment:
    """When a process is killed.

    Attributes
    ----------
    event
        What happens. ``folder``: a folder is about to be made, if there is none. ``create``: a file is about to be
        opened for writing. ``sync``: everything was written to a file or folder, and waits to be on the disk.
        ``rename``, ``remove``, ``commit``: about to happen. ``renamed``, ``committed``: has just happened.
    path
        Pattern of the path; for a renamed file that of its new name, for a commit that of the database.
    nth
        Number of the occurrence.
    mark
        File to make before: it tells also of the death of a worker process.
    full
        In place of killing the process, say from this moment on that the disk is full.
    """

    event: str
    path: str
    nth: int = 1
    mark: str = ""
    full: bool = False

    def variable(self) -> dict[str, str]:
        """Return the variable that arms a process."""
        return {VARIABLE: json.dumps(asdict(self))}


class _Switch:
    """Counts what happens and kills the process at the moment."""

    def __init__(self, moment: Moment) -> None:
        self._moment, self._left = moment, moment.nth
        self._lock = threading.Lock()

    def reached(self, event: str, path: Any) -> None:
        """Take note of an event."""
        if event != self._moment.event or not fnmatch(_text(path), self._moment.path):
            return
        with self._lock:
            self._left -= 1
            if self._left > 0:
                return
        if self._moment.full:
            raise OSError(ENOSPC, os.strerror(ENOSPC), _text(path))
        os.close(os.open(self._moment.mark, os.O_CREAT | os.O_RDONLY))
        os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Install the switch if the variable is set."""
    if VARIABLE not in os.environ:
        return
    listen(_Switch(Moment(**json.loads(os.environ[VARIABLE]))).reached)


def listen(reached: Callable[[str, Any], None]) -> None:
    """Call a function with each event of this process and its path, from now on."""

    def audited(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and _writes(arguments[2]):
            reached("create", arguments[0])
        elif event == "os.mkdir":
            reached("folder", arguments[0])
        elif event in ("os.remove", "shutil.rmtree"):
            reached("remove", arguments[0])

    sys.addaudithook(audited)
    for name in ("replace", "rename"):
        setattr(os, name, _around(getattr(os, name), "rename", "renamed", lambda old, new, **_: new, reached))
    os.fsync = _around(os.fsync, "sync", "synced", _open_path, reached)
    _listen_to_commits(reached)


def _listen_to_commits(reached: Callable[[str, Any], None]) -> None:
    """Call the function around the commits of Dagster's databases, which SQLAlchemy makes."""
    if "sqlalchemy.engine.default" not in sys.modules:  # a worker that measures or reads images has none
        return
    from sqlalchemy.engine.default import DefaultDialect

    def database(_: Any, connection: Any) -> str:
        return connection.execute("PRAGMA database_list").fetchone()[2]

    DefaultDialect.do_commit = _around(DefaultDialect.do_commit, "commit", "committed", database, reached)


def _around(
    function: Callable[..., Any],
    before: str,
    after: str,
    path_of: Callable[..., Any],
    reached: Callable[[str, Any], None],
) -> Callable[..., Any]:
    """Return a function that reports before and after it does what it did."""

    @wraps(function)
    def reporting(*arguments: Any, **options: Any) -> Any:
        path = path_of(*arguments, **options)
        reached(before, path)
        result = function(*arguments, **options)
        reached(after, path)
        return result

    return reporting


def _open_path(file: int) -> str:
    return str(Path(f"/proc/self/fd/{file}").readlink())


def _writes(flags: Any) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _text(path: Any) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:  # the number of an open file
        return ""
