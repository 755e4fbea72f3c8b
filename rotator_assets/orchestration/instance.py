"""The Dagster instance of a data root: its settings in ``dagster.yaml``, and where it keeps its records."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import dagster as dg
import yaml

from rotator_assets.core.dagster_internals import keep_engines
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing
from rotator_assets.core.instance_settings import InstanceSettings
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.orchestration.at_work import fail_lost_runs
from rotator_assets.training.assets import TRAINING_POOL

INSTANCE_SETTINGS = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    # One training at a time, with a few small runs alongside.
    "concurrency": {"pools": {"granularity": "run", "default_limit": 1}, "runs": {"max_concurrent_runs": 2}},
}
_STORAGE = "storage"
_OURS = "# The key `storage` follows the block `instance` of settings.yaml. Other keys may be changed.\n"


def prepare_instance_home(root: DataRoot) -> str:
    """Return the data root's Dagster home, with the storage that the settings name.

    Raises InputError where a Postgres instance cannot be used: a package, the password or the server is missing.
    """
    file = root.dagster_home / "dagster.yaml"
    written = file.read_text(encoding="utf-8") if file.is_file() else ""
    try:
        chosen = load_settings(root).instance
    except InputError:
        if written:
            return str(root.dagster_home)  # as the settings were before; who reads them names the error
        raise
    wanted = _content(written, chosen)
    if wanted != written:
        with replacing(file) as temporary:
            temporary.write_text(wanted, encoding="utf-8")
    if chosen:
        _require_postgres(root, chosen)
    return str(root.dagster_home)


def open_instance(root: DataRoot) -> dg.DagsterInstance:
    """Open the data root's Dagster instance, and mark runs of killed processes as failed.

    Raises InputError as `prepare_instance_home` does.
    """
    keep_engines()
    instance = dg.DagsterInstance.from_config(prepare_instance_home(root))
    fail_lost_runs(instance, root)
    # Dagster sets the limit of a pool when the pool is first used, and would start the first runs all at once.
    if TRAINING_POOL not in instance.event_log_storage.get_concurrency_keys():
        instance.event_log_storage.initialize_concurrency_limit_to_default(TRAINING_POOL)
    return instance


def _content(written: str, chosen: InstanceSettings | None) -> str:
    """Return ``dagster.yaml`` as it has to be; a storage that the user has put there stays without ``instance``."""
    ours = written.startswith(_OURS)
    if written and not chosen and not ours:
        return written
    settings: dict[str, Any] = (yaml.safe_load(written) if written else None) or INSTANCE_SETTINGS
    storage = {_STORAGE: _storage(chosen)} if chosen else {}
    kept = {name: value for name, value in settings.items() if name != _STORAGE}
    return (_OURS if chosen else "") + yaml.safe_dump({**storage, **kept}, sort_keys=False)


def _storage(chosen: InstanceSettings) -> dict[str, Any]:
    config = {"postgres_db": chosen.database}
    place = {"module": "rotator_assets.core.postgres_storage", "class": "PostgresStorage"}
    return {"custom": {**place, "config": config}}


def _require_postgres(root: DataRoot, chosen: InstanceSettings) -> None:
    """Raise InputError where the server of the instance cannot be used."""
    where = f"{root.settings}: instance:"
    if find_spec("dagster_postgres") is None:
        raise InputError(f"{where} needs the package dagster-postgres: install the extra `postgres` of rotator-assets")
    import psycopg2

    database = chosen.database
    secret = {}
    if chosen.password_variable:
        secret["password"] = os.environ.get(chosen.password_variable)
        if not secret["password"]:
            raise InputError(f"{where} the variable {chosen.password_variable} is not set: set it to the password")
    host = {"host": database["hostname"]} if database["hostname"] else {}
    try:
        psycopg2.connect(
            user=database["username"],
            dbname=database["db_name"],
            port=database["port"],
            **{**host, **database["params"], **secret},
        ).close()
    except psycopg2.OperationalError as error:
        told = " ".join(str(error).split())
        raise InputError(f"{where} Postgres at {chosen.server} cannot be used ({told})") from None
