"""Table of networks trained on another survey."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import AUC, BOOTSTRAP, PAIRED, SAMPLE, ends, fields, interval

TABLES = by_name(
    Table(
        "transfer",
        "AUC after training on another survey, and how much of a drop the different galaxy populations explain; one "
        "row per dataset and recipe that trains on another survey.",
        (
            *fields("dataset", "recipe"),
            Column("other_dataset", "VARCHAR", "dataset of the other survey"),
            Column("other_use", "VARCHAR", "its galaxies are used before, beside or instead of those of the dataset"),
            Column("training_fraction", "DOUBLE", "fraction of the own training galaxies used"),
            *SAMPLE,
            *AUC,
            Column("difference", "DOUBLE", "AUC minus that of thesis, trained on the own galaxies (same galaxies)"),
            *ends(PAIRED, "difference_", "difference"),
            Column("p_value", "DOUBLE", f"two-sided p-value of no difference ({PAIRED})"),
            Column("auc_at_home", "DOUBLE", "AUC of thesis on the other dataset", null="where not trained"),
            Column(
                "variables", "VARCHAR", "properties in which the tested galaxies are weighted to match the training"
            ),
            Column("n_effective", "DOUBLE", "effective number of galaxies after weighting"),
            *interval("auc_reweighted", "AUC of the weighted galaxies", BOOTSTRAP),
            *interval("explained", "auc_reweighted minus auc: the drop that these variables explain", BOOTSTRAP),
            *fields("synthetic"),
        ),
        made_by=("transfer_report",),
    ),
)
