"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, TableExhibit

EXHIBITS: tuple[Exhibit, ...] = (
    TableExhibit(
        "images",
        "dataset",
        "Images: usable ones, and the reasons why others are not",
        order=1,
        select="SELECT coalesce(regexp_replace(reason, '^[^:]*: ', ''), 'usable') AS image, count(*) AS galaxies",
        clauses="GROUP BY ALL ORDER BY galaxies DESC",
    ),
)
