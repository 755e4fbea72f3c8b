"""Tables of nested feature sets, matched pairs and bins."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import AUC, PAIRED, SAMPLE, ends, fields

TABLES = by_name(
    Table(
        "image_morphology",
        "Structure measured on a dataset's images (statmorph, neighbours masked); one row per labelled image.",
        (
            *fields("dataset", "galaxy_id"),
            Column("gini", "DOUBLE", "Gini coefficient of the pixel fluxes, 0 to 1", source="Lotz et al. 2004"),
            Column(
                "m20",
                "DOUBLE",
                "log10 of the second moment of the brightest 20 % of the light over that of all light",
                source="Lotz et al. 2004",
            ),
            Column("concentration", "DOUBLE", "5 log10(r80 / r20)", source="Conselice 2003"),
            Column(
                "asymmetry",
                "DOUBLE",
                "residual under a rotation by 180 degrees, that of the sky subtracted",
                source="Conselice 2003",
            ),
            Column("g_minus_i", "DOUBLE", "colour within r_half_pixels; for pictures from pixel values", "mag"),
            Column("r_half_pixels", "DOUBLE", "radius of the circle that contains half of the light", "pixels"),
            Column(
                "sn_per_pixel", "DOUBLE", "mean signal-to-noise ratio per pixel of the galaxy", null="without noise"
            ),
            Column("flag", "INTEGER", "flag of statmorph: 0 good, 1 suspect, 2 bad, 4 nothing measured"),
            Column("usable", "BOOLEAN", "true where gini, m20, concentration and asymmetry are all measured"),
            Column("reason", "VARCHAR", "why the row is not usable", null="where it is"),
            *fields("synthetic"),
        ),
    ),
    Table(
        "feature_baselines",
        "Nested feature sets: simple classifiers on the network's galaxies and folds, fitted to its training and "
        "validation parts together. Each set contains those before it.",
        (
            *fields("dataset", "recipe"),
            Column("features", "VARCHAR", "features that this set adds to those before it"),
            Column("model", "VARCHAR", "logistic regression or gradient boosting"),
            *SAMPLE,
            *AUC,
            Column("network_gain", "DOUBLE", "AUC of the network minus auc"),
            *ends(PAIRED, "gain_", "network_gain"),
            Column("p_value", "DOUBLE", f"two-sided p-value of network_gain = 0 ({PAIRED})"),
            Column("p_value_adjusted", "DOUBLE", "p_value after Holm's correction for all rows of the training"),
            Column("auc_with_network", "DOUBLE", "AUC of the same classifier with the network's logit as a feature"),
            Column("added", "DOUBLE", "auc_with_network minus auc: what the network adds to the features"),
            *ends(PAIRED, "added_", "added"),
            Column("added_p_value", "DOUBLE", f"two-sided p-value of added = 0 ({PAIRED})"),
            Column("added_p_value_adjusted", "DOUBLE", "added_p_value after Holm's correction, as p_value_adjusted"),
            *fields("synthetic"),
        ),
        made_by=("ellipticity_report",),
    ),
    Table(
        "ellipticity_tests",
        "AUCs that show how much of the network's AUC comes from ellipticity, through the definition of the label and "
        "in matched pairs.",
        (
            *fields("dataset", "recipe"),
            Column("quantity", "VARCHAR", "what the AUC is of, with the galaxies or labels it uses"),
            *SAMPLE,
            Column("auc", "DOUBLE", "the AUC, or its mean over permutations of lambda_r; 0.5 is chance"),
            *ends("DeLong, bootstrap for pairs, or permutations", "auc_"),
            *fields("synthetic"),
        ),
        made_by=("ellipticity_report",),
    ),
    Table(
        "auc_in_bins",
        "AUC of the network among galaxies with similar values of one property, in four bins of about equal counts.",
        (
            *fields("dataset", "recipe"),
            Column("variable", "VARCHAR", "ellipticity, log_mass, r_eff_over_psf (semi-major axis / FWHM) or redshift"),
            Column("low", "DOUBLE", "smallest value of the bin"),
            Column("high", "DOUBLE", "largest value of the bin, smallest of the next"),
            *SAMPLE,
            *AUC,
            *fields("synthetic"),
        ),
        made_by=("ellipticity_report",),
    ),
)
