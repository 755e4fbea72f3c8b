"""The help of every command: complete, with examples that work, and no wider than a terminal."""

import shlex

import click
import pytest
from click.testing import CliRunner

from rotator_assets.cli import cli

WIDTH = 80


def _commands(group: click.Group, names: tuple[str, ...] = ()) -> dict[str, click.Command]:
    found: dict[str, click.Command] = {" ".join(names): group}
    for name, command in group.commands.items():
        found |= _commands(command, (*names, name)) if isinstance(command, click.Group) else {}
        found[" ".join((*names, name))] = command
    return found


COMMANDS = _commands(cli)
every_command = pytest.mark.parametrize("name", COMMANDS)


def help_of(name: str) -> list[str]:
    return CliRunner().invoke(cli, [*name.split(), "--help"], terminal_width=WIDTH).output.splitlines()


def examples_of(name: str) -> list[str]:
    """The examples in the help of a command, continued lines joined."""
    lines = help_of(name)
    joined = "\n".join(line.strip() for line in lines[lines.index("  Examples:") + 1 :])
    return joined.replace("\\\n", " ").splitlines()


def test_every_command_is_listed():
    assert {"demo", "status", "run", "recipes", "doctor", "completion", "model export"} <= COMMANDS.keys()


@every_command
def test_every_option_has_a_help(name):
    silent = [o.name for o in COMMANDS[name].params if isinstance(o, click.Option) and not o.help]
    assert silent == []


@every_command
def test_the_help_fits_a_terminal(name):
    assert max(map(len, help_of(name))) <= WIDTH


@every_command
def test_the_one_line_of_a_command_is_not_cut(name):
    lines = help_of(name)
    listed = lines[lines.index("Commands:") + 1 :] if "Commands:" in lines else []
    assert [line for line in listed if line.endswith("...")] == []


@every_command
def test_examples_use_commands_and_options_that_exist(name):
    examples = examples_of(name)
    assert examples and all(line.startswith(f"rotators {name}".rstrip()) for line in examples)
    for line in examples:
        _, *words = shlex.split(line.split(" | ")[0].split(" >")[0])
        command: click.Command = cli
        while isinstance(command, click.Group) and words:
            command = command.commands[words.pop(0)]
        context = click.Context(command)
        command.make_parser(context).parse_args(words)
