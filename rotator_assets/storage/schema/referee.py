"""Tables of what a referee asks: intervals and calibration, label noise, the learning curve."""

from __future__ import annotations

from rotator_assets.storage.schema.columns import (
    AUC,
    DATASET,
    FOLD,
    RECIPE,
    SAMPLE,
    SYNTHETIC,
    Column,
    Table,
)


def _interval(name: str, what: str, method: str) -> tuple[Column, Column, Column]:
    return (
        Column(name, "DOUBLE", what),
        Column(f"{name}_low", "DOUBLE", f"lower end of the 95 % interval of {name} ({method})"),
        Column(f"{name}_high", "DOUBLE", f"upper end of the 95 % interval of {name} ({method})"),
    )


def _calibration(ending: str, when: str) -> tuple[Column, ...]:
    return (
        Column(f"brier{ending}", "DOUBLE", f"Brier score {when}: mean squared difference of probability and label"),
        Column(f"brier_low{ending}", "DOUBLE", "lower end of its 95 % interval (bootstrap over objects)"),
        Column(f"brier_high{ending}", "DOUBLE", "upper end of its 95 % interval (bootstrap over objects)"),
        Column(f"brier_skill{ending}", "DOUBLE", "1 - Brier score over that of the constant share of fast rotators"),
        Column(f"ece{ending}", "DOUBLE", f"expected calibration error {when}, in ten bins of equal counts"),
    )


