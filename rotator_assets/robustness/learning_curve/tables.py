"""Tables of the learning curve."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import AUC, SAMPLE, fields, interval

_REFERENCE = Column("reference", "VARCHAR", "recipe of which the others use a fraction of the training galaxies")

TABLES = by_name(
    Table(
        "learning_curve",
        "AUC against the number of training galaxies, from recipes that differ from a reference in training_fraction "
        "alone.",
        (
            *fields("dataset", "recipe"),
            _REFERENCE,
            Column("training_fraction", "DOUBLE", "fraction of the training galaxies used"),
            Column("n_train", "DOUBLE", "number of labelled training galaxies of the population per fold, mean"),
            *SAMPLE,
            *AUC,
            Column("auc_error", "DOUBLE", "standard error of auc (DeLong), which weights the fit"),
            *fields("synthetic"),
        ),
    ),
    Table(
        "learning_curve_fit",
        "Fit of auc = a - b (n / n_largest)^-c to learning_curve, and its extrapolation to more galaxies.",
        (
            *fields("dataset"),
            _REFERENCE,
            Column("n_points", "INTEGER", "number of trainings fitted; all other numbers are NULL below three"),
            Column("n_largest", "DOUBLE", "largest number of training galaxies"),
            *interval("a", "AUC in the limit of infinitely many galaxies", "parametric bootstrap"),
            Column(
                "a_error", "DOUBLE", "standard error of a from the covariance", null="where the fit ends at a bound"
            ),
            Column("b", "DOUBLE", "difference between a and the fitted AUC at n_largest"),
            Column("c", "DOUBLE", "exponent"),
            *interval("auc_10x", "AUC expected with ten times as many galaxies", "parametric bootstrap"),
            *interval("auc_100x", "AUC expected with a hundred times as many galaxies", "parametric bootstrap"),
            Column("chi_squared", "DOUBLE", "chi-squared of the fit, with n_points - 3 degrees of freedom"),
            Column("constrained", "BOOLEAN", "false where the data do not constrain the limit a"),
            Column("note", "VARCHAR", "what is missing"),
            *fields("synthetic"),
        ),
        made_by=("learning_curve",),
    ),
)
