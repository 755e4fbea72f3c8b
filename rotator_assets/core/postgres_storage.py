"""Dagster's storage in Postgres, which waits while the server restarts. ``dagster.yaml`` names its class.

Dagster itself tries to connect for six seconds, and a statement whose connection breaks fails its run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import event_log
from dagster_postgres.run_storage import run_storage
from dagster_postgres.schedule_storage import schedule_storage
from dagster_postgres.utils import create_pg_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from rotator_assets.core.errors import InputError

WAIT_SECONDS = 60.0
"""How long a server may take to restart."""
_PAUSE_SECONDS = 0.5
_PASSING = ("starting up", "shutting down", "recovery mode", "not yet accepting", "terminating", "too many")
"""Words in the errors of a server that will answer soon."""

T = TypeVar("T")


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in Postgres. What is asked of a server that restarts waits for it, up to a minute.

    Each statement is a separate transaction. It is repeated only if its connection broke. If the server had completed
    it by then, an event is stored twice, which changes no result.
    """


class _PatientConnection(Connection):
    def __init__(self, engine: Engine, *arguments: Any, **named: Any) -> None:
        connect = super().__init__
        _patiently(lambda: connect(engine, *arguments, **named), _will_answer, engine)

    def execute(self, *arguments: Any, **named: Any) -> Any:
        run = super().execute

        def attempt() -> Any:
            if self.invalidated:  # without a transaction to lose, as each statement is one
                self._dbapi_connection = self.engine.raw_connection()
            return run(*arguments, **named)

        return _patiently(attempt, lambda _: self.invalidated, self.engine)


def _patiently(act: Callable[[], T], is_passing: Callable[[Exception], bool], engine: Engine) -> T:
    """Act, again and again while it raises a passing error. Raises InputError if it does so for too long."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return act()
        except (OperationalError, engine.dialect.loaded_dbapi.OperationalError) as error:
            if not is_passing(error):
                raise
            if time.monotonic() > end:
                url = engine.url
                raise InputError(
                    f"Postgres at {url.query.get('host') or url.host}:{url.port} has not answered for "
                    f"{WAIT_SECONDS:.0f} s; start it, then give the command again: what was finished is kept"
                ) from error
        time.sleep(_PAUSE_SECONDS)


def _will_answer(error: Exception) -> bool:
    """Return whether a server that refuses a connection may accept it soon; not where it refuses the user."""
    return "FATAL" not in str(error) or any(words in str(error) for words in _PASSING)


def _patient_engine(*arguments: Any, **named: Any) -> Engine:
    engine = create_pg_engine(*arguments, **named)
    engine._connection_cls = _PatientConnection  # pyright: ignore[reportPrivateUsage]
    return engine


for storage in (event_log, run_storage, schedule_storage):
    vars(storage)["create_pg_engine"] = _patient_engine
