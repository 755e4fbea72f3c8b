"""Measures lambda_R of every galaxy of a survey that has a kinematic file: in parallel, and only what is not done yet.

Each galaxy's result is kept as a small JSON file under a key of everything it depends on, so that an interrupted
survey goes on where it stopped, and one new file costs one measurement.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from rotator_assets import surveys
from rotator_assets.errors import UnusableKinematics
from rotator_assets.files import replacing
from rotator_assets.surveys.measured import HalfLightEllipse, MeasurementOptions

METHOD = 1
"""Raised whenever the measurement itself changes: what was kept before is then measured anew."""
FEW = 4
"""So many galaxies are measured in this process: starting others takes longer."""


@dataclass(frozen=True)
class Job:
    """One galaxy to measure."""

    survey: str
    galaxy_id: str
    path: Path
    ellipse: HalfLightEllipse
    options: MeasurementOptions

    @property
    def key(self) -> str:
        """Hash of all that the result depends on; the file counts by name, size and time of change."""
        stat = self.path.stat()
        content = [METHOD, self.path.name, stat.st_size, stat.st_mtime_ns, asdict(self.ellipse), asdict(self.options)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def measure(job: Job) -> dict:
    """Columns of ``measured.Measurement``, ``usable`` and ``reason`` of one galaxy. Never raises for a bad file."""
    try:
        measurement = surveys.SURVEYS[job.survey].measure(job.path, job.ellipse, job.options)
    except UnusableKinematics as reason:
        return {"usable": False, "reason": str(reason)}
    return {"usable": True, "reason": None, **asdict(measurement)}


def measure_all(
    jobs: list[Job], cache: Path, on_progress: Callable[[int, int], None], workers: int | None = None
) -> pd.DataFrame:
    """One row a job, in their order: ``galaxy_id``, ``path`` and what ``measure`` gives.

    ``cache``: folder of the results kept. A file that kills the process reading it is listed with that reason.
    """
    keys = {job.galaxy_id: job.key for job in jobs}
    kept = {job.galaxy_id: _kept(cache, job.galaxy_id, keys[job.galaxy_id]) for job in jobs}
    todo = [job for job in jobs if kept[job.galaxy_id] is None]
    on_progress(len(jobs) - len(todo), len(jobs))
    for number, (job, result) in enumerate(_measured(todo, workers or os.cpu_count() or 1), start=1):
        kept[job.galaxy_id] = result
        with replacing(cache / f"{job.galaxy_id}.json") as temporary:
            temporary.write_text(json.dumps({"key": keys[job.galaxy_id], "result": result}), encoding="utf-8")
        on_progress(len(jobs) - len(todo) + number, len(jobs))
    return pd.DataFrame([{"galaxy_id": job.galaxy_id, "path": str(job.path), **kept[job.galaxy_id]} for job in jobs])


def _measured(jobs: list[Job], workers: int) -> Iterator[tuple[Job, dict]]:
    if len(jobs) <= FEW or workers == 1:
        yield from ((job, measure(job)) for job in jobs)
        return
    done = 0
    try:
        with _pool(workers) as pool:
            for job, result in zip(jobs, pool.map(measure, jobs), strict=True):
                yield job, result
                done += 1
    except BrokenProcessPool:
        yield from ((job, _measured_apart(job)) for job in jobs[done:])


def _measured_apart(job: Job) -> dict:
    """The result of a process of its own, which the file may kill."""
    try:
        with _pool(1) as pool:
            return pool.submit(measure, job).result()
    except BrokenProcessPool:
        return {"usable": False, "reason": f"{job.path.name}: reading it ends the process; is the download complete?"}


def _pool(workers: int) -> ProcessPoolExecutor:
    # Not forked: TensorFlow and HDF5 may have threads running in this process.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _kept(cache: Path, galaxy_id: str, key: str) -> Mapping | None:
    """The result kept for a galaxy, where it is one of the same key."""
    try:
        content = json.loads((cache / f"{galaxy_id}.json").read_text(encoding="utf-8"))
        return content["result"] if content["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
