"""The trained networks and their out-of-fold predictions."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from rotator_assets.core import progress
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.frames import parts_of
from rotator_assets.core.keys import split_training_key
from rotator_assets.core.profiles import effective_recipe
from rotator_assets.core.recipes import Recipe
from rotator_assets.engine.pools import on_cluster
from rotator_assets.galaxies.recipe_labels import with_recipe_labels
from rotator_assets.lineage.groups import described, learning_asset, of_dataset
from rotator_assets.lineage.inputs import of_recipe
from rotator_assets.lineage.notices import noticed
from rotator_assets.lineage.observed_results import fused_features as fused_features_input
from rotator_assets.lineage.observed_results import learned_galaxies as learned_galaxies_input
from rotator_assets.lineage.observed_results import other_survey_galaxies
from rotator_assets.lineage.partitions import dataset_to_training
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.models import TrainedModels, checkpoint_folder, writing_models
from rotator_assets.store.table_metadata import table_metadata
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.surveys.datasets import DATASETS
from rotator_assets.tensors.assets import imaged_galaxies
from rotator_assets.training.exhibits import EXHIBITS
from rotator_assets.training.galaxies import training_galaxies
from rotator_assets.training.tables import TABLES
from rotator_assets.training.targets import MARGINS, OUTPUTS, PREDICTED_SPIN

if TYPE_CHECKING:
    from rotator_assets.training.cross_validation import EpochLog

_CODE_VERSION = "5"
TRAINING_POOL = "training"
RETRIES, RETRY_SECONDS = 2, 10.0


@learning_asset(
    code_version=_CODE_VERSION,
    ins=of_dataset("image_tensors", "labeled_images"),
    deps=[*of_recipe("training"), other_survey_galaxies, learned_galaxies_input],
    io_manager_key="models",
    pool=TRAINING_POOL,
    kinds={"keras", "tensorflow"},
    description="Networks of each fold, with folds by physical galaxy; a validation part sets epochs and threshold.",
)
def rotator_classifier(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    """Train the networks of a recipe on a dataset by cross-validation."""
    from rotator_assets.training.cross_validation import cross_validate
    from rotator_assets.training.encoders import encoder_version, load_encoder
    from rotator_assets.training.provenance import Program, provenance

    program = Program.of(_CODE_VERSION)
    dataset, name = split_training_key(context.partition_key)
    reads = Reads(context, store)
    recipe, profile = effective_recipe(
        reads.recipe("training"), DATASETS[dataset].crop_px, reads.profile(), image_tensors.synthetic
    )
    galaxies = training_galaxies(image_tensors, labeled_images, recipe, dataset, reads)
    sample, synthetic = galaxies.sample, galaxies.synthetic
    encoder = None if recipe.pretrained is None else load_encoder(recipe, reads.encoders())
    version = None if recipe.pretrained is None else encoder_version(recipe, reads.encoders())
    content = galaxies.content(_CODE_VERSION, version)
    checkpoints = checkpoint_folder(store.root.models / dataset / name, content)
    if checkpoints.is_dir():
        context.log.info(f"resuming an interrupted training: {checkpoints}")

    reached: dict[tuple[str, int, int], int] = {}

    def on_epoch(log: "EpochLog") -> None:
        _report_epoch(context, log)
        stage, members = ("pre-training", 1) if log.is_self_supervised else ("training", recipe.members)
        reached[stage, log.fold, log.member] = log.epoch
        done = (log.fold * members + log.member) * log.n_epochs + log.epoch
        if on_cluster():  # several folds at a time
            done = sum(epoch for (its_stage, *_), epoch in reached.items() if its_stage == stage)
        progress.report(f"{stage} {dataset} {name}", done, log.n_folds * members * log.n_epochs, _note(log))

    with _retrying(context), writing_models(store.root.models / dataset / name) as folder:
        trained = cross_validate(
            image_tensors.images,
            labels=sample["rotator_type"],
            object_ids=sample["object_id"],
            galaxy_ids=sample["galaxy_id"],
            recipe=recipe,
            rows=image_tensors.rows_of(sample["galaxy_id"]),
            model_folder=folder,
            answers=galaxies.answers,
            additional=galaxies.additional,
            other=galaxies.other,
            encoder=encoder,
            checkpoint_folder=checkpoints,
            on_epoch=on_epoch,
        )
    models = TrainedModels(
        folder=folder,
        recipe=recipe,
        profile=profile,
        device=trained.device,
        seconds=trained.seconds,
        synthetic=synthetic,
        training=content,
        parameters=trained.parameters,
    )
    inputs = {
        "image_tensors": image_tensors.version,
        "labeled_images": content_hash(labeled_images),
        "encoder": version,
        **{observed: now.version for observed, now in reads.observed.items()},
        **reads.inputs(dataset),
    }
    origin = provenance(models, trained.policy, program, context.run.run_id, inputs)
    key = {"dataset": dataset, "recipe": name, "synthetic": synthetic}
    folds = trained.tested.assign(**key)
    history, unseen, inner = (frame.assign(**key) for frame in (trained.history, trained.unseen, trained.inner))
    decisive = (folds, history, unseen, *([inner] if recipe.fuses else []))
    notices, noticed_in_run = noticed(context, DATASETS[dataset].survey, galaxies.notices, synthetic)
    tables = {
        "training_folds": folds,
        "training_history": history,
        "unseen_galaxies": unseen,
        "inner_predictions": inner,
        **notices,
    }
    return dg.MaterializeResult(
        value=(models, tables, origin),
        data_version=dg.DataVersion("".join(map(content_hash, decisive)) + recipe.version("training")),
        metadata=described(
            synthetic=synthetic,
            galaxies=len(sample),
            slow=int((sample["rotator_type"] == 0).sum()),
            additional_galaxies=0 if galaxies.additional is None else len(galaxies.additional.rows),
            **noticed_in_run,
            networks=recipe.networks * recipe.members,
            networks_without_two_folds=recipe.inner_networks * recipe.members,
            parameters=trained.parameters,
            epochs=recipe.epochs,
            history=dg.MetadataValue.md(_history_markdown(history)),
            profile=profile,
            recipe=dg.MetadataValue.json({"name": recipe.name, **recipe.settings("training")}),
            device=f"{trained.device} ({trained.policy})",
            seconds=trained.seconds,
            images_per_second=trained.images_per_second,
            folds=dg.MetadataValue.md(_folds_markdown(trained.folds)),
            validation_auc=float(history.groupby("fold")["val_auc"].max().mean()),
            models=dg.MetadataValue.path(str(folder)),
            code=origin["code_commit"].iloc[0] or origin["code_hash"].iloc[0],
            **table_metadata(TABLES["provenance"], 1),
        ),
    )


@learning_asset(
    code_version="8",
    ins=of_dataset("image_tensors"),
    deps=[
        *of_recipe("training", "prediction"),
        dg.AssetDep(imaged_galaxies, partition_mapping=dataset_to_training),
        fused_features_input,
    ],
    description="Probability of being fast, by networks trained on neither the galaxy nor its repeat observations; "
    "the layers of a network.",
)
def predictions(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    image_tensors: ImageTensor,
    rotator_classifier: TrainedModels,
) -> dg.MaterializeResult:
    """Predict each galaxy by the networks that test it."""
    from scipy.special import expit

    from rotator_assets.training.cross_validation import out_of_fold_predictions, predict_outputs
    from rotator_assets.training.fused_features import fused_features
    from rotator_assets.training.fusion import FusedParts, as_tested, fuse, whole_of
    from rotator_assets.training.galaxy_predictions import galaxy_predictions

    dataset, name = split_training_key(context.partition_key)
    reads = Reads(context, store)
    recipe = rotator_classifier.recipe.with_settings_of(reads.recipe("prediction"), "prediction")
    averaged = recipe.test_time_averaging
    key = {"dataset": dataset, "recipe": name, "synthetic": rotator_classifier.synthetic}
    tested = _networks_folds(reads, context.partition_key)
    unseen = _unseen(reads, tested, recipe)
    pictures = _network_picture(store.root, rotator_classifier, dataset, name)
    for fold, part in parts_of(unseen, "fold"):
        model = rotator_classifier.load_outputs(int(fold))
        rows = image_tensors.rows_of(part["galaxy_id"])
        outputs = predict_outputs(model, image_tensors.images, rows, recipe).astype(float)
        unseen.loc[part.index, list(OUTPUTS[: outputs.shape[1]])] = outputs
    outputs = unseen[["galaxy_id", "fold", "logit", PREDICTED_SPIN]]
    tested = tested.merge(outputs, on=["galaxy_id", "fold"], how="left", validate="one_to_one")
    tested["averaged"] = averaged
    parts = FusedParts.none()
    if recipe.fuses:
        features = fused_features(reads, dataset, tested["galaxy_id"], recipe)
        parts = fuse(tested, reads.table("inner_predictions"), features, recipe, averaged)
        tested = as_tested(tested, parts, recipe, averaged)
    tested = tested.drop(columns=PREDICTED_SPIN)
    columns = ", ".join(parts.left_out)
    lines = [f"{dataset} {name}: no galaxy has a value of {columns}: left out of the fusion"] if columns else []
    notices, noticed_in_run = noticed(context, DATASETS[dataset].survey, lines, rotator_classifier.synthetic)
    tested["probability_fast"] = expit(tested["logit"])
    frame = out_of_fold_predictions(tested, averaged).assign(**key)
    every = galaxy_predictions(unseen, averaged, _outside(reads, dataset, recipe)).assign(**key)
    found = {"predictions": frame, "repeat_predictions": tested, "galaxy_predictions": every}
    fused = {"fusion_predictions": parts.predictions.assign(**key), "fusion_models": parts.models.assign(**key)}
    decisive = [*found.values(), *(fused.values() if recipe.fuses else ())]
    weights: dict[str, Any] = dict(parts.mean_weights(whole_of(recipe.fused_sets)))
    training = training_name(rotator_classifier, recipe)
    found |= {name: found[name].assign(training=training) for name in ("predictions", "repeat_predictions")}
    return dg.MaterializeResult(
        value={**found, **fused, **notices},
        data_version=dg.DataVersion("-".join(map(content_hash, decisive))),
        metadata=described(
            synthetic=rotator_classifier.synthetic,
            pictures=pictures,
            every_galaxy=len(every),
            **noticed_in_run,
            **weights,
        ),
    )


def _network_picture(root: DataRoot, models: TrainedModels, dataset: str, recipe: str) -> Pictures:
    """Draw the layers of the first fold's network; those of the other folds are equal."""
    from rotator_assets.training.figures import network_figure
    from rotator_assets.training.layers import network_layers

    layers = network_layers(models.load_outputs(0))
    pictures = Pictures(root, f"{dataset}/{recipe}", EXHIBITS)
    pictures.add("network", network_figure(layers, dataset=dataset, recipe=recipe, synthetic=models.synthetic))
    return pictures


