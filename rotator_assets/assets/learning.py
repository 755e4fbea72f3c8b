"""Group ``learning``: the trained networks and their out-of-fold predictions."""

from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from rotator_assets import progress
from rotator_assets.assets.inputs import OWNERS, training_recipe
from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError
from rotator_assets.partitions import (
    DATASETS,
    dataset_to_training,
    recipe_to_training,
    split_training_key,
    training_partitions,
)
from rotator_assets.recipes import Recipe, load_recipes, reduced
from rotator_assets.settings import Settings, load_settings
from rotator_assets.storage.models import TrainedModels, new_model_folder
from rotator_assets.storage.tables import TableStore, content_hash
from rotator_assets.storage.tensors import ImageTensor

if TYPE_CHECKING:
    from rotator_assets.learning.training import EpochLog

_COMMON = {"group_name": "learning", "owners": OWNERS, "partitions_def": training_partitions, "code_version": "1"}
_OF_DATASET = dg.AssetIn(partition_mapping=dataset_to_training)

TRAINING_POOL = "training"


@dg.asset(
    **_COMMON,
    ins={"image_tensors": _OF_DATASET, "labeled_images": _OF_DATASET},
    deps=[dg.AssetDep(training_recipe, partition_mapping=recipe_to_training)],
    io_manager_key="models",
    pool=TRAINING_POOL,
    kinds={"keras", "tensorflow"},
    description="One network a fold, folds by physical galaxy; a validation part stops it and sets its threshold.",
)
def rotator_classifier(
    context: dg.AssetExecutionContext,
    root: dg.ResourceParam[DataRoot],
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    from rotator_assets.learning.training import cross_validate

    dataset, name = split_training_key(context.partition_key)
    recipe, profile = effective_recipe(
        load_recipes()[name], DATASETS[dataset].crop_px, load_settings(root), image_tensors.synthetic
    )
    sample = training_sample(labeled_images, recipe, dataset, TableStore(root))
    folder = new_model_folder(root.models / dataset / name)

    def on_epoch(log: "EpochLog") -> None:
        note = f"loss {log.loss:.3f}, validation {log.val_loss:.3f}, AUC {log.val_auc:.3f}"
        context.log.info(
            f"fold {log.fold + 1}/{log.n_folds}, epoch {log.epoch}/{log.n_epochs}: {note}; "
            f"{log.images_per_second:.0f} images/s, at most {log.seconds_left:.0f} s left"
        )
        done = log.fold * log.n_epochs + log.epoch
        progress.report(f"training {dataset} {name}", done, log.n_folds * log.n_epochs, note)

    trained = cross_validate(
        image_tensors.images,
        labels=sample["rotator_type"],
        object_ids=sample["object_id"],
        galaxy_ids=sample["galaxy_id"],
        recipe=recipe,
        rows=image_tensors.rows_of(sample["galaxy_id"]),
        model_folder=folder,
        on_epoch=on_epoch,
    )
    models = TrainedModels(
        folder=folder,
        recipe=recipe,
        profile=profile,
        thresholds=tuple(trained.folds.sort_values("fold")["threshold"]),
        device=trained.device,
        seconds=trained.seconds,
        synthetic=image_tensors.synthetic,
    )
    key = {"dataset": dataset, "recipe": name, "synthetic": image_tensors.synthetic}
    folds = trained.predictions.assign(**key)
    history = trained.history.assign(**key)
    return dg.MaterializeResult(
        value=(models, {"training_folds": folds, "training_history": history}),
        data_version=dg.DataVersion(
            content_hash(folds[["galaxy_id", "fold"]]) + content_hash(history) + recipe.version
        ),
        metadata={
            "galaxies": len(sample),
            "slow": int((sample["rotator_type"] == 0).sum()),
            "folds": recipe.folds,
            "epochs": recipe.epochs,
            "profile": profile,
            "recipe": dg.MetadataValue.json(recipe.model_dump(mode="json")),
            "device": f"{trained.device} ({trained.policy})",
            "seconds": trained.seconds,
            "validation_auc": float(history.groupby("fold")["val_auc"].max().mean()),
            "models": dg.MetadataValue.path(str(folder)),
            "synthetic": image_tensors.synthetic,
        },
    )


@dg.asset(
    **_COMMON,
    ins={"image_tensors": _OF_DATASET},
    io_manager_key="tables",
    kinds={"duckdb", "keras"},
    description="Each galaxy's probability of being fast, by the network that saw neither it nor its repeats.",
)
def predictions(
    context: dg.AssetExecutionContext,
    root: dg.ResourceParam[DataRoot],
    image_tensors: ImageTensor,
    rotator_classifier: TrainedModels,
) -> dg.MaterializeResult:
    from scipy.special import expit

    from rotator_assets.learning.training import predict_logits

    folds = TableStore(root).read("training_folds", context.partition_key)
    probability = pd.Series(index=folds.index, dtype=float)
    for fold, tested in folds.groupby("fold"):
        model = rotator_classifier.load(int(fold))
        rows = image_tensors.rows_of(tested["galaxy_id"])
        logits = predict_logits(model, image_tensors.images, rows, rotator_classifier.recipe)
        probability[tested.index] = expit(logits.astype(float))
    frame = folds.assign(probability_fast=probability, predicted_type=(probability >= folds["threshold"]).astype(int))
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(frame[["galaxy_id", "probability_fast", "predicted_type"]])),
        metadata={"dagster/row_count": len(frame), "synthetic": image_tensors.synthetic},
    )


def effective_recipe(recipe: Recipe, crop_px: int, settings: Settings, synthetic: bool) -> tuple[Recipe, str]:
    """The recipe to train and its profile: as it stands, or reduced where the profile is quick."""
    quick = settings.profile == "quick" or (settings.profile == "auto" and synthetic)
    return (reduced(recipe, crop_px), "quick") if quick else (recipe, "full")


def training_sample(labeled_images: pd.DataFrame, recipe: Recipe, dataset: str, tables: TableStore) -> pd.DataFrame:
    """The rows of the recipe's population. Raises InputError where there is none, saying why."""
    sample = labeled_images[labeled_images["is_early_type"]] if recipe.population == "early" else labeled_images
    if sample.empty:
        listed = tables.query(
            f"SELECT reason, count(*) AS n FROM images WHERE dataset = '{dataset}' AND NOT usable "
            "GROUP BY reason ORDER BY n DESC LIMIT 1"
        )
        why = f"; most are not usable: {listed['reason'][0]} ({listed['n'][0]} of them)" if len(listed) else ""
        raise InputError(
            f"{dataset}: no labelled galaxy of the population '{recipe.population}' has a usable image{why}; "
            f"see: SELECT * FROM images WHERE dataset = '{dataset}'"
        )
    return sample.reset_index(drop=True)
