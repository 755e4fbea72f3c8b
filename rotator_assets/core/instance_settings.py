"""Where the Dagster instance of a data root is: in files of the root, or in a Postgres server (``instance:``)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, Field, field_validator

from rotator_assets.core.settings import STRICT, Line

_SCHEMES = ("postgresql", "postgres")
_PARAMETERS = ("host", "sslmode", "sslrootcert", "sslcert", "sslkey")
"""Parameters that a URL may have; Dagster's page of the configuration shows them."""
_DRIVER = "postgresql+psycopg2"
"""Otherwise SQLAlchemy 2.1 takes psycopg, which dagster-postgres does not install."""
_EXAMPLE = "postgresql://dagster@db.example.org/rotators"
_CONNECT_SECONDS = 10
_PORT = 5432


class InstanceSettings(BaseModel):
    """The block ``instance`` of ``settings.yaml``. A password is never in the file, only the name of its variable."""

    model_config = STRICT

    postgres_url: Line = Field(description=f"user, server and database, such as {_EXAMPLE}; without a password")
    password_variable: Line | None = Field(
        default=None, description="environment variable with the password; null: the server asks for none"
    )

    @field_validator("postgres_url")
    @classmethod
    def _can_be_used(cls, url: str) -> str:
        _database(url)
        return url

    @field_validator("password_variable")
    @classmethod
    def _can_be_set(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("give the name of an environment variable, never the password itself")
        if name is not None and name.startswith("DAGSTER_"):
            raise ValueError(f"rotators ignores the variable {name}, like all that begin with DAGSTER_: use another")
        return name

    @property
    def database(self) -> dict[str, Any]:
        """Dagster's settings ``postgres_db``; the password is a reference to its variable."""
        password = {"password": {"env": self.password_variable}} if self.password_variable else {}
        return {**_database(self.postgres_url), **password}

    @property
    def server(self) -> str:
        """Server and database, for messages."""
        found = _database(self.postgres_url)
        return f"{found['params'].get('host') or found['hostname']}:{found['port']}/{found['db_name']}"


def _database(url: str) -> dict[str, Any]:
    """Return the parts of a URL. Raises ValueError for one that is not of a database, without repeating it."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError(f"is not a URL such as {_EXAMPLE}") from None
    if parts.password is not None or "password" in parameters:
        raise ValueError("leave the password out: password_variable names the environment variable that has it")
    if unknown := [name for name in parameters if name not in _PARAMETERS]:
        raise ValueError(f"the parameter '{unknown[0]}' is not one of {', '.join(_PARAMETERS)}")
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in _SCHEMES or not parts.username or not name or parts.fragment:
        raise ValueError(f"needs the form {_EXAMPLE}: a user, a server and a database")
    if not (parts.hostname or parameters.get("host")):
        raise ValueError("names no server: after the @, or the folder of its socket as ?host=/run/postgresql")
    return {
        "scheme": _DRIVER,
        "username": unquote(parts.username),
        "hostname": parts.hostname or "",
        "port": port,
        "db_name": name,
        "params": {"connect_timeout": _CONNECT_SECONDS, **parameters},
    }
