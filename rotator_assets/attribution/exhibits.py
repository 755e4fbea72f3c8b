"""Figures and tables of this domain in the study report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rotator_assets.core.study import EARLY_OBSERVED, StudyFigure, StudySample
from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

GROUPS = ("slow", "fast", "slow minus fast")
"""Groups of galaxies whose means are shown."""

_READING = (
    "Blue pixels raise the logit of P(fast), red ones lower it; a map sums to the logit of the image minus that of the "
    "baseline image. Blue in the centre of a slow rotator's map means that its central light argues for fast: where "
    "the network nevertheless answers slow, red pixels or the low logit of the baseline image outweigh it."
)
_MAPS = f"Images above their attribution maps: {{}}. {_READING}"


def _of_simulation(number: int, words: str, dataset: str) -> StudyFigure:
    return StudyFigure.of_sample(number, _MAPS, StudySample(words, (dataset,)))


def means_by_group(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``attribution_summary`` as text, one row per measure and one column per group of galaxies."""
    means = summary[summary["galaxies"].isin(GROUPS)]
    texts = [
        f"{row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]" if pd.notna(row.mean) else None
        for row in means.itertuples(index=False)
    ]
    table = means.assign(text=np.array(texts, dtype=object)).pivot(index="measure", columns="galaxies", values="text")
    order = [group for group in GROUPS if group in table]
    return table.loc[means["measure"].drop_duplicates(), order].reset_index().rename_axis(columns=None)


EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit(
        "attributions",
        "training",
        f"Galaxies above their attribution maps, with the half-light ellipse. {_READING}",
        topic="attribution",
        study=(
            StudyFigure.of_sample(16, _MAPS, EARLY_OBSERVED),
            _of_simulation(22, "simulated with noise, 128 px", "tng100-noisy-128"),
            _of_simulation(27, "simulated with noise, 64 px", "tng100-noisy-64"),
            _of_simulation(30, "without noise, 128 px", "tng100-noiseless-128"),
            _of_simulation(31, "without noise, 64 px", "tng100-noiseless-64"),
        ),
    ),
    FigureExhibit(
        "aligned_attributions",
        "training",
        "Mean attribution maps of galaxies rotated to the major axis and scaled to the half-light radius: red favours "
        "slow, blue favours fast.",
        topic="attribution",
    ),
    FigureExhibit(
        "attribution_shares",
        "training",
        "Fraction of the attribution within ellipses, compared with the fraction of the light.",
        topic="attribution",
        study_recipes_only=True,
    ),
    FigureExhibit(
        "attribution_radii",
        "training",
        "Attribution and light against elliptical radius.",
        topic="attribution",
        study_recipes_only=True,
    ),
    FigureExhibit(
        "attribution_directions",
        "training",
        "Orientation and ellipticity of the attribution and of the galaxy, and the balance of positive and negative "
        "attribution.",
        topic="attribution",
        study_recipes_only=True,
    ),
    FigureExhibit(
        "mean_attributions",
        "training",
        "Mean absolute attribution of slow and fast rotators, unrotated, and its growth with radius.",
        topic="attribution",
        study_recipes_only=True,
    ),
    FigureExhibit(
        "attribution_numbers",
        "training",
        "Completeness of the attributions, and their fraction within the half-light radius.",
        topic="attribution",
        study_recipes_only=True,
    ),
    TableExhibit(
        "attribution_summary",
        "training",
        "Attribution measures: means over galaxies, 95 % intervals (bootstrap over physical galaxies)",
        topic="attribution",
        arrange=means_by_group,
    ),
    TableExhibit(
        "attributions",
        "training",
        "Number of galaxies for which attribution measures could not be computed",
        topic="attribution",
        select="SELECT coalesce(reason, 'every measure is known') AS measures, count(*) AS galaxies",
        clauses="GROUP BY ALL ORDER BY galaxies DESC",
    ),
)
