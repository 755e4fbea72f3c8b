"""The table of the answer."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import fields

TABLES = by_name(
    Table(
        "key_results",
        "The answer in at most five sentences, as on the first page of the study report.",
        (
            *fields("dataset", "recipe"),
            Column("position", "INTEGER", "order of the sentences, from 1", required=True),
            Column("topic", "VARCHAR", "network, baselines, recipes, fusion, pixels or datasets"),
            Column("sentence", "VARCHAR", "the result in words, with its 95 % interval"),
            Column(
                "value",
                "DOUBLE",
                "main number of the sentence: the AUC (network), the network's gain over the strongest baseline "
                "(baselines), the difference from thesis (recipes), what the network adds to columns (fusion), "
                "slow minus fast of the fraction of the attribution within the half-light ellipse (pixels), or the "
                "difference between datasets (datasets)",
            ),
            Column("low", "DOUBLE", "lower end of its 95 % interval"),
            Column("high", "DOUBLE", "upper end of its 95 % interval"),
            *fields("synthetic"),
        ),
        made_by=("study_report",),
    ),
)
