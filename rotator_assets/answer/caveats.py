"""Caveats that apply to the answer, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

FEW = 100
"""Number of slow rotators below which intervals are wide and networks learn from few examples."""
_COLOUR = "colour"


def caveats(
    main: Any, metrics: pd.DataFrame, tested: pd.DataFrame, uncorrected: Mapping[str, str], notices: int
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
    notices : int
        Number of notices about inputs that are not used as expected.

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
                f"Labels of {n} of {count} galaxies use lambda_R of {source}, which is not corrected for "
                f"seeing{effect}."
            )
    if colour := int((tested["image_unit"] == _COLOUR).sum()):
        found.append(
            f"Images of {colour} of {count} galaxies are 8-bit colour pictures: fluxes are stretched, clipped and not "
            "calibrated."
        )
    if notices:
        some = "1 notice concerns" if notices == 1 else f"{notices} notices concern"
        found.append(f"{some} input that is not used as expected: see rotators status.")
    return found
