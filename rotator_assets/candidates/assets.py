"""Asset ``candidates``: every galaxy with an image, ranked by its probability of being a slow rotator."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.attribution.assets import recipe_to_explain
from rotator_assets.candidates.blind import has_folds
from rotator_assets.candidates.exhibits import EXHIBITS
from rotator_assets.candidates.population import known_types
from rotator_assets.candidates.tables import TABLES
from rotator_assets.core import progress
from rotator_assets.core.errors import InputError
from rotator_assets.core.keys import split_training_key
from rotator_assets.core.recipes import Recipe
from rotator_assets.galaxies.recipe_labels import with_recipe_labels
from rotator_assets.lineage.groups import described, of_dataset, training_report_asset
from rotator_assets.lineage.inputs import of_recipe
from rotator_assets.lineage.notices import noticed
from rotator_assets.lineage.observed_results import learned_galaxies, other_survey_galaxies
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import DATASETS
from rotator_assets.training.assets import predictions
from rotator_assets.training.galaxies import training_galaxies
from rotator_assets.training.material import Material
from rotator_assets.training.objects import physical_objects
from rotator_assets.training.targets import MARGINS

if TYPE_CHECKING:
    from rotator_assets.candidates.networks import NetworkOutputs
    from rotator_assets.candidates.ranking import Ranking
    from rotator_assets.candidates.seen import SeenGalaxies
    from rotator_assets.candidates.sheet import Sheet

_SEED = 2020


@training_report_asset(
    code_version="2",
    ins=of_dataset("image_tensors", "labeled_images", "imaged_galaxies"),
    deps=[*of_recipe("training", "prediction", "attribution"), predictions, other_survey_galaxies, learned_galaxies],
    description="Every galaxy with an image, most probable slow rotator first, by networks that have not seen it; and "
    "completeness and purity of the first candidates.",
)
def candidates(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    rotator_classifier: TrainedModels,
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
    imaged_galaxies: pd.DataFrame,
) -> dg.MaterializeResult:
    """Rank every galaxy with an image, and say what observing the first of them finds."""
    from rotator_assets.candidates.blind import predict_blindly
    from rotator_assets.candidates.follow_up import follow_up_table, origin_of_labels
    from rotator_assets.candidates.metrics import candidate_metrics
    from rotator_assets.candidates.ranking import ranked_candidates
    from rotator_assets.candidates.seen import seen_galaxies
    from rotator_assets.candidates.sheet import first_candidates

    dataset, name = split_training_key(context.partition_key)
    reads = Reads(context, store)
    predicted = reads.table("repeat_predictions")
    recipe = recipe_to_explain(reads, DATASETS[dataset], rotator_classifier, image_tensors)
    key: dict[str, Any] = {"dataset": dataset, "recipe": name, "synthetic": rotator_classifier.synthetic}
    material = _material(rotator_classifier, image_tensors, labeled_images, dataset, reads)
    galaxies = with_recipe_labels(imaged_galaxies, recipe)
    galaxies = galaxies.assign(is_early_type=known_types(galaxies))
    physical, rows = galaxies.assign(object_id=physical_objects(galaxies)), image_tensors.rows_of(galaxies["galaxy_id"])
    run = _runs(rotator_classifier, material, recipe, f"candidates {dataset} {name}")
    blind = predict_blindly(physical, rows, material, run, recipe.seed)
    ranking = ranked_candidates(blind, _calibration(reads), galaxies, recipe.test_time_averaging, recipe.population)
    ranked = ranking.candidates.assign(**key)
    _keep_interpretation(rotator_classifier, recipe, ranking, material, seen_galaxies(material, physical, rows))
    held_out = set(predicted["galaxy_id"]) if recipe.split == "holdout" else None
    follow_up = follow_up_table(ranked, held_out, seed=_SEED).assign(**key)
    lost = len(galaxies) - len(ranked)
    lines = (
        [f"{dataset} {name}: {lost} galaxies are no candidates, because all networks have seen them"] if lost else []
    )
    notices, noticed_in_run = noticed(context, DATASETS[dataset].survey, lines, key["synthetic"])
    labels = origin_of_labels(
        galaxies[galaxies["rotator_type"].notna()], SURVEYS[DATASETS[dataset].survey].lambda_r_scales
    )
    first = _with_shapes(first_candidates(ranked), galaxies, reads.table("images", dataset))
    sheet = _sheet(first, blind.outputs, rotator_classifier, image_tensors, recipe, f"{dataset} {name}")
    pictures = _pictures(store, follow_up, labels, sheet, key)
    listed = ranked[ranked["lambda_r"].isna()]
    return dg.MaterializeResult(
        value={
            "candidates": ranked[TABLES["candidates"].column_names],
            "follow_up": follow_up[TABLES["follow_up"].column_names],
            "candidate_metrics": candidate_metrics(ranked, seed=_SEED).assign(**key),
            **notices,
        },
        data_version=dg.DataVersion(content_hash(ranked)),
        metadata=described(
            synthetic=key["synthetic"],
            pictures=pictures,
            without_kinematics=len(listed),
            slow_expected=float(listed["probability_slow"].sum()),
            labels=labels,
            outside_domain=int((~ranked["in_domain"]).sum()),
            **noticed_in_run,
        ),
    )


def _material(
    models: TrainedModels, tensor: ImageTensor, labeled_images: pd.DataFrame, dataset: str, reads: Reads
) -> Material:
    """Return the galaxies of the training and its splits; raise InputError if they have changed since."""
    material = training_galaxies(tensor, labeled_images, models.recipe, dataset, reads).material(tensor)
    if not has_folds(material, reads.table("training_folds"), reads.table("unseen_galaxies")):
        raise InputError(
            f"{dataset}|{models.recipe.name}: was trained on other galaxies; materialize rotator_classifier again "
            "(`rotators run --stale` does)"
        )
    return material


def _runs(
    models: TrainedModels, material: Material, recipe: Recipe, title: str
) -> "Callable[[int, NDArray[np.int64]], NetworkOutputs]":
    """Return a function that runs the networks of a fold on rows of the images, and reports progress."""
    from rotator_assets.candidates.networks import Networks

    def run(fold: int, rows: NDArray[np.int64]) -> "NetworkOutputs":
        progress.report(title, fold, recipe.networks, f"{len(rows)} galaxies")
        return Networks(models.load_outputs(fold), recipe)(material.images, rows)

    return run


def _keep_interpretation(
    models: TrainedModels, recipe: Recipe, ranking: "Ranking", material: Material, seen: "SeenGalaxies"
) -> None:
    """Write what `rotators predict` needs in addition to the networks."""
    from rotator_assets.candidates.interpretation_file import Interpretation, interpretation_path

    calibrating = np.concatenate([material.labels[split.validation] for split in material.splits])
    Interpretation(
        training=models.folder.name,
        recipe=recipe.model_dump_json(),
        population=recipe.population,
        fraction_slow=float(np.mean(calibrating[calibrating >= 0] == 0)),
        folds=tuple(ranking.folds),
        seen=seen,
    ).write(interpretation_path(models.folder.parent))


def _calibration(reads: Reads) -> pd.DataFrame:
    """Return the calibration and the margins of each fold; margins are missing for recipes that predict no lambda_R."""
    folds = reads.table("training_folds")
    calibration = [column for column in folds.columns if column.startswith("calibration_")]
    folds = folds.drop_duplicates("fold")[["fold", *calibration]]
    margins = reads.table("unseen_galaxies").drop_duplicates("fold")[["fold", *MARGINS]]
    return folds.merge(margins, on="fold", how="left", validate="one_to_one")


def _with_shapes(candidates: pd.DataFrame, galaxies: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return candidates with the unit of their images and what is known of their half-light ellipses."""
    shapes = galaxies[["galaxy_id", "ellipticity"]].merge(
        images[["galaxy_id", "image_unit", "r_eff_pixels", "galaxy_x_pixels", "galaxy_y_pixels"]], on="galaxy_id"
    )
    return candidates.merge(shapes, on="galaxy_id", how="left", validate="one_to_one")


