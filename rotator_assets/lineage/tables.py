"""Tables of notices."""

from __future__ import annotations

from rotator_assets.store.columns import SURVEY, SYNTHETIC, Column, Table, by_name

TABLES = by_name(
    Table(
        "notices",
        "What was supplied and is not used as one may expect, by the step that found it.",
        (
            SURVEY,
            Column("asset", "VARCHAR", "asset that found it"),
            Column("partition", "VARCHAR", "survey or dataset that the asset was made for"),
            Column("notice", "VARCHAR", "which file, what of it is not used, why, and what to do"),
            SYNTHETIC,
        ),
        shared=True,
    ),
)
