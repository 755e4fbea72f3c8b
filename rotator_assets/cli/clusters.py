"""The option ``--scheduler``: the work of a command on a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

import click

from rotator_assets.core.data_root import DataRoot
from rotator_assets.engine.address import VARIABLE, checked, require_reachable

scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help=f"Dask scheduler whose workers help; else {VARIABLE}, else settings.yaml: see docs/cluster.md.",
)


@contextmanager
def cluster(root: DataRoot | None, address: str | None) -> Generator[None]:
    """Do the work of the block on a cluster: of an address, of the environment, or of the settings, if there is one.

    A cluster that the settings describe runs as long as the block. The address is in the environment meanwhile, from
    which child processes have it. Raises InputError where it is not safe or cannot be reached.
    """
    named = (os.environ.get(VARIABLE) or None) if address is None else address
    if named is not None:
        with _named(checked(named)):
            yield
        return
    settings = _settings(root)
    if settings is None:
        yield
    elif settings.kind == "address":
        with _named(checked(settings.address or "")):
            yield
    else:
        from rotator_assets.engine.starting import started

        with started(settings) as scheduler, _named(scheduler):
            yield


def name_running_cluster(root: DataRoot) -> None:
    """Name the scheduler of the settings to child processes, if one runs already; no process of theirs starts one."""
    settings = _settings(root)
    if VARIABLE not in os.environ and settings is not None and settings.address:
        os.environ[VARIABLE] = checked(settings.address)


def _settings(root: DataRoot | None):
    from rotator_assets.lineage.settings_file import load_settings

    return None if root is None else load_settings(root).cluster


@contextmanager
def _named(address: str) -> Generator[None]:
    require_reachable(address)
    click.echo(f"notice: workers of the Dask cluster at {address} do the work", err=True)
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
