"""What several commands share: the data root, how much is printed, and the places that files may be written to."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from rotator_assets.cli.shell_completion import complete_datasets, complete_recipes
from rotator_assets.core.data_root import ENVIRONMENT_VARIABLE, DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.verbosity import Verbosity


def _named(_: click.Context, __: click.Parameter, data: str | None) -> str | None:
    """Name the data root in the environment before anything is imported: its settings declare surveys."""
    if data:
        os.environ[ENVIRONMENT_VARIABLE] = data
    return data


data_option = click.option("--data", metavar="PATH", callback=_named, help="Data root; else ROTATORS_DATA, else data/.")
dataset_option = click.option(
    "--dataset",
    "-d",
    metavar="NAME",
    shell_complete=complete_datasets,
    help="Dataset of the training, such as manga-observed-64.",
)
recipe_option = click.option(
    "--recipe",
    "-r",
    metavar="NAME",
    shell_complete=complete_recipes,
    help="Recipe of the training, such as recommended.",
)


def output_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add --quiet and --verbose to a command, whose function gets a `Verbosity` named ``verbosity``."""

    @click.option("--quiet", "-q", is_flag=True, help="Print only errors and the final lines.")
    @click.option("--verbose", "-v", is_flag=True, help="Also print every epoch and what libraries log, to stderr.")
    @wraps(function)
    def command(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> None:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose exclude each other: leave one out")
        verbosity = Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL
        verbosity.apply()
        function(*arguments, verbosity=verbosity, **options)

    return command


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
