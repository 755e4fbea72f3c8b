"""Loss reports: the rows that each step loses, and why."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

LOSSES = ("survey", "step", "rows_in", "rows_out", "rows_dropped", "reason")
"""Columns of a loss report: one row per step and reason that lost rows, or one without reason if none did."""


class Losses:
    """Collects the losses of each step."""

    def __init__(self, survey: str) -> None:
        self.survey = survey
        self.rows: list[tuple] = []

    @classmethod
    def of(cls, galaxies: pd.DataFrame) -> Losses:
        """Return an empty report for the survey of these galaxies."""
        return cls(galaxies["survey"].iloc[0] if len(galaxies) else "")

    def step(self, name: str, among: pd.Series, reasons: Mapping[str, pd.Series]) -> pd.Series:
        """Count the rows that a step loses, each under the first reason that applies.

        Parameters
        ----------
        name : str
            Name of the step.
        among : Series of bool
            The rows before the step.
        reasons : mapping of str to Series of bool
            Rows that each reason drops, in order.

        Returns
        -------
        Series of bool
            The rows kept.
        """
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
        """Return the report, columns ``LOSSES``."""
        return pd.DataFrame(self.rows, columns=list(LOSSES))


def every_row(frame: pd.DataFrame) -> pd.Series:
    """Return a mask that keeps all rows."""
    return pd.Series(True, index=frame.index)
