"""Group ``reports``: attribution maps of every training, as FITS files, measures and pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.attribution.attribution_files import (
    SkyPlace,
    explanation_cards,
    maps_path,
    remove_other_files,
    write_attribution,
)
from rotator_assets.attribution.attribution_pictures import attribution_pictures
from rotator_assets.core import progress
from rotator_assets.core.files import allocate, replacing
from rotator_assets.core.frames import parts_of
from rotator_assets.core.keys import split_training_key
from rotator_assets.core.profiles import effective_recipe
from rotator_assets.core.recipes import Recipe
from rotator_assets.galaxies.recipe_labels import with_galaxies
from rotator_assets.lineage.groups import described, of_dataset, training_report_asset
from rotator_assets.lineage.inputs import of_recipe
from rotator_assets.lineage.reads import Reads
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.surveys.datasets import DATASETS, Dataset
from rotator_assets.training.assets import as_predicted

if TYPE_CHECKING:
    from rotator_assets.attribution.integrated_gradients import Attributions

_EXPLAINED = ["completeness_error", "logit", "logit_baseline"]
"""Columns of the table, and fields of `Attributions`."""
_EXPLAINED_AT_ONCE = 512
"""Number of galaxies whose attribution maps are in memory at the same time."""


@training_report_asset(
    code_version="7",
    ins=of_dataset("image_tensors", "labeled_images"),
    deps=of_recipe("training", "prediction", "attribution"),
    description="Attribution of the logit to the pixels of every galaxy, by the network that was not trained on it.",
)
def attribution_maps(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    predictions: pd.DataFrame,
    rotator_classifier: TrainedModels,
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    """Compute and save the attribution map of every galaxy with an out-of-fold prediction, and its measures."""
    from rotator_assets.attribution.attribution_numbers import AttributionNumbers
    from rotator_assets.attribution.integrated_gradients import COMPLETENESS_TOLERANCE

    dataset, name = split_training_key(context.partition_key)
    reads = Reads(context, store)
    recipe = recipe_to_explain(reads, DATASETS[dataset], rotator_classifier, image_tensors)
    synthetic = rotator_classifier.synthetic or image_tensors.synthetic
    key = {"dataset": dataset, "recipe": name, "synthetic": synthetic}
    sample = with_galaxies(predictions, labeled_images, recipe)
    places = _places(labeled_images, reads.table("images", dataset))
    files = _Files(store.root.attributions / dataset / name / "fits", key, sample, places)
    numbers = AttributionNumbers(sample, image_tensors.size_px, recipe.band_indices)
    images = image_tensors.select(sample["galaxy_id"])
    path = maps_path(store.root.attributions / dataset / name)
    with replacing(path) as temporary:
        shape = (len(sample), image_tensors.size_px, image_tensors.size_px)
        maps = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        with temporary.open("rb+") as file:
            allocate(file.fileno(), temporary.stat().st_size)
        explained = sample[["galaxy_id"]].assign(**key, map_row=np.arange(len(sample)), n_steps=0)
        explained[_EXPLAINED] = np.nan
        done = 0
        for rows, result in _explained(rotator_classifier, image_tensors, sample, recipe, f"{dataset} {name}"):
            maps[rows] = result.maps.sum(axis=-1)
            explained.loc[rows, "n_steps"] = result.n_steps
            explained.loc[rows, _EXPLAINED] = np.column_stack([getattr(result, column) for column in _EXPLAINED])
            for row, attribution in zip(rows, result.maps, strict=True):
                numbers.add(row, attribution, images[row])
                files.write(maps[row], images[row][..., list(recipe.band_indices)].sum(axis=-1), explained.loc[row])
            done += len(rows)
            context.log.info(f"explained {done} of {len(sample)} galaxies")
        maps.flush()
    remove_other_files(files.folder, sample["galaxy_id"])
    explained = pd.concat([explained, numbers.shapes], axis=1)
    summary = numbers.summary(recipe.seed).assign(**key)
    found = {
        "attributions": explained,
        "attribution_summary": summary,
        "attribution_profiles": numbers.profile_summary(recipe.seed).assign(**key),
    }
    pictures = attribution_pictures(store.root, key, sample, found, maps, numbers, image_tensors)
    inside = summary[summary["measure"] == "fraction_within_r_eff"].set_index("galaxies")["mean"].dropna()
    return dg.MaterializeResult(
        value=found,
        data_version=dg.DataVersion(content_hash(explained)),
        metadata=described(
            synthetic=synthetic,
            pictures=pictures,
            median_completeness_error=float(explained["completeness_error"].median()),
            not_complete=int((explained["completeness_error"] > COMPLETENESS_TOLERANCE).sum()),
            **{f"within_r_eff_{group}": float(inside[group]) for group in ("slow", "fast") if group in inside},
            steps=recipe.attribution_steps,
            maps=dg.MetadataValue.path(str(path)),
            fits=dg.MetadataValue.path(str(files.folder)),
        ),
    )


def recipe_to_explain(reads: Reads, dataset: Dataset, models: TrainedModels, tensor: ImageTensor) -> Recipe:
    """Return the recipe of the existing networks and predictions, with the current settings for attributions.

    Parameters
    ----------
    reads : Reads
        Of the asset that runs.
    dataset : Dataset
        The dataset explained.
    models : TrainedModels
        The networks explained.
    tensor : ImageTensor
        The images of the dataset.

    Returns
    -------
    Recipe
        Settings of training and prediction as recorded, those of attribution as in ``recipes.yaml`` now.
    """
    predicted = as_predicted(models, reads.table("repeat_predictions"))
    now, _ = effective_recipe(reads.recipe("attribution"), dataset.crop_px, reads.profile(), tensor.synthetic)
    return predicted.with_settings_of(now, "attribution")


def _explained(
    models: TrainedModels, tensor: ImageTensor, sample: pd.DataFrame, recipe: Recipe, training: str
) -> Iterator[tuple[np.ndarray, "Attributions"]]:
    """Yield rows of the sample with their attributions by the network of their fold, in batches."""
    from rotator_assets.attribution.integrated_gradients import explain

    tensor_rows, done, stage = tensor.rows_of(sample["galaxy_id"]), 0, f"attributions {training}"
    for fold, tested in parts_of(sample, "fold"):
        model = models.load(int(fold))
        for start in range(0, len(tested), _EXPLAINED_AT_ONCE):
            rows = tested.index[start : start + _EXPLAINED_AT_ONCE].to_numpy()
            result = explain(
                model,
                tensor.images,
                tensor_rows[rows],
                recipe,
                on_progress=lambda here, _, before=done: progress.report(stage, before + here, len(sample)),
            )
            yield rows, result
            done += len(rows)


def _places(labeled_images: pd.DataFrame, images: pd.DataFrame) -> dict[str, SkyPlace]:
    """Return the position and orientation on the sky of each galaxy's image, by ``galaxy_id``."""
    known = labeled_images[["galaxy_id", "ra", "dec"]].merge(
        images[["galaxy_id", "arcsec_per_pixel", "north_angle_deg", "galaxy_x_pixels", "galaxy_y_pixels"]],
        on="galaxy_id",
    )
    return {galaxy_id: SkyPlace(*place) for galaxy_id, *place in known.itertuples(index=False)}


