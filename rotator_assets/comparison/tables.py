"""Tables of comparisons between recipes and between datasets."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import AUC, PAIRED, SAMPLE, ends, fields

TABLES = by_name(
    Table(
        "recipe_comparison",
        "Recipes of one dataset, best first, each compared with thesis on the galaxies that both predict.",
        (
            *fields("dataset", "recipe"),
            *SAMPLE,
            *AUC,
            Column("n_in_both", "INTEGER", "number of galaxies that thesis predicts too", null="for thesis"),
            Column("auc_difference", "DOUBLE", "AUC minus that of thesis on the same galaxies", null="for thesis"),
            *ends(PAIRED, "auc_difference_"),
            Column("p_value", "DOUBLE", f"two-sided p-value of no difference ({PAIRED})"),
            Column("p_value_adjusted", "DOUBLE", "p_value after Holm's correction for all comparisons of the dataset"),
            Column("significant", "BOOLEAN", "true where p_value_adjusted is below 0.05", null="for thesis"),
            *fields("parameters", "folds", "seconds", "synthetic"),
        ),
    ),
    Table(
        "classifier_comparison",
        "Everything that classifies the galaxies of a dataset, best first: recipes, baselines, and columns of a fusion "
        "without the network, each compared with the study's recipe on the galaxies of both.",
        (
            *fields("dataset", "population"),
            Column(
                "classifier", "VARCHAR", "name of the recipe, input of the baseline, or recipe and columns of a fusion"
            ),
            Column("kind", "VARCHAR", "recipe, baseline (fitted on the folds of the study's recipe), or columns"),
            *SAMPLE,
            *AUC,
            Column("reference", "VARCHAR", "the study's recipe for the population"),
            Column("auc_difference", "DOUBLE", "auc minus that of reference", null="for reference"),
            *ends(PAIRED, "auc_difference_"),
            Column("p_value", "DOUBLE", f"two-sided p-value of no difference ({PAIRED})"),
            Column("p_value_adjusted", "DOUBLE", "p_value after Holm's correction for all rows of the population"),
            *fields("parameters", "seconds", "synthetic"),
        ),
        made_by=("recipe_comparison",),
    ),
    Table(
        "dataset_comparison",
        "One recipe on two datasets that differ in crop, noise or survey. Within one survey the same galaxies are "
        "compared (paired).",
        (
            Column("kind", "VARCHAR", "what differs: crop, noise or survey"),
            *fields("recipe", "dataset"),
            Column("reference_dataset", "VARCHAR", "the other dataset: 128 pixels, noiseless, or observed"),
            Column("n_galaxies", "INTEGER", "number of galaxies in auc; where paired, those that both datasets have"),
            Column("n_slow", "INTEGER", "number of slow rotators among them"),
            Column("reference_n_galaxies", "INTEGER", "number of galaxies in reference_auc"),
            Column("auc", "DOUBLE", "area under the ROC curve on these galaxies; 0.5 is chance"),
            Column("reference_auc", "DOUBLE", "area under the ROC curve on the reference dataset"),
            Column("difference", "DOUBLE", "auc minus reference_auc"),
            *ends("DeLong", of="difference"),
            Column("p_value", "DOUBLE", "two-sided p-value of no difference (DeLong)"),
            Column("p_value_adjusted", "DOUBLE", "p_value after Holm's correction for all comparisons of the kind"),
            Column("paired", "BOOLEAN", "true for the same galaxies, false for independent samples"),
            *fields("synthetic"),
        ),
    ),
)
