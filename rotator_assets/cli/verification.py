"""Commands that check results: verify and reproduce."""

from __future__ import annotations

import click

from rotator_assets.cli.examples import examples
from rotator_assets.cli.options import data_option, data_root, dataset_option, output_options
from rotator_assets.cli.shell_completion import complete_datasets, complete_recipes
from rotator_assets.core.errors import InputError
from rotator_assets.core.verbosity import Verbosity


@click.command(epilog=examples("rotators verify", "rotators verify -d manga-observed-64 --fast"))
@dataset_option
@click.option("--fast", is_flag=True, help="Compare only size and time of input files, and only sizes of images.")
@data_option
@output_options
def verify(dataset: str | None, fast: bool, data: str | None, verbosity: Verbosity) -> None:
    """Compare all results and inputs with their checksums.

    It checks tables, images, networks and input files, prints a line for each that is damaged, with what to do, and
    then exits with status 1. Inputs that have changed since they were read are listed, and are no damage.
    """
    from rotator_assets.lineage.partitions import dataset as dataset_of
    from rotator_assets.orchestration.terminal import Progress
    from rotator_assets.orchestration.verification import verify as verify_results
    from rotator_assets.tables import open_store

    root = data_root(data)
    if not root.results.is_dir():
        raise InputError(f"{root.path}: holds no results; run `rotators run` first")
    chosen = dataset_of(dataset).key if dataset else None
    with Progress(verbosity):
        found = verify_results(open_store(root), chosen, fast=fast)
    for line in found.lines():
        click.echo(line)
    if found.damaged:
        raise SystemExit(1)


@click.command(
    epilog=examples(
        "rotators reproduce manga-observed-64 thesis",
        "rotators reproduce manga-observed-64 thesis --dry-run",
    )
)
@click.argument("dataset", shell_complete=complete_datasets)
@click.argument("recipe", shell_complete=complete_recipes)
@click.option("--dry-run", is_flag=True, help="Only say where the training comes from.")
@data_option
@output_options
def reproduce(dataset: str, recipe: str, dry_run: bool, data: str | None, verbosity: Verbosity) -> None:
    """Train RECIPE on DATASET again, and compare the predictions.

    It says where the first training comes from: run, program, packages, machine, inputs. The repetition has the same
    recipe, threads and precision, and is thrown away. On the same machine the predictions must be equal to the last
    digit, on another one within the tolerance of docs/reproducing.md; else the exit status is 1.
    """
    from rotator_assets.lineage.partitions import dataset as dataset_of
    from rotator_assets.orchestration.reproducing import Recorded, described
    from rotator_assets.orchestration.reproducing import reproduce as train_again
    from rotator_assets.orchestration.terminal import Progress
    from rotator_assets.running import open_runner
    from rotator_assets.tables import open_store

    store = open_store(data_root(data))
    recorded = Recorded.of(store, dataset_of(dataset).key, recipe)
    if verbosity is not Verbosity.QUIET:
        for line in described(recorded.origin):
            click.echo(line)
    if dry_run:
        return
    with Progress(verbosity, logged=True):
        found = train_again(store, recorded, open_runner, verbosity.log_level)
    for line in found.lines():
        click.echo(line)
    if not found.is_successful:
        raise SystemExit(1)
