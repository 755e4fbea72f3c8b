"""Commands that make results: demo, run, report and ui."""

from __future__ import annotations

import errno
import os
import shlex
import socket
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotator_assets.cli.clusters import cluster, name_running_cluster, scheduler_option
from rotator_assets.cli.examples import examples
from rotator_assets.cli.options import data_option, data_root, output_options
from rotator_assets.cli.shell_completion import complete_datasets, complete_recipes
from rotator_assets.core import environment
from rotator_assets.core.data_root import ENVIRONMENT_VARIABLE, DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.same_origin import PROXY_VARIABLE
from rotator_assets.core.verbosity import Verbosity

if TYPE_CHECKING:
    from rotator_assets.orchestration.plans import Step
    from rotator_assets.orchestration.workers import Workers

DEMO_ROOT = Path("data/demo")


@click.command(
    epilog=examples(
        "rotators demo",
        "rotators demo --data /tmp/demo --galaxies 200 --seed 1",
    )
)
@data_option
@click.option(
    "--galaxies", type=click.IntRange(min=1), default=None, help="Galaxies per survey; by default as many as suffice."
)
@click.option("--seed", type=click.IntRange(min=0), default=2020, show_default=True, help="Seed of the sample.")
@output_options
def demo(data: str | None, galaxies: int | None, seed: int, verbosity: Verbosity) -> None:
    """Try everything on synthetic galaxies, in about two minutes.

    It makes synthetic catalogues and images, trains `thesis` on manga-observed-64 and tng100-noisy-64, and writes the
    report. The root is --data, else ROTATORS_DATA, else data/demo: a new or empty folder, or that of an earlier demo. A
    folder that holds anything else is left alone.
    """
    root = data_root(DEMO_ROOT if data is None and not os.environ.get(ENVIRONMENT_VARIABLE) else data)
    from rotator_assets.orchestration.plans import plan
    from rotator_assets.orchestration.terminal import Progress
    from rotator_assets.synthetic import DEFAULT_GALAXIES, write_demo

    root.require_writable()
    steps = plan(["manga-observed-64", "tng100-noisy-64"], ["thesis"])
    with _workers(root, steps, None, verbosity) or nullcontext() as workers:

        def report(stage: str, done: int, total: int) -> None:
            if workers and not done:
                workers.prepare()
            progress.stage(f"synthetic {stage}", done, total)

        with Progress(verbosity) as progress:
            write_demo(root.path, n_galaxies=galaxies or DEFAULT_GALAXIES, seed=seed, on_progress=report)
        _execute(root, steps, workers, verbosity)


