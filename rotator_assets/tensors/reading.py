"""Cut-outs of all galaxies of a survey, in the catalogue's order, made by several processes.

The first galaxies are read in this process. If the others would take long, worker processes help: threads would wait
for one another, because most of a small image's time goes into Python code. Whoever reads a galaxy, its cut-out or
reason is the same.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core import progress
from rotator_assets.core.archives import label
from rotator_assets.core.files import allocate
from rotator_assets.engine.pools import Pool, on_cluster, open_pool
from rotator_assets.engine.processes import ProcessEnded
from rotator_assets.imaging.cutout_worker import (
    MOST,
    Task,
    cutouts_of,
    made,
    made_together,
    received,
    slot_bytes,
    slot_pixels,
)
from rotator_assets.imaging.cutouts import Cutout, Treatment
from rotator_assets.imaging.frames import FrameSource
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.plain_cutouts import AT_ONCE

WORTH_SECONDS = 0.5
"""Workers are started if the remaining galaxies would take this process longer: a worker starts in a third of a second,
and then does half of the work."""
THREADED_WORTH_SECONDS = 2.0
"""The same for mock observations, which this process makes in threads, and for which a worker has to import SciPy."""
TRIED = 16
"""Galaxies that are read before this is estimated."""
_REQUEST_SECONDS = 0.01
_AHEAD = 2
"""Requests of each worker that are sent or waiting, which limits the memory for any number of galaxies."""


def cutouts(
    galaxies: pd.DataFrame,
    sources: dict[str, ImageSource],
    treatment: Treatment,
    lost: list[str],
    excluded: dict[str, str],
) -> Iterator[tuple[Any, Cutout | str]]:
    """Yield each galaxy with its cut-out, or the reason why it has none, in the catalogue's order.

    Parameters
    ----------
    galaxies
        The catalogue: ``galaxy_id``, ``object_id``, ``ra``, ``dec`` (degrees) and ``r_eff_arcsec``.
    sources
        Image of each galaxy, by galaxy_id.
    treatment
        How the images of the dataset are made.
    lost
        Why archives of images cannot be read.
    excluded
        Why galaxies are left out, by galaxy_id.

    Yields
    ------
    tuple
        A row of ``galaxies`` as a named tuple, and its cut-out or reason.
    """
    columns = galaxies[["galaxy_id", "object_id", "ra", "dec", "r_eff_arcsec"]]
    every: list[Any] = list(columns.itertuples(index=False))
    tasks = [
        Task(galaxy.galaxy_id, sources[galaxy.galaxy_id], galaxy.ra, galaxy.dec)
        for galaxy in every
        if galaxy.galaxy_id in sources and galaxy.galaxy_id not in excluded
    ]
    of_tasks = _made(tasks, treatment)
    for number, galaxy in enumerate(every):
        if galaxy.galaxy_id in excluded:
            yield galaxy, excluded[galaxy.galaxy_id]
        elif galaxy.galaxy_id not in sources:
            yield galaxy, _no_image(galaxy, treatment, lost)
        else:
            yield galaxy, next(of_tasks)
        if (number + 1) % MOST == 0 or number + 1 == len(every):
            progress.report(f"images of {treatment.survey}", number + 1, len(every))


def _no_image(galaxy: Any, treatment: Treatment, lost: list[str]) -> str:
    unplaced = treatment.noise == "observed" and pd.isna(galaxy.ra)
    archives = f"; an archive there cannot be read: {lost[0]}" if lost else ""
    return f"no image file in {treatment.survey}/images{', no position to cut from frames' * unplaced}{archives}"


def _made(tasks: Sequence[Task], treatment: Treatment) -> Iterator[Cutout | str]:
    """Yield the cut-out or reason of each task, in their order."""
    if treatment.stamps is not None or any(isinstance(task.source, FrameSource) for task in tasks):
        yield from _by_threads(tasks, treatment)
        return
    workers = (os.cpu_count() or 1) - 1
    threaded = treatment.noise == "noisy"
    worth = THREADED_WORTH_SECONDS if threaded else WORTH_SECONDS
    started = time.perf_counter()
    for done in range(0, len(tasks), AT_ONCE):
        each = (time.perf_counter() - started) / max(done, 1)
        if (workers or on_cluster()) and done >= TRIED and each * (len(tasks) - done) > worth:
            size = int(np.clip(_REQUEST_SECONDS / each, 1, MOST))
            yield from by_processes(tasks[done:], treatment, workers, size)
            return
        part = tasks[done : done + AT_ONCE]
        yield from _by_threads(part, treatment) if threaded else made_together(part, treatment)


def _by_threads(tasks: Sequence[Task], treatment: Treatment) -> Iterator[Cutout | str]:
    """Make cut-outs in threads, which share frames and stamps of the sky, and rarely hold Python's lock there.

    Mock observations rarely hold it either.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(tasks), MOST):
            yield from pool.map(lambda task: made(task, treatment), tasks[start : start + MOST])


