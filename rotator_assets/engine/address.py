"""The address of a Dask scheduler, and what a safe one is."""

from __future__ import annotations

import ipaddress
import os
import re
import socket

from rotator_assets.core.errors import InputError

VARIABLE = "DASK_SCHEDULER_ADDRESS"
"""Environment variable with the address of the scheduler; child processes inherit it."""
_REACH_SECONDS = 10.0


def scheduler() -> str | None:
    """Return the address that the environment names; None without one. Raises InputError as `checked`."""
    address = os.environ.get(VARIABLE)
    return checked(address) if address else None


def checked(address: str) -> str:
    """Return an address as Dask writes it: ``tls://host:port``, or ``tcp://`` for this machine.

    Raises InputError for anything else: requests are executed by whoever receives them.
    """
    match = re.fullmatch(r"(?:(tcp|tls)://)?(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):([0-9]{1,5})/?", address.strip())
    if not match or not 0 < int(match[3]) < 65_536:
        raise InputError(f"{address}: is no address of a Dask scheduler, such as tls://head:8786; see docs/cluster.md")
    protocol, host, port = match.groups()
    if protocol != "tls" and not _is_this_machine(host.strip("[]")):
        raise InputError(
            f"{address}: a connection to another machine must be encrypted; start the scheduler with certificates, and "
            f"give tls://{host}:{port} (docs/cluster.md)"
        )
    return f"{protocol or 'tcp'}://{host}:{port}"


def require_reachable(address: str) -> None:
    """Raise InputError where nothing listens at an address, which Dask would wait for."""
    host, _, port = address.partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{address}: the Dask scheduler cannot be reached ({reason}); start it, or name another"
        ) from None


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
