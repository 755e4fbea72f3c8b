"""The command that compares trainings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import click

from rotator_assets.cli.examples import examples
from rotator_assets.cli.options import data_option, data_root, require_apart
from rotator_assets.core.errors import InputError

_LONGEST_NAME = 120


@click.command(
    epilog=examples(
        "rotators compare manga-observed-64/thesis log max-g",
        "rotators compare -d manga-observed-64 thesis log",
        "rotators compare manga-observed-64/thesis tng100-noisy-64",
        "rotators compare manga-observed-64/thesis@previous @latest",
        "rotators compare manga-observed-64/thesis@2026-11-30T12:00 @latest",
    )
)
@click.argument("trainings", metavar="A B [C ...]", nargs=-1, required=True)
@click.option("--dataset", "-d", metavar="NAME", help="Dataset of trainings named by their recipe alone.")
@data_option
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Page to write; default: results/comparisons/<names>.html of the data root.",
)
def compare(trainings: Sequence[str], dataset: str | None, data: str | None, output: Path | None) -> None:
    """Compare trainings, or versions of one, with the first.

    Shows the settings that differ, the AUCs and their paired difference, and the galaxies that changed class. An HTML
    page adds the ROC curves and the images of these galaxies.

    A training is named DATASET/RECIPE. A part that a name leaves out is that of A. A version follows after @: previous,
    or the beginning of its time (UTC), recipe_version or training in the table model_metrics_history; by default it is
    the latest.
    """
    from rotator_assets.comparison.comparison_page import save_page
    from rotator_assets.comparison.kept_trainings import KeptTraining
    from rotator_assets.comparison.pair_text import LETTERS
    from rotator_assets.comparison.training_names import TrainingHistory
    from rotator_assets.comparison.training_pairs import compare_trainings
    from rotator_assets.orchestration.comparison_output import print_comparison
    from rotator_assets.tables import open_store

    if not 2 <= len(trainings) <= len(LETTERS):
        raise click.UsageError(f"name two to {len(LETTERS)} trainings, such as: manga-observed-64/thesis log")
    root = data_root(data)
    if not root.tables.is_dir():
        raise InputError(f"{root.path}: holds no results to compare; run `rotators run` first")
    store = open_store(root)
    if output:
        require_apart(output, store.root)
    versions = TrainingHistory(store).find(trainings, dataset)
    kept = [KeptTraining.read(store, version) for version in versions]
    pairs = compare_trainings(kept)
    page = output or store.root.results / "comparisons" / f"{_file_stem([one.name for one in kept])}.html"
    save_page(page, store, kept, pairs)
    print_comparison(kept, pairs)
    click.echo(f"page: {page}")


def _file_stem(names: Sequence[str]) -> str:
    """Return a file name for trainings: their names, cut where they are long."""
    stem = "--".join(re.sub(r"[^\w@.-]+", "-", name) for name in names)
    if len(stem) <= _LONGEST_NAME:
        return stem
    return f"{stem[:_LONGEST_NAME]}-{hashlib.sha256(stem.encode()).hexdigest()[:8]}"
