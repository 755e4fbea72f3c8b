"""Tables of comparisons of recipes and datasets."""

from __future__ import annotations

from rotator_assets.store.columns import (
    AUC,
    DATASET,
    NETWORKS,
    PARAMETERS,
    RECIPE,
    SAMPLE,
    SECONDS,
    SYNTHETIC,
    Column,
    Table,
    by_name,
)

TABLES = by_name(
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
)
