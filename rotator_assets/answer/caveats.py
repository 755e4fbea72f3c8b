"""Caveats that apply to the answer, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

FEW = 100
"""Number of slow rotators below which intervals are wide and networks learn from few examples."""
_COLOUR = "colour"
_NOTICES_SHOWN = 2
"""Largest number of notices that are shown instead of counted."""


def caveats(
    main: Any, metrics: pd.DataFrame, tested: pd.DataFrame, uncorrected: Mapping[str, str], notices: Sequence[str]
) -> list[str]:
    """Return the caveats on the answer, the gravest first.

    Parameters
    ----------
    main
        Row of ``model_metrics`` of the training that answers.
    metrics : DataFrame
        All rows of ``model_metrics``.
    tested : DataFrame
        The galaxies of that training, with lambda_r_source and image_unit.
    uncorrected : mapping of str to str
        Sources of lambda_R that are not corrected for seeing, with what is known about the effect.
    notices : sequence of str
        Notices about inputs that are not used as expected.

    Returns
    -------
    list of str
    """
    count = len(tested)
    sources = tested["lambda_r_source"].value_counts()
    found = []
    if main.synthetic:
        found.append("All galaxies are synthetic: these numbers say nothing about real galaxies.")
    quick = metrics[metrics["profile"] == "quick"]
    if len(quick):
        found.append(
            f"{len(quick)} of {len(metrics)} trainings ran in the quick profile: fewer folds, epochs and attribution "
            'steps than their recipes specify. "profile: full" in settings.yaml runs the recipes in full.'
        )
    if main.n_slow < FEW:
        found.append(
            f"Only {main.n_slow} slow rotators were tested: intervals are wide, and networks learn from few examples."
        )
    for source, effect in uncorrected.items():
        if n := int(sources.get(source, 0)):
            found.append(
                f"The labels of {_some(n, count)} galaxies use lambda_R of {source}, which is not corrected for "
                f"seeing: some fast rotators look slow{effect}."
            )
    if colour := int((tested["image_unit"] == _COLOUR).sum()):
        found.append(
            f"The images of {_some(colour, count)} galaxies are 8-bit colour pictures: fluxes are stretched, clipped "
            "and not calibrated."
        )
    if len(notices) > _NOTICES_SHOWN:
        found.append(f"{len(notices)} notices concern input that is not used as expected: see rotators status.")
    else:
        found += notices
    return found


def _some(n: int, count: int) -> str:
    return f"all {count}" if n == count else f"{n} of {count}"
