"""The ``rotators`` command.

Exit status: 0 for success, 2 for wrong usage or input, 130 when interrupted, 141 when the reader of its output has
gone, and 1 for any other failure.
"""

from __future__ import annotations

import io
import os
import signal
import sys

import click

from rotator_assets.cli.compare import compare
from rotator_assets.cli.examples import examples
from rotator_assets.cli.machine_check import doctor
from rotator_assets.cli.models import model, predict
from rotator_assets.cli.results import export, query, recipes, status, summary
from rotator_assets.cli.runs import demo, report, run, ui
from rotator_assets.cli.shell_completion import answer_shell, completion
from rotator_assets.cli.survey import survey
from rotator_assets.cli.upkeep import clean
from rotator_assets.cli.verification import reproduce, verify
from rotator_assets.core import environment
from rotator_assets.core.errors import FULL_DISK, InputError, is_full_disk


class _InOrder(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    epilog=examples(
        "rotators demo",
        "rotators status",
        "rotators run --dataset manga-observed-64 --recipe thesis",
        "rotators run --help",
    ),
)
@click.version_option(package_name="rotator-assets", message="%(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Slow and fast rotators from images alone: catalogues, networks and reports."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (
    demo,
    status,
    survey,
    recipes,
    run,
    summary,
    report,
    compare,
    query,
    export,
    predict,
    model,
    ui,
    verify,
    reproduce,
    clean,
    doctor,
    completion,
):
    cli.add_command(command)


def main() -> None:
    """Run the command; an error is one line on standard error: what is wrong and what to do."""
    answer_shell(cli)
    environment.settle()
    environment.end_quietly()
    # The background job of a script ignores SIGINT, and Dagster gives SIGTERM the same handler: a run could not be
    # stopped.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names and terminals may use other encodings than UTF-8
    try:
        # cli.main() would print an empty line when interrupted.
        with cli.make_context("rotators", sys.argv[1:]) as context:
            cli.invoke(context)
        return
    except click.exceptions.Exit as done:
        raise SystemExit(done.exit_code) from None
    except InputError as error:
        message, status = str(error), 2
    except click.UsageError as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        message, status = error.format_message() + hint, 2
    except click.ClickException as error:
        message, status = error.format_message(), 2
    except (KeyboardInterrupt, click.Abort):
        message, status = "interrupted; what was finished is kept", 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        remedy = f"{error.strerror or error}; check the path, its permissions and the disk"
        message, status = where + (FULL_DISK if is_full_disk(error) else remedy), 2
    except Exception as error:
        if not is_full_disk(error):
            raise
        message, status = FULL_DISK, 2
    click.echo(f"rotators: {' '.join(message.split())}", err=True)
    raise SystemExit(status)
