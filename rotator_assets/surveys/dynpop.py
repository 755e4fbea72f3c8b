"""MaNGA DynPop (Zhu et al. 2023): the quality of the JAM fits behind its lambda_R."""

from __future__ import annotations

import pandas as pd

SOURCE = "dynpop"
"""Its name as a source of lambda_R and of ellipticities."""


def passes_jam_quality(kinematics: pd.DataFrame, jam_qual_min: int | None) -> pd.Series:
    """Return False for DynPop's lambda_R if ``Qual`` is missing or below the minimum; None accepts all."""
    if jam_qual_min is None:
        return pd.Series(True, index=kinematics.index)
    return (kinematics["lambda_r_source"] != SOURCE) | (kinematics["jam_qual"].fillna(-9) >= jam_qual_min)


def too_poor(jam_qual_min: int | None) -> str:
    """Return the reason why a value is refused."""
    return f"JAM quality missing or below {jam_qual_min}"


def without_effect(kinematics: pd.DataFrame, jam_qual_min: int | None) -> list[str]:
    """Return a notice if the setting ``jam_qual_min`` has nothing to refuse."""
    if jam_qual_min is None or (kinematics["lambda_r_source"] == SOURCE).any():
        return []
    return ["setting jam_qual_min: there is no lambda_r of DynPop, which it needs"]
