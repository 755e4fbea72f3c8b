"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "learning_curve",
        "dataset",
        "AUC against the number of labelled galaxies in training, with an extrapolation: thesis, and networks that "
        "also learn from every other galaxy with an image.",
        topic="robustness",
    ),
    TableExhibit(
        "learning_curve_fit",
        "study",
        "Learning curves: AUC = a - b (n / n_largest)^-c",
        topic="robustness",
        clauses="ORDER BY dataset, reference",
        hidden=(),
    ),
)
