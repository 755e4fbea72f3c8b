"""Recipes: all settings of a training, of its predictions and of their attributions.

Each field of `Recipe` is the only declaration of its setting: values, default, meaning, the stage that it decides, and
the picture that compares recipes differing in it alone. The documentation (`recipe_reference`) and the comparisons
(`FAMILIES`) follow from the fields.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from math import comb
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from rotator_assets.core.changes import changes
from rotator_assets.core.declarations import declared
from rotator_assets.core.encoder_files import names_an_encoder
from rotator_assets.core.recipe_fields import (
    STAGES,
    Augmentation,
    Stage,
    Targets,
    attribution_setting,
    completed,
    prediction_setting,
    settings_of,
    training_setting,
)

Normalization = Literal["max_all", "log", "max_g", "max_r", "none", "asinh", "zscale", "standard"]
Bands = Literal["gri", "g", "r", "i"]
Imbalance = Literal["weights", "focal", "oversample", "none"]
Fusion = Literal["none", "catalogue", "catalogue+structure", "spin+catalogue", "spin+catalogue+structure"]
SPIN = "spin"
"""Part of a fusion: the predicted lambda_R minus the boundary at the ellipticity of the catalogue."""
FEWEST_FOLDS_OF_FUSION = 3
"""Fusion needs networks trained without two of the folds."""


class Recipe(BaseModel):
    """The settings of one named training, of its predictions and of their attributions.

    Each field except the name decides one stage. Each stage has a version, which changes only with the fields that
    decide it: trained networks stay valid when only the attribution settings change.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    population: Literal["early", "all"] = training_setting(
        "early",
        introduced="early",
        description="galaxies trained on and tested: early types, or early and late types",
        picture="population",
    )
    training_population: Literal["same", "all"] = training_setting(
        "same",
        introduced="same",
        description="galaxies trained on. same: those of the population; all: every galaxy with an image outside the "
        "test fold, of any type and with or without a label. Tested are those of the population",
    )
    normalization: Normalization = training_setting(
        "max_all",
        introduced="max_all",
        description="how each image is scaled; equations in rotator_assets/imaging/normalization.py",
        picture="normalization",
    )
    bands: Bands = training_setting("gri", introduced="gri", description="bands the network sees", picture="colour")
    regularization: Literal["batchnorm", "dropout"] = training_setting(
        "batchnorm",
        introduced="batchnorm",
        description="batch normalization, or dropout of 0.25 after each convolution and 0.5 after the dense layer",
        picture="regularization",
    )
    architecture: Literal["thesis", "small", "compact", "residual", "dihedral", "mobilenet"] = training_setting(
        "thesis",
        introduced="thesis",
        description="the network; layers in rotator_assets/training/architectures.py",
        picture="architectures",
    )
    pretrained: str | None = training_setting(
        None,
        introduced=None,
        description="encoder to start from, in place of the architecture: a .keras file in encoders/ of the data root, "
        "or with its whole path, or a network of keras.applications such as MobileNetV3Small:imagenet",
    )
    frozen_epochs: int = training_setting(
        0, introduced=0, ge=0, description="first epochs in which the pretrained encoder stays as it is"
    )
    fine_tuning_rate: float = training_setting(
        0.1,
        introduced=0.1,
        gt=0,
        le=1,
        description="factor of the learning rate in the epochs in which a pretrained encoder also learns",
    )
    pretraining: Literal["none", "vicreg"] = training_setting(
        "none",
        introduced="none",
        description="self-supervised training, without labels, on the images of the training part of each fold before "
        "the training (rotator_assets/training/self_supervision.py)",
    )
    pretraining_epochs: int = training_setting(
        20, introduced=20, ge=1, le=10_000, description="number of epochs of the self-supervised training"
    )
    mask_neighbours: bool = training_setting(
        False,
        introduced=False,
        description="replace other sources in an image by the opposite side of the image, in training and in testing",
    )
    augmentation: Augmentation = Augmentation()
    imbalance: Imbalance = training_setting(
        "weights",
        introduced="weights",
        description="compensation for unequal classes: class weights inverse to their frequency, the same weights with "
        "the focal loss, oversampling of the rarer class, or none",
        picture="imbalance",
    )
    targets: Targets = Targets()
    lambda_r_interval: float = training_setting(
        0.0,
        introduced=0.0,
        ge=0,
        allow_inf_nan=False,
        description="weight of the prediction of lambda_R with its 68 % interval (pinball losses of three quantiles); "
        "0: none",
    )
    label_weights: Literal["equal", "lambda_r_error"] = training_setting(
        "equal",
        introduced="equal",
        description="weights of the labels in the loss. lambda_r_error: how much more likely the label is right than "
        "wrong, for normal errors of lambda_R; 1 for a galaxy without an error",
    )
    label: Literal["settings", "emsellem2011", "cappellari2016"] = training_setting(
        "settings",
        introduced="settings",
        description="boundary between slow and fast rotators; settings: the one in settings.yaml of the data root",
        picture="label",
    )
    boundary_gap: float = training_setting(
        0.0,
        introduced=0.0,
        ge=0,
        lt=1,
        description="exclude galaxies whose lambda_R is closer to the boundary than this",
    )
    other_survey: str | None = training_setting(
        None,
        introduced=None,
        description="survey and noise, such as tng100-noisy, whose galaxies of the same crop are also trained on",
    )
    other_use: Literal["before", "beside", "instead"] = training_setting(
        "before",
        introduced="before",
        description="use of the other survey's galaxies. before: a first network is trained on them, and all networks "
        "start from its weights; beside: both are used together; instead: only the other galaxies are used",
    )
    fusion: Fusion = training_setting(
        "none",
        introduced="none",
        description="what classifies a galaxy together with the network: nothing, catalogue columns, or these and the "
        "structure of the image (rotator_assets/training/fusion.py); spin: also the predicted lambda_R minus the "
        "boundary at the ellipticity of the catalogue, for recipes with lambda_r_interval",
    )
    epochs: int = training_setting(20, introduced=20, ge=1, le=10_000, description="largest number of epochs")
    patience: int = training_setting(
        8,
        introduced=8,
        ge=1,
        description="stop after this number of epochs without a lower validation loss, unless the last epoch is kept",
    )
    split: Literal["kfold", "holdout"] = training_setting(
        "kfold",
        introduced="kfold",
        description="cross-validation, which tests every galaxy, or one network that tests a fifth of them (80/20)",
    )
    folds: int = training_setting(5, introduced=5, ge=2, le=50, description="number of folds of the cross-validation")
    repeats: int = training_setting(
        1, introduced=1, ge=1, le=100, description="number of trainings with different splits and initial weights"
    )
    training_fraction: float = training_setting(
        1.0,
        introduced=1.0,
        gt=0,
        le=1,
        description="fraction of the objects in the training part of each fold that is used",
        picture="training_fraction",
    )
    validation_fraction: float = training_setting(
        0.15,
        introduced=0.15,
        gt=0,
        lt=0.5,
        description="fraction of the objects in the training part that is set aside for validation",
    )
    batch_size: int = training_setting(
        64, introduced=64, ge=1, description="largest number of images in a training batch"
    )
    learning_rate: float = training_setting(
        3e-4, introduced=3e-4, gt=0, allow_inf_nan=False, description="learning rate of Adam, in the first epoch"
    )
    schedule: Literal["constant", "cosine"] = training_setting(
        "constant",
        introduced="constant",
        description="learning rate over the epochs: constant, or falling to 0 after the last one as half a cosine",
    )
    weight_decay: float = training_setting(
        0.0,
        introduced=0.0,
        ge=0,
        lt=1,
        description="decoupled weight decay (AdamW) of kernels, relative to the learning rate",
    )
    kept_epoch: Literal["best", "last"] = training_setting(
        "best",
        introduced="best",
        description="epoch whose weights are kept: the one with the smallest validation loss, or the last one",
    )
    members: int = training_setting(
        1,
        introduced=1,
        ge=1,
        le=20,
        description="number of networks trained per fold with different initial weights; their mean logit is used",
    )
    test_time_averaging: bool = prediction_setting(
        False,
        introduced=False,
        description="predict the mean logit of the eight rotated and mirrored copies of an image",
    )
    attribution_steps: int = attribution_setting(
        50, introduced=50, ge=2, description="initial number of quadrature points of the integrated gradients"
    )
    attribution_doublings: int = attribution_setting(
        4,
        introduced=4,
        ge=0,
        le=8,
        description="largest number of doublings of the points for an image with a completeness error above 5 %",
    )
    attribution_method: Literal["riemann_middle", "gausslegendre", "riemann_left", "riemann_right"] = (
        attribution_setting(
            "riemann_middle", introduced="riemann_middle", description="quadrature rule, by its name in alibi"
        )
    )
    attribution_baseline: Literal["sky", "blurred", "noise"] = attribution_setting(
        "sky",
        introduced="sky",
        description="baseline image of the attributions: empty sky, the strongly blurred image, or skies with the "
        "noise of the image (rotator_assets/attribution/baseline_images.py)",
    )
    seed: int = training_setting(2020, introduced=2020, ge=0, description="seed of splits, initial weights and batches")

    @model_validator(mode="after")
    def _normalizing_band_is_used(self) -> Recipe:
        needed = {"max_g": "g", "max_r": "r"}.get(self.normalization)
        if needed and needed not in self.bands:
            raise ValueError(f"normalization '{self.normalization}' needs band {needed}, bands are '{self.bands}'")
        return self

    @model_validator(mode="after")
    def _own_galaxies_are_trained_on(self) -> Recipe:
        if self.training_population == "all" and self.other_survey is not None and self.other_use == "instead":
            raise ValueError("training_population 'all' trains on the survey's own galaxies; other_use is 'instead'")
        return self

    @model_validator(mode="after")
    def _fusion_has_inner_folds(self) -> Recipe:
        own = self.other_survey is None or self.other_use != "instead"
        if self.fuses and not (own and self.split == "kfold" and self.folds >= FEWEST_FOLDS_OF_FUSION):
            raise ValueError(
                f"fusion '{self.fusion}' needs a cross-validation of the survey's own galaxies in at least "
                f"{FEWEST_FOLDS_OF_FUSION} folds"
            )
        return self

    @model_validator(mode="after")
    def _fused_spin_is_predicted(self) -> Recipe:
        if SPIN in self.fused_sets and not self.lambda_r_interval:
            raise ValueError(f"fusion '{self.fusion}' needs a predicted lambda_R: give lambda_r_interval a weight")
        return self

    @model_validator(mode="after")
    def _encoder_is_named(self) -> Recipe:
        if self.pretrained is not None and not names_an_encoder(self.pretrained):
            raise ValueError(f"pretrained '{self.pretrained}' is neither a .keras file nor a network NAME:imagenet")
        return self

    @property
    def fuses(self) -> bool:
        """True if the network's logit is combined with other properties of the galaxies."""
        return self.fusion != "none"

    @property
    def fused_sets(self) -> tuple[str, ...]:
        """Names of the sets of columns that are combined with the network's logit."""
        return tuple(self.fusion.split("+")) if self.fuses else ()

    @property
    def learns_more(self) -> bool:
        """True if the network learns anything in addition to the class of galaxies with a label."""
        return bool(
            self.targets.weights
            or self.lambda_r_interval
            or self.label_weights != "equal"
            or self.training_population == "all"
        )

    @property
    def band_indices(self) -> tuple[int, ...]:
        """Positions of the recipe's bands in the stored g, r, i order."""
        return tuple("gri".index(band) for band in self.bands)

    @property
    def networks(self) -> int:
        """Number of networks tested: per repeat, one per fold, or one if held out or trained on another survey."""
        alone = self.split == "holdout" or (self.other_survey is not None and self.other_use == "instead")
        return self.repeats * (1 if alone else self.folds)

    @property
    def inner_networks(self) -> int:
        """Number of networks trained without two folds, whose logits the fusion is fitted to: one per pair of folds."""
        return self.repeats * comb(self.folds, 2) if self.fuses else 0

    def settings(self, *stages: Stage) -> dict[str, Any]:
        """Return the settings that decide these stages, by name, in types that JSON can hold; blocks are mappings."""
        return settings_of(self, stages)

    def version(self, *stages: Stage) -> str:
        """Return a hash of the settings that decide these stages: equal versions give equal results.

        The name does not count. Neither does a setting with the value that it was introduced with, so that a new
        setting changes no version.
        """
        content = json.dumps(settings_of(self, stages, changed_alone=True), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def with_settings_of(self, other: Recipe, *stages: Stage) -> Recipe:
        """Return this recipe with the settings of another one for these stages."""
        return self.model_copy(update={name: getattr(other, name) for name in other.settings(*stages)})

    @classmethod
    def kept(cls, content: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a stored ``model_dump``, which an earlier version of this project may have written.

        A setting that did not exist then has the value that it was introduced with, even if its default has changed.
        Raises pydantic.ValidationError if a setting no longer exists or a value is no longer allowed.
        """
        return cls.model_validate(completed(cls, content))


def kept_settings(content: Mapping[str, Any], *stages: Stage) -> dict[str, Any]:
    """Return stored settings that decide the stages or no longer exist, possibly written by an earlier version.

    A setting that did not exist then has the value that it was introduced with.
    """
    others: list[Stage] = [stage for stage in STAGES if stage not in stages]
    elsewhere = Recipe(name="any").settings(*others)
    return {name: value for name, value in completed(Recipe, content).items() if name not in elsewhere}


FAMILIES: dict[str, str] = {
    name: picture for name, field in Recipe.model_fields.items() if (picture := declared(field).get("picture"))
}
"""Name of the picture that compares recipes differing in one setting, by the setting."""


def varied(recipes: Mapping[str, Recipe], reference: str) -> dict[str, list[str]]:
    """Return the recipes that differ from the reference in one setting of training or prediction, by setting.

    Each list holds names, starts with the reference, and follows the order of ``recipes``, for example
    ``{"bands": ["thesis", "r-band"]}``. Settings of a block are named ``augmentation.shift``. Recipes that differ in
    several settings, or in none, are in no list. Without the reference there are no lists.
    """
    return {setting: [*names] for setting, names in _varied(tuple(recipes.items()), reference).items()}


@lru_cache(maxsize=8)
def _varied(recipes: tuple[tuple[str, Recipe], ...], reference: str) -> dict[str, list[str]]:
    """Return the lists of `varied`, for which every observation of the results asks."""
    groups: dict[str, list[str]] = {}
    contents = {name: recipe.settings("training", "prediction") for name, recipe in recipes}
    if reference not in contents:
        return groups
    for name, content in contents.items():
        differing = changes(contents[reference], content)
        if len(differing) == 1:
            groups.setdefault(differing[0].split(":")[0], [reference]).append(name)
    return groups
