"""Notices: inputs that a step did not use, or not as the user may expect.

An asset that can have notices calls `noticed` for every materialization, also without any, so that old ones disappear.
Notices appear in table ``notices``, in the asset's metadata and in the log of the run. ``rotators run`` prints those of
its steps, and ``rotators status`` all of them.
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
    """Return the table ``notices`` of a materialization and its metadata; log each notice as a warning.

    Parameters
    ----------
    context
        Context of the running asset.
    survey
        Survey of the notices.
    lines
        One sentence each: which file, what is not used, why, what to do.
    synthetic
        True where the data are synthetic.

    Returns
    -------
    tables : dict
        The table, to be returned with the asset's own tables.
    metadata : dict
        Metadata for the materialization.
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
    """Return survey and text of the current notices without repetitions, for some (asset, partition) pairs or all."""
    if not tables.partitions("notices"):
        return []
    rows = tables.query("FROM notices").to_dict("records")
    if made is not None:
        wanted = set(made)
        rows = [row for row in rows if (row["asset"], row["partition"]) in wanted]
    return sorted({(row["survey"], row["notice"]) for row in rows})
