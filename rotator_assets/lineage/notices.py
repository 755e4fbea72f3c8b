"""Notices: what the user supplied and a step did not use as they may expect, told where the user is looking.

An asset that can have notices gives `noticed` with every materialization, without lines where there are none, so that
old ones vanish. They then stand in table ``notices``, in the asset's metadata and in its run's log; ``rotators run``
prints those of its steps, new or fresh, and ``rotators status`` all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from rotator_assets.lineage.tables import TABLES
from rotator_assets.store.table_store import TableStore


def noticed(
    context: dg.AssetExecutionContext, survey: str, lines: Sequence[str], synthetic: bool
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Table ``notices`` of this materialization, to be given beside the asset's own, and its metadata.

    Each line is one sentence: which file, what of it is not used, why, what to do. It is logged as a warning too.
    """
    lines = list(dict.fromkeys(lines))
    for line in lines:
        context.log.warning(line)
    frame = pd.DataFrame({"notice": lines}, dtype=object).assign(
        asset=context.asset_key.path[-1],
        partition=context.partition_key if context.has_partition_key else "all",
        survey=survey,
        synthetic=synthetic,
    )
    text = "\n".join(f"- {line}" for line in lines) or "none"
    return {"notices": frame[TABLES["notices"].column_names]}, {"notices": dg.MetadataValue.md(text)}


def notices_of(tables: TableStore, made: Iterable[tuple[str, str]] | None = None) -> list[tuple[str, str]]:
    """Survey and text of the current notices, each once: those of some assets and partitions, or all."""
    if not tables.partitions("notices"):
        return []
    rows = tables.query("FROM notices").to_dict("records")
    if made is not None:
        wanted = set(made)
        rows = [row for row in rows if (row["asset"], row["partition"]) in wanted]
    return sorted({(row["survey"], row["notice"]) for row in rows})
