"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

PLANTED = "planted"
"""Folder of the pictures."""

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "planted",
        "study",
        "Networks trained on synthetic galaxies whose classes differ only in their discs (injection-recovery test).",
        topic="robustness",
        synthetic=True,
        folder=PLANTED,
    ),
    FigureExhibit(
        "corner_mark",
        "study",
        "A mark in one corner of the images, and the attribution maps that find it (injection-recovery test).",
        topic="robustness",
        synthetic=True,
        folder=PLANTED,
    ),
    TableExhibit(
        "planted_truth",
        "study",
        "Injection-recovery test: injected differences, and how well networks recover them",
        topic="robustness",
        synthetic=True,
        clauses="ORDER BY strength",
        hidden=(),
    ),
    TableExhibit(
        "planted_mark",
        "study",
        "Injection-recovery test: a corner mark, and the fraction of the attribution in it",
        topic="robustness",
        synthetic=True,
        hidden=(),
    ),
)
