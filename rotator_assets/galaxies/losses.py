"""Loss reports: which rows each step loses, and why."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

LOSSES = ("survey", "step", "rows_in", "rows_out", "rows_dropped", "reason")
"""Columns of a loss report: a row for every step and reason that dropped rows, one with no reason where none did."""


class Losses:
    """Collects the losses of every step."""

    def __init__(self, survey: str) -> None:
        self.survey = survey
        self.rows: list[tuple] = []

    @classmethod
    def of(cls, galaxies: pd.DataFrame) -> Losses:
        return cls(galaxies["survey"].iloc[0] if len(galaxies) else "")

    def step(self, name: str, among: pd.Series, reasons: Mapping[str, pd.Series]) -> pd.Series:
        """Counts each of the rows ``among`` under the first reason that drops it; returns the mask of those kept."""
        kept = among.astype(bool)
        rows_in = int(kept.sum())
        for reason, dropped in reasons.items():
            before = int(kept.sum())
            kept &= ~dropped.astype(bool)
            after = int(kept.sum())
            if after < before:
                self.rows.append((self.survey, name, before, after, before - after, reason))
        if int(kept.sum()) == rows_in:
            self.rows.append((self.survey, name, rows_in, rows_in, 0, ""))
        return kept

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=list(LOSSES))


def every_row(frame: pd.DataFrame) -> pd.Series:
    """The mask of all rows."""
    return pd.Series(True, index=frame.index)