def _sheet(
    first: pd.DataFrame,
    predicted: pd.DataFrame,
    models: TrainedModels,
    tensor: ImageTensor,
    recipe: Recipe,
    training: str,
) -> "Sheet":
    """Return what the contact sheet shows, and report progress."""
    from rotator_assets.candidates.sheet import Sheet, blind_maps, with_ellipses

    images = tensor.images[tensor.rows_of(first["galaxy_id"])]
    maps = blind_maps(
        first["galaxy_id"],
        images,
        predicted,
        models.load,
        recipe,
        lambda done, total: progress.report(f"attributions of candidates {training}", done, total),
    )
    return Sheet(with_ellipses(first, images, maps, recipe), images, maps)


def _pictures(store: TableStore, follow_up: pd.DataFrame, labels: str, sheet: "Sheet", key: dict[str, Any]) -> Pictures:
    from rotator_assets.candidates.figures import contact_sheet, follow_up_figure

    pictures = Pictures(store.root, f"{key['dataset']}/{key['recipe']}", EXHIBITS)
    pictures.add("follow_up", follow_up_figure(follow_up, labels, **key))
    if sheet.galaxies.empty:
        pictures.remove("candidates")
    else:
        pictures.add("candidates", contact_sheet(sheet, **key))
    return pictures
