"""Tables of injection-recovery tests."""

from __future__ import annotations

from rotator_assets.store.columns import AUC, SAMPLE, SYNTHETIC, Column, Table, by_name

TABLES = by_name(
    Table(
        "planted_truth",
        "One row a strength: networks trained on synthetic galaxies whose classes differ in the disc alone.",
        (
            Column("strength", "DOUBLE", "difference of the classes' discs, standard deviations of their share"),
            *SAMPLE,
            *AUC,
            Column("best_auc", "DOUBLE", "AUC here of the best possible classifier, which knows each galaxy's disc"),
            Column("best_auc_expected", "DOUBLE", "AUC expected of it: Phi(strength / sqrt(2))"),
            SYNTHETIC,
        ),
    ),
    Table(
        "planted_mark",
        "One row: networks trained on synthetic galaxies alike but for a mark in a corner of the fast ones' images.",
        (
            *SAMPLE,
            *AUC,
            Column("mark_area", "DOUBLE", "share of the image's pixels in the mark"),
            Column("share_in_mark", "DOUBLE", "mean share of absolute attribution in the mark's pixels, marked images"),
            Column("share_in_mark_low", "DOUBLE", "lower end of its 95 % interval (bootstrap over galaxies)"),
            Column("share_in_mark_high", "DOUBLE", "upper end of its 95 % interval"),
            SYNTHETIC,
        ),
        made_by=("planted_truth",),
    ),
)