def _unseen(reads: Reads, tested: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return the galaxies that the networks of each fold have not seen, with the calibration of the fold."""
    if not recipe.learns_more:
        return tested.assign(tested=True, **dict.fromkeys([*MARGINS, *OUTPUTS], float("nan")))
    calibration = [name for name in tested.columns if name.startswith("calibration_")]
    of_folds = tested[["fold", *calibration]].drop_duplicates("fold")
    unseen = reads.table("unseen_galaxies").merge(of_folds, on="fold", how="left", validate="many_to_one")
    return unseen.assign(**dict.fromkeys(OUTPUTS, float("nan")))


def _outside(reads: Reads, dataset: str, recipe: Recipe) -> pd.DataFrame | None:
    """Return label and lambda_R of the galaxies outside the recipe's population; None if it trains on none of them."""
    if recipe.training_population == "same" or recipe.population == "all":
        return None
    galaxies = with_recipe_labels(reads.table("imaged_galaxies", dataset), recipe)
    early = galaxies["is_early_type"].astype("boolean").fillna(False)
    return galaxies.loc[~early, ["galaxy_id", "rotator_type", "lambda_r"]]


def _networks_folds(reads: Reads, partition: str) -> pd.DataFrame:
    """Return the network that tests each galaxy; raise InputError if an earlier version trained it."""
    folds = reads.table("training_folds")
    if folds["calibration_offset"].isna().any():
        raise InputError(
            f"{partition}: an earlier version of this program trained and calibrated these networks in another way; "
            "materialize rotator_classifier again (`rotators run --stale` does)"
        )
    return folds


def as_predicted(models: TrainedModels, repeat_predictions: pd.DataFrame) -> Recipe:
    """Return the recipe of the networks, with the prediction settings of the existing predictions."""
    averaged = bool(repeat_predictions["averaged"].any())
    return models.recipe.model_copy(update={"test_time_averaging": averaged})


def training_name(models: TrainedModels, recipe: Recipe) -> str:
    """Return the name of a training and its predictions: the folder of the networks.

    Networks that predict in another way than they were trained to have the version of these settings in their name.
    """
    otherwise = recipe.test_time_averaging != models.recipe.test_time_averaging
    return f"{models.folder.name}-{recipe.version('prediction')}" if otherwise else models.folder.name


@contextmanager
def _retrying(context: dg.AssetExecutionContext) -> Generator[None]:
    """Ask Dagster for another attempt after a transient error; after the last attempt the error is raised."""
    try:
        yield
    except Exception as error:
        if context.retry_number >= RETRIES or not is_transient(error):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        context.log.warning(f"{reason}; trying again in {RETRY_SECONDS:.0f} s")
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_SECONDS) from error


