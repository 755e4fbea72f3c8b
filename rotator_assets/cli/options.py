"""What several commands share: the data root and the places that files may be written to."""

from __future__ import annotations

import os
from pathlib import Path

import click

from rotator_assets.core.data_root import ENVIRONMENT_VARIABLE, DataRoot
from rotator_assets.core.errors import InputError

data_option = click.option("--data", metavar="PATH", help="Data root; else ROTATORS_DATA, else data/.")


def data_root(data: str | Path | None) -> DataRoot:
    """Return the data root named by the option or the environment, and pass it on to child processes."""
    if data == "":
        raise click.UsageError("--data is empty: name a folder")
    root = DataRoot.from_environment() if data is None else DataRoot.at(data)
    os.environ[ENVIRONMENT_VARIABLE] = str(root.path)
    return root


def require_apart(file: Path, root: DataRoot) -> None:
    """Raise InputError where a file to write is the root's database or lies in its results."""
    if file.resolve() == root.database.resolve():
        raise InputError(f"{file}: is the root's own database; name another file")
    if root.results.resolve() in file.resolve().parents:
        raise InputError(
            f"{file}: lies in the root's results, which are replaced and may be deleted; name another folder"
        )
