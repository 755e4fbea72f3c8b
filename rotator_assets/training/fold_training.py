"""The networks of one fold: trained, saved and evaluated, in this process or in any other one.

A fold depends on nothing but the `Training`, so every process gives the same networks.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from rotator_assets.core.backend import device_name
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.statistics import youden_threshold
from rotator_assets.training.additional import AdditionalGalaxies
from rotator_assets.training.calibration import fit_calibration, interval_margin
from rotator_assets.training.checkpoints import Checkpoints, EpochLog, FoldState
from rotator_assets.training.folds import Split
from rotator_assets.training.material import Material
from rotator_assets.training.network import inference_function, logits_of, plain_and_averaged
from rotator_assets.training.other_survey import OtherGalaxies
from rotator_assets.training.self_supervision import SelfSupervision
from rotator_assets.training.targets import MARGINS, OUTPUTS, PREDICTED_SPIN, Answers
from rotator_assets.training.trainer import Trainer

if TYPE_CHECKING:
    import keras

OnEpoch = Callable[[EpochLog], None]

_ENDINGS = ("", "_averaged")
"""Endings of the columns from single outputs, and from means over eight copies of an image."""
UNSEEN = ["galaxy_id", "object_id", "repeat", "fold", "tested", *MARGINS]
"""Columns of `TrainedFold.unseen`."""
INNER = [
    *("galaxy_id", "object_id", "repeat", "fold", "outer_fold", "logit", "logit_averaged"),
    *("lambda_r_predicted", "lambda_r_predicted_averaged"),
]
"""Columns of `TrainedInner.frame`."""


@dataclass(frozen=True)
class Training:
    """Everything that the networks of a training depend on; the arguments of `cross_validation.cross_validate`.

    ``policy``: Keras dtype policy.
    """

    images: NDArray[np.float32]
    rows: NDArray[np.int64]
    galaxies: pd.DataFrame
    answers: Answers
    recipe: Recipe
    additional: AdditionalGalaxies | None
    other: OtherGalaxies | None
    encoder: keras.Model | None
    checkpoint_folder: Path | None
    policy: str

    def material(self) -> Material:
        """Return all galaxies and their splits."""
        return Material.of(
            self.images, self.rows, self.galaxies, self.answers, self.recipe, self.additional, self.other
        )


@dataclass(frozen=True)
class TrainedFirst:
    """The network from whose weights all others start: logs of its epochs, and the time that it took in seconds."""

    epochs: list[EpochLog]
    seconds: float


@dataclass(frozen=True)
class TrainedFold:
    """The networks of a fold and what they predict.

    Attributes
    ----------
    network
        Content of the ``.keras`` file, a float32 network for inference.
    tested
        The fold's rows of `CrossValidation.tested`, by number of the galaxy.
    unseen
        Its rows of `CrossValidation.unseen`; None for recipes that learn the class alone.
    row
        Its row of `CrossValidation.folds`.
    epochs
        Logs of all epochs of its networks.
    parameters
        Number of trainable parameters.
    device, policy
        Where it was trained, and the Keras dtype policy.
    seconds
        How long that took, including the time before an interruption.
    """

    network: bytes
    tested: pd.DataFrame
    unseen: pd.DataFrame | None
    row: dict[str, Any]
    epochs: list[EpochLog]
    parameters: int
    device: str
    policy: str
    seconds: float


@dataclass(frozen=True)
class TrainedInner:
    """The rows of `CrossValidation.inner` of a network trained without two folds, and its time in seconds."""

    frame: pd.DataFrame
    seconds: float


class FoldTrainer:
    """Trains the folds of a training one by one, with one compiled network for all of them."""

    def __init__(self, training: Training, on_epoch: OnEpoch | None) -> None:
        self._training, self._on_epoch = training, on_epoch
        self._material, self._counted = training.material(), 0.0

    @cached_property
    def _trainer(self) -> Trainer:
        training, material = self._training, self._material
        return Trainer(
            material.images,
            material.rows,
            material.labels,
            material.answers,
            training.recipe,
            training.policy,
            Checkpoints(training.checkpoint_folder, training.recipe, training.policy),
            self._on_epoch,
            training.encoder,
            self._pretraining,
        )

    @cached_property
    def _pretraining(self) -> SelfSupervision | None:
        training, material = self._training, self._material
        if training.recipe.pretraining == "none":
            return None
        return SelfSupervision(
            material.images,
            material.rows,
            training.recipe,
            training.policy,
            training.checkpoint_folder,
            self._on_epoch,
            training.encoder,
        )

    def first(self) -> TrainedFirst:
        """Train the network from whose weights all others start, if there is one."""
        started, split = time.monotonic(), self._material.first
        epochs = [] if split is None else self._trainer.train_first(split)
        return TrainedFirst(epochs, self._seconds_since(started))

    def fold(self, number: int) -> TrainedFold:
        """Train the networks of a fold, and evaluate them."""
        started = time.monotonic()
        split, material, recipe = self._material.splits[number], self._material, self._training.recipe
        network, states = self._trainer.train(split)
        decisions, margins, logits = _evaluated(network, material, split, recipe)
        described = {"fold": split.fold, "repeat": split.repeat, **decisions}
        return TrainedFold(
            network=_saved(network),
            tested=material.tested.iloc[split.test].assign(logit=logits, **described),
            unseen=material.unseen(split).assign(**margins) if recipe.learns_more else None,
            row={**described, **_sizes(split), **_course(states)},
            epochs=[log for state in states for log in state.epochs],
            parameters=sum(int(np.prod(variable.shape)) for variable in network.trainable_variables),
            device=device_name(),
            policy=self._training.policy,
            seconds=self._seconds_since(started),
        )

    def inner(self, number: int) -> TrainedInner:
        """Train a network without two folds, and predict their galaxies."""
        started, split = time.monotonic(), self._material.inner[number]
        network, _ = self._trainer.train(split)
        frame = _inner_logits(network, self._material, split, self._training.recipe)
        return TrainedInner(frame, self._seconds_since(started))

    def _seconds_since(self, started: float) -> float:
        """Return the time since then, and that which loaded checkpoints took before an interruption."""
        before = self._trainer.seconds_before
        before += 0.0 if self._pretraining is None else self._pretraining.seconds_before
        self._counted, earlier = before, before - self._counted
        return time.monotonic() - started + earlier


def train_first(training: Training, *, on_report: OnEpoch) -> TrainedFirst:
    """Do what `FoldTrainer.first` does, in a process that calls ``on_report`` after every epoch."""
    return FoldTrainer(training, on_report).first()


def train_fold(training: Training, number: int, *, on_report: OnEpoch) -> TrainedFold:
    """Do what `FoldTrainer.fold` does; the first network is taken from its checkpoint."""
    trainer = FoldTrainer(training, on_report)
    trainer.first()
    return trainer.fold(number)


def train_inner(training: Training, number: int, *, on_report: OnEpoch) -> TrainedInner:
    """Do what `FoldTrainer.inner` does; the first network is taken from its checkpoint."""
    trainer = FoldTrainer(training, on_report)
    trainer.first()
    return trainer.inner(number)


def _saved(network: keras.Model) -> bytes:
    """Return the content of the file of a network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        network.save(path)
        return path.read_bytes()


def _sizes(split: Split) -> dict[str, int]:
    return {"n_train": len(split.train), "n_validation": len(split.validation), "n_test": len(split.test)}


def _course(states: list[FoldState]) -> dict[str, float]:
    return {
        "epochs": len(states[0].epochs),
        "best_epoch": states[0].best_epoch,
        "seconds": sum(state.seconds for state in states),
    }


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
    return frame.reindex(columns=INNER)


def _decision(labels: NDArray[np.int8], logits: NDArray[np.float64], ending: str) -> dict[str, float]:
    """Threshold and calibration from the validation part, by their column names with this ending."""
    calibration = fit_calibration(labels, logits)
    return {
        f"threshold{ending}": youden_threshold(labels, scipy.special.expit(logits)),
        f"calibration_slope{ending}": calibration.slope,
        f"calibration_offset{ending}": calibration.offset,
    }
