"""Sources of the study report, as sections and as metadata: choices behind the labels, and trainings."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.core.dagster_internals import DATA_VERSION_TAG
from rotator_assets.report.content import ReportContent, Subject
from rotator_assets.report.page import ReportSection, ReportTable
from rotator_assets.store.table_store import TableStore


def report_sources(tables: TableStore, instance: dg.DagsterInstance) -> pd.DataFrame:
    """Return the trainings shown: dataset, recipe, time (UTC), run, and data version of the ROC curve."""
    frame = tables.query(
        """SELECT m.dataset, m.recipe, date_trunc('second', max(h.trained_at)) AS trained_at,
        any_value(m.run_id) AS run_id FROM model_metrics m LEFT JOIN model_metrics_history h USING (dataset, recipe)
        GROUP BY ALL ORDER BY m.dataset, m.recipe"""
    )
    versions = instance.event_log_storage.get_latest_tags_by_partition(
        dg.AssetKey("roc_report"), dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG]
    )
    keys = frame["dataset"] + "|" + frame["recipe"]
    shown = [versions.get(key, {}).get(DATA_VERSION_TAG) for key in keys]
    return frame.assign(data_version=np.array(shown, dtype=object))


def sensitivity_section(content: ReportContent) -> ReportSection | None:
    """Describe how labels change with the choices behind them; None if no choice was varied."""
    rows = content.store.query("SELECT choice_number, synthetic FROM label_sensitivity")
    if (rows["choice_number"] == 0).all():
        return None
    return ReportSection(
        title="Sensitivity of the labels to the choices behind them",
        anchor="label-sensitivity",
        intro=(
            "The first row of each survey has the labels of this report. Each other row changes one choice and keeps "
            "the others. If a row names a source, only that source is used. compared: galaxies labelled both "
            "ways; changed: those whose label differs. The settings of these choices are in docs/settings.md."
        ),
        tables=content.tables(Subject("study", bool(rows["synthetic"].any())), "labels"),
    )


def sources_section(sources: pd.DataFrame, version: str, synthetic: bool) -> ReportSection:
    """List the trainings shown and the data version of all results.

    Parameters
    ----------
    sources : DataFrame
        From `report_sources`.
    version : str
        Data version of ``all_results``.
    synthetic : bool
        Whether the report shows synthetic data.

    Returns
    -------
    ReportSection
        The last section of the report.
    """
    return ReportSection(
        title="Sources of this report",
        anchor="sources",
        intro="The trainings below, and the catalogues and images of their galaxies. Together they are data version "
        f"{version} of all_results. When a result changes later, this report becomes stale: `rotators status` and the "
        "check is_current in the UI report it, and `rotators run --stale` makes the report again.",
        tables=[
            ReportTable(
                "Trainings shown: time of training (UTC), run, and data version",
                sources,
                "Dagster: metadata made_from of study_report",
                synthetic,
            )
        ],
    )


def sources_metadata(sources: pd.DataFrame, version: str) -> dg.MetadataValue:
    """Return the sources as JSON: ``all_results`` (a data version) and ``trainings`` (a list)."""
    texts = sources.assign(trained_at=sources["trained_at"].map(lambda at: None if pd.isna(at) else at.isoformat()))
    known = texts.astype(object).where(texts.notna(), None)  # pyright: ignore[reportArgumentType]  # stubs lack None
    trainings = known.to_dict("records")
    return dg.MetadataValue.json({"all_results": version, "trainings": trainings})