_BOOTSTRAP = "bootstrap over objects"
REFEREE_TABLES = (
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
            *_interval(
                "pr_auc_slow", "average precision of finding the slow rotators by calibrated probability", _BOOTSTRAP
            ),
            *_interval("balanced_accuracy", "mean of slow_recall and fast_recall", "from their Wilson intervals"),
            *_interval("slow_recall", "share of slow rotators called slow at the folds' thresholds", "Wilson"),
            *_interval("fast_recall", "share of fast rotators called fast at the folds' thresholds", "Wilson"),
            *_calibration("", "as predicted"),
            *_calibration(
                "_calibrated", "after calibration (slope and offset) on the validation parts; NULL where not done"
            ),
            Column("n_repeats", "INTEGER", "trainings with splits and seeds of their own"),
            Column(
                "seed_auc_std", "DOUBLE", "standard deviation of the AUCs of single repeats, apart from sampling error"
            ),
            SYNTHETIC,
        ),
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
    ),
    Table(
        "label_noise",
        "The same out-of-fold scores against other labels: errors of lambda_r, boundary, source; one row a variant.",
        (
            DATASET,
            RECIPE,
            Column("variant", "VARCHAR", "how the labels were made, or which galaxies were kept"),
            Column(
                "distance_cut", "DOUBLE", "kept: |lambda_r - spin_threshold| larger than this; NULL for no such cut"
            ),
            Column("n_galaxies", "INTEGER", "galaxies with such a label"),
            Column("n_slow", "INTEGER", "slow rotators among them by that label"),
            Column("auc", "DOUBLE", "AUC against that label; of labels drawn anew their mean; NULL with one class"),
            Column("auc_low", "DOUBLE", "lower end of its 95 % interval: DeLong, or the spread of the draws"),
            Column("auc_high", "DOUBLE", "upper end of its 95 % interval: DeLong, or the spread of the draws"),
            Column("reference_auc", "DOUBLE", "AUC of the same galaxies with the labels as trained"),
            Column("label_change_fraction", "DOUBLE", "share of these galaxies whose label differs from that trained"),
            Column("ceiling", "DOUBLE", "AUC that knowing every true class would give against the drawn labels"),
            Column("ceiling_ranked", "DOUBLE", "AUC that knowing lambda_r itself would give against the drawn labels"),
            Column("n_assumed_error", "INTEGER", "galaxies without a published lambda_r_error, which is assumed"),
            Column("assumed_error", "DOUBLE", "standard deviation of lambda_r assumed for them, dimensionless"),
            SYNTHETIC,
        ),
    ),
    Table(
        "learning_curve",
        "AUC against the number of training galaxies: recipes that differ from thesis in training_fraction alone.",
        (
            DATASET,
            RECIPE,
            Column("training_fraction", "DOUBLE", "share of the training galaxies that were used"),
            Column("n_train", "DOUBLE", "galaxies a fold trained on, mean over folds"),
            *SAMPLE,
            *AUC,
            Column("auc_error", "DOUBLE", "standard error of auc (DeLong), its weight in the fit"),
            SYNTHETIC,
        ),
    ),
    Table(
        "learning_curve_fit",
        "Fit of auc = a - b (n / n_largest)^-c to learning_curve, and what it says of more galaxies.",
        (
            DATASET,
            Column("n_points", "INTEGER", "trainings fitted; all else is NULL below three"),
            Column("n_largest", "DOUBLE", "largest number of training galaxies"),
            *_interval("a", "AUC with galaxies without end", "parametric bootstrap"),
            Column("a_error", "DOUBLE", "standard error of a from the covariance; NULL where the fit ends at a bound"),
            Column("b", "DOUBLE", "AUC still missing at n_largest"),
            Column("c", "DOUBLE", "power"),
            *_interval("auc_10x", "AUC expected with ten times as many galaxies", "parametric bootstrap"),
            *_interval("auc_100x", "AUC expected with a hundred times as many galaxies", "parametric bootstrap"),
            Column("chi_squared", "DOUBLE", "of the fit, n_points - 3 degrees of freedom"),
            Column("constrained", "BOOLEAN", "false where the data do not say where the curve ends"),
            Column("note", "VARCHAR", "what is missing"),
            SYNTHETIC,
        ),
    ),
    Table(
        "transfer",
        "One row a dataset and recipe that trains on another survey: what that gives, and how much of a drop is due to "
        "the galaxies' being others.",
        (
            DATASET,
            RECIPE,
            Column("other_dataset", "VARCHAR", "dataset of the other survey"),
            Column("other_use", "VARCHAR", "whether it trains before, beside or instead of the dataset's own galaxies"),
            Column("training_fraction", "DOUBLE", "share of the own training galaxies that train too"),
            *SAMPLE,
            *AUC,
            Column("difference", "DOUBLE", "AUC minus that of thesis, trained on the own galaxies (same galaxies)"),
            Column("difference_low", "DOUBLE", "lower end of its 95 % interval (DeLong within networks, paired)"),
            Column("difference_high", "DOUBLE", "upper end of its 95 % interval (DeLong within networks, paired)"),
            Column("p_value", "DOUBLE", "two-sided p-value of no difference (DeLong within networks, paired)"),
            Column("auc_at_home", "DOUBLE", "AUC of thesis on the other dataset; NULL where not trained"),
            Column("variables", "VARCHAR", "in which the tested galaxies are weighted to be as the trained ones"),
            Column("n_effective", "DOUBLE", "galaxies of equal weight that would say as much as the weighted ones"),
            *_interval("auc_reweighted", "AUC of the weighted galaxies", _BOOTSTRAP),
            *_interval("explained", "auc_reweighted minus auc: the drop that these variables explain", _BOOTSTRAP),
            SYNTHETIC,
        ),
    ),
    Table(
        "planted_truth",
        "One row a strength: networks trained on synthetic galaxies whose classes differ in the disc alone.",
        (
            Column("strength", "DOUBLE", "difference of the classes' discs, standard deviations of their share"),
            *SAMPLE,
            *AUC,
            Column("best_auc", "DOUBLE", "AUC here of the best possible classifier, which knows each galaxy's disc"),
            Column("best_auc_expected", "DOUBLE", "AUC expected of it: Phi(strength / sqrt(2))"),
            SYNTHETIC,
        ),
    ),
)
