"""Tables of matched and labelled galaxies."""

from __future__ import annotations

from rotator_assets.store.columns import GALAXIES, LABELS, SURVEY, SYNTHETIC, Column, Table, by_name

TABLES = by_name(
    Table(
        "galaxies",
        "Matched catalogues: every row of the morphology catalogue, with NULL for what no table gives.",
        GALAXIES,
    ),
    Table(
        "labeled_galaxies",
        "The rows of galaxies with their label; rotator_type is NULL where no label can be made.",
        GALAXIES + LABELS,
    ),
    Table("early_type_galaxies", "The labelled early types of labeled_galaxies.", GALAXIES + LABELS),
    Table(
        "match_report",
        "From the morphology catalogue to the labelled early types: each lost galaxy counts once, at its first loss.",
        (
            SURVEY,
            Column("step_number", "INTEGER", "sorts the steps in their order"),
            Column("step", "VARCHAR", "what a galaxy needs: lambda_r, axis_ratio, label, early types"),
            Column("rows_in", "INTEGER", "galaxies left before the step"),
            Column("rows_out", "INTEGER", "galaxies left after it"),
            Column("rows_dropped", "INTEGER", "rows_in - rows_out"),
            Column("reason", "VARCHAR", "why these were lost"),
            SYNTHETIC,
        ),
        shared=True,
        made_by=("galaxies", "labeled_galaxies", "early_type_galaxies"),
    ),
    Table(
        "source_report",
        "What becomes of the rows of each catalogue file and each source; every step begins anew.",
        (
            SURVEY,
            Column("step_number", "INTEGER", "sorts the steps in their order"),
            Column("step", "VARCHAR", "file, or source and what is taken from it"),
            Column("rows_in", "INTEGER", "rows of the file or source, less those lost for the reasons above"),
            Column("rows_out", "INTEGER", "rows of which the value is used"),
            Column("rows_dropped", "INTEGER", "rows_in - rows_out"),
            Column("reason", "VARCHAR", "why the rows are not used"),
            SYNTHETIC,
        ),
        made_by=("galaxies",),
    ),
    Table(
        "lambda_r_agreement",
        "Sources of lambda_r compared on the galaxies that both have; one row a pair of sources.",
        (
            SURVEY,
            Column("reference", "VARCHAR", "the more preferred source"),
            Column("source", "VARCHAR", "the other source"),
            Column("n_galaxies", "INTEGER", "galaxies with a valid lambda_r of both"),
            Column("correlation", "DOUBLE", "Pearson's correlation coefficient"),
            Column("rank_correlation", "DOUBLE", "Spearman's correlation coefficient"),
            Column("median_ratio", "DOUBLE", "median of lambda_r of the source over that of the reference"),
            Column("scatter", "DOUBLE", "1.4826 times the median absolute deviation of the differences"),
            Column("n_labelled", "INTEGER", "galaxies with an ellipticity, so with a label by either source"),
            Column("n_slow_in_both", "INTEGER", "slow by both sources"),
            Column("n_slow_in_reference_only", "INTEGER", "slow by the reference, fast by the source"),
            Column("n_slow_in_source_only", "INTEGER", "fast by the reference, slow by the source"),
            Column("label_change_fraction", "DOUBLE", "share of n_labelled whose label differs"),
            SYNTHETIC,
        ),
    ),
    Table(
        "label_sensitivity",
        "The labels of a survey by other choices; one row a choice, the settings as they are first.",
        (
            SURVEY,
            Column("choice_number", "INTEGER", "sorts the choices; 0 are the settings as they are"),
            Column("choice", "VARCHAR", "what is changed, all else as set; a source that is named is the only one"),
            Column("n_labelled", "INTEGER", "galaxies with a label by this choice"),
            Column("n_slow", "INTEGER", "slow rotators among them"),
            Column("n_early", "INTEGER", "early types among them"),
            Column("n_early_slow", "INTEGER", "slow rotators among the early types"),
            Column("n_compared", "INTEGER", "galaxies labelled both by this choice and as set"),
            Column("n_changed", "INTEGER", "those of n_compared whose label differs"),
            Column("label_change_fraction", "DOUBLE", "n_changed over n_compared"),
            Column("n_early_compared", "INTEGER", "early types among n_compared"),
            Column("n_early_changed", "INTEGER", "early types among n_changed"),
            SYNTHETIC,
        ),
    ),
)
