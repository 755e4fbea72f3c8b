"""Figures and tables of this domain in the study report."""

from __future__ import annotations

import pandas as pd

from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit


def _with_digits(candidates: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with positions to 0.04"."""
    positions = {name: candidates[name].map("{:.5f}".format, na_action="ignore") for name in ("ra", "dec")}
    return candidates.assign(**positions)


EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "follow_up",
        "training",
        "Slow rotators found, completeness and purity against the number of candidates observed.",
        topic="candidates",
    ),
    FigureExhibit(
        "candidates",
        "training",
        "The most probable slow rotators among galaxies without measured kinematics, each with the mean "
        "attribution map of the networks that have not seen it: red pixels favour slow, blue ones fast. Dashed: "
        "half-light ellipse.",
        topic="candidates",
    ),
    TableExhibit(
        "candidate_metrics",
        "training",
        "Discrimination and calibration of the candidates with a known label",
        topic="candidates",
    ),
    TableExhibit(
        "candidates",
        "training",
        "The first candidates without measured kinematics",
        topic="candidates",
        select="SELECT rank, galaxy_id, ra, dec, population, probability_slow, probability_slow_low, "
        "probability_slow_high, lambda_r_predicted, in_domain",
        clauses="AND lambda_r IS NULL ORDER BY rank LIMIT 20",
        arrange=_with_digits,
    ),
)
