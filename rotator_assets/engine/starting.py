"""Starts the Dask cluster that ``settings.yaml`` describes, for the time of a command."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from rotator_assets.core.errors import InputError
from rotator_assets.engine.cluster_settings import ClusterSettings


@contextmanager
def started(settings: ClusterSettings) -> Generator[str]:
    """Start a cluster, yield the address of its scheduler, and end it after the block.

    Raises InputError where a package or a certificate is absent, or where the cluster does not start.
    """
    start = {"slurm": _slurm, "kubernetes": _kubernetes, "ssh": _ssh}[settings.kind]
    try:
        cluster = start(settings)
    except ImportError as error:
        raise InputError(
            f"settings.yaml, cluster: kind {settings.kind} needs a package that is not installed ({error}); "
            "see docs/cluster.md"
        ) from None
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise InputError(f"settings.yaml, cluster: it does not start ({' '.join(str(error).split())})") from None
    with cluster:
        yield cluster.scheduler_address


def _slurm(settings: ClusterSettings) -> Any:
    """Start the scheduler in this process, and submit a job for each worker."""
    options = {"cores": 1, "processes": 1, "memory": "4 GB", **settings.options}
    fixed = {"security": _security(), "protocol": "tls://", "scheduler_options": {"dashboard": False}}
    cluster = import_module("dask_jobqueue").SLURMCluster(**fixed, **options)
    cluster.scale(settings.workers)
    return cluster


def _kubernetes(settings: ClusterSettings) -> Any:
    """Let Dask's operator start scheduler and workers; this machine reaches the former through Kubernetes."""
    options = {"name": "rotators", **settings.options}
    return import_module("dask_kubernetes.operator").KubeCluster(n_workers=settings.workers, **options)


def _ssh(settings: ClusterSettings) -> Any:
    """Start the scheduler on the first host and a worker on each other one."""
    import_module("asyncssh")  # Dask's own error does not name it
    from distributed import SSHCluster

    encrypted = {"protocol": "tls://", "dashboard": False}
    options: dict[str, Any] = {"scheduler_options": {}, "worker_options": {}, **settings.options}
    options["scheduler_options"] = {**encrypted, **options["scheduler_options"]}
    options["worker_options"] = {"nthreads": 1, **encrypted, **options["worker_options"]}
    return SSHCluster(security=_security(), **options)


def _security() -> Any:
    """Return Dask's settings of an encrypted connection. Raises InputError where certificates are absent."""
    from distributed import Security

    security = Security(require_encryption=True)
    roles = (security.get_tls_config_for_role(role) for role in ("client", "scheduler", "worker"))
    if not all(value for role in roles for name, value in role.items() if name in ("ca_file", "cert", "key")):
        raise InputError("settings.yaml, cluster: Dask's configuration names no certificates: see docs/cluster.md")
    return security
