"""Tables of trainings: what was trained, how well it does, how trainings compare, and how they once were."""

from __future__ import annotations

from rotator_assets.storage.schema.columns import (
    AUC,
    DATASET,
    FOLD,
    GALAXY,
    OBJECT,
    RECIPE,
    ROTATOR,
    SAMPLE,
    SYNTHETIC,
    Column,
    Table,
)

REPEAT = Column("repeat", "INTEGER", "repeat of the cross-validation, from 0; folds count on over the repeats")
VERSION = Column("recipe_version", "VARCHAR", "hash of the recipe's settings that decide networks and predictions")
RUN = Column("run_id", "VARCHAR", "Dagster run that made the row")
NETWORKS = Column("folds", "INTEGER", "number of networks: folds, times the repeats")
PARAMETERS = Column("parameters", "INTEGER", "numbers that one network learns")
SECONDS = Column("seconds", "DOUBLE", "wall time of the training, s")
METRICS = (
    DATASET,
    RECIPE,
    *SAMPLE,
    *AUC,
    Column(
        "auc_pooled",
        "DOUBLE",
        "AUC of probability_fast_calibrated, pairs of all galaxies; of repeats together, where there are several",
    ),
    Column(
        "network_scatter",
        "DOUBLE",
        "standard deviation of the AUC between networks beyond sampling, which is not in the interval of auc",
    ),
    Column("fold_auc_mean", "DOUBLE", "mean of the AUCs of the single networks"),
    Column("fold_auc_min", "DOUBLE", "smallest AUC of a network"),
    Column("fold_auc_max", "DOUBLE", "largest AUC of a network"),
    Column("optimal_threshold", "DOUBLE", "mean over folds of the threshold chosen on the validation part"),
    Column("true_fast", "INTEGER", "fast rotators called fast at the folds' thresholds"),
    Column("false_fast", "INTEGER", "slow rotators called fast"),
    Column("true_slow", "INTEGER", "slow rotators called slow"),
    Column("false_slow", "INTEGER", "fast rotators called slow"),
    NETWORKS,
    PARAMETERS,
    Column("epochs", "INTEGER", "largest number of epochs a fold may train"),
    Column("profile", "VARCHAR", "full, or quick: fewer folds and epochs"),
    VERSION,
    Column("device", "VARCHAR", "device the training ran on"),
    SECONDS,
    RUN,
    SYNTHETIC,
)
ROC = (
    DATASET,
    RECIPE,
    Column("false_positive_rate", "DOUBLE", "share of slow rotators called fast"),
    Column("true_positive_rate", "DOUBLE", "share of fast rotators called fast"),
    Column("threshold", "DOUBLE", "probability at and above which a galaxy is called fast; mean over the networks"),
    SYNTHETIC,
)
TRAINED = (
    Column("trained_at", "TIMESTAMP", "when the training ended, UTC"),
    Column("training", "VARCHAR", "name of the training: its folder under results/models"),
)
RECIPE_CONTENT = Column("recipe_content", "VARCHAR", "the recipe as trained and asked for predictions, JSON")

TRAINING_TABLES = (
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
    ),
    Table(
        "model_metrics",
        "One row a dataset and recipe: how well the network tells fast from slow.",
        METRICS,
    ),
    Table(
        "roc_curves",
        "ROC curve, out of fold: mean over the networks at each false-positive rate; the positive class is fast.",
        ROC,
    ),
    Table(
        "baseline_metrics",
        "Plain classifiers on the same galaxies and folds as the network, fitted on its training and validation parts "
        "together, and the network's gain over each.",
        (
            DATASET,
            RECIPE,
            Column("baseline", "VARCHAR", "what the classifier sees"),
            *SAMPLE,
            *AUC,
            Column("auc_gain", "DOUBLE", "AUC of the network minus that of the baseline"),
            Column(
                "auc_gain_low", "DOUBLE", "lower end of the 95 % interval of auc_gain (DeLong within networks, paired)"
            ),
            Column(
                "auc_gain_high", "DOUBLE", "upper end of the 95 % interval of auc_gain (DeLong within networks, paired)"
            ),
            Column("p_value", "DOUBLE", "two-sided p-value of auc_gain = 0 (DeLong within networks, paired)"),
            SYNTHETIC,
        ),
    ),
    Table(
        "recipe_comparison",
        "Recipes of one dataset, best first, each against thesis on the galaxies both predict.",
        (
            DATASET,
            RECIPE,
            *SAMPLE,
            *AUC,
            Column("n_in_both", "INTEGER", "galaxies that thesis predicts too; NULL for thesis"),
            Column("auc_difference", "DOUBLE", "AUC minus that of thesis on the same galaxies; NULL for thesis"),
            Column("auc_difference_low", "DOUBLE", "lower end of its 95 % interval (DeLong within networks, paired)"),
            Column("auc_difference_high", "DOUBLE", "upper end of its 95 % interval (DeLong within networks, paired)"),
            Column("p_value", "DOUBLE", "two-sided p-value of no difference (DeLong within networks, paired)"),
            Column("p_value_adjusted", "DOUBLE", "p_value after Holm's correction for all comparisons of the dataset"),
            Column("significant", "BOOLEAN", "true where p_value_adjusted is below 0.05; NULL for thesis"),
            PARAMETERS,
            NETWORKS,
            SECONDS,
            SYNTHETIC,
        ),
    ),
    Table(
        "dataset_comparison",
        "One recipe on two datasets: crops, noise, surveys; the same galaxies (paired) where both are of one survey.",
        (
            Column("kind", "VARCHAR", "what differs: crop, noise or survey"),
            RECIPE,
            DATASET,
            Column("reference_dataset", "VARCHAR", "the other dataset: 128 pixels, without noise, or observed"),
            Column("n_galaxies", "INTEGER", "galaxies that auc is of; where paired, those that both datasets have"),
            Column("n_slow", "INTEGER", "slow rotators among them"),
            Column("reference_n_galaxies", "INTEGER", "galaxies that reference_auc is of"),
            Column("auc", "DOUBLE", "area under the ROC curve on these galaxies; 0.5 is chance"),
            Column("reference_auc", "DOUBLE", "the same of the reference dataset"),
            Column("difference", "DOUBLE", "auc minus reference_auc"),
            Column("low", "DOUBLE", "lower end of the 95 % interval of difference (DeLong)"),
            Column("high", "DOUBLE", "upper end of the 95 % interval of difference (DeLong)"),
            Column("p_value", "DOUBLE", "two-sided p-value of no difference (DeLong)"),
            Column("p_value_adjusted", "DOUBLE", "p_value after Holm's correction for all comparisons of the kind"),
            Column("paired", "BOOLEAN", "true: the same galaxies; false: independent samples"),
            SYNTHETIC,
        ),
    ),
    Table(
        "model_metrics_history",
        "model_metrics of every training there ever was, as they were; nothing here is replaced.",
        (*METRICS, *TRAINED, RECIPE_CONTENT),
    ),
    Table(
        "roc_curves_history",
        "roc_curves of every training there ever was, as they were; nothing here is replaced.",
        (*ROC, *TRAINED, RUN, VERSION, RECIPE_CONTENT),
    ),
)
