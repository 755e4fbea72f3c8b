"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, TableExhibit

EXHIBITS: tuple[Exhibit, ...] = (
    TableExhibit(
        "notices",
        "survey",
        "Notices: files and rows that were supplied but not used as expected",
        order=1,
        select="SELECT DISTINCT notice",
        clauses="ORDER BY ALL",
    ),
    TableExhibit("input_files", "study", "Files read", topic="inputs", hidden=()),
)
