"""A Postgres server of Debian's package for tests: in a folder of its own, on a free port, as an unprivileged user."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, DATABASE, VARIABLE, PASSWORD = "dagster", "rotators", "ROTATORS_TEST_PASSWORD", "s3cret-of-the-test"
_NOBODY = 65_534


def _program(name: str) -> str | None:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


NEEDS_POSTGRES = pytest.mark.skipif(
    _program("initdb") is None, reason="no Postgres on this machine (Debian: apt-get install postgresql)"
)


class Postgres:
    """A server that asks for a password."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        self._as_somebody(shutil.chown, folder, secret)
        self._run("initdb", "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-D", self._data, "--no-sync")
        self.start()
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        create = [str(_program("createdb")), "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, DATABASE]
        subprocess.run(create, check=True, env=environment)

    @property
    def settings(self) -> str:
        """The block of ``settings.yaml``."""
        url = f"postgresql://{USER}@127.0.0.1:{self.port}/{DATABASE}"
        return f"instance: {{postgres_url: '{url}', password_variable: {VARIABLE}}}\n"

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self._folder}"
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        """End every connection, in the middle of what it does."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", self._data)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    @staticmethod
    def _as_somebody(chown, *paths: Path) -> None:
        """Give the files to the user of the server, which is not root."""
        if os.getuid() == 0:
            for path in paths:
                chown(path, _NOBODY, _NOBODY)

    def _run(self, name: str, *arguments: str) -> None:
        user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        command = [str(_program(name)), *arguments]
        with (self._folder / "printed").open("a") as printed:
            subprocess.run(command, check=True, stdout=printed, stderr=printed, cwd=self._folder, **user)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        server = Postgres(Path(folder))
        try:
            yield server
        finally:
            server.stop()
