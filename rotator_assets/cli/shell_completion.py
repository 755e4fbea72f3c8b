"""Shell completion: the scripts of click, and names of datasets and recipes, found without Dagster."""

from __future__ import annotations

import os

import click
from click.shell_completion import shell_complete

from rotator_assets.cli.examples import examples
from rotator_assets.core.errors import InputError

PROGRAM = "rotators"
VARIABLE = "_ROTATORS_COMPLETE"
"""Environment variable with which the shell asks for completions."""


def complete_datasets(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the datasets whose names begin as typed."""
    from rotator_assets.surveys.datasets import DATASETS

    return [name for name in DATASETS if name.startswith(incomplete)]


def complete_recipes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the recipes whose names begin as typed; none where the recipes file has an error."""
    from rotator_assets.core.recipes_file import load_recipes

    try:
        return [name for name in load_recipes() if name.startswith(incomplete)]
    except InputError:
        return []


def answer_shell(cli: click.Command) -> None:
    """Answer a shell that asks for completions, and exit; do nothing for any other caller."""
    if instruction := os.environ.get(VARIABLE):
        raise SystemExit(shell_complete(cli, {}, PROGRAM, VARIABLE, instruction))


@click.command(
    epilog=examples(
        "rotators completion bash >> ~/.bashrc",
        "rotators completion zsh >> ~/.zshrc",
        "rotators completion fish > ~/.config/fish/completions/rotators.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    It completes commands and options, and after --dataset and --recipe their names. Add it to the configuration of the
    shell once, and open a new one.
    """
    shell_complete(context.find_root().command, {}, PROGRAM, VARIABLE, f"{shell}_source")
