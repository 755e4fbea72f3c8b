"""Cross-validated training of a recipe's network, and predictions by trained networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.backend import compute_policy, device_name
from rotator_assets.core.files import replacing
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.statistics import youden_threshold
from rotator_assets.training.additional import AdditionalGalaxies
from rotator_assets.training.calibration import fit_calibration, interval_margin
from rotator_assets.training.checkpoints import Checkpoints, EpochLog
from rotator_assets.training.folds import Split
from rotator_assets.training.material import Material
from rotator_assets.training.network import inference_function, logits_of, outputs_of, plain_and_averaged
from rotator_assets.training.other_survey import OtherGalaxies
from rotator_assets.training.pipeline import Images
from rotator_assets.training.self_supervision import SelfSupervision
from rotator_assets.training.targets import MARGINS, OUTPUTS, PREDICTED_SPIN, Answers
from rotator_assets.training.trainer import Trainer

if TYPE_CHECKING:
    import keras


_ENDINGS = ("", "_averaged")
"""Endings of the columns from single outputs, and from means over eight copies of an image."""
_UNSEEN = ["galaxy_id", "object_id", "repeat", "fold", "tested", *MARGINS]
_INNER = [
    *("galaxy_id", "object_id", "repeat", "fold", "outer_fold", "logit", "logit_averaged"),
    *("lambda_r_predicted", "lambda_r_predicted_averaged"),
]


@dataclass(frozen=True)
class CrossValidation:
    """Results of a cross-validated training.

    Attributes
    ----------
    tested
        One row per tested galaxy and repeat, galaxies in the given order: galaxy_id, object_id, rotator_type, repeat,
        fold (number of the network, continuing over the repeats), logit (float64), and the network's threshold,
        calibration_slope and calibration_offset, for single logits and (with the ending ``_averaged``) for test-time
        averaging.
    unseen
        One row per repeat and galaxy that the networks of a fold predict without having seen it, tested or not:
        galaxy_id, object_id, repeat, fold, tested, and lambda_r_margin, by which the predicted interval of lambda_R is
        widened at both ends (NaN where the recipe predicts none), also with the ending ``_averaged``. Empty for recipes
        that learn the class alone.
    inner
        Where the recipe fuses, one row per repeat, tested galaxy and other fold: galaxy_id, object_id, repeat, fold
        (that tests the galaxy), outer_fold, and the calibrated logit and lambda_r_predicted (NaN where the recipe
        predicts none) of a network that has seen no galaxy of either fold, also with the ending ``_averaged``. Empty
        for other recipes.
    predictions
        `out_of_fold_predictions` over all repeats.
    history
        One row per network and epoch: fold, member, epoch, loss, val_loss, val_auc.
    folds
        One row per fold: fold, repeat, n_train, n_validation, n_test, epochs, best_epoch, thresholds, calibrations,
        seconds.
    device
        Name of the processor or GPU.
    policy
        Keras dtype policy of the training.
    images_per_second
        Median over the epochs.
    seconds
        Duration, including the time before an interruption.
    parameters
        Number of trainable parameters of the networks of one fold.
    """

    tested: pd.DataFrame
    unseen: pd.DataFrame
    inner: pd.DataFrame
    predictions: pd.DataFrame
    history: pd.DataFrame
    folds: pd.DataFrame
    device: str
    policy: str
    images_per_second: float
    seconds: float
    parameters: int


def cross_validate(
    images: NDArray[np.float32],
    labels: ArrayLike,
    object_ids: ArrayLike,
    galaxy_ids: ArrayLike,
    recipe: Recipe,
    *,
    model_folder: Path,
    rows: ArrayLike | None = None,
    answers: Answers | None = None,
    additional: AdditionalGalaxies | None = None,
    other: OtherGalaxies | None = None,
    encoder: keras.Model | None = None,
    checkpoint_folder: Path | None = None,
    on_epoch: Callable[[EpochLog], None] | None = None,
) -> CrossValidation:
    """Train the networks of each fold, and predict galaxies by networks trained on none of their observations.

    The validation part of a fold, drawn from its training galaxies, decides the threshold (`youden_threshold`), the
    calibration (`fit_calibration`) and, unless the recipe keeps the last epoch, when to stop: the weights of the epoch
    with the smallest validation loss are kept.
    Threshold and calibration are also determined for test-time averaging, which can therefore be chosen after the
    training. The test part is read only after that, for its predictions. Equal input and seed give equal results on the
    same machine and TensorFlow build (on a GPU up to the rounding of its atomic sums).

    Parameters
    ----------
    images
        Raw fluxes, float32 (m, size, size, 3) in the order g, r, i; may be memory-mapped, as only batches are copied.
    labels, object_ids, galaxy_ids
        0 slow or 1 fast, the physical galaxy, and the observation; shape (n,).
    recipe
        Settings of the training.
    model_folder
        Existing folder for ``fold-<k>.keras``, float32 networks for inference; each file is complete or absent.
    rows
        Row of ``images`` of each galaxy, shape (n,); default 0 to n - 1.
    answers
        What is learned of the galaxies in addition to their class; None where nothing is.
    additional
        Galaxies that are trained on but not tested, as `with_additional_galaxies` says.
    other
        Galaxies of the survey that ``recipe.other_survey`` names, trained on as `with_other_galaxies` says.
    encoder
        The encoder that ``recipe.pretrained`` names (`encoders.load_encoder`).
    checkpoint_folder
        Folder of the training's checkpoints, created if absent; the caller removes it. If an interrupted training with
        the same arguments left checkpoints here, the training resumes after their last epoch and gives the same
        networks as without the interruption. None: no checkpoints.
    on_epoch
        Called after every epoch, also of the self-supervised training.

    Raises
    ------
    InputError
        Before the training, if there are too few galaxies for the folds; or if the loss is no longer finite.
    OSError
        If a disk is full or gone.
    """
    labels = np.asarray(labels, dtype=np.int8)
    galaxies = pd.DataFrame(
        {"galaxy_id": np.asarray(galaxy_ids), "object_id": np.asarray(object_ids), "rotator_type": labels},
        index=range(len(labels)),
    )
    started, policy = time.monotonic(), compute_policy()
    rows = np.arange(len(labels)) if rows is None else np.asarray(rows, dtype=np.int64)
    answers = Answers.unknown(len(labels), recipe) if answers is None else answers
    material = Material.of(images, rows, galaxies, answers, recipe, additional, other)
    checkpoints = Checkpoints(checkpoint_folder, recipe, policy)
    pretraining = None
    if recipe.pretraining != "none":
        pretraining = SelfSupervision(
            material.images, material.rows, recipe, policy, checkpoint_folder, on_epoch, encoder
        )
    trainer = Trainer(
        material.images,
        material.rows,
        material.labels,
        material.answers,
        recipe,
        policy,
        checkpoints,
        on_epoch,
        encoder,
        pretraining,
    )
    tested, unseen, folds = [], [], []
    history = trainer.train_first(material.first) if material.first is not None else []
    for split in material.splits:
        network, states = trainer.train(split)
        with replacing(model_folder / f"fold-{split.fold}.keras", ending=".keras") as temporary:
            network.save(temporary)
        decisions, margins, logits = _evaluated(network, material, split, recipe)
        described = {"fold": split.fold, "repeat": split.repeat, **decisions}
        tested.append(material.tested.iloc[split.test].assign(logit=logits, **described))
        if recipe.learns_more:
            unseen.append(material.unseen(split).assign(**margins))
        history += [log for state in states for log in state.epochs]
        folds.append(
            {
                **described,
                "n_train": len(split.train),
                "n_validation": len(split.validation),
                "n_test": len(split.test),
                "epochs": len(states[0].epochs),
                "best_epoch": states[0].best_epoch,
                "seconds": sum(state.seconds for state in states),
            }
        )
    inner = [_inner_logits(trainer.train(split)[0], material, split, recipe) for split in material.inner]
    before = trainer.seconds_before + (0.0 if pretraining is None else pretraining.seconds_before)
    # By galaxy in the given order, then by repeat.
    by_galaxy = pd.concat(tested).sort_index(kind="stable").reset_index(drop=True)
    columns = ["fold", "member", "epoch", "loss", "val_loss", "val_auc"]
    return CrossValidation(
        tested=by_galaxy,
        unseen=pd.concat(unseen, ignore_index=True) if unseen else pd.DataFrame(columns=_UNSEEN),
        inner=pd.concat(inner, ignore_index=True) if inner else pd.DataFrame(columns=_INNER),
        predictions=out_of_fold_predictions(by_galaxy, recipe.test_time_averaging),
        history=pd.DataFrame([[getattr(log, column) for column in columns] for log in history], columns=columns),
        folds=pd.DataFrame(folds),
        device=device_name(),
        policy=policy,
        images_per_second=float(np.median([log.images_per_second for log in history])),
        seconds=time.monotonic() - started + before,
        parameters=sum(int(np.prod(variable.shape)) for variable in network.trainable_variables),
    )


def _evaluated(
    network: keras.Model, material: Material, split: Split, recipe: Recipe
) -> tuple[dict[str, float], dict[str, float], NDArray[np.float64]]:
    """Return threshold and calibration, margins of the intervals of lambda_R, and the logits of the tested galaxies.

    All but the logits come from the validation part, with and without test-time averaging.
    """
    infer, images, rows = inference_function(network), material.images, material.rows
    labels, lambda_r = material.labels[split.validation], material.answers.lambda_r[split.validation]
    decisions: dict[str, float] = {}
    margins: dict[str, float] = {}
    both = plain_and_averaged(infer, images, rows[split.validation], recipe)
    for validated, ending in zip(both, _ENDINGS, strict=True):
        decisions |= _decision(labels, validated[:, 0], ending)
        known = recipe.lambda_r_interval > 0
        margins[f"{MARGINS[0]}{ending}"] = interval_margin(lambda_r, validated[:, 1:]) if known else np.nan
    averaged = recipe.test_time_averaging
    logits = logits_of(infer, images, rows[split.test], recipe, averaged=averaged).astype(np.float64)
    return decisions, margins, logits


def _inner_logits(network: keras.Model, material: Material, split: Split, recipe: Recipe) -> pd.DataFrame:
    """Return the rows of `CrossValidation.inner` of a network trained without two folds."""
    infer, images, rows = inference_function(network), material.images, material.rows
    frame = material.tested.iloc[split.test][["galaxy_id", "object_id"]].assign(repeat=split.repeat)
    parts = (plain_and_averaged(infer, images, rows[part], recipe) for part in (split.validation, split.test))
    for validated, tested, ending in zip(*parts, _ENDINGS, strict=True):
        calibrate = fit_calibration(material.labels[split.validation], validated[:, 0])
        frame[f"logit{ending}"] = calibrate(tested[:, 0])
        if recipe.lambda_r_interval:
            frame[f"{PREDICTED_SPIN}{ending}"] = tested[:, OUTPUTS.index(PREDICTED_SPIN)]
    numbers = {galaxy: other.fold for other in material.splits if other.repeat == split.repeat for galaxy in other.test}
    frame["fold"] = [numbers[galaxy] for galaxy in split.test]
    frame["outer_fold"] = frame["fold"].unique().sum() - frame["fold"]  # the other one of the two
    return frame.reindex(columns=_INNER)


def _decision(labels: NDArray[np.int8], logits: NDArray[np.float64], ending: str) -> dict[str, float]:
    """Threshold and calibration from the validation part, by their column names with this ending."""
    calibration = fit_calibration(labels, logits)
    return {
        f"threshold{ending}": youden_threshold(labels, scipy.special.expit(logits)),
        f"calibration_slope{ending}": calibration.slope,
        f"calibration_offset{ending}": calibration.offset,
    }


def out_of_fold_predictions(tested: pd.DataFrame, averaged: bool = False) -> pd.DataFrame:
    """Return the mean over the repeats that tested a galaxy, one row per galaxy in the order of first occurrence.

    ``tested``: columns galaxy_id, object_id, rotator_type, fold, logit, threshold, calibration_slope and
    calibration_offset; for test-time averaging (``averaged``) those with the ending ``_averaged``. Returns galaxy_id,
    object_id, rotator_type, fold (of the first network that tested it), threshold (mean over the networks),
    probability_fast (of the mean logit, float64), probability_fast_calibrated (of the mean calibrated logit) and
    predicted_type (1 if probability_fast is at or above the threshold).
    """
    ending = "_averaged" if averaged else ""
    by_galaxy = tested.assign(
        calibrated=tested[f"calibration_slope{ending}"] * tested["logit"] + tested[f"calibration_offset{ending}"],
        threshold=tested[f"threshold{ending}"],
    ).groupby("galaxy_id", sort=False)
    mean = by_galaxy[["logit", "calibrated", "threshold"]].mean()
    frame = by_galaxy[["object_id", "rotator_type", "fold"]].first().assign(threshold=mean["threshold"])
    frame["probability_fast"] = scipy.special.expit(mean["logit"])
    frame["probability_fast_calibrated"] = scipy.special.expit(mean["calibrated"])
    frame["predicted_type"] = (frame["probability_fast"] >= frame["threshold"]).astype(np.int8)
    return frame.reset_index()


def predict_logits(
    model: keras.Model, images: Images, rows: NDArray[np.int64], recipe: Recipe, batch_size: int = 64
) -> NDArray[np.float32]:
    """Return the logits of being a fast rotator, float32 (n,), with the parameters of `predict_outputs`."""
    return predict_outputs(model, images, rows, recipe, batch_size)[:, 0]


def predict_outputs(
    model: keras.Model,
    images: Images,
    rows: NDArray[np.int64],
    recipe: Recipe,
    batch_size: int = 64,
) -> NDArray[np.float32]:
    """Return the outputs of a trained network, in inference mode.

    Parameters
    ----------
    model
        A trained network.
    images
        Raw fluxes, float32 (m, size, size, 3).
    rows
        Rows of ``images``, int64 (n,).
    recipe
        The recipe of the network. With test-time averaging, logits are means over the eight symmetries of the square.
    batch_size
        Number of images per batch.

    Returns
    -------
    float32 (n, 1 + n_quantiles): logits of being a fast rotator, then quantiles of lambda_R if the network has them.
    """
    infer = inference_function(model)
    return outputs_of(infer, images, rows, recipe, averaged=recipe.test_time_averaging, batch_size=batch_size)
