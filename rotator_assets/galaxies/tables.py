"""Tables of matched and labelled galaxies."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import EXCLUSION, LABELS, MORPHOLOGY_PROBABILITIES, fields

GALAXIES = fields(
    *("survey", "galaxy_id", "object_id", "ra", "dec", "redshift", "t_type", *MORPHOLOGY_PROBABILITIES, "flag_t_type"),
    *("axis_ratio", "axis_ratio_source", "ellipticity", "r_eff_arcsec", "position_angle_deg", "sersic_n"),
    *("log_mass", "psf_fwhm_arcsec", "drp3qual", "dapqual", "flag_failed_s", "subhalo_flag"),
    *("lambda_r", "lambda_r_error", "lambda_r_source", "jam_qual", "lambda_r_limit"),
    *("lambda_r_unscaled", "lambda_r_refused", "synthetic"),
)

TABLES = by_name(
    Table(
        "galaxies",
        "Matched catalogues: every row of the morphology catalogue, with NULL for missing values.",
        GALAXIES,
    ),
    Table(
        "labeled_galaxies",
        "The rows of galaxies with their labels; rotator_type is NULL where no label can be made.",
        GALAXIES + LABELS + EXCLUSION,
    ),
    Table("early_type_galaxies", "The labelled early types of labeled_galaxies.", GALAXIES + LABELS + EXCLUSION),
    Table(
        "match_report",
        "Losses from the morphology catalogue to the labelled early types. Each lost galaxy counts once, at the first "
        "step that loses it.",
        (
            *fields("survey"),
            Column("step_number", "INTEGER", "order of the steps"),
            Column(
                "step",
                "VARCHAR",
                "what a galaxy needs: lambda_r, axis_ratio, label, early types; exclude, training: not to be excluded",
            ),
            Column("rows_in", "INTEGER", "number of galaxies before the step"),
            Column("rows_out", "INTEGER", "number of galaxies after the step"),
            Column("rows_dropped", "INTEGER", "rows_in - rows_out"),
            Column("reason", "VARCHAR", "why these galaxies were lost"),
            *fields("synthetic"),
        ),
        shared=True,
        made_by=("galaxies", "labeled_galaxies", "early_type_galaxies"),
    ),
    Table(
        "source_report",
        "Rows used and lost of each catalogue file and each source. Every step starts from all its rows.",
        (
            *fields("survey"),
            Column("step_number", "INTEGER", "order of the steps"),
            Column("step", "VARCHAR", "file, or source and the value taken from it"),
            Column("rows_in", "INTEGER", "rows of the file or source, less those lost for the reasons listed before"),
            Column("rows_out", "INTEGER", "rows whose value is used"),
            Column("rows_dropped", "INTEGER", "rows_in - rows_out"),
            Column("reason", "VARCHAR", "why the rows are not used"),
            *fields("synthetic"),
        ),
        made_by=("galaxies",),
    ),
    Table(
        "lambda_r_agreement",
        "Agreement between sources of lambda_r on the galaxies that both have; one row per pair of sources.",
        (
            *fields("survey"),
            Column("reference", "VARCHAR", "the preferred source of the two"),
            Column("source", "VARCHAR", "the other source"),
            Column("n_galaxies", "INTEGER", "number of galaxies with a valid lambda_r from both"),
            Column("correlation", "DOUBLE", "Pearson correlation coefficient"),
            Column("rank_correlation", "DOUBLE", "Spearman rank correlation coefficient"),
            Column("median_ratio", "DOUBLE", "median ratio of lambda_r of the source to that of the reference"),
            Column("scatter", "DOUBLE", "1.4826 times the median absolute deviation of the differences"),
            Column("n_labelled", "INTEGER", "number of galaxies with an ellipticity, which both sources can label"),
            Column("n_slow_in_both", "INTEGER", "number of galaxies slow by both sources"),
            Column(
                "n_slow_in_reference_only", "INTEGER", "number of galaxies slow by the reference, fast by the source"
            ),
            Column("n_slow_in_source_only", "INTEGER", "number of galaxies fast by the reference, slow by the source"),
            Column("label_change_fraction", "DOUBLE", "fraction of n_labelled whose label differs"),
            *fields("synthetic"),
        ),
    ),
    Table(
        "label_sensitivity",
        "Labels of a survey under other choices; one row per choice, the current settings first.",
        (
            *fields("survey"),
            Column("choice_number", "INTEGER", "order of the choices; 0 for the current settings"),
            Column("choice", "VARCHAR", "the one change to the settings; a source named here is the only one used"),
            Column("n_labelled", "INTEGER", "number of galaxies with a label under this choice"),
            Column("n_slow", "INTEGER", "number of slow rotators among them"),
            Column("n_early", "INTEGER", "number of early types among them"),
            Column("n_early_slow", "INTEGER", "number of slow rotators among the early types"),
            Column("n_compared", "INTEGER", "number of galaxies labelled under this choice and the current settings"),
            Column("n_changed", "INTEGER", "number of n_compared whose label differs"),
            Column("label_change_fraction", "DOUBLE", "n_changed over n_compared"),
            Column("n_early_compared", "INTEGER", "number of early types among n_compared"),
            Column("n_early_changed", "INTEGER", "number of early types among n_changed"),
            *fields("synthetic"),
        ),
    ),
)
