"""Tables of the learning curve."""

from __future__ import annotations

from rotator_assets.store.columns import AUC, DATASET, RECIPE, SAMPLE, SYNTHETIC, Column, Table, by_name, interval

TABLES = by_name(
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
            *interval("a", "AUC with galaxies without end", "parametric bootstrap"),
            Column("a_error", "DOUBLE", "standard error of a from the covariance; NULL where the fit ends at a bound"),
            Column("b", "DOUBLE", "AUC still missing at n_largest"),
            Column("c", "DOUBLE", "power"),
            *interval("auc_10x", "AUC expected with ten times as many galaxies", "parametric bootstrap"),
            *interval("auc_100x", "AUC expected with a hundred times as many galaxies", "parametric bootstrap"),
            Column("chi_squared", "DOUBLE", "of the fit, n_points - 3 degrees of freedom"),
            Column("constrained", "BOOLEAN", "false where the data do not say where the curve ends"),
            Column("note", "VARCHAR", "what is missing"),
            SYNTHETIC,
        ),
        made_by=("learning_curve",),
    ),
)