@click.command(
    epilog=examples(
        "rotators run -d manga-observed-64",
        "rotators run -d manga-observed-64 -d tng100-noisy-64 -r thesis -r log",
        "rotators run --all --dry-run",
        "rotators run --stale --quiet",
        "rotators run --all --scheduler tls://head:8786",
    )
)
@data_option
@click.option(
    "--dataset",
    "-d",
    "datasets",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_datasets,
    help="Dataset, such as manga-observed-64; repeatable. Default: all that can be built here.",
)
@click.option(
    "--recipe",
    "-r",
    "recipes",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_recipes,
    help="Recipe, see `rotators recipes`; repeatable. Default: thesis.",
)
@click.option(
    "--all", "everything", is_flag=True, help="All datasets that can be built here, all recipes of the study."
)
@click.option("--stale", is_flag=True, help="Only what is missing or out of date.")
@click.option(
    "--robustness",
    is_flag=True,
    help="Also the robustness checks of each training: see docs/how-to/check-robustness.md.",
)
@click.option("--questions", is_flag=True, hidden=True, help="Earlier name of --robustness.")
@click.option("--dry-run", is_flag=True, help="Only list the steps, with rough times and disk space.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    default=None,
    help="Trainings at a time; default: 1 with a GPU, else one per processor, at most 4.",
)
@scheduler_option
@output_options
def run(
    data: str | None,
    datasets: Sequence[str],
    recipes: Sequence[str],
    everything: bool,
    stale: bool,
    robustness: bool,
    questions: bool,
    dry_run: bool,
    jobs: int | None,
    scheduler: str | None,
    verbosity: Verbosity,
) -> None:
    """Train recipes on datasets, and report.

    Everything that they need is made before, each step as one Dagster run. What is up to date is kept, apart from the
    trainings that are named. Interrupted trainings continue where they stopped.
    """
    robustness |= questions
    root = data_root(data)
    if not dry_run:
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
    if questions:
        click.echo("notice: --questions is deprecated since version 1.0; use --robustness", err=True)
    from rotator_assets.core.recipes_file import load_recipes, study_recipes
    from rotator_assets.core.study import REFERENCE_RECIPE
    from rotator_assets.lineage.partitions import dataset as dataset_of
    from rotator_assets.lineage.settings_file import load_settings
    from rotator_assets.orchestration.plans import plan
    from rotator_assets.surveys.datasets import survey_of

    known = load_recipes()
    for name in recipes:
        if name not in known:
            raise InputError(f"there is no recipe '{name}'; the recipes are: {', '.join(known)}")
    load_settings(root)  # may have an error in the block of a survey
    chosen_datasets = [dataset_of(key).key for key in dict.fromkeys(datasets)]
    if not dry_run:
        _set_damaged_tables_aside(root)
    if everything_stale:
        steps = _stale_steps(root, dry_run)
        if not steps:
            click.echo("nothing is stale")
            return
    else:
        chosen_recipes = list(dict.fromkeys(recipes)) or (study_recipes() if everything or stale else [])
        if not chosen_recipes:
            if REFERENCE_RECIPE not in known:
                raise InputError(
                    f"there is no recipe '{REFERENCE_RECIPE}', the default; name one of: {', '.join(known)}"
                )
            chosen_recipes = [REFERENCE_RECIPE]
            if verbosity is not Verbosity.QUIET:
                click.echo(f"recipe: {REFERENCE_RECIPE} (the default; `rotators recipes` lists others)")
        catalogs_only: Sequence[str] = ()
        if not chosen_datasets:
            chosen_datasets, catalogs_only = _buildable(root, verbosity)
        for survey in dict.fromkeys(map(survey_of, chosen_datasets)):
            if not root.survey(survey).is_dir():
                raise InputError(
                    f"{root.survey(survey)}: there is no such folder; see `rotators status` for what to put there"
                )
        steps = plan(chosen_datasets, chosen_recipes, stale, tuple(catalogs_only), robustness)
    if dry_run:
        _preview(root, steps)
    else:
        with cluster(root, scheduler), _workers(root, steps, jobs, verbosity) or nullcontext() as workers:
            if workers and any(step.is_training and step.requested for step in steps):
                workers.prepare()
            _execute(root, steps, workers, verbosity)


@click.command(epilog=examples("rotators report", "rotators report --pdf --data data/demo"))
@data_option
@click.option("--pdf", is_flag=True, help="Also print the first page and the whole report on A4, with Chromium.")
@output_options
def report(data: str | None, pdf: bool, verbosity: Verbosity) -> None:
    """Rebuild the report and print its path.

    It shows what has been made so far.
    """
    from rotator_assets.orchestration.plans import REPORT
    from rotator_assets.orchestration.runner import input_error
    from rotator_assets.running import open_runner
    from rotator_assets.tables import open_store

    root = data_root(data)
    if not open_store(root).partitions("model_metrics"):
        here = shlex.quote(str(root.path))
        raise InputError(f"{root.path}: nothing to report yet; run `rotators run --dataset … --data {here}` first")
    root.require_writable()
    with open_runner(root, verbosity.log_level) as runner:
        try:
            runner.materialize(REPORT)
        except Exception as error:
            raise input_error(error) or error from error
    click.echo(root.report)
    if pdf:
        from rotator_assets.report.printing import print_report

        click.echo(print_report(root.report, root.results / "first_page.pdf", "first"))
        click.echo(print_report(root.report, root.report.with_suffix(".pdf"), "all"))


@click.command(epilog=examples("rotators ui --data data/demo", "rotators ui --port 3001"))
@data_option
@click.option(
    "--port",
    envvar="PORT",
    type=click.IntRange(1, 65_535),
    default=3000,
    show_default=True,
    help="Port on 127.0.0.1; else the variable PORT.",
)
@click.option(
    "--proxy", metavar="NAME", default="", help="Host name of a reverse proxy in front; see docs/security.md."
)
def ui(data: str | None, port: int, proxy: str) -> None:
    """Start the Dagster UI and daemon on one data root.

    The UI has no passwords, so it listens on this machine only (127.0.0.1).
    """
    root = data_root(data)
    root.require_writable()
    _require_free(port)
    name_running_cluster(root)
    from rotator_assets.core.dagster_internals import dagster_dev
    from rotator_assets.orchestration.instance import open_instance

    open_instance(root).dispose()
    os.environ["DAGSTER_HOME"] = str(root.dagster_home)
    os.environ[PROXY_VARIABLE] = proxy.casefold()
    click.echo(
        f"data root {root.path}: the UI comes up on http://127.0.0.1:{port} in about 20 s, for this machine only: "
        "it has no passwords"
    )
    workspace = Path(__file__).parents[2] / "workspace.yaml"
    where = ["-w", str(workspace)] if workspace.is_file() else ["-m", "rotator_assets.definitions"]
    environment.leave_working_directory(root.dagster_home)
    dagster_dev([*where, "-h", "127.0.0.1", "-p", str(port)], webserver="rotator_assets.webserver")


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