@dataclass
class _Part:
    """Consecutive tasks; made here, or by a worker that writes pixels to a slot of the shared memory."""

    tasks: Sequence[Task]
    cutouts: list[Cutout | str] | None = None
    answer: Future[list[Cutout | str]] | None = None
    slot: int = 0


class _Memory:
    """Memory for the pixels of requests, shared with worker processes of this machine; none for those of a cluster."""

    def __init__(self, file: int, slots: int, crop_px: int) -> None:
        allocate(file, slots * slot_bytes(crop_px))
        self._mapped, self._crop_px = mmap.mmap(file, 0), crop_px

    def pixels(self, slot: int, n: int) -> NDArray[np.float32]:
        return slot_pixels(self._mapped, slot, n, self._crop_px)


@dataclass(frozen=True)
class _Readers:
    """The processes that make cut-outs, and how these come back from there."""

    pool: Pool
    treatment: Treatment
    file: int | None
    memory: _Memory | None

    def submit(self, tasks: Sequence[Task], slot: int) -> Future[list[Cutout | str]]:
        return self.pool.submit(cutouts_of, tasks, self.treatment, self.file, slot)

    def received(self, part: _Part, answer: Future[list[Cutout | str]]) -> list[Cutout | str]:
        """Return the cut-outs of a part.

        If its worker was killed or has crashed, its galaxies are tried one by one; one that ends another worker is
        unusable.
        """
        try:
            return self._with_pixels(answer.result(), part.slot)
        except ProcessEnded:
            return [cutout for task in part.tasks for cutout in self._alone(task, part.slot)]

    def _alone(self, task: Task, slot: int) -> list[Cutout | str]:
        try:
            return self._with_pixels(self.submit([task], slot).result(), slot)
        except ProcessEnded as ended:
            return [f"{label(task.source.paths[0])}: reading it ended the process (status {ended.status})"]

    def _with_pixels(self, cutouts: list[Cutout | str], slot: int) -> list[Cutout | str]:
        return received(cutouts, self.memory and self.memory.pixels(slot, len(cutouts)))


def by_processes(tasks: Sequence[Task], treatment: Treatment, workers: int, size: int = MOST) -> Iterator[Cutout | str]:
    """Yield cut-outs and reasons in the order of the tasks, made by this process and by workers.

    Parameters
    ----------
    tasks
        Galaxies with their images.
    treatment
        How the images of the dataset are made.
    workers
        Number of further processes on this machine; a cluster has its own number.
    size
        Galaxies of a request.

    Yields
    ------
    Cutout or str
        The cut-out, or the reason why the image is unusable.
    """
    parts = iter([tasks[start : start + size] for start in range(0, len(tasks), size)])
    waiting: deque[_Part] = deque()
    with ExitStack() as opened:
        file = opened.enter_context(tempfile.TemporaryFile()).fileno()
        pool = opened.enter_context(open_pool(workers, files=[file]))
        free = list(range(_AHEAD * pool.size))
        memory = _Memory(file, len(free), treatment.crop_px) if pool.is_here else None
        readers = _Readers(pool, treatment, file if memory else None, memory)
        while True:
            while free and (part := next(parts, None)):
                slot = free.pop()
                waiting.append(_Part(part, None, readers.submit(part, slot), slot))
            if not waiting:
                return
            first = waiting[0]
            ready = first.answer is None or first.answer.done()
            if not ready and len(waiting) < 2 * _AHEAD * (pool.size + 1) and (part := next(parts, None)):
                waiting.append(_Part(part, made_together(part, treatment)))
                continue
            waiting.popleft()
            if first.answer is not None:
                first.cutouts = readers.received(first, first.answer)
                free.append(first.slot)
            yield from first.cutouts or ()
