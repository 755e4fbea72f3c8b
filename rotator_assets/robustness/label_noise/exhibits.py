"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "label_noise",
        "training",
        "The same scores evaluated with other labels, and without galaxies near the boundary.",
        topic="robustness",
        order=3,
    ),
    TableExhibit(
        "label_noise",
        "training",
        "Other labels: AUC of the same scores, and the AUC that a perfect classifier would reach",
        topic="robustness",
        order=3,
    ),
)
