"""What the study report was made from, for its readers and for machines: choices behind the labels, trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from rotator_assets.core.dagster_internals import DATA_VERSION_TAG
from rotator_assets.store.table_store import TableStore

if TYPE_CHECKING:
    from rotator_assets.report.page import ReportSection


def report_sources(tables: TableStore, instance: dg.DagsterInstance) -> pd.DataFrame:
    """The trainings that a report shows: dataset, recipe, when trained (UTC), run and data version of its ROC curve."""
    frame = tables.query(
        """SELECT m.dataset, m.recipe, date_trunc('second', max(h.trained_at)) AS trained_at,
        any_value(m.run_id) AS run_id FROM model_metrics m LEFT JOIN model_metrics_history h USING (dataset, recipe)
        GROUP BY ALL ORDER BY m.dataset, m.recipe"""
    )
    versions = instance.event_log_storage.get_latest_tags_by_partition(
        dg.AssetKey("roc_report"), dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG]
    )
    keys = frame["dataset"] + "|" + frame["recipe"]
    return frame.assign(data_version=[versions.get(key, {}).get(DATA_VERSION_TAG) for key in keys])


def sensitivity_section(tables: TableStore) -> ReportSection | None:
    """What the report says of it; None where there is no survey of which a choice changes anything."""
    from rotator_assets.report.page import ReportSection, ReportTable

    frame = tables.query("FROM label_sensitivity ORDER BY survey, choice_number")
    if (frame["choice_number"] == 0).all():
        return None
    return ReportSection(
        title="How the labels depend on the choices behind them",
        anchor="label-sensitivity",
        intro=(
            "The first row of a survey has the labels of this report; in each of the others one choice is another, and "
            "all else as set. A named source is the only one of its kind. n_compared: galaxies labelled both ways; "
            "n_changed: those of them with another label. Settings of these choices: docs/settings.md."
        ),
        tables=[
            ReportTable(
                "Galaxies with a label, slow rotators and early types among them, and labels that change",
                frame.drop(columns=["choice_number", "synthetic"]),
                "DuckDB: FROM label_sensitivity",
                bool(frame["synthetic"].any()),
            )
        ],
    )


def sources_section(sources: pd.DataFrame, version: str, synthetic: bool) -> ReportSection:
    from rotator_assets.report.page import ReportSection, ReportTable

    return ReportSection(
        title="What this report was made from",
        anchor="sources",
        intro="The trainings below, and the catalogues and images of their galaxies; together they are data version "
        f"{version} of all_results. A result that changes later makes this report stale: `rotators status` and the "
        "check is_current in the UI say so, and `rotators run --stale` makes it anew.",
        tables=[
            ReportTable(
                "Trainings shown, when each was trained (UTC), by which run, and its data version",
                sources,
                "Dagster: metadata made_from of study_report",
                synthetic,
            )
        ],
    )


def sources_metadata(sources: pd.DataFrame, version: str) -> dg.MetadataValue:
    """The same as JSON: ``all_results``, the version of all, and ``trainings``."""
    texts = sources.assign(trained_at=sources["trained_at"].map(lambda at: None if pd.isna(at) else at.isoformat()))
    trainings = texts.astype(object).where(texts.notna(), None).to_dict("records")
    return dg.MetadataValue.json({"all_results": version, "trainings": trainings})
