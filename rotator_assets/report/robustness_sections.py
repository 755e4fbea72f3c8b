"""Sections of the study report that answer what a referee would ask of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rotator_assets.core.data_root import DataRoot
from rotator_assets.report.sections import figures_of
from rotator_assets.robustness.injection.assets import PLANTED
from rotator_assets.store.table_store import TableStore

if TYPE_CHECKING:
    from rotator_assets.report.page import ReportSection

FIGURES = {
    "feature_ladder": "Plain classifiers on more and more features of the same galaxies, beside the network.",
    "auc_in_bins": "AUC within bins of ellipticity, mass, size over seeing and redshift.",
    "reliability": "Share of fast rotators among galaxies of one predicted probability.",
    "precision_recall": "Precision and recall of slow rotators, with their share of the sample.",
    "label_noise": "The same scores against other labels, and without galaxies near the boundary.",
    "attribution_methods": "Some galaxies and their attribution maps by several methods.",
    "attribution_agreement": "Rank correlations of the maps by different methods and baselines.",
    "attribution_cascade": "Maps compared with those of networks with randomized layers, and of other folds.",
    "deletion_curves": "The logit while pixels are taken away, or put in, in the order of each map.",
    "attribution_convergence": "Completeness error against the steps of integrated gradients.",
}
ACROSS_RECIPES = {
    "learning_curve": "AUC against the number of galaxies that train, extrapolated.",
    "transfer": "Networks trained on another survey, and how its galaxies differ.",
}
TRUTH = {
    "planted": "Networks on synthetic galaxies whose classes differ in the disc alone.",
    "corner_mark": "A leak planted in a corner of the images, and the maps that find it.",
}
_TABLES = {
    "feature_baselines": "Plain classifiers, the network's gain over each, and what its logit adds to their features",
    "ellipticity_tests": "What the label's own definition explains, and pairs matched in one property",
    "referee_metrics": "Every number with its uncertainty",
    "convergence": "Epochs to converge, and how far each network overfits",
    "label_noise": "Other labels: AUC of the same scores, and what a perfect classifier would reach",
    "attribution_sanity": "Likeness of attribution maps to those of randomized networks and of other folds",
    "deletion_areas": "Deletion and insertion: what the order of each map gains over a random one",
}


def questions_section(root: DataRoot, tables: TableStore, metrics: pd.DataFrame) -> list[ReportSection]:
    """What was asked of which training, a section each; how to ask where nothing was."""
    from rotator_assets.report.page import ReportSection, ReportTable

    asked = tables.query("FROM referee_metrics ORDER BY dataset, recipe")
    intro = (
        "How sure is each number, what plain means reach on the same galaxies, what depends on the label's definition, "
        "and what more galaxies would give."
    )
    curves = tables.query("FROM learning_curve_fit ORDER BY dataset")
    if asked.empty and curves.empty:
        intro += " Not asked yet: `rotators run --questions` with datasets and recipes does."
        return [ReportSection(title="What a referee would ask", anchor="questions", intro=intro)]
    folders = [f"{row.dataset}/{row.recipe}" for row in asked.itertuples()]
    synthetic = dict(zip(curves["dataset"], curves["synthetic"].astype(bool), strict=True))
    first = ReportSection(
        title="What a referee would ask",
        anchor="questions",
        intro=intro,
        figures=figures_of(root, PLANTED, TRUTH, True, {})
        + [f for dataset, mark in synthetic.items() for f in figures_of(root, dataset, ACROSS_RECIPES, mark, {})],
        tables=[
            ReportTable("Learning curves: AUC = a - b (n / n_largest)^-c", curves, "DuckDB: FROM learning_curve_fit"),
            ReportTable(
                "Training on another survey",
                tables.query("FROM transfer ORDER BY dataset, auc DESC"),
                "DuckDB: FROM transfer",
            ),
            ReportTable(
                "Planted differences and what networks find of them",
                tables.query("FROM planted_truth ORDER BY strength"),
                "DuckDB: FROM planted_truth",
                True,
            ),
            ReportTable(
                "A planted corner mark, and the share of attribution in it",
                tables.query("FROM planted_mark"),
                "DuckDB: FROM planted_mark",
                True,
            ),
        ],
    )
    sections = [
        _training_section(root, tables, folder, bool(mark))
        for folder, mark in zip(folders, asked["synthetic"], strict=True)
        if folder in set(metrics["dataset"] + "/" + metrics["recipe"])
    ]
    return [first, *sections]


def _training_section(root: DataRoot, tables: TableStore, folder: str, synthetic: bool) -> ReportSection:
    from rotator_assets.report.page import ReportSection, ReportTable

    dataset, recipe = folder.split("/")
    where = f"WHERE dataset = '{dataset}' AND recipe = '{recipe}'"
    shown = []
    for table, caption in _TABLES.items():
        frame = tables.query(f"FROM {table} {where}").drop(columns=["dataset", "recipe", "synthetic"])
        if len(frame) == 1:
            frame = frame.T.reset_index().set_axis(["quantity", "value"], axis=1)
        shown.append(ReportTable(caption, frame, f"DuckDB: FROM {table} {where}", synthetic))
    return ReportSection(
        title=f"Questions to {dataset}: {recipe}",
        anchor=f"questions-{dataset}-{recipe}",
        intro="",
        figures=figures_of(root, folder, FIGURES, synthetic, {}),
        tables=shown,
        level=3,
    )