def _set_damaged_tables_aside(root: DataRoot) -> None:
    """Rename table files that cannot be read, so that their partitions are stale in place of stopping the run."""
    from rotator_assets.tables import open_store

    store = open_store(root)
    for path in store.damaged():
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        kept = store.tables[path.parent.name].kept
        lost = "its trainings are no longer listed" if kept else "`rotators run --stale` makes its rows again"
        click.echo(f"{path}: is damaged, now {aside.name}; {lost}")


def _buildable(root: DataRoot, verbosity: Verbosity) -> tuple[list[str], list[str]]:
    """Return the datasets that can be built, and the surveys with catalogues only; say what is left out, and why.

    Raises InputError where nothing can be built.
    """
    from rotator_assets.orchestration.buildable import buildable
    from rotator_assets.surveys import SURVEYS
    from rotator_assets.surveys.datasets import survey_of

    if not any(root.survey(key).is_dir() for key in SURVEYS):
        folders = ", ".join(f"{key}/" for key in SURVEYS)
        raise InputError(f"{root.path}: holds none of {folders}; see `rotators status` for what to put there")
    found = buildable(root)
    left_out = {key: why for key, why in found.left_out.items() if root.survey(survey_of(key)).is_dir()}
    if not (found.datasets or found.catalogs_only):
        reasons = "; ".join(f"{key} {why}" for key, why in left_out.items())
        raise InputError(f"{root.path}: nothing can be built: {reasons}; see `rotators status`")
    if verbosity is not Verbosity.QUIET:
        for key, why in left_out.items():
            click.echo(f"left out: {key}: {why}")
    return found.datasets, found.catalogs_only


def _stale_steps(root: DataRoot, dry_run: bool) -> list[Step]:
    """Return the steps that rebuild everything that was made before and is out of date; none where nothing is."""
    from rotator_assets.orchestration.plans import plan_stale
    from rotator_assets.orchestration.preview import mirror
    from rotator_assets.running import open_runner

    if not root.dagster_home.is_dir():
        raise InputError(f"{root.path}: nothing was made yet; run `rotators run --dataset …` first")
    with mirror(root) if dry_run else nullcontext(root) as observed, open_runner(observed) as runner:
        runner.observe()
        stale = [(asset, partition) for asset, partition, _ in runner.staleness().stale()]
    return plan_stale(stale) if stale else []


def _preview(root: DataRoot, steps: list[Step]) -> None:
    from rotator_assets.orchestration.preview import preview, print_preview
    from rotator_assets.running import open_runner

    print_preview(root, preview(root, steps, open_runner))


def _workers(root: DataRoot, steps: list[Step], jobs: int | None, verbosity: Verbosity) -> Workers | None:
    """Return the processes for the trainings among the steps; None where they run one after another."""
    from rotator_assets.orchestration.workers import Workers, default_jobs

    jobs = min(jobs or default_jobs(), sum(step.is_training for step in steps))
    return Workers(root, jobs, verbosity.log_level) if jobs > 1 else None


def _execute(
    root: DataRoot, steps: list[Step], workers: Workers | None = None, verbosity: Verbosity = Verbosity.NORMAL
) -> None:
    from rotator_assets.orchestration.runner import input_error
    from rotator_assets.orchestration.terminal import Progress, print_notices
    from rotator_assets.running import open_runner
    from rotator_assets.tables import open_store

    with Progress(verbosity, logged=True) as progress, open_runner(root, verbosity.log_level) as runner:
        outcome = runner.run(steps, lambda step, n, state: progress.step(step, n, len(steps), state), workers)
    settled = {*outcome.done, *outcome.fresh}
    if verbosity is not Verbosity.QUIET:
        print_notices(open_store(root), [step for step in steps if step.title in settled])
    for title, reason in outcome.skipped.items():
        click.echo(f"not run: {title} ({reason})")
    if outcome.failed:
        errors = {title: input_error(error) for title, error in outcome.failed.items()}
        failed: dict[str, list[str]] = {}
        for title, error in errors.items():
            failed.setdefault(str(error or repr(outcome.failed[title])), []).append(title)
        messages = [f"{', '.join(titles)}: {message}" for message, titles in failed.items()]
        click.echo(f"rotators: {' '.join('; '.join(messages).split())}", err=True)
        raise SystemExit(2 if all(errors.values()) else 1)
    click.echo(f"report: {root.report}")
    click.echo(f"database: {root.database}")
