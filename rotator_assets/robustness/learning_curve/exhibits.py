"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "learning_curve",
        "dataset",
        "AUC against the number of galaxies in training, with an extrapolation.",
        topic="robustness",
    ),
    TableExhibit(
        "learning_curve_fit",
        "study",
        "Learning curves: AUC = a - b (n / n_largest)^-c",
        topic="robustness",
        clauses="ORDER BY dataset",
        hidden=(),
    ),
)
