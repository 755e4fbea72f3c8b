"""Commands for surveys of the user's own, which settings alone describe: survey check and survey new."""

from __future__ import annotations

from pathlib import Path

import click

from rotator_assets.cli.examples import examples
from rotator_assets.cli.options import data_option, data_root


@click.group(
    epilog=examples(
        "rotators survey new sami data/sami/catalog.csv data/sami/images",
        "rotators survey check sami",
    )
)
def survey() -> None:
    """Describe a survey of your own, without code."""


@survey.command(
    epilog=examples(
        "rotators survey check sami",
        "rotators survey check sami --data data",
    )
)
@click.argument("name")
@data_option
def check(name: str, data: str | None) -> None:
    """List what is read of a survey, and what is missing.

    NAME is a block under surveys in settings.yaml. It lists each column with its unit and number of values, the images
    with their sizes, pixel scales and the reasons why some are unusable, and the labels.
    """
    from rotator_assets.orchestration.survey_check import print_survey

    print_survey(data_root(data), name)


@survey.command(
    epilog=examples(
        "rotators survey new sami data/sami/catalog.csv data/sami/images",
        "rotators survey new sami data/sami/catalog.csv data/sami/images --write",
    )
)
@click.argument("name")
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("images", type=click.Path(path_type=Path, exists=True, file_okay=False))
@data_option
@click.option("--write", is_flag=True, help="Also add the block to settings.yaml, which keeps the rest.")
def new(name: str, table: Path, images: Path, data: str | None, write: bool) -> None:
    """Propose the settings of a survey.

    It prints a block for settings.yaml: columns of TABLE by their usual names, the names of the files in the folder
    IMAGES, and their pixel scale. Comments say what could not be determined.
    """
    from rotator_assets.orchestration.survey_proposal import propose, write_proposal

    root = data_root(data)
    proposal = propose(root, name, table, images)
    click.echo(proposal.text, nl=False)
    if write:
        click.echo(f"# added to {write_proposal(root, proposal)}")
