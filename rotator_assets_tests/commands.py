"""The command `rotators` in tests: in a process forked from one that has imported everything, to save its time.

The processes of a test session share the one that is forked (`Servers`). `test_environment`, `test_chain_changes` and
the tests of the UI start the installed command itself.
"""

import contextlib
import fcntl
import multiprocessing
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Mapping
from multiprocessing.connection import wait
from multiprocessing.managers import BaseManager
from pathlib import Path

from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE
from rotator_assets_tests.chaos import switch

ROTATORS = str(Path(sys.executable).with_name("rotators"))
"""The installed command."""
_TIMEOUT_S = 300

_LIBRARIES = (
    *("rotator_assets", "alibi.explainers", "astropy.coordinates", "astropy.io.fits", "dagster", "duckdb", "keras"),
    *("dagster._core.storage.event_log", "dagster._core.storage.runs", "matplotlib.backends.backend_pdf"),
    *("matplotlib.pyplot", "photutils.segmentation", "sklearn.pipeline", "upath.core"),
)
_IMPORTED_FIRST = {
    "this project": (*_LIBRARIES, "rotator_assets.cli", "rotator_assets.running"),
    "libraries": _LIBRARIES,  # the definitions have a partition for each recipe of the recipes file
}
_FORKS = multiprocessing.get_context("forkserver")
_one_at_a_time = threading.Lock()


def rotators(*arguments, data=None, cwd=None) -> subprocess.CompletedProcess:
    """Run the command; returns its exit status and what it printed."""
    server = "libraries" if ENVIRONMENT_VARIABLE in os.environ else "this project"
    return _forked(server, [ROTATORS, *map(str, arguments), *(["--data", str(data)] if data else [])], cwd)


def python(code: str, *arguments) -> subprocess.CompletedProcess:
    """Run code as a program that has imported libraries, and of this project only the package itself."""
    return _forked("libraries", [code, *map(str, arguments)])


def _forked(server: str, command: list[str], cwd=None) -> subprocess.CompletedProcess:
    environment = {k: v for k, v in os.environ.items() if k not in ("ROTATORS_DATA", "DAGSTER_HOME")}
    forks = SERVERS.connect(server)
    with tempfile.TemporaryDirectory() as folder:
        printed = [Path(folder, name) for name in ("stdout", "stderr")]
        status = forks.run(command, environment, str(cwd or Path.cwd()), printed)
        if status is None:
            raise subprocess.TimeoutExpired(command, _TIMEOUT_S)
        return subprocess.CompletedProcess(command, status, *(path.read_text("utf-8") for path in printed))


def on_a_terminal(width: int, *arguments) -> list[str]:
    """Lines that the command shows on a terminal of so many columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "ROTATORS_DATA")}
    command = subprocess.Popen(
        [ROTATORS, *map(str, arguments)], stdin=its, stdout=its, stderr=its, env=environment | {"TERM": "dumb"}
    )
    os.close(its)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux tells that the other end was closed
        while part := os.read(ours, 65_536):
            shown += part
    os.close(ours)
    assert command.wait(60) == 0, shown
    return shown.decode().splitlines()


def write_command(path: Path) -> None:
    """Write a program like the installed command, which runs in a forked process too."""
    servers, key = SERVERS.addresses(), _KEY
    path.write_text(_PROGRAM.format(python=sys.executable, rotators=ROTATORS, servers=servers, key=key), "utf-8")
    path.chmod(0o755)


_PROGRAM = """\
#!{python} -IS
import os, sys, tempfile
from multiprocessing.managers import BaseManager
from pathlib import Path

name = "libraries" if "{variable}" in os.environ else "this project"
BaseManager.register("Forks")
server = BaseManager({servers}[name], authkey={key})
server.connect()
with tempfile.TemporaryDirectory() as folder:
    printed = [Path(folder, name) for name in ("stdout", "stderr")]
    status = server.Forks().run(["{rotators}", *sys.argv[1:]], dict(os.environ), os.getcwd(), printed)
    for stream, path in zip((sys.stdout, sys.stderr), printed):
        stream.buffer.write(path.read_bytes())
sys.exit(1 if status is None else status)
""".replace("{variable}", ENVIRONMENT_VARIABLE)


def complaint(done: subprocess.CompletedProcess) -> str:
    """The one line on standard error of a command that ended with status 2."""
    assert done.returncode == 2, done
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("rotators: "), done.stderr
    return lines[0]


class Forks:
    """Forks commands in the process of a server."""

    def run(self, command: list[str], environment: Mapping[str, str], folder: str, printed: list[Path]) -> int | None:
        """Exit status of the command; None where it took too long."""
        process = _FORKS.Process(target=_command, args=(command, environment, folder, printed))
        with _one_at_a_time:
            process.start()
        ended = wait([process.sentinel], _TIMEOUT_S)
        with _one_at_a_time:  # a thread that starts a process would read the status of this one
            if not ended:
                process.kill()
            return process.exitcode if ended else None


class _Server(BaseManager):
    """A process that runs `Forks` for the others."""


_Server.register("Forks", Forks)


class Servers:
    """Servers by what their forks have imported; the first process of the session makes them, and others connect."""

    def __init__(self) -> None:
        self._servers: dict[str, _Server] = {}

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the servers, which are started if there are none.

        A server imports nothing before its first command.
        """
        for name, modules in () if self._servers else _IMPORTED_FIRST.items():
            self._servers[name] = server = _Server(authkey=_KEY, ctx=multiprocessing.get_context("spawn"))
            server.start(_serve, (modules,))
        return {name: str(server.address) for name, server in self._servers.items()}

    def use(self, addresses: Mapping[str, str]) -> None:
        """Use the servers of another process."""
        for name, address in addresses.items():
            self._servers[name] = _Server(address, authkey=_KEY)
            self._servers[name].connect()

    def connect(self, name: str) -> Forks:
        """Return a server."""
        self.addresses()
        return self._servers[name].Forks()  # pyright: ignore[reportAttributeAccessIssue]


SERVERS = Servers()
_KEY = b"rotators"
"""The sockets are in a folder that only this user can open."""


def _serve(modules: tuple[str, ...]) -> None:
    """Prepare the process of a server, which ends with the one that started it, however that ends."""
    _FORKS.set_forkserver_preload([*modules])

    def end() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()


def _command(command: list[str], environment: Mapping[str, str], folder: str, printed: list[Path]) -> None:
    """Become the command, or a program if it is no path, as if started in this folder with these variables."""
    for number, path in enumerate(printed, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = command
    switch.arm()
    if command[0] != ROTATORS:
        exec(command[0], {"__name__": "__main__"})
        return
    from rotator_assets.cli import main

    main()
