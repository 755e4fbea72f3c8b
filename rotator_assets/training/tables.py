"""Tables of trainings and predictions."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import fields

_PART = Column("part", "VARCHAR", "what classifies: the network, sets of columns, or several of them")

_NO_LAMBDA_R = "where the recipe predicts no lambda_r"
TABLES = by_name(
    Table(
        "training_history",
        "Losses during each training; one row per network and epoch.",
        (
            *fields("dataset", "recipe", "fold", "member"),
            Column("epoch", "INTEGER", "epoch, from 1"),
            Column("loss", "DOUBLE", "mean of the recipe's loss of the class over the training part", "nats"),
            Column("val_loss", "DOUBLE", "mean of the same loss over the validation part", "nats"),
            Column("val_auc", "DOUBLE", "area under the ROC curve of the validation part"),
            *fields("synthetic"),
        ),
        made_by=("rotator_classifier",),
    ),
    Table(
        "provenance",
        "Where each training comes from, also those that later ones have replaced. One row per training, "
        "never overwritten; `rotators reproduce` repeats the latest.",
        (
            *fields("dataset", "recipe"),
            Column("training", "VARCHAR", "folder of the networks; the same name in the tables of the history"),
            Column("trained_at", "TIMESTAMP", "end of the training, UTC"),
            Column("run_id", "VARCHAR", "the Dagster run"),
            Column("content_hash", "VARCHAR", "hash of recipe, galaxies, labels and images, which decide the networks"),
            Column("recipe_content", "VARCHAR", "the recipe as trained, JSON"),
            Column("profile", "VARCHAR", "full, or quick: with fewer folds and epochs than the recipes file says"),
            Column("seed", "BIGINT", "seed of the folds, the weights, the order and changes of the images"),
            Column(
                "inputs",
                "VARCHAR",
                "versions of images and labels, checksums of the input files (table input_checksums), and settings of "
                "the survey, JSON",
            ),
            Column("program_version", "VARCHAR", "version of this program"),
            Column("code_hash", "VARCHAR", "hash of its modules"),
            Column("code_commit", "VARCHAR", "its git commit; -dirty: with changes", null="where not known"),
            Column("code_version", "VARCHAR", "version of the asset rotator_classifier"),
            Column("packages", "VARCHAR", "versions of packages, JSON"),
            Column("python", "VARCHAR", "version of Python"),
            Column("device", "VARCHAR", "processor or GPU"),
            Column("system", "VARCHAR", "operating system, architecture, vector instructions of the processor"),
            Column("environment", "VARCHAR", "threads, kernels and precision as variables of the shell, JSON"),
            *fields("synthetic"),
        ),
        kept=True,
        made_by=("rotator_classifier",),
    ),
    Table(
        "training_folds",
        "The fold that tests each galaxy in each repeat, with the fold's threshold and calibration, both from its "
        "validation part.",
        (
            *fields("dataset", "recipe", "galaxy_id", "object_id", "repeat", "fold", "rotator_type"),
            Column("threshold", "DOUBLE", "probability at and above which the fold classifies a galaxy as fast"),
            Column(
                "calibration_slope",
                "DOUBLE",
                "factor that calibrates the fold's logits; below 1 the network is overconfident",
            ),
            Column("calibration_offset", "DOUBLE", "number added to the logits after calibration_slope"),
            Column("threshold_averaged", "DOUBLE", "threshold for the mean logit of eight turned and mirrored copies"),
            Column("calibration_slope_averaged", "DOUBLE", "calibration_slope for that mean logit"),
            Column("calibration_offset_averaged", "DOUBLE", "calibration_offset for that mean logit"),
            *fields("synthetic"),
        ),
        made_by=("rotator_classifier",),
    ),
    Table(
        "unseen_galaxies",
        "Galaxies that the networks of a fold predict without having seen them, for recipes that learn more than the "
        "class; one row per galaxy and repeat.",
        (
            *fields("dataset", "recipe", "galaxy_id", "object_id", "repeat", "fold", "tested"),
            Column(
                "lambda_r_margin",
                "DOUBLE",
                "added to both ends of the fold's predicted intervals of lambda_r, from its validation part",
                "dimensionless",
                _NO_LAMBDA_R,
                "Romano et al. 2019",
            ),
            Column(
                "lambda_r_margin_averaged",
                "DOUBLE",
                "lambda_r_margin for the mean outputs of eight turned and mirrored copies",
                "dimensionless",
                _NO_LAMBDA_R,
            ),
            *fields("synthetic"),
        ),
        made_by=("rotator_classifier",),
    ),
    Table(
        "inner_predictions",
        "Calibrated logits and lambda_R of tested galaxies by networks trained without their own fold and without "
        "another one, for recipes with fusion; one row per galaxy, repeat and other fold.",
        (
            *fields("dataset", "recipe", "galaxy_id", "object_id", "repeat", "fold"),
            Column("outer_fold", "INTEGER", "the other fold, of which the network has seen no galaxy either"),
            Column("logit", "DOUBLE", "logit of being fast, calibrated on the network's validation part"),
            Column("logit_averaged", "DOUBLE", "the same from the mean logit of eight turned and mirrored copies"),
            Column("lambda_r_predicted", "DOUBLE", "predicted lambda_R", "dimensionless", _NO_LAMBDA_R),
            Column(
                "lambda_r_predicted_averaged",
                "DOUBLE",
                "lambda_r_predicted, mean of eight turned and mirrored copies",
                "dimensionless",
                _NO_LAMBDA_R,
            ),
            *fields("synthetic"),
        ),
        made_by=("rotator_classifier",),
    ),
    Table(
        "fusion_predictions",
        "Out-of-fold predictions by each part of a fusion: the network, catalogue columns, the structure of the image.",
        (
            *fields("dataset", "recipe", "repeat", "fold", "galaxy_id", "object_id", "rotator_type"),
            _PART,
            Column("probability_fast", "DOUBLE", "calibrated probability of being fast"),
            *fields("synthetic"),
        ),
        made_by=("predictions",),
    ),
    Table(
        "fusion_models",
        "How each part of a fusion classifies the galaxies of a fold, fitted to the other folds: a weighted sum of the "
        "network's calibrated logit, of its lambda_r_predicted minus spin_threshold, and of the logit of gradient "
        "boosting of the columns.",
        (
            *fields("dataset", "recipe", "repeat", "fold"),
            _PART,
            Column("network_weight", "DOUBLE", "factor of the network's logit", null="in parts without the network"),
            Column(
                "spin_weight",
                "DOUBLE",
                "factor of the predicted lambda_r minus spin_threshold",
                null="in parts without spin",
            ),
            Column("features_weight", "DOUBLE", "factor of the columns' logit", null="in parts without columns"),
            Column("intercept", "DOUBLE", "number added to the weighted sum"),
            Column("threshold", "DOUBLE", "probability at and above which a galaxy is classified as fast"),
            *fields("synthetic"),
        ),
        made_by=("predictions",),
    ),
    Table(
        "galaxy_predictions",
        "Predictions of galaxies by networks that have not seen them: the tested ones, and every other galaxy with an "
        "image if the recipe trains on all. Types outside the population are calibrated by those of other folds. "
        "By the networks alone, also where the recipe fuses.",
        (
            *fields("dataset", "recipe", "galaxy_id", "object_id", "fold", "tested"),
            *fields("probability_fast", "probability_fast_calibrated"),
            *fields("lambda_r_predicted", "lambda_r_low", "lambda_r_high", "synthetic"),
        ),
        made_by=("predictions",),
    ),
    Table(
        "predictions",
        "Out-of-fold predictions: each galaxy is tested by networks not trained on it or its repeat observations.",
        (
            *fields("dataset", "recipe", "galaxy_id", "object_id", "fold"),
            *fields("probability_fast", "probability_fast_calibrated"),
            *fields("rotator_type"),
            Column(
                "threshold",
                "DOUBLE",
                "probability at and above which the fold classifies it as fast, mean over the repeats",
            ),
            Column("predicted_type", "TINYINT", "0 slow, 1 fast: whether probability_fast reaches threshold"),
            *fields("training", "synthetic"),
        ),
    ),
    Table(
        "repeat_predictions",
        "Out-of-fold predictions of each repeat; their spread comes from splits and trainings.",
        (
            *fields("dataset", "recipe", "repeat", "fold", "galaxy_id", "object_id", "rotator_type"),
            Column("probability_fast", "DOUBLE", "probability of being fast by the repeat's network"),
            Column(
                "averaged",
                "BOOLEAN",
                "true where probability_fast comes from the mean logit of eight turned and mirrored copies",
            ),
            *fields("training", "synthetic"),
        ),
        made_by=("predictions",),
    ),
)
