"""Where work is done: in worker processes of this machine, or on a Dask cluster, behind one interface."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from rotator_assets.engine.address import scheduler
from rotator_assets.engine.frames import Function
from rotator_assets.engine.processes import OnReport, ProcessPool


class Pool(Protocol):
    """An executor of requests: functions of modules with arguments that can be pickled. Leaving the context ends it.

    A request may be executed more than once where a machine of a cluster is lost, so functions have no effects but
    files that are replaced as a whole by the same content.
    """

    @property
    def size(self) -> int:
        """Number of requests that are answered at a time."""
        ...

    @property
    def is_here(self) -> bool:
        """True where the processes belong to this machine, and share open files with this process."""
        ...

    def __enter__(self) -> Pool: ...

    def __exit__(self, *error: object) -> None: ...

    def submit(self, function: Function, *arguments: Any, on_report: OnReport | None = None) -> Future[Any]:
        """Call a function in a free process: see `ProcessPool.submit`."""
        ...


def on_cluster() -> bool:
    """Return True where work is done on a cluster. Raises InputError for an address that is none, or is not safe."""
    return scheduler() is not None


def open_pool(
    max_workers: int, *, limit_seconds: float | None = None, files: Sequence[int] = (), trains: bool = False
) -> Pool:
    """Return the pool of the cluster that the environment names, else processes of this machine.

    Parameters
    ----------
    max_workers
        Number of processes on this machine; a cluster has its own.
    limit_seconds
        A request that takes longer ends with `ProcessEnded`.
    files
        Numbers of open files that processes of this machine inherit.
    trains
        True for requests that go to workers with a GPU where there are any.

    Raises
    ------
    InputError
        If the cluster cannot be reached.
    """
    address = scheduler()
    if address is None:
        return ProcessPool(max_workers, limit_seconds=limit_seconds, files=files)
    from rotator_assets.engine.cluster import ClusterPool, connected

    return ClusterPool(connected(address), limit_seconds=limit_seconds, trains=trains)
