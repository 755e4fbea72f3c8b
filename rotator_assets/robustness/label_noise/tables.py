"""Table of redrawn labels."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import ends, fields

TABLES = by_name(
    Table(
        "label_noise",
        "The out-of-fold scores against other labels: errors of lambda_r, boundary, source; one row per variant.",
        (
            *fields("dataset", "recipe"),
            Column("variant", "VARCHAR", "how the labels were made, or which galaxies were kept"),
            Column(
                "distance_cut",
                "DOUBLE",
                "smallest |lambda_r - spin_threshold| of the galaxies kept",
                "dimensionless",
                "for no such cut",
            ),
            Column("n_galaxies", "INTEGER", "number of galaxies with such a label"),
            Column("n_slow", "INTEGER", "number of slow rotators among them by that label"),
            Column("auc", "DOUBLE", "AUC against that label, mean over redrawn labels", null="with one class"),
            *ends("DeLong, or the spread of the draws", "auc_"),
            Column("reference_auc", "DOUBLE", "AUC of the same galaxies with the labels of the training"),
            Column(
                "label_change_fraction",
                "DOUBLE",
                "fraction of these galaxies whose label differs from that of the training",
            ),
            Column("ceiling", "DOUBLE", "AUC against the redrawn labels of a classifier that knows every true class"),
            Column("ceiling_ranked", "DOUBLE", "AUC against the redrawn labels of a classifier that knows lambda_r"),
            Column(
                "n_assumed_error", "INTEGER", "number of galaxies without a published lambda_r_error, which is assumed"
            ),
            Column("assumed_error", "DOUBLE", "standard deviation of lambda_r assumed for them", "dimensionless"),
            *fields("synthetic"),
        ),
        made_by=("label_noise_report",),
    ),
)
