"""Cross-validated training of a recipe's network, and predictions by trained networks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.backend import compute_policy
from rotator_assets.core.files import replacing
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.additional import AdditionalGalaxies
from rotator_assets.training.checkpoints import EpochLog
from rotator_assets.training.fold_training import INNER, UNSEEN, TrainedFirst, TrainedFold, TrainedInner, Training
from rotator_assets.training.network import inference_function, outputs_of
from rotator_assets.training.other_survey import OtherGalaxies
from rotator_assets.training.pipeline import Images
from rotator_assets.training.spreading import trained_parts
from rotator_assets.training.targets import Answers

if TYPE_CHECKING:
    import keras


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
        Called after every epoch, also of the self-supervised training. Several folds are trained at a time where there
        are checkpoints and a cluster (`spreading`).

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
    training = Training(
        images,
        np.arange(len(labels)) if rows is None else np.asarray(rows, dtype=np.int64),
        galaxies,
        Answers.unknown(len(labels), recipe) if answers is None else answers,
        recipe,
        additional,
        other,
        encoder,
        checkpoint_folder,
        compute_policy(),
    )
    first = TrainedFirst([], 0.0)
    by_fold: dict[int, TrainedFold] = {}
    by_inner: dict[int, TrainedInner] = {}
    with closing(trained_parts(training, on_epoch)) as parts:
        for number, part in parts:
            if isinstance(part, TrainedFirst):
                first = part
            elif isinstance(part, TrainedInner):
                by_inner[number] = part
            else:
                with replacing(model_folder / f"fold-{part.row['fold']}.keras", ending=".keras") as temporary:
                    temporary.write_bytes(part.network)
                by_fold[number] = replace(part, network=b"")
    folds, inner = [by_fold[n] for n in sorted(by_fold)], [by_inner[n] for n in sorted(by_inner)]
    history = [*first.epochs, *(log for fold in folds for log in fold.epochs)]
    unseen = [fold.unseen for fold in folds if fold.unseen is not None]
    # By galaxy in the given order, then by repeat.
    by_galaxy = pd.concat([fold.tested for fold in folds]).sort_index(kind="stable").reset_index(drop=True)
    columns = ["fold", "member", "epoch", "loss", "val_loss", "val_auc"]
    return CrossValidation(
        tested=by_galaxy,
        unseen=pd.concat(unseen, ignore_index=True) if unseen else pd.DataFrame(columns=UNSEEN),
        inner=pd.concat([one.frame for one in inner], ignore_index=True) if inner else pd.DataFrame(columns=INNER),
        predictions=out_of_fold_predictions(by_galaxy, recipe.test_time_averaging),
        history=pd.DataFrame([[getattr(log, column) for column in columns] for log in history], columns=columns),
        folds=pd.DataFrame([fold.row for fold in folds]),
        device=folds[0].device,
        policy=folds[0].policy,
        images_per_second=float(np.median([log.images_per_second for log in history])),
        seconds=sum(part.seconds for part in (first, *folds, *inner)),
        parameters=folds[0].parameters,
    )


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
