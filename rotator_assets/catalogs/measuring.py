"""Measures lambda_R of every galaxy of a survey that has a kinematic file: in parallel, and only what is not done yet.

Each galaxy's result is kept as a small JSON file under a key of everything it depends on, so that an interrupted
survey goes on where it stopped, and one new file costs one measurement.

Run as a program, this module is the worker process that measures (`core.processes`). A file that crashes or hangs its
reader ends only that process.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from rotator_assets import surveys
from rotator_assets.core.errors import RefusedKinematics, UnusableKinematics
from rotator_assets.core.files import replacing
from rotator_assets.core.processes import ProcessEnded, ProcessPool
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.kinematics.measured import HalfLightEllipse

METHOD = 5
"""Raised whenever the measurement itself changes: what was kept before is then measured anew."""
LIMIT_SECONDS = 600.0
"""No galaxy takes so long: two million particles take half a minute."""
WORKER = (sys.executable, "-P", "-m", "rotator_assets.catalogs.measuring")


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
        """Hash of all that the result depends on; the file counts by name, size and time of change."""
        stat, settings = self.path.stat(), self.settings.model_dump()
        content = [METHOD, self.path.name, stat.st_size, stat.st_mtime_ns, asdict(self.ellipse), settings]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def as_request(self) -> dict:
        """The content of the job as JSON can hold it."""
        return {**asdict(self), "path": str(self.path), "settings": self.settings.model_dump()}

    @classmethod
    def from_request(cls, content: dict) -> Job:
        """The job of such content."""
        ellipse, settings = HalfLightEllipse(**content["ellipse"]), KinematicsSettings(**content["settings"])
        return cls(content["survey"], content["galaxy_id"], Path(content["path"]), ellipse, settings)


def measure(job: Job) -> dict:
    """Columns of ``measured.Measurement``, ``usable`` and ``reason`` of one galaxy. Never raises for a bad file.

    ``refused``: it is not usable because a quality cut of the settings refuses it.
    """
    try:
        measurement = surveys.SURVEYS[job.survey].measure(job.path, job.ellipse, job.settings)
    except UnusableKinematics as reason:
        return {"usable": False, "refused": isinstance(reason, RefusedKinematics), "reason": str(reason)}
    return {"usable": True, "refused": False, "reason": None, **asdict(measurement)}


def measure_all(
    jobs: list[Job], cache: Path, on_progress: Callable[[int, int], None], workers: int | None = None
) -> pd.DataFrame:
    """One row a job, in their order: ``galaxy_id``, ``path`` and what ``measure`` gives.

    ``cache``: folder of the results kept. A file that kills the process reading it, or takes longer than
    ``LIMIT_SECONDS``, is listed with that reason. ``workers``: processes, as many as there are cores by default; 0
    measures in this one.
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
    return pd.DataFrame([{"galaxy_id": job.galaxy_id, "path": str(job.path), **results[job.galaxy_id]} for job in jobs])


def _measured(jobs: list[Job], workers: int) -> Iterator[tuple[Job, dict]]:
    """Each job with its result, as they come."""
    if not jobs or not workers:
        yield from ((job, measure(job)) for job in jobs)
        return
    with ProcessPool(WORKER, min(workers, len(jobs)), limit_seconds=LIMIT_SECONDS) as pool:
        job_of = {pool.submit(job.as_request()): job for job in jobs}
        for answer in as_completed(job_of):
            yield job_of[answer], _result(job_of[answer], answer)


def _result(job: Job, answer: Future[dict]) -> dict:
    """The answer of a worker or, where it ended without one, the reason."""
    try:
        return answer.result()
    except ProcessEnded:
        reason = f"{job.path.name}: reading it crashes or does not end; is the download complete?"
        return {"usable": False, "refused": False, "reason": reason}


def _kept(cache: Path, galaxy_id: str, key: str) -> dict | None:
    """The result kept for a galaxy, where it is one of the same key."""
    try:
        content = json.loads((cache / f"{galaxy_id}.json").read_text(encoding="utf-8"))
        return content["result"] if content["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


if __name__ == "__main__":
    for request in sys.stdin:
        print(json.dumps(measure(Job.from_request(json.loads(request)))), flush=True)
