"""Tables of ROC curves, metrics, intervals and calibration."""

from __future__ import annotations

from rotator_assets.store.columns import (
    AUC,
    BOOTSTRAP,
    DATASET,
    FOLD,
    NETWORKS,
    PARAMETERS,
    RECIPE,
    ROC,
    SAMPLE,
    SECONDS,
    SYNTHETIC,
    Column,
    Table,
    by_name,
    interval,
)

VERSION = Column("recipe_version", "VARCHAR", "hash of the recipe's settings that decide networks and predictions")

RUN = Column("run_id", "VARCHAR", "Dagster run that made the row")

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

TRAINED = (
    Column("trained_at", "TIMESTAMP", "when the training ended, UTC"),
    Column("training", "VARCHAR", "name of the training: its folder under results/models"),
)

RECIPE_CONTENT = Column("recipe_content", "VARCHAR", "the recipe as trained and asked for predictions, JSON")


def _calibration(ending: str, when: str) -> tuple[Column, ...]:
    return (
        Column(f"brier{ending}", "DOUBLE", f"Brier score {when}: mean squared difference of probability and label"),
        Column(f"brier_low{ending}", "DOUBLE", "lower end of its 95 % interval (bootstrap over objects)"),
        Column(f"brier_high{ending}", "DOUBLE", "upper end of its 95 % interval (bootstrap over objects)"),
        Column(f"brier_skill{ending}", "DOUBLE", "1 - Brier score over that of the constant share of fast rotators"),
        Column(f"ece{ending}", "DOUBLE", f"expected calibration error {when}, in ten bins of equal counts"),
    )


TABLES = by_name(
    Table(
        "model_metrics",
        "One row a dataset and recipe: how well the network tells fast from slow.",
        METRICS,
        made_by=("roc_report",),
    ),
    Table(
        "roc_curves",
        "ROC curve, out of fold: mean over the networks at each false-positive rate; the positive class is fast.",
        ROC,
        made_by=("roc_report",),
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
                "auc_gain_low",
                "DOUBLE",
                "lower end of the 95 % interval of auc_gain (DeLong within networks, paired)",
            ),
            Column(
                "auc_gain_high",
                "DOUBLE",
                "upper end of the 95 % interval of auc_gain (DeLong within networks, paired)",
            ),
            Column("p_value", "DOUBLE", "two-sided p-value of auc_gain = 0 (DeLong within networks, paired)"),
            SYNTHETIC,
        ),
        made_by=("roc_report",),
    ),
    Table(
        "model_metrics_history",
        "model_metrics of every training there ever was, as they were; nothing here is replaced.",
        (*METRICS, *TRAINED, RECIPE_CONTENT),
        made_by=("roc_report",),
    ),
    Table(
        "roc_curves_history",
        "roc_curves of every training there ever was, as they were; nothing here is replaced.",
        (*ROC, *TRAINED, RUN, VERSION, RECIPE_CONTENT),
        made_by=("roc_report",),
    ),
    Table(
        "referee_metrics",
        "One row a dataset and recipe: every number of the out-of-fold predictions with its uncertainty.",
        (
            DATASET,
            RECIPE,
            *SAMPLE,
            Column("prevalence", "DOUBLE", "share of slow rotators: what pr_auc_slow is for a guess"),
            *AUC,
            Column("auc_error", "DOUBLE", "standard error of auc (DeLong)"),
            Column("auc_bootstrap_low", "DOUBLE", "lower end of the 95 % interval of auc (bootstrap over objects)"),
            Column("auc_bootstrap_high", "DOUBLE", "upper end of the 95 % interval of auc (bootstrap over objects)"),
            Column("auc_bootstrap_error", "DOUBLE", "standard error of auc (bootstrap over objects)"),
            *interval(
                "pr_auc_slow", "average precision of finding the slow rotators by calibrated probability", BOOTSTRAP
            ),
            *interval("balanced_accuracy", "mean of slow_recall and fast_recall", "from their Wilson intervals"),
            *interval("slow_recall", "share of slow rotators called slow at the folds' thresholds", "Wilson"),
            *interval("fast_recall", "share of fast rotators called fast at the folds' thresholds", "Wilson"),
            *_calibration("", "as predicted"),
            *_calibration(
                "_calibrated", "after calibration (slope and offset) on the validation parts; NULL where not done"
            ),
            Column("n_repeats", "INTEGER", "trainings with splits and seeds of their own"),
            Column(
                "seed_auc_std",
                "DOUBLE",
                "standard deviation of the AUCs of single repeats, apart from sampling error",
            ),
            SYNTHETIC,
        ),
        made_by=("intervals_report",),
    ),
    Table(
        "convergence",
        "The course of each network of a training: epochs to converge, and how far it overfits.",
        (
            DATASET,
            RECIPE,
            FOLD,
            Column("epochs", "INTEGER", "epochs trained"),
            Column("converged_epoch", "INTEGER", "first epoch whose val_loss is within 0.01 nats of the lowest"),
            Column("best_epoch", "INTEGER", "epoch of the lowest val_loss, whose weights are kept"),
            Column("best_val_loss", "DOUBLE", "val_loss there, nats"),
            Column("best_val_auc", "DOUBLE", "val_auc there"),
            Column("still_improving", "BOOLEAN", "true where that is the last epoch: more might have been better"),
            Column("overfitting_nats", "DOUBLE", "rise of val_loss from there to the last epoch, nats"),
            Column("gap_nats", "DOUBLE", "val_loss minus loss (of augmented images) at the last epoch, nats"),
            SYNTHETIC,
        ),
        made_by=("intervals_report",),
    ),
    Table(
        "calibration_curves",
        "Predicted against observed share of fast rotators in bins of equal counts, out of fold.",
        (
            DATASET,
            RECIPE,
            Column("stage", "VARCHAR", "before, or after calibration (slope and offset) on the validation parts"),
            Column("bin", "INTEGER", "bin, from 0, ascending probability"),
            Column("n_galaxies", "INTEGER", "galaxies in the bin"),
            Column("n_fast", "INTEGER", "fast rotators among them"),
            Column("probability_mean", "DOUBLE", "mean predicted probability of being fast"),
            Column("fraction_fast", "DOUBLE", "observed share of fast rotators"),
            Column("fraction_low", "DOUBLE", "lower end of its 95 % interval (Wilson)"),
            Column("fraction_high", "DOUBLE", "upper end of its 95 % interval (Wilson)"),
            SYNTHETIC,
        ),
        made_by=("intervals_report",),
    ),
)
