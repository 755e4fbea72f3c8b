"""Measures lambda_R of every galaxy with a kinematic file, in parallel, skipping what was measured before.

Each galaxy's result is stored as a small JSON file under a key of everything it depends on, so that an interrupted
run continues where it stopped, and one new file costs one measurement.

Worker processes measure (`engine`). A file that crashes or hangs its reader ends only its process.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from rotator_assets import surveys
from rotator_assets.core.errors import RefusedKinematics, UnusableKinematics
from rotator_assets.core.files import replacing
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.engine.pools import open_pool
from rotator_assets.engine.processes import ProcessEnded
from rotator_assets.kinematics.measured import HalfLightEllipse

METHOD = 5
"""Increased whenever the measurement itself changes, so that stored results are measured again."""
LIMIT_SECONDS = 600.0
"""Time limit per galaxy; two million particles take half a minute."""


@dataclass(frozen=True)
class Job:
    """One galaxy to measure."""

    survey: str
    galaxy_id: str
    path: Path
    ellipse: HalfLightEllipse
    settings: KinematicsSettings

    @property
    def key(self) -> str:
        """Hash of everything that the result depends on; the file enters by name, size and modification time."""
        stat, settings = self.path.stat(), self.settings.model_dump()
        content = [METHOD, self.path.name, stat.st_size, stat.st_mtime_ns, asdict(self.ellipse), settings]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def measure(job: Job) -> dict:
    """Measure one galaxy: return the columns of ``measured.Measurement``, ``usable``, ``refused`` and ``reason``.

    ``refused`` is True if only a quality cut of the settings makes it unusable. Bad files never raise an error.
    """
    try:
        measurement = surveys.SURVEYS[job.survey].measure(job.path, job.ellipse, job.settings)
    except UnusableKinematics as reason:
        return {"usable": False, "refused": isinstance(reason, RefusedKinematics), "reason": str(reason)}
    return {"usable": True, "refused": False, "reason": None, **asdict(measurement)}


def measure_all(
    jobs: list[Job], cache: Path, on_progress: Callable[[int, int], None], workers: int | None = None
) -> pd.DataFrame:
    """Measure every job that has no stored result.

    Parameters
    ----------
    jobs : list of Job
        The galaxies to measure.
    cache : Path
        Folder of the stored results.
    on_progress : callable
        Called with the number of galaxies done and of all.
    workers : int, optional
        Number of processes on this machine, by default that of the cores; 0 measures in this process.

    Returns
    -------
    DataFrame
        One row per job, in their order: ``galaxy_id``, ``path`` and the result of ``measure``. A file that kills the
        process reading it, or takes longer than ``LIMIT_SECONDS``, is unusable with that reason.
    """
    keys = {job.galaxy_id: job.key for job in jobs}
    results = {job.galaxy_id: _kept(cache, job.galaxy_id, keys[job.galaxy_id]) for job in jobs}
    todo = [job for job in jobs if results[job.galaxy_id] is None]
    on_progress(len(jobs) - len(todo), len(jobs))
    for number, (job, result) in enumerate(_measured(todo, os.cpu_count() or 1 if workers is None else workers), 1):
        results[job.galaxy_id] = result
        with replacing(cache / f"{job.galaxy_id}.json") as temporary:
            temporary.write_text(json.dumps({"key": keys[job.galaxy_id], "result": result}), encoding="utf-8")
        on_progress(len(jobs) - len(todo) + number, len(jobs))
    return pd.DataFrame(
        [{"galaxy_id": job.galaxy_id, "path": str(job.path), **(results[job.galaxy_id] or {})} for job in jobs]
    )


def _measured(jobs: list[Job], workers: int) -> Iterator[tuple[Job, dict]]:
    """Yield each job with its result as soon as it is done."""
    if not jobs or not workers:
        yield from ((job, measure(job)) for job in jobs)
        return
    with open_pool(min(workers, len(jobs)), limit_seconds=LIMIT_SECONDS) as pool:
        job_of = {pool.submit(measure, job): job for job in jobs}
        for answer in as_completed(job_of):
            yield job_of[answer], _result(job_of[answer], answer)


def _result(job: Job, answer: Future[dict]) -> dict:
    """Return the answer of a worker, or the reason if it ended without one."""
    try:
        return answer.result()
    except ProcessEnded:
        reason = f"{job.path.name}: reading it crashes or does not finish; is the download complete?"
        return {"usable": False, "refused": False, "reason": reason}


def _kept(cache: Path, galaxy_id: str, key: str) -> dict | None:
    """Return the stored result of a galaxy if it has the same key, otherwise None."""
    try:
        content = json.loads((cache / f"{galaxy_id}.json").read_text(encoding="utf-8"))
        return content["result"] if content["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
