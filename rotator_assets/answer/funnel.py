"""The funnel of the sample: how many galaxies remain at each step, from the catalogue to the tested ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from rotator_assets.answer.results import POPULATIONS
from rotator_assets.core.frames import parts_of

_KEPT = {
    "morphology": "in the morphology catalogue",
    "exclude": "not excluded",
    "lambda_r": "with a usable lambda_R",
    "axis_ratio": "with an axis ratio",
    "label": "labelled slow or fast",
    "early types": "early types",
    "training": "not excluded from training",
}
"""What remains after each step of ``match_report``, in words."""
_EARLY_ONLY = "early types"


@dataclass(frozen=True)
class FunnelStep:
    """Number of galaxies that remain after a step, and why the others were lost."""

    remaining: str
    n_galaxies: int
    lost: str


def funnel(main: Any, match_report: pd.DataFrame) -> list[FunnelStep]:
    """Return the steps of the survey's galaxies that lead to a training.

    Parameters
    ----------
    main
        Row of ``model_metrics`` of the training.
    match_report : DataFrame
        Rows of ``match_report`` of its survey.

    Returns
    -------
    list of FunnelStep
        Ends with the galaxies that were tested. Steps that lose nothing are left out, except the first.
    """
    rows = match_report.sort_values("step_number")
    if main.population != "early":
        rows = rows[rows["step"] != _EARLY_ONLY]
    steps: list[FunnelStep] = []
    for name, group in parts_of(rows, "step", sort=False):
        n_galaxies = int(group["rows_out"].iloc[-1])
        if not steps or n_galaxies < steps[-1].n_galaxies or name == _EARLY_ONLY:
            steps.append(FunnelStep(_KEPT.get(name, name), n_galaxies, _reasons(group)))
    tested = f"tested: {POPULATIONS[main.population]} with a usable image, {main.n_slow} slow"
    before = steps[-1].n_galaxies if steps else main.n_galaxies
    without = before - main.n_galaxies
    lost = f"{without} without a usable image or not used by the recipe" if without > 0 else ""
    return [*steps, FunnelStep(tested, int(main.n_galaxies), lost)]


def _reasons(group: pd.DataFrame) -> str:
    lost = group[group["rows_dropped"] > 0]
    return "; ".join(f"{n} {reason}" for n, reason in zip(lost["rows_dropped"], lost["reason"], strict=True))