def is_transient(error: Exception) -> bool:
    """Return whether an error may not occur again: a full or missing disk, memory or a GPU in use by others."""
    if isinstance(error, OSError | MemoryError):
        return True
    from rotator_assets.core.backend import tensorflow

    errors = tensorflow().errors
    return isinstance(error, errors.ResourceExhaustedError | errors.InternalError | errors.UnavailableError)


def _report_epoch(context: dg.AssetExecutionContext, log: "EpochLog") -> None:
    """Write one line to the run's log."""
    member = f", network {log.member + 1}" if log.member else ""
    stage = "self-supervised " if log.is_self_supervised else ""
    context.log.info(
        f"fold {log.fold + 1}/{log.n_folds}{member}, {stage}epoch {log.epoch}/{log.n_epochs}: {_note(log)}; "
        f"{log.images_per_second:.0f} images/s, at most {log.seconds_left:.0f} s left"
    )


def _folds_markdown(folds: pd.DataFrame) -> str:
    """Return sizes, epochs and duration of each fold as a Markdown table."""
    shown = ["fold", "repeat", "n_train", "n_validation", "n_test", "epochs", "best_epoch", "seconds"]
    return _as_markdown(folds[shown].round({"seconds": 1}))


def _history_markdown(history: pd.DataFrame) -> str:
    """Return losses and validation AUC of each network and epoch as a Markdown table."""
    numbers = ["loss", "val_loss", "val_auc"]
    shown = history[["fold", "member", "epoch"]].join(history[numbers].map("{:.3f}".format))
    return _as_markdown(shown if shown["member"].nunique() > 1 else shown.drop(columns="member"))


def _as_markdown(frame: pd.DataFrame) -> str:
    rows = [frame.columns, ["---"] * len(frame.columns), *frame.to_numpy(object).tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _note(log: "EpochLog") -> str:
    if log.is_self_supervised:
        return f"loss {log.loss:.3f}"
    return f"loss {log.loss:.3f}, validation {log.val_loss:.3f}, AUC {log.val_auc:.3f}"
