"""Commands that show or export what there is: status, recipes, query and export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotator_assets.cli.examples import examples
from rotator_assets.cli.options import data_option, data_root, require_apart
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError

if TYPE_CHECKING:
    from rotator_assets.orchestration.runner import Runner
    from rotator_assets.store.table_store import TableStore


@click.command(epilog=examples("rotators status", "rotators status --data data/demo"))
@data_option
def status(data: str | None) -> None:
    """List inputs, what can be built, and what is stale.

    It lists the files that are found, those that are missing and where to get them, the datasets that can be built from
    them, and the results that are out of date and why.
    """
    from rotator_assets.orchestration.status import print_status

    # Imported where they are needed: the code location reads recipes.yaml, which may contain an error.
    def open_store(root: DataRoot) -> TableStore:
        from rotator_assets.tables import open_store

        return open_store(root)

    def open_runner(root: DataRoot) -> Runner:
        from rotator_assets.running import open_runner

        return open_runner(root)

    print_status(data_root(data), open_store, open_runner)


@click.command(epilog=examples("rotators summary", "rotators summary --data data/demo"))
@data_option
def summary(data: str | None) -> None:
    """Print the answer in at most five sentences.

    They are those of the first page of the report, and of the table key_results.
    """
    from rotator_assets.orchestration.summary import print_summary
    from rotator_assets.tables import open_store

    print_summary(open_store(data_root(data)))


@click.command(epilog=examples("rotators recipes", "rotators recipes --data data/demo | grep log"))
@data_option
def recipes(data: str | None) -> None:
    """List the recipes: differences, cost, and trainings.

    The cost is a rough time, relative to that of the recipe `thesis` on the same galaxies.
    """
    from rotator_assets.orchestration.recipe_list import print_recipes

    print_recipes(data_root(data))


@click.command(
    context_settings={"ignore_unknown_options": True},  # SQL may begin with a comment: -- ...
    epilog=examples(
        'rotators query "FROM model_metrics"',
        'rotators query "DESCRIBE predictions"',
        'rotators query "FROM candidates ORDER BY rank LIMIT 20" --format csv',
        'rotators query "SELECT galaxy_id, ra, dec FROM galaxies" -o galaxies.fits',
    ),
)
@click.argument("sql")
@data_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Format of the printed answer.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write instead: .csv, .json, .parquet, .fits, .vot (VOTable) or .ecsv.",
)
@click.option(
    "--allow-files", is_flag=True, help="Allow every statement and any file; do not use it for SQL of others."
)
@click.pass_context
def query(
    context: click.Context, sql: str, data: str | None, form: str, output: Path | None, allow_files: bool
) -> None:
    """Run SQL on the results.

    It never waits for a run and never blocks one. The tables are listed in docs/tables.md. SQL can only read them:
    other files and statements need --allow-files.
    """
    from rotator_assets.orchestration.answers import answering, write_answer
    from rotator_assets.orchestration.query_output import as_csv, print_answer
    from rotator_assets.store.json_text import as_json
    from rotator_assets.tables import open_store

    store = open_store(data_root(data))
    if output:
        if context.get_parameter_source("form") is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--format is for the console, the ending of --output for a file: leave out --format")
        require_apart(output, store.root)
        click.echo(write_answer(store, sql, output, allow_files=allow_files))
        return
    with answering(store, sql, allow_files=allow_files) as (_, answer, folder):
        if answer is None:
            _write(b"[]\n" if form == "json" else b"")
        elif form == "json":
            _write(as_json(answer).encode())
        elif form == "csv":
            _write(as_csv(answer, folder))
        else:
            print_answer(answer)


@click.command(
    epilog=examples(
        "rotators export results.duckdb",
        "rotators export candidates.fits --table candidates",
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@click.option("--table", metavar="NAME", help="The table to write, where FILE ends in .csv, .fits, .vot, ...")
def export(file: Path, data: str | None, table: str | None) -> None:
    """Write all tables, or one, into a file.

    All of them go into FILE.duckdb, which is self-contained and replaces an earlier export. Otherwise the ending
    selects the format, and --table the table: .csv, .json, .parquet, .fits, .vot (VOTable) or .ecsv.
    """
    from rotator_assets.orchestration.answers import write_answer
    from rotator_assets.store.table_files import has_known_ending
    from rotator_assets.tables import open_store

    root = data_root(data)
    if not root.tables.is_dir():
        raise InputError(f"{root.path}: holds no results to export; run `rotators run` first")
    require_apart(file, root)
    store = open_store(root)
    if table is None and not has_known_ending(file):
        rows = store.export(file)
        click.echo(f"{file}: {len(rows)} tables, {sum(rows.values())} rows")
        return
    if table not in store.tables:
        problem = f"there is no table '{table}'" if table else f"{file}: holds one table, which --table names"
        raise InputError(f"{problem}; the tables are: {', '.join(store.tables)}")
    click.echo(write_answer(store, f'FROM "{table}"', file))


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
