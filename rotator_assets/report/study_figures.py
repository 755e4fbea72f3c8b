"""The section with the figures of the study, and their files for print."""

from __future__ import annotations

import shutil
from pathlib import Path

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.files import replacing
from rotator_assets.core.study import ACROSS_DATASETS
from rotator_assets.report.content import ReportContent
from rotator_assets.report.page import ReportFigure, ReportSection
from rotator_assets.store.table_store import TableStore


def study_figures_section(content: ReportContent) -> ReportSection:
    """Show the figures of the study that exist, by number; also copies them to ``results/figures/study``."""
    synthetic = _synthetic_folders(content.store)
    figures = []
    for shown in content.study_pictures:
        figure, folder = shown.figure, shown.folder
        path = content.root.figures / folder / f"{shown.picture}.png" if folder else None
        _copy(content.root, figure.number, path)
        if folder is not None and path is not None:
            mark = synthetic.get(folder.partition("/")[0])
            figures.append(ReportFigure(figure.shown(folder), path, figure.number, mark))
    intro = (
        "Figure numbers are those of the study. All other figures of this report are numbered S1, S2 and so on. "
        "Files for print (PNG and PDF) are in results/figures/study."
    )
    return ReportSection(title="The figures of the study", anchor="figures", intro=intro, figures=figures)


def _synthetic_folders(tables: TableStore) -> dict[str, bool]:
    """Return whether the pictures of each survey and dataset, and of their comparison, show synthetic data."""
    rows = tables.query(
        """SELECT survey AS name, bool_or(synthetic) AS synthetic FROM labeled_galaxies GROUP BY ALL
        UNION ALL SELECT dataset, bool_or(synthetic) FROM model_metrics GROUP BY ALL"""
    )
    across = bool(tables.query("SELECT synthetic FROM dataset_comparison")["synthetic"].any())
    return {**dict(zip(rows["name"], rows["synthetic"].astype(bool), strict=True)), ACROSS_DATASETS: across}


def _copy(root: DataRoot, number: int, source: Path | None) -> None:
    """Copy a figure's PNG and PDF under its number; delete copies whose source no longer exists."""
    for ending in (".png", ".pdf"):
        target = root.figures / "study" / f"figure_{number:02d}{ending}"
        if source is None or not source.with_suffix(ending).is_file():
            target.unlink(missing_ok=True)
            continue
        with replacing(target) as temporary:
            shutil.copyfile(source.with_suffix(ending), temporary)
