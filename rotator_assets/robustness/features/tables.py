"""Tables of nested feature sets, matched pairs and bins."""

from __future__ import annotations

from rotator_assets.store.columns import AUC, DATASET, GALAXY, RECIPE, SAMPLE, SYNTHETIC, Column, Table, by_name

TABLES = by_name(
    Table(
        "image_morphology",
        "Structure measured on a dataset's images (statmorph, neighbours masked); one row a labelled image.",
        (
            DATASET,
            GALAXY,
            Column("gini", "DOUBLE", "Gini coefficient of the pixels' light (Lotz et al. 2004), 0 to 1"),
            Column("m20", "DOUBLE", "log10 of the brightest 20 % of the light's second moment over all light's"),
            Column("concentration", "DOUBLE", "5 log10(r80 / r20)"),
            Column("asymmetry", "DOUBLE", "of the image turned by 180 degrees, that of the sky taken off"),
            Column("g_minus_i", "DOUBLE", "colour within r_half_pixels, mag; -2.5 log10 of pixel values for pictures"),
            Column("r_half_pixels", "DOUBLE", "radius of the circle with half of the light, pixels"),
            Column("sn_per_pixel", "DOUBLE", "mean signal to noise of the galaxy's pixels; NULL without noise"),
            Column("flag", "INTEGER", "statmorph's: 0 good, 1 suspect, 2 bad, 4 nothing measured"),
            Column("usable", "BOOLEAN", "true where gini, m20, concentration and asymmetry are all measured"),
            Column("reason", "VARCHAR", "why not; NULL where usable"),
            SYNTHETIC,
        ),
    ),
    Table(
        "feature_baselines",
        "Ladder of features, by plain classifiers on the network's galaxies and folds, fitted on its training and "
        "validation parts together; each step has those before it.",
        (
            DATASET,
            RECIPE,
            Column("features", "VARCHAR", "what this step adds to the features before it"),
            Column("model", "VARCHAR", "logistic regression or gradient boosting"),
            *SAMPLE,
            *AUC,
            Column("network_gain", "DOUBLE", "AUC of the network minus auc"),
            Column(
                "gain_low",
                "DOUBLE",
                "lower end of the 95 % interval of network_gain (DeLong within networks, paired)",
            ),
            Column(
                "gain_high",
                "DOUBLE",
                "upper end of the 95 % interval of network_gain (DeLong within networks, paired)",
            ),
            Column("p_value", "DOUBLE", "two-sided p-value of network_gain = 0 (DeLong within networks, paired)"),
            Column("p_value_adjusted", "DOUBLE", "p_value after Holm's correction for all rows of the training"),
            Column("auc_with_network", "DOUBLE", "AUC of the same classifier with the network's logit as a feature"),
            Column("added", "DOUBLE", "auc_with_network minus auc: what the network adds to the features"),
            Column("added_low", "DOUBLE", "lower end of the 95 % interval of added (DeLong within networks, paired)"),
            Column("added_high", "DOUBLE", "upper end of the 95 % interval of added (DeLong within networks, paired)"),
            Column("added_p_value", "DOUBLE", "two-sided p-value of added = 0 (DeLong within networks, paired)"),
            Column("added_p_value_adjusted", "DOUBLE", "added_p_value after Holm's correction, as p_value_adjusted"),
            SYNTHETIC,
        ),
        made_by=("ellipticity_report",),
    ),
    Table(
        "ellipticity_tests",
        "AUCs that tell how much of the network's is the ellipticity: by the label's definition, and of matched pairs.",
        (
            DATASET,
            RECIPE,
            Column("quantity", "VARCHAR", "whose AUC, among which galaxies or with which labels"),
            *SAMPLE,
            Column("auc", "DOUBLE", "the area, or its mean over permutations of lambda_r; 0.5 is chance"),
            Column("auc_low", "DOUBLE", "lower end of its 95 % interval: DeLong, bootstrap (pairs) or permutations"),
            Column("auc_high", "DOUBLE", "upper end of its 95 % interval"),
            SYNTHETIC,
        ),
        made_by=("ellipticity_report",),
    ),
    Table(
        "auc_in_bins",
        "The network's AUC among galaxies alike in one property, in four bins of about equal numbers.",
        (
            DATASET,
            RECIPE,
            Column("variable", "VARCHAR", "ellipticity, log_mass, r_eff_over_psf (semi-major axis / FWHM) or redshift"),
            Column("low", "DOUBLE", "smallest value of the bin"),
            Column("high", "DOUBLE", "largest value of the bin, the next one's smallest"),
            *SAMPLE,
            *AUC,
            SYNTHETIC,
        ),
        made_by=("ellipticity_report",),
    ),
)