class _Files:
    """Writes the FITS files of a training."""

    def __init__(self, folder: Path, key: dict, sample: pd.DataFrame, places: dict[str, SkyPlace]) -> None:
        self.folder = folder
        self._key, self._places = key, places
        self._sample = sample.set_index("galaxy_id")

    def write(self, attribution: np.ndarray, image: np.ndarray, explained: pd.Series) -> None:
        galaxy_id = explained["galaxy_id"]
        galaxy = self._sample.loc[galaxy_id]
        cards = {
            "GALAXY": (galaxy_id, "catalogue entry"),
            "DATASET": (self._key["dataset"], "survey-noise-crop"),
            "RECIPE": (self._key["recipe"], "recipe of the explained training"),
            "CLASS": ("fast" if galaxy["rotator_type"] == 1 else "slow", "rotator class by spin parameter"),
            "P_FAST": (float(galaxy["probability_fast"]), "out-of-fold probability of a fast rotator"),
            **explanation_cards(
                *(explained[name] for name in ("logit", "logit_baseline", "completeness_error", "n_steps")),
                synthetic=bool(self._key["synthetic"]),
            ),
        }
        place = self._places.get(galaxy_id, SkyPlace())
        write_attribution(self.folder, galaxy_id, attribution, image, place, cards, galaxy["image_unit"])
