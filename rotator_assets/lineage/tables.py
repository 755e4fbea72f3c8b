"""Table of notices."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import fields

TABLES = by_name(
    Table(
        "notices",
        "Input files and settings that are not used, or not used as expected, by the asset that noticed.",
        (
            *fields("survey"),
            Column("asset", "VARCHAR", "asset that noticed it"),
            Column("partition", "VARCHAR", "survey, dataset or training of the asset's partition"),
            Column("notice", "VARCHAR", "which file or setting, what is not used, why, and what to do"),
            *fields("synthetic"),
        ),
        shared=True,
    ),
)
