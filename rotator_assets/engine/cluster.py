"""A pool on a Dask cluster: each request is a task, which a Dask worker passes on to a separate process.

Dask sees bytes only. It repeats a task whose worker was lost, on another one.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import cache
from typing import Any

import distributed
from distributed import Client, KilledWorker, Security

from rotator_assets.core import origin, progress
from rotator_assets.core.backend import PRECISION_VARIABLE
from rotator_assets.core.data_root import ENVIRONMENT_VARIABLE as DATA
from rotator_assets.core.environment import RECIPES_VARIABLE
from rotator_assets.core.errors import InputError
from rotator_assets.engine import frames, on_worker
from rotator_assets.engine.address import require_reachable
from rotator_assets.engine.processes import OnReport, ProcessEnded, unpacked

RECONNECT_SECONDS = 60.0
"""How long a scheduler may be away before its requests are given up."""
GPU = "gpu"
"""Name of the resource by which workers with a GPU take the trainings."""
MOST_SENT = 5
"""Times that a request is sent, if schedulers are lost meanwhile."""
_LOOK_SECONDS = 0.5
_GONE = (
    "the Dask scheduler is gone; start it and its workers again, and repeat the command with --stale: what was "
    "finished is kept"
)
_SENT_VARIABLES = (DATA, RECIPES_VARIABLE, PRECISION_VARIABLE, origin.ONEDNN, "ONEDNN_MAX_CPU_ISA")
_THREADS = (*origin.THREADS, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@cache
def connected(address: str) -> Client:
    """Connect this process to a scheduler, and wait for its first worker.

    Raises InputError where there is none, or for an encrypted address without certificates.
    """
    require_reachable(address)
    for logger in ("distributed", "distributed.client"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)  # what matters is raised
    security = Security()
    if address.startswith("tls://"):
        if not all(security.get_tls_config_for_role("client").get(name) for name in ("ca_file", "cert", "key")):
            raise InputError(f"{address}: Dask's configuration names no certificates: see docs/cluster.md")
        security.require_encryption = True
    try:
        client = Client(address, security=security, timeout=RECONNECT_SECONDS, set_as_default=False, name="rotators")
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise InputError(f"{address}: is no Dask scheduler that this process can talk to ({reason})") from None
    while not workers_of(client):
        progress.report("waiting for a worker of the cluster", 0, 1)
        time.sleep(_LOOK_SECONDS)
    return client


def workers_of(client: Client) -> list[Mapping[str, Any]]:
    """Return what the scheduler knows of each of its workers."""
    return list(client.scheduler_info(n_workers=-1)["workers"].values())


@dataclass
class _Asked:
    """A request, and how often it was sent."""

    request: bytes
    number: int
    on_report: OnReport | None
    answer: Future[Any]
    task: distributed.Future | None = None
    sent: int = 0


class ClusterPool:
    """An executor of requests on a Dask cluster, with the interface of `processes.ProcessPool`."""

    is_here = False

    def __init__(self, client: Client, *, limit_seconds: float | None = None, trains: bool = False) -> None:
        """Prepare the pool.

        Parameters
        ----------
        client
            Connection to the scheduler.
        limit_seconds
            A request that takes longer ends with `ProcessEnded`.
        trains
            True for requests that go to workers with the resource `GPU` where there are any.
        """
        self._client, self._limit_seconds = client, limit_seconds
        self._address = client.scheduler.address if client.scheduler else ""
        workers = workers_of(client)
        with_gpu = [worker for worker in workers if trains and worker["resources"].get(GPU)]
        self._resources = {GPU: 1} if with_gpu else None
        self.size = max(1, sum(worker["nthreads"] for worker in with_gpu or workers))
        self._name = f"rotators-{uuid.uuid4().hex[:12]}"
        self._asked: dict[int, _Asked] = {}
        self._lock = threading.RLock()
        self._number, self._closed, self._listens = 0, False, False

    def __enter__(self) -> ClusterPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def submit(self, function: frames.Function, *arguments: Any, on_report: OnReport | None = None) -> Future[Any]:
        """Call a function in a process of the cluster: see `ProcessPool.submit`."""
        request = frames.requested(function, arguments, bool(on_report))
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            if on_report and not self._listens:
                self._client.subscribe_topic(self._name, self._report)
                self._listens = True
            asked = _Asked(request, self._number, on_report, Future())
            self._asked[self._number] = asked
            self._number += 1
            asked.answer.set_running_or_notify_cancel()
            self._send(asked)
        return asked.answer

    def close(self) -> None:
        """Cancel all requests; the processes that work on them are killed."""
        with self._lock:
            self._closed = True
            asked, self._asked = list(self._asked.values()), {}
        if self._client.status == "running":
            self._client.cancel([one.task for one in asked if one.task is not None], force=True)
            if self._listens:
                self._client.unsubscribe_topic(self._name)
        for one in asked:
            if not one.answer.done():
                one.answer.set_exception(ProcessEnded(-signal.SIGKILL))

    def _send(self, asked: _Asked) -> None:
        asked.sent += 1
        asked.task = self._client.submit(
            on_worker.answered,
            asked.request,
            asked.number,
            _environment(),
            origin.code_hash(),
            self._limit_seconds,
            self._name if asked.on_report else None,
            key=f"{self._name}-{asked.number}-{asked.sent}",
            resources=self._resources,
            pure=False,
        )
        asked.task.add_done_callback(lambda task: self._settle(asked, task))

    def _report(self, event: tuple[float, tuple[int, bytes]]) -> None:
        number, report = event[1]
        asked = self._asked.get(number)
        if asked and asked.on_report:
            asked.on_report(pickle.loads(report))

    def _settle(self, asked: _Asked, task: distributed.Future) -> None:
        """Pass on the answer to a request, or send it again where the scheduler was lost with it."""
        answer, error = None, None
        try:
            answer = unpacked(task.result())
        except KilledWorker:
            error = ProcessEnded(-signal.SIGKILL)
        except CancelledError:
            with self._lock:
                if self._closed:
                    return
                if asked.sent < MOST_SENT and self._client.status in ("running", "connecting"):
                    self._send(asked)
                    return
            error = InputError(f"{self._address}: {_GONE}")
        except BaseException as raised:
            error = raised
        with self._lock:
            if self._asked.pop(asked.number, None) is None:
                return
        if error is None:
            asked.answer.set_result(answer)
        else:
            asked.answer.set_exception(error)


def _environment() -> dict[str, str]:
    """Return the variables that decide results, for the processes of the cluster.

    Numbers of threads are those of this process, also where no variable sets them: they decide the order of sums.
    """
    here = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    chosen = {name: os.environ[name] for name in _SENT_VARIABLES if name in os.environ}
    return {**chosen, **{name: os.environ.get(name) or here for name in _THREADS}}
