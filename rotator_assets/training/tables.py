"""Tables of trainings and predictions."""

from __future__ import annotations

from rotator_assets.store.columns import (
    DATASET,
    FOLD,
    GALAXY,
    OBJECT,
    RECIPE,
    ROTATOR,
    SYNTHETIC,
    Column,
    Table,
    by_name,
)

REPEAT = Column("repeat", "INTEGER", "repeat of the cross-validation, from 0; folds count on over the repeats")

TABLES = by_name(
    Table(
        "training_history",
        "One row a fold and epoch of each training.",
        (
            DATASET,
            RECIPE,
            FOLD,
            Column("epoch", "INTEGER", "epoch, from 1"),
            Column("loss", "DOUBLE", "mean of the recipe's loss over the training part, nats"),
            Column("val_loss", "DOUBLE", "mean of the same loss over the validation part, nats"),
            Column("val_auc", "DOUBLE", "area under the ROC curve of the validation part"),
            SYNTHETIC,
        ),
        made_by=("rotator_classifier",),
    ),
    Table(
        "training_folds",
        "Which fold tests each galaxy in each repeat, and what that fold's validation part gave.",
        (
            DATASET,
            RECIPE,
            GALAXY,
            OBJECT,
            REPEAT,
            FOLD,
            ROTATOR,
            Column("threshold", "DOUBLE", "probability at and above which the fold calls a galaxy fast"),
            Column("calibration_slope", "DOUBLE", "multiplies the fold's logits to calibrate them; below 1: too sure"),
            Column("calibration_offset", "DOUBLE", "is then added to them"),
            Column("threshold_averaged", "DOUBLE", "threshold for the mean logit of eight turned and mirrored copies"),
            Column("calibration_slope_averaged", "DOUBLE", "calibration_slope for that mean logit"),
            Column("calibration_offset_averaged", "DOUBLE", "calibration_offset for that mean logit"),
            SYNTHETIC,
        ),
        made_by=("rotator_classifier",),
    ),
    Table(
        "predictions",
        "Out-of-fold predictions: each galaxy by networks that saw neither it nor its repeat observations.",
        (
            DATASET,
            RECIPE,
            GALAXY,
            OBJECT,
            FOLD,
            Column("probability_fast", "DOUBLE", "probability of being fast; of the mean logit over repeats"),
            Column(
                "probability_fast_calibrated",
                "DOUBLE",
                "the same, calibrated by the folds: for the share of slow rotators among the galaxies that trained",
            ),
            ROTATOR,
            Column(
                "threshold",
                "DOUBLE",
                "probability at and above which its fold calls it fast; mean over repeats",
            ),
            Column("predicted_type", "TINYINT", "0 slow, 1 fast: whether probability_fast is below threshold or not"),
            SYNTHETIC,
        ),
    ),
    Table(
        "repeat_predictions",
        "Out-of-fold predictions of each repeat by itself: their spread is that of splits and trainings.",
        (
            DATASET,
            RECIPE,
            REPEAT,
            FOLD,
            GALAXY,
            OBJECT,
            ROTATOR,
            Column("probability_fast", "DOUBLE", "probability of being fast by the repeat's network"),
            Column("averaged", "BOOLEAN", "true where that is of the mean logit of eight turned and mirrored copies"),
            SYNTHETIC,
        ),
        made_by=("predictions",),
    ),
)
