"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.core.study import MANGA, StudyFigure
from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

_EXAMPLES = (
    "Examples of early and late types, slow and fast rotators, with lambda_R, ellipticity and T-type. They are not "
    "selected by eye: the labelled galaxies of each group are sorted by lambda_R, and those shown are evenly spread "
    "over the ranks, highest lambda_R first."
)

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "examples", "dataset", _EXAMPLES, order=1, study=(StudyFigure.of_datasets(1, _EXAMPLES, MANGA, "the images"),)
    ),
    TableExhibit(
        "images",
        "dataset",
        "Images: usable ones, and the reasons why others are not",
        order=1,
        select="SELECT coalesce(regexp_replace(reason, '^[^:]*: ', ''), 'usable') AS image, count(*) AS galaxies",
        clauses="GROUP BY ALL ORDER BY galaxies DESC",
    ),
)
