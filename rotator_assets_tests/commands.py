"""The command `rotators` in tests: in a process forked from one that has imported everything, to save its time.

`test_environment` and `test_documents` start the installed command itself.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE

ROTATORS = str(Path(sys.executable).with_name("rotators"))
"""The installed command."""

_FORKS = multiprocessing.get_context("forkserver")
_IMPORTED_FIRST = ("rotator_assets.cli", "rotator_assets.definitions", "matplotlib.pyplot", "sklearn.pipeline", "keras")


def rotators(*arguments, data=None, cwd=None) -> subprocess.CompletedProcess:
    """Run the command; returns its exit status and what it printed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("ROTATORS_DATA", "DAGSTER_HOME")}
    command = [ROTATORS, *map(str, arguments), *(["--data", str(data)] if data else [])]
    if ENVIRONMENT_VARIABLE in environment:  # the definitions have a partition for each recipe of the file
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=300)
    _FORKS.set_forkserver_preload([*_IMPORTED_FIRST])
    with tempfile.TemporaryDirectory() as folder:
        printed = [Path(folder, name) for name in ("stdout", "stderr")]
        process = _FORKS.Process(target=_command, args=(command, environment, str(cwd or Path.cwd()), printed))
        process.start()
        process.join(300)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, 300)
        return subprocess.CompletedProcess(command, process.exitcode, *(path.read_text("utf-8") for path in printed))


def complaint(done: subprocess.CompletedProcess) -> str:
    """The one line on standard error of a command that ended with status 2."""
    assert done.returncode == 2, done
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("rotators: "), done.stderr
    return lines[0]


def _command(command: list[str], environment: Mapping[str, str], folder: str, printed: list[Path]) -> None:
    """Become the command, as if started in this folder with these variables."""
    from rotator_assets.cli import main

    for number, path in enumerate(printed, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = command
    main()
