"""Commands that look after the results: clean."""

from __future__ import annotations

import click

from rotator_assets.cli.examples import examples
from rotator_assets.cli.options import data_option, data_root
from rotator_assets.core.errors import InputError


@click.command(epilog=examples("rotators clean --dry-run", "rotators clean --older-than 90"))
@data_option
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="DAYS",
    help="Age of the runs whose records are removed; those of current results stay.",
)
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
def clean(data: str | None, days: float, dry_run: bool) -> None:
    """Free the space of what no result needs.

    These are superseded versions of tables, replaced networks and images, what stopped processes have left, and
    Dagster's records of old runs. Nothing that a query may be using is touched, and nothing becomes stale. Trainings
    that stopped more than a day ago start again instead of continuing. While a run is in progress, nothing is removed.
    """
    from rotator_assets.definitions import asset_graph
    from rotator_assets.orchestration.cleaning import clean as clean_results
    from rotator_assets.tables import open_store

    root = data_root(data)
    if not root.results.is_dir():
        raise InputError(f"{root.path}: holds no results; run `rotators run` first")
    root.require_writable()
    clean_results(open_store(root), asset_graph().asset_check_keys, days, dry_run=dry_run)
