"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit


def _figure(name: str, caption: str) -> FigureExhibit:
    return FigureExhibit(name, "training", caption, topic="robustness", order=4)


EXHIBITS: tuple[Exhibit, ...] = (
    _figure(
        "attribution_methods",
        "Galaxies and their attribution maps by several methods: red favours slow, blue favours fast.",
    ),
    _figure("attribution_agreement", "Rank correlations between maps by different methods and baseline images."),
    _figure("attribution_cascade", "Maps compared with those of networks with randomized layers, and of other folds."),
    _figure("deletion_curves", "The logit as pixels are deleted or inserted in the order given by each map."),
    _figure("attribution_convergence", "Completeness error against the number of steps of integrated gradients."),
    TableExhibit(
        "attribution_sanity",
        "training",
        "Similarity of attribution maps to those of randomized networks and of other folds",
        topic="robustness",
        order=4,
    ),
    TableExhibit(
        "deletion_areas",
        "training",
        "Deletion and insertion: gain of the order given by each map over a random order",
        topic="robustness",
        order=4,
    ),
)
