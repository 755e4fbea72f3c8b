"""A full disk: a small file system in memory on which, at a random moment, another file takes all the space."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rotator_assets_tests.chaos.processes import Process
from rotator_assets_tests.chaos.stages import LIMIT_SECONDS, Place, Stage
from rotator_assets_tests.chaos.trials import Trial, disturbed, in_time, started_before

_SIZE = "200m"
_LEAST_BYTES = 4096


class SmallDisk(Place):
    """A place on a small separate file system, which can be filled."""

    def restore(self, name: str) -> None:
        """Bring back a state; the file system stays."""
        self.make_room()
        for folder in (*self.now.iterdir(), self.temporary):
            if folder.is_dir():
                shutil.rmtree(folder)
            else:
                folder.unlink(missing_ok=True)
        shutil.copytree(self.state(name), self.now, symlinks=True, dirs_exist_ok=True)
        self.temporary.mkdir()

    def fill(self) -> None:
        """Take all the space that is left."""
        with self._filler.open("wb") as file:
            size = 1 << 26
            while size >= _LEAST_BYTES:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
                except OSError:
                    size //= 2

    def make_room(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.now / ".filler"


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Provide a place on a small file system in memory, which only the administrator can make."""
    place = SmallDisk(folder)
    place.now.mkdir(parents=True, exist_ok=True)
    place.temporary.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", place.now], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place.now], check=True)


def fill_after(place: SmallDisk, stage: Stage, name: str, seconds: float) -> Trial:
    """Let the disk be full after so many seconds, until the stage ends: one line says so, or nothing was missing."""

    def disturb(seconds: float) -> Process:
        process = started_before(place, stage, seconds)
        place.fill()
        process.wait(LIMIT_SECONDS)
        place.make_room()
        return process

    def complaint(process: Process) -> Iterator[str]:
        lines = [line for line in process.output.splitlines() if line.startswith("rotators: ")]
        if process.status and (len(lines) != 1 or "the disk is full" not in lines[0] or process.status != 2):
            yield f"it ended with {process.status} and said: {process.output[-1500:]}"
        elif "Traceback" in process.output:
            yield f"it shows where it failed: {process.output[-1500:]}"

    return in_time(seconds, lambda left: disturbed(place, stage, name, partial(disturb, left), complaint))
