"""Commands that use trained networks on other images: predict and model export."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotator_assets.cli.clusters import cluster, scheduler_option
from rotator_assets.cli.examples import examples
from rotator_assets.cli.options import data_option, data_root, dataset_option, output_options, recipe_option
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.verbosity import Verbosity

if TYPE_CHECKING:
    from rotator_assets.application.entries import ImageList
    from rotator_assets.application.packages import Package
    from rotator_assets.application.predictor import Predictor


@click.command(
    epilog=examples(
        "rotators predict cutouts/ --model slow-rotators -o predictions.csv",
        "rotators predict 'new/*.fits' --catalog new.csv -d manga-observed-64 \\",
        "    -r recommended -o predictions.fits --attributions maps/",
    )
)
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--catalog",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Table with galaxy_id and, if known, ra, dec and t_type: CSV, FITS, VOTable, ECSV or Parquet.",
)
@click.option(
    "--model",
    "folder",
    type=click.Path(path_type=Path),
    help="Exported model. Without it, give --dataset and --recipe.",
)
@dataset_option
@recipe_option
@data_option
@click.option(
    "--prior",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Fraction of slow rotators in the population of the recipe, if it is not that of the training.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: .csv, .json, .parquet, .fits, .vot (VOTable) or .ecsv.",
)
@click.option(
    "--attributions",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for attribution maps, one FITS file per galaxy; a second or more per galaxy.",
)
@scheduler_option
@output_options
def predict(
    images: Sequence[str],
    catalog: Path | None,
    folder: Path | None,
    dataset: str | None,
    recipe: str | None,
    data: str | None,
    prior: float | None,
    output: Path,
    attributions: Path | None,
    scheduler: str | None,
    verbosity: Verbosity,
) -> None:
    """Predict which galaxies are slow rotators, from images alone.

    IMAGES are files (FITS, PNG, JPG), folders, tar archives, patterns, or a table with a column path. They are treated
    and checked as those of the training. An interrupted command continues where it stopped when it is given again.
    """
    from rotator_assets.application.entries import ImageList
    from rotator_assets.application.galaxy_tables import read_galaxies
    from rotator_assets.application.predictor import Predictor
    from rotator_assets.store.table_files import ending_of
    from rotator_assets.surveys import SURVEYS

    ending_of(output)
    if prior is not None and math.isnan(prior):
        raise click.UsageError("--prior is not a number")
    known = read_galaxies(catalog, "galaxy_id") if catalog else None
    if catalog and output.exists() and catalog.samefile(output):
        raise InputError(f"{output}: is the catalogue; name another file to write")
    package = _package(folder, dataset, recipe, data)
    survey = SURVEYS.get(package.card.images.survey)
    listed = ImageList(
        images,
        known,
        simulated=package.card.images.noise != "observed",
        galaxy_name=survey.image_name if survey else None,
    )
    with cluster(None if folder else data_root(data), scheduler):
        _predict(Predictor(package, prior, attributions), listed, output, verbosity)


@click.group(epilog=examples("rotators model export slow-rotators -d manga-observed-64 -r recommended"))
def model() -> None:
    """Write trained networks for use on other machines."""


@model.command(
    name="export",
    epilog=examples(
        "rotators model export slow-rotators -d manga-observed-64 -r recommended",
        "rotators model export demo-model -d manga-observed-64 -r thesis \\",
        "    --data data/demo --onnx",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path))
@dataset_option
@recipe_option
@data_option
@click.option("--onnx", is_flag=True, help="Also the networks in ONNX, for other programs.")
def export_model(folder: Path, dataset: str | None, recipe: str | None, data: str | None, onnx: bool) -> None:
    """Write a trained model into the new folder FOLDER.

    It is for `rotators predict --model FOLDER`, holds the networks, their calibration, and a card (MODEL_CARD.md,
    model.json), and needs no survey data.
    """
    from rotator_assets.application.packages import PAGE, export_package

    package = _package(None, dataset, recipe, data)
    export_package(package, folder, onnx=onnx)
    click.echo(f"{folder}: {package.card.title}; see {folder / PAGE}")


def _package(folder: Path | None, dataset: str | None, recipe: str | None, data: str | None) -> Package:
    """Return the model in a folder, or of a training of the data root."""
    if folder is not None:
        if dataset or recipe or data:
            raise click.UsageError("--model names a model: leave out --dataset, --recipe and --data")
        from rotator_assets.application.packages import open_package

        return open_package(folder)
    if not (dataset and recipe):
        raise click.UsageError("say which model: --dataset D and --recipe R of a training, or --model FOLDER")
    return _trained(data_root(data), dataset, recipe)


def _trained(root: DataRoot, dataset: str, recipe: str) -> Package:
    """Return the model of a training; raise InputError unless all that it consists of is up to date."""
    from rotator_assets.application.training_results import NEEDED, trained_package
    from rotator_assets.core.recipes_file import load_recipes
    from rotator_assets.lineage.partitions import dataset as dataset_of
    from rotator_assets.lineage.settings_file import load_settings
    from rotator_assets.running import open_runner
    from rotator_assets.tables import open_store

    if recipe not in load_recipes():
        raise InputError(f"there is no recipe '{recipe}'; the recipes are: {', '.join(load_recipes())}")
    survey = dataset_of(dataset).survey
    package = trained_package(open_store(root), load_settings(root).survey(survey), dataset, recipe)
    root.require_writable()
    with open_runner(root) as runner:
        runner.observe()
        partitions = {survey, dataset, f"{dataset}|{recipe}"}
        stale = [s for s in runner.staleness().stale(NEEDED) if s.partition in partitions]
    if stale:
        raise InputError(
            f"{stale[0].asset} of {stale[0].partition} is out of date ({stale[0].reason}); run `rotators run --stale`"
        )
    return package


def _predict(predictor: Predictor, images: ImageList, output: Path, verbosity: Verbosity) -> None:
    from rotator_assets.application.notices import notices_of
    from rotator_assets.application.stream import predict_images
    from rotator_assets.orchestration.terminal import Progress

    with Progress(verbosity):
        counts, resumed = predict_images(predictor, images, output)
    total, usable = counts["n"].sum(), counts.loc[counts["usable"], "n"].sum()
    earlier = f" ({resumed} by an earlier run)" if resumed else ""
    remark = "; made from synthetic galaxies" if counts["synthetic"].any() else ""
    click.echo(f"{output}: {total} images{earlier}, {usable} predicted{remark}")
    if verbosity is not Verbosity.QUIET:
        for line in notices_of(counts, images, predictor.package.card):
            click.echo(f"notice: {line}")
