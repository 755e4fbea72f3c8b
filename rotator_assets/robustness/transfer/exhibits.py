"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "transfer",
        "dataset",
        "Networks trained on another survey, and the differences between the galaxies of the two.",
        topic="robustness",
    ),
    TableExhibit(
        "transfer",
        "study",
        "Training on another survey",
        topic="robustness",
        clauses="ORDER BY dataset, auc DESC",
        hidden=(),
    ),
)
