"""The ``rotators`` command. Exit status: 0 for success, 2 for wrong usage or input, 1 for any other failure."""

from __future__ import annotations

import errno
import io
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotator_assets.core import environment
from rotator_assets.core.data_root import ENVIRONMENT_VARIABLE, DataRoot
from rotator_assets.core.errors import InputError

if TYPE_CHECKING:
    from rotator_assets.orchestration.plans import Step
    from rotator_assets.orchestration.runner import Runner

DEMO_ROOT = Path("data/demo")

data_option = click.option("--data", metavar="PATH", help="Data root; else ROTATORS_DATA, else data/.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(package_name="rotator-assets", message="%(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Slow and fast rotators from images alone: catalogues, networks and reports."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@data_option
@click.option("--galaxies", type=click.IntRange(min=1), default=None, help="Galaxies per survey.")
@click.option("--seed", type=click.IntRange(min=0), default=2020, show_default=True)
def demo(data: str | None, galaxies: int | None, seed: int) -> None:
    """Make synthetic galaxies and run everything on them, from catalogue files to report.

    The root is --data, else ROTATORS_DATA, else data/demo. A folder that holds other files is left alone.
    """
    from rotator_assets.orchestration.plans import plan
    from rotator_assets.orchestration.terminal import Progress
    from rotator_assets.synthetic import DEFAULT_GALAXIES, write_demo

    root = _root(DEMO_ROOT if data is None and not os.environ.get(ENVIRONMENT_VARIABLE) else data)
    root.require_writable()
    with Progress() as progress:
        write_demo(
            root.path,
            n_galaxies=galaxies or DEFAULT_GALAXIES,
            seed=seed,
            on_progress=lambda stage, done, total: progress.stage(f"synthetic {stage}", done, total),
        )
    _execute(root, plan(["manga-observed-64", "tng100-noisy-64"], ["thesis"]), jobs=None)


@cli.command()
@data_option
@click.option("--dataset", "-d", "datasets", multiple=True, help="Dataset, such as manga-observed-64; repeatable.")
@click.option("--recipe", "-r", "recipes", multiple=True, help="Recipe of recipes.yaml; repeatable.")
@click.option(
    "--all", "everything", is_flag=True, help="All datasets that can be built here and all recipes of the study."
)
@click.option("--stale", is_flag=True, help="Only what is missing or out of date.")
@click.option("--robustness", is_flag=True, help="Also the robustness checks of each training: see the README.")
@click.option("--questions", is_flag=True, hidden=True, help="Earlier name of --robustness.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    default=None,
    help="Trainings at a time; default: 1 with a GPU, else one per processor, at most 4.",
)
def run(
    data: str | None,
    datasets: Sequence[str],
    recipes: Sequence[str],
    everything: bool,
    stale: bool,
    robustness: bool,
    questions: bool,
    jobs: int | None,
) -> None:
    """Materialize what datasets and recipes need, and every asset of their partitions."""
    robustness |= questions
    root = _root(data)
    root.require_writable()
    if everything and (datasets or recipes):
        raise click.UsageError("--all takes every dataset and recipe: leave out --dataset and --recipe")
    if not (everything or stale or datasets or recipes):
        raise click.UsageError("say what to run: --dataset D, --recipe R, --stale or --all")
    everything_stale = stale and not (everything or datasets or recipes)
    if everything_stale and robustness:
        raise click.UsageError(
            "--stale alone already repeats the robustness checks made before: leave out --robustness, or name a "
            "--dataset or --recipe"
        )
    from rotator_assets.core.recipes_file import load_recipes, study_recipes
    from rotator_assets.lineage.partitions import dataset as dataset_of
    from rotator_assets.lineage.settings_file import load_settings
    from rotator_assets.orchestration.plans import plan

    known = load_recipes()
    for name in recipes:
        if name not in known:
            raise InputError(f"there is no recipe '{name}'; the recipes are: {', '.join(known)}")
    chosen_datasets = [dataset_of(key).key for key in dict.fromkeys(datasets)]
    load_settings(root)
    if everything_stale:
        _rerun_stale(root, jobs)
        return
    chosen_recipes = list(dict.fromkeys(recipes)) or (study_recipes() if everything or stale else ["thesis"])
    if chosen_datasets:
        catalogs_only: tuple[str, ...] = ()
    else:
        chosen_datasets, catalogs_only = _buildable(root)
    for survey in dict.fromkeys(key.split("-")[0] for key in chosen_datasets):
        if not root.survey(survey).is_dir():
            raise InputError(
                f"{root.survey(survey)}: there is no such folder; see `rotators status` for what to put there"
            )
    _execute(root, plan(chosen_datasets, chosen_recipes, stale, catalogs_only, robustness), jobs)


@cli.command()
@data_option
def status(data: str | None) -> None:
    """List the inputs found and missing, where to get them, and what is stale."""
    from rotator_assets.orchestration.terminal import print_status
    from rotator_assets.tables import open_store

    def open_runner(root: DataRoot) -> Runner:
        # Imported after the inputs are listed: it reads recipes.yaml, which may contain an error.
        from rotator_assets.running import open_runner

        return open_runner(root)

    print_status(open_store(_root(data)), open_runner)


@cli.command()
@data_option
@click.option(
    "--port",
    envvar="PORT",
    type=click.IntRange(1, 65_535),
    default=3000,
    show_default=True,
    help="Port on 127.0.0.1; else the variable PORT.",
)
def ui(data: str | None, port: int) -> None:
    """Start the Dagster UI and daemon on one data root."""
    root = _root(data)
    root.require_writable()
    _require_free(port)
    from rotator_assets.orchestration.runner import open_instance

    open_instance(root).dispose()
    os.environ["DAGSTER_HOME"] = str(root.dagster_home)
    click.echo(f"data root {root.path}: the UI comes up on http://127.0.0.1:{port} in about 20 s")
    workspace = Path(__file__).parent.parent / "workspace.yaml"
    where = ["-w", str(workspace)] if workspace.is_file() else ["-m", "rotator_assets.definitions"]
    command = [str(Path(sys.executable).with_name("dagster")), "dev", *where, "-h", "127.0.0.1", "-p", str(port)]
    environment.leave_working_directory(root.dagster_home)
    os.execv(command[0], command)


@cli.command(context_settings={"ignore_unknown_options": True})  # SQL may begin with a comment: -- ...
@click.argument("sql")
@data_option
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write instead: .csv, .json, .parquet, .fits, .vot (VOTable) or .ecsv.",
)
@click.pass_context
def query(context: click.Context, sql: str, data: str | None, form: str, output: Path | None) -> None:
    """Run SQL on the results. It never waits for a run and never blocks one."""
    from rotator_assets.orchestration.answers import answering, write_answer
    from rotator_assets.orchestration.query_output import as_csv, print_answer
    from rotator_assets.store.json_text import as_json
    from rotator_assets.tables import open_store

    store = open_store(_root(data))
    if output:
        if context.get_parameter_source("form") is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--format is for the console, the ending of --output for a file: leave out --format")
        _require_apart(output, store.root)
        click.echo(write_answer(store, sql, output))
        return
    with answering(store, sql) as (_, answer):
        if answer is None:
            _write(b"[]\n" if form == "json" else b"")
        elif form == "json":
            _write(as_json(answer).encode())
        elif form == "csv":
            _write(as_csv(answer))
        else:
            print_answer(answer)


@cli.command()
@data_option
def report(data: str | None) -> None:
    """Rebuild results/study_report.html from what has been materialized, and print its path."""
    from rotator_assets.orchestration.plans import REPORT
    from rotator_assets.orchestration.runner import input_error
    from rotator_assets.running import open_runner
    from rotator_assets.tables import open_store

    root = _root(data)
    if not open_store(root).partitions("model_metrics"):
        raise InputError(f"{root.path}: nothing to report yet; run `rotators run --dataset … --data {root.path}` first")
    root.require_writable()
    with open_runner(root) as runner:
        try:
            runner.materialize(REPORT)
        except Exception as error:
            raise input_error(error) or error from error
    click.echo(root.report)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@click.option("--table", metavar="NAME", help="The table to write, where FILE ends in .csv, .fits, .vot, ...")
def export(file: Path, data: str | None, table: str | None) -> None:
    """Write every table into FILE.duckdb, or one table into a file of another format.

    FILE.duckdb is self-contained and replaces an earlier export. Otherwise the ending selects the format: .csv, .json,
    .parquet, .fits, .vot (VOTable) or .ecsv, and --table the table.
    """
    from rotator_assets.orchestration.answers import write_answer
    from rotator_assets.store.table_files import has_known_ending
    from rotator_assets.tables import open_store

    root = _root(data)
    if not root.tables.is_dir():
        raise InputError(f"{root.path}: holds no results to export; run `rotators run` first")
    _require_apart(file, root)
    store = open_store(root)
    if table is None and not has_known_ending(file):
        rows = store.export(file)
        click.echo(f"{file}: {len(rows)} tables, {sum(rows.values())} rows")
        return
    if table not in store.tables:
        problem = f"there is no table '{table}'" if table else f"{file}: holds one table, which --table names"
        raise InputError(f"{problem}; the tables are: {', '.join(store.tables)}")
    click.echo(write_answer(store, f'FROM "{table}"', file))


def _require_apart(file: Path, root: DataRoot) -> None:
    """Raise InputError where a file to write is the root's database or lies in its results."""
    if file.resolve() == root.database.resolve():
        raise InputError(f"{file}: is the root's own database; name another file")
    if root.results.resolve() in file.resolve().parents:
        raise InputError(
            f"{file}: lies in the root's results, which are replaced and may be deleted; name another folder"
        )


def _root(data: str | Path | None) -> DataRoot:
    """Return the data root named by the option or the environment, and pass it on to child processes."""
    if data == "":
        raise click.UsageError("--data is empty: name a folder")
    root = DataRoot.from_environment() if data is None else DataRoot.at(data)
    os.environ[ENVIRONMENT_VARIABLE] = str(root.path)
    return root


def _require_free(port: int) -> None:
    """Raise InputError where the port is in use on either protocol, or may not be opened."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except PermissionError:
            raise InputError(f"port {port} may not be opened by this user; give another with --port") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InputError(f"port {port} is in use; give another with --port") from None
            if family == socket.AF_INET:
                raise  # a machine may have no IPv6


def _buildable(root: DataRoot) -> tuple[list[str], tuple[str, ...]]:
    """Datasets whose survey has a folder in the root, and surveys with a folder but without images."""
    from rotator_assets.lineage.partitions import DATASETS
    from rotator_assets.surveys import SURVEYS

    here = [key for key in SURVEYS if root.survey(key).is_dir()]
    if not here:
        folders = ", ".join(f"{key}/" for key in SURVEYS)
        raise InputError(f"{root.path}: holds none of {folders}; see `rotators status` for what to put there")
    datasets = [key for key, dataset in DATASETS.items() if dataset.survey in here]
    return datasets, tuple(key for key in here if not SURVEYS[key].noises)


def _rerun_stale(root: DataRoot, jobs: int | None) -> None:
    """Rebuild everything that was made before and is out of date, with the steps it depends on."""
    from rotator_assets.orchestration.plans import plan_stale
    from rotator_assets.running import open_runner

    if not root.dagster_home.is_dir():
        raise InputError(f"{root.path}: nothing was made yet; run `rotators run --dataset …` first")
    with open_runner(root) as runner:
        runner.observe()
        stale = [(asset, partition) for asset, partition, _ in runner.staleness().stale()]
    if not stale:
        click.echo("nothing is stale")
        return
    _execute(root, plan_stale(stale), jobs)


def _execute(root: DataRoot, steps: list[Step], jobs: int | None) -> None:
    from rotator_assets.orchestration.runner import input_error
    from rotator_assets.orchestration.terminal import Progress, print_notices
    from rotator_assets.orchestration.workers import default_jobs
    from rotator_assets.running import open_runner
    from rotator_assets.tables import open_store

    jobs = min(jobs or default_jobs(), max(1, sum(step.is_training for step in steps)))

    with Progress() as progress, open_runner(root) as runner:
        outcome = runner.run(steps, lambda step, n, state: progress.step(step, n, len(steps), state), jobs)
    settled = {*outcome.done, *outcome.fresh}
    print_notices(open_store(root), [step for step in steps if step.title in settled])
    for title, reason in outcome.skipped.items():
        click.echo(f"not run: {title} ({reason})")
    if outcome.failed:
        errors = {title: input_error(error) for title, error in outcome.failed.items()}
        messages = [f"{t}: {e or repr(outcome.failed[t])}" for t, e in errors.items()]
        click.echo(f"rotators: {' '.join('; '.join(messages).split())}", err=True)
        raise SystemExit(2 if all(errors.values()) else 1)
    click.echo(f"report: {root.report}")
    click.echo(f"database: {root.database}")


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main() -> None:
    """Run the command; an error is one line on standard error: what is wrong and what to do."""
    environment.settle()
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
        message, status = f"{where}{error.strerror or error}; check the path, its permissions and the disk", 2
    click.echo(f"rotators: {' '.join(message.split())}", err=True)
    raise SystemExit(status)
