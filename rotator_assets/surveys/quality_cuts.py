"""Quality cuts: which galaxies lose their label when a setting asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class QualityCut:
    """A cut on one column of the matched galaxies.

    ``setting`` is the setting under ``labels`` that switches the cut on, and ``reason`` its text in the loss report.
    ``rejects`` returns True for each value that takes the label of its galaxy.
    """

    setting: str
    column: str
    reason: str
    rejects: Callable[[pd.Series], pd.Series]


def has_bit(bit: int) -> Callable[[pd.Series], pd.Series]:
    """Reject quality masks with this bit set; galaxies without a mask pass."""
    return lambda mask: (mask.fillna(0).astype("int64") & bit) > 0


def is_flagged(flag: pd.Series) -> pd.Series:
    """Reject flags other than 0; galaxies without a flag pass."""
    return flag.fillna(0) != 0


def is_zero(flag: pd.Series) -> pd.Series:
    """Reject flags of 0; galaxies without a flag pass."""
    return flag.fillna(1) == 0


IS_CRITICAL = has_bit(1 << 30)
"""Bit CRITICAL of the quality masks DRP3QUAL and DAPQUAL."""
