"""Tables of ROC curves, metrics, intervals and calibration."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import AUC, BOOTSTRAP, PAIRED, ROC, SAMPLE, ends, fields, interval
from rotator_assets.training.tables import TABLES as TRAINING_TABLES

_VERSION = Column("recipe_version", "VARCHAR", "hash of the recipe settings that decide networks and predictions")
_RUN = Column("run_id", "VARCHAR", "Dagster run that wrote the row")
_RECIPE_CONTENT = Column("recipe_content", "VARCHAR", "the recipe of the training and its predictions, JSON")

_METRICS = (
    *fields("dataset", "recipe", "population"),
    *SAMPLE,
    *AUC,
    Column(
        "auc_pooled",
        "DOUBLE",
        "AUC of probability_fast_calibrated over the pairs of all galaxies, with several repeats of their mean",
    ),
    Column(
        "network_scatter",
        "DOUBLE",
        "standard deviation of the AUC between networks beyond sampling error; not part of the interval of auc",
    ),
    Column("fold_auc_mean", "DOUBLE", "mean AUC of the single networks"),
    Column("fold_auc_min", "DOUBLE", "smallest AUC of a network"),
    Column("fold_auc_max", "DOUBLE", "largest AUC of a network"),
    Column("optimal_threshold", "DOUBLE", "threshold chosen on the validation part, mean over folds"),
    Column("true_fast", "INTEGER", "number of fast rotators classified as fast at the folds' thresholds"),
    Column("false_fast", "INTEGER", "number of slow rotators classified as fast"),
    Column("true_slow", "INTEGER", "number of slow rotators classified as slow"),
    Column("false_slow", "INTEGER", "number of fast rotators classified as slow"),
    *fields("folds", "parameters"),
    Column("epochs", "INTEGER", "largest number of epochs that a fold may train"),
    Column("profile", "VARCHAR", "full, or quick: fewer folds and epochs"),
    _VERSION,
    Column("device", "VARCHAR", "device that the training ran on"),
    *fields("seconds"),
    _RUN,
    *fields("training", "synthetic"),
)

_TRAINED = Column("trained_at", "TIMESTAMP", "end of the training", "UTC")


def _calibration(ending: str, when: str) -> tuple[Column, ...]:
    return (
        Column(f"brier{ending}", "DOUBLE", f"Brier score {when}: mean squared difference of probability and label"),
        Column(f"brier_low{ending}", "DOUBLE", f"lower end of its 95 % interval ({BOOTSTRAP})"),
        Column(f"brier_high{ending}", "DOUBLE", f"upper end of its 95 % interval ({BOOTSTRAP})"),
        Column(
            f"brier_skill{ending}",
            "DOUBLE",
            "1 - Brier score over that of predicting the fraction of fast rotators for every galaxy",
        ),
        Column(f"ece{ending}", "DOUBLE", f"expected calibration error {when}, in ten bins of equal counts"),
        Column(f"ece_low{ending}", "DOUBLE", f"lower end of its 95 % interval ({BOOTSTRAP}, corrected for its bias)"),
        Column(f"ece_high{ending}", "DOUBLE", f"upper end of its 95 % interval ({BOOTSTRAP}, corrected for its bias)"),
        Column(
            f"ece_by_chance{ending}", "DOUBLE", "mean ece that true probabilities would have in a sample of this size"
        ),
    )


_POPULATION = Column(
    "population",
    "VARCHAR",
    "early types, late types, or all types, each with a label; all types include unclassified ones",
)

POPULATION_METRICS = (
    _POPULATION,
    *SAMPLE,
    *AUC,
    Column("probability_mean", "DOUBLE", "mean calibrated probability of being fast"),
    *interval("fraction_fast", "fraction of fast rotators", "Wilson"),
    *_calibration("", "after calibration"),
)
"""Columns on the discrimination and calibration of a population."""

TABLES = by_name(
    Table(
        "model_metrics",
        "How well the network separates fast from slow rotators; one row per dataset and recipe.",
        _METRICS,
        made_by=("roc_report",),
    ),
    Table(
        "roc_curves",
        "Out-of-fold ROC curve, mean over the networks at each false-positive rate; fast is the positive class.",
        ROC,
        made_by=("roc_report",),
    ),
    Table(
        "baseline_metrics",
        "Baselines: simple classifiers on the network's galaxies and folds, fitted to its training and validation "
        "parts together, and the gain of the network over each.",
        (
            *fields("dataset", "recipe"),
            Column("baseline", "VARCHAR", "input of the classifier"),
            *SAMPLE,
            *AUC,
            Column("auc_gain", "DOUBLE", "AUC of the network minus that of the baseline"),
            *ends(PAIRED, "auc_gain_", "auc_gain"),
            Column("p_value", "DOUBLE", f"two-sided p-value of auc_gain = 0 ({PAIRED})"),
            *fields("synthetic"),
        ),
        made_by=("roc_report",),
    ),
    Table(
        "fusion_parts",
        "What each part of a fusion adds to the others: AUC of the network, of catalogue columns and of the structure "
        "of the image, alone and together.",
        (
            *fields("dataset", "recipe"),
            Column("part", "VARCHAR", "what classifies: the network, sets of columns, or several of them"),
            *SAMPLE,
            *AUC,
            Column(
                "compared_with",
                "VARCHAR",
                "the part without the last set of columns or, for columns alone, with the network",
                null="for the network alone",
            ),
            Column("difference", "DOUBLE", "auc minus that of compared_with", null="for the network alone"),
            *ends(PAIRED, "difference_", "difference"),
            Column("p_value", "DOUBLE", f"two-sided p-value of no difference ({PAIRED})"),
            Column("p_value_adjusted", "DOUBLE", "p_value after Holm's correction for all parts"),
            *fields("synthetic"),
        ),
        made_by=("roc_report",),
    ),
    Table(
        "model_metrics_history",
        "model_metrics of every training so far; rows are never replaced.",
        (*_METRICS, _TRAINED, _RECIPE_CONTENT),
        kept=True,
        made_by=("roc_report",),
    ),
    Table(
        "roc_curves_history",
        "roc_curves of every training so far; rows are never replaced.",
        (*ROC, _TRAINED, *fields("training"), _RUN, _VERSION, _RECIPE_CONTENT),
        kept=True,
        made_by=("roc_report",),
    ),
    Table(
        "predictions_history",
        "predictions of every training so far; rows are never replaced.",
        (*TRAINING_TABLES["predictions"].columns, _TRAINED),
        kept=True,
        made_by=("roc_report",),
    ),
    Table(
        "repeat_predictions_history",
        "repeat_predictions of every training so far; rows are never replaced.",
        (*TRAINING_TABLES["repeat_predictions"].columns, _TRAINED),
        kept=True,
        made_by=("roc_report",),
    ),
    Table(
        "referee_metrics",
        "Scores of the out-of-fold predictions with their uncertainties; one row per dataset and recipe.",
        (
            *fields("dataset", "recipe"),
            *SAMPLE,
            Column("prevalence", "DOUBLE", "fraction of slow rotators, the pr_auc_slow of a random guess"),
            *AUC,
            *fields("auc_error"),
            *ends(BOOTSTRAP, "auc_bootstrap_", "auc"),
            Column("auc_bootstrap_error", "DOUBLE", f"standard error of auc ({BOOTSTRAP})"),
            *interval(
                "pr_auc_slow", "average precision of finding slow rotators by the calibrated probability", BOOTSTRAP
            ),
            *interval("balanced_accuracy", "mean of slow_recall and fast_recall", "from their Wilson intervals"),
            *interval("slow_recall", "fraction of slow rotators classified as slow at the folds' thresholds", "Wilson"),
            *interval("fast_recall", "fraction of fast rotators classified as fast at the folds' thresholds", "Wilson"),
            *_calibration("", "as predicted"),
            *_calibration(
                "_calibrated", "after calibration (slope and offset) on the validation parts; NULL where not done"
            ),
            Column("n_repeats", "INTEGER", "number of repeats, each with its own splits and seeds"),
            Column("seed_auc_std", "DOUBLE", "standard deviation of the AUC between repeats beyond sampling error"),
            *fields("synthetic"),
        ),
        made_by=("intervals_report",),
    ),
    Table(
        "convergence",
        "Epochs to converge and overfitting of each network.",
        (
            *fields("dataset", "recipe", "fold", "member"),
            Column("epochs", "INTEGER", "number of epochs trained"),
            Column("converged_epoch", "INTEGER", "first epoch with val_loss within 0.01 nats of the lowest"),
            Column(
                "best_epoch",
                "INTEGER",
                "epoch of the lowest val_loss, whose weights are kept by default",
            ),
            Column("best_val_loss", "DOUBLE", "val_loss at best_epoch", "nats"),
            Column("best_val_auc", "DOUBLE", "val_auc at best_epoch"),
            Column("still_improving", "BOOLEAN", "true where best_epoch is the last: longer training may do better"),
            Column("overfitting_nats", "DOUBLE", "rise of val_loss from best_epoch to the last epoch", "nats"),
            Column("gap_nats", "DOUBLE", "val_loss minus loss (on augmented images) at the last epoch", "nats"),
            *fields("synthetic"),
        ),
        made_by=("intervals_report",),
    ),
    Table(
        "calibration_curves",
        "Predicted and observed fraction of fast rotators, out of fold, in bins of equal counts.",
        (
            *fields("dataset", "recipe"),
            _POPULATION,
            Column("stage", "VARCHAR", "before or after calibration (slope and offset) on the validation parts"),
            Column("bin", "INTEGER", "bin in order of probability, from 0"),
            Column("n_galaxies", "INTEGER", "number of galaxies in the bin"),
            Column("n_fast", "INTEGER", "number of fast rotators among them"),
            Column("probability_mean", "DOUBLE", "mean predicted probability of being fast"),
            Column("fraction_fast", "DOUBLE", "observed fraction of fast rotators"),
            *ends("Wilson", "fraction_", "fraction_fast"),
            *fields("synthetic"),
        ),
        made_by=("intervals_report",),
    ),
    Table(
        "population_metrics",
        "Discrimination and calibration of the out-of-fold probabilities after calibration; one row per population.",
        (
            *fields("dataset", "recipe"),
            Column(
                "tested", "BOOLEAN", "true for the population of the validation parts, which calibrate the networks"
            ),
            *POPULATION_METRICS,
            *fields("synthetic"),
        ),
        made_by=("intervals_report",),
    ),
    Table(
        "galaxy_results",
        "Predicted and measured values of each galaxy that a training predicts, by networks that have not seen it; "
        "probabilities of tested galaxies are those of predictions.",
        (
            *fields("dataset", "recipe", "galaxy_id", "object_id", "ra", "dec", "fold", "tested"),
            *fields("is_early_type", "rotator_type", "probability_fast", "probability_fast_calibrated"),
            *fields("lambda_r", "lambda_r_error", "lambda_r_predicted", "lambda_r_low", "lambda_r_high"),
            *fields("ellipticity", "spin_threshold", "synthetic"),
        ),
        made_by=("galaxy_report",),
    ),
    Table(
        "lambda_r_accuracy",
        "Predicted against measured lambda_r, for each source of the latter and population; empty for recipes that "
        "predict no lambda_r.",
        (
            *fields("dataset", "recipe"),
            Column(
                "source",
                "VARCHAR",
                "source of the measured lambda_r; labels: the value that gives the label, whatever its source",
            ),
            _POPULATION,
            *SAMPLE,
            *interval("bias", "median of predicted minus measured lambda_r", BOOTSTRAP),
            Column(
                "scatter", "DOUBLE", "1.4826 times the median absolute deviation of predicted minus measured lambda_r"
            ),
            *interval("correlation", "Pearson correlation coefficient", BOOTSTRAP),
            *interval("rank_correlation", "Spearman rank correlation coefficient", BOOTSTRAP),
            *interval("coverage", "fraction of measured values within the predicted 68 % interval", "Wilson"),
            Column("interval_width", "DOUBLE", "mean width of the predicted intervals", "dimensionless"),
            Column(
                "auc",
                "DOUBLE",
                "AUC within networks of lambda_r_predicted - spin_threshold, against the class by measured lambda_r",
            ),
            *fields("auc_low", "auc_high"),
            *interval("right_fraction", "fraction of galaxies on the same side of spin_threshold in both", "Wilson"),
            *interval("slow_completeness", "fraction of slow rotators with lambda_r_predicted below it", "Wilson"),
            *interval("slow_purity", "fraction of slow rotators among those below it", "Wilson"),
            *fields("synthetic"),
        ),
        made_by=("galaxy_report",),
    ),
)
