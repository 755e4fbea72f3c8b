"""Tables of injection-recovery tests."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import AUC, SAMPLE, ends, fields

TABLES = by_name(
    Table(
        "planted_truth",
        "Injection-recovery test: networks trained on synthetic galaxies whose classes differ only in the disc; one "
        "row per strength of the difference.",
        (
            Column(
                "strength", "DOUBLE", "difference of the classes' disc fractions", "standard deviations of the fraction"
            ),
            *SAMPLE,
            *AUC,
            Column("best_auc", "DOUBLE", "AUC on these galaxies of the ideal classifier, which knows each disc"),
            Column("best_auc_expected", "DOUBLE", "expected AUC of the ideal classifier: Phi(strength / sqrt(2))"),
            *fields("synthetic"),
        ),
    ),
    Table(
        "planted_mark",
        "Injection-recovery test: networks trained on synthetic galaxies whose classes differ only in a mark in a "
        "corner of the fast rotators' images; one row.",
        (
            *SAMPLE,
            *AUC,
            Column("mark_area", "DOUBLE", "fraction of the image's pixels in the mark"),
            Column(
                "share_in_mark",
                "DOUBLE",
                "fraction of the absolute attribution in the mark's pixels, mean over marked images",
            ),
            *ends("bootstrap over galaxies", "share_in_mark_"),
            *fields("synthetic"),
        ),
        made_by=("planted_truth",),
    ),
)
