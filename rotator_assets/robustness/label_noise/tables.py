"""Tables of redrawn labels."""

from __future__ import annotations

from rotator_assets.store.columns import DATASET, RECIPE, SYNTHETIC, Column, Table, by_name

TABLES = by_name(
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
        made_by=("label_noise_report",),
    ),
)
