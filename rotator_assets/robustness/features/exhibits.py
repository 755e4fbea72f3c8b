"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "feature_ladder",
        "training",
        "Baselines on nested feature sets of the same galaxies, and the network.",
        topic="robustness",
        order=1,
    ),
    FigureExhibit(
        "auc_in_bins",
        "training",
        "AUC in bins of ellipticity, mass, size over seeing, and redshift.",
        topic="robustness",
        order=1,
    ),
    TableExhibit(
        "feature_baselines",
        "training",
        "Baselines, the network's gain over each, and the gain from adding its logit to their features",
        topic="robustness",
        order=1,
    ),
    TableExhibit(
        "ellipticity_tests",
        "training",
        "AUC explained by the definition of the labels, and AUC of pairs matched in one property",
        topic="robustness",
        order=1,
    ),
)
