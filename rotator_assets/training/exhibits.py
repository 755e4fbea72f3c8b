"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.core.study import EARLY_OBSERVED, StudyFigure
from rotator_assets.plots.exhibit import Exhibit, FigureExhibit

_NETWORK = "The trained network from the image to the logit: output and number of weights of every layer"

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "network",
        "training",
        f"{_NETWORK}.",
        order=1,
        study=(StudyFigure.of_sample(5, f"{_NETWORK}: {{}}.", EARLY_OBSERVED),),
        study_recipes_only=True,
    ),
)
