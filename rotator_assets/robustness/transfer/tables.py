"""Tables of networks trained on another survey."""

from __future__ import annotations

from rotator_assets.store.columns import (
    AUC,
    BOOTSTRAP,
    DATASET,
    RECIPE,
    SAMPLE,
    SYNTHETIC,
    Column,
    Table,
    by_name,
    interval,
)

TABLES = by_name(
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
            *interval("auc_reweighted", "AUC of the weighted galaxies", BOOTSTRAP),
            *interval("explained", "auc_reweighted minus auc: the drop that these variables explain", BOOTSTRAP),
            SYNTHETIC,
        ),
        made_by=("transfer_report",),
    ),
)
