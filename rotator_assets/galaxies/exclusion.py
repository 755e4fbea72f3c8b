"""Galaxies that the setting ``exclude`` leaves out: of training, or of everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rotator_assets.core.settings import Exclusion
from rotator_assets.store.fields import EXCLUSION

COLUMNS = [column.name for column in EXCLUSION]
_BY_SETTING = "setting exclude: "
_NAMED = 3
"""Maximum number of entries named in a notice."""


def exclusions(galaxies: pd.DataFrame, exclude: Sequence[Exclusion]) -> pd.DataFrame:
    """Return what each galaxy is excluded from, and the reason.

    Repeat observations of a galaxy are excluded with it. If several entries name a galaxy, one that excludes it from
    everything counts; among equal ones, the first by name.

    Parameters
    ----------
    galaxies : DataFrame
        Columns ``galaxy_id``, ``object_id``, ``ra`` and ``dec`` (degrees, NaN without a position).
    exclude : sequence of Exclusion
        The setting.

    Returns
    -------
    DataFrame
        ``excluded_from`` (training, everything) and ``exclusion_reason``, None for other galaxies; index of the rows.
    """
    found = pd.DataFrame(np.full((len(galaxies), len(COLUMNS)), None), index=galaxies.index, columns=COLUMNS)
    for entry in sorted(exclude, key=lambda entry: (entry.excluded_from != "everything", entry.name)):
        rows = _named_by(entry, galaxies) & found["excluded_from"].isna()
        found.loc[rows, COLUMNS] = [entry.excluded_from, entry.reason]
    return found


def by_reason(excluded: pd.DataFrame, excluded_from: str) -> dict[str, pd.Series]:
    """Return the galaxies excluded from training, or from everything, by the reason in words.

    Parameters
    ----------
    excluded : DataFrame
        Columns of ``exclusions``.
    excluded_from : str
        ``training`` or ``everything``.

    Returns
    -------
    dict of str to Series of bool
        The rows of each reason, in the order of appearance; empty if there are none.
    """
    rows = excluded["excluded_from"] == excluded_from
    reasons = excluded["exclusion_reason"]
    return {f"{_BY_SETTING}{reason}": rows & (reasons == reason) for reason in reasons[rows].unique()}


def left_out(galaxies: pd.DataFrame, exclude: Sequence[Exclusion]) -> dict[str, str]:
    """Return why each galaxy that is excluded from everything is left out, by galaxy_id."""
    excluded = exclusions(galaxies, exclude)
    rows = excluded["excluded_from"] == "everything"
    reasons = _BY_SETTING + excluded.loc[rows, "exclusion_reason"]
    return dict(zip(galaxies.loc[rows, "galaxy_id"], reasons, strict=True))


def unmatched(galaxies: pd.DataFrame, exclude: Sequence[Exclusion]) -> list[str]:
    """Return a notice if entries of the setting match no galaxy."""
    names = [entry.name for entry in exclude if not _named_by(entry, galaxies).any()]
    if not names:
        return []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"{_BY_SETTING}no galaxy of the morphology catalogue matches {'; '.join(names[:_NAMED])}{more}"]


def without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without the columns of exclusions if they are empty.

    Data versions are made of it, so that they are those of the time before there was the setting.
    """
    return frame.drop(columns=[name for name in COLUMNS if name in frame and frame[name].isna().all()])


def _named_by(entry: Exclusion, galaxies: pd.DataFrame) -> pd.Series:
    """Return True for the galaxies that an entry names, and for their repeat observations."""
    if entry.position:
        named = _distance_arcsec(galaxies, *entry.position) <= entry.radius_arcsec
    elif entry.galaxy_id is not None:
        named = galaxies["galaxy_id"] == entry.galaxy_id
    else:
        named = galaxies["object_id"] == entry.object_id
    return named | galaxies["object_id"].isin(galaxies.loc[named, "object_id"].dropna())


def _distance_arcsec(galaxies: pd.DataFrame, ra: float, dec: float) -> pd.Series:
    """Return the distance from a position (degrees); NaN for galaxies without a position."""
    from astropy.coordinates import angular_separation

    east, north = (np.deg2rad(galaxies[name].astype("float64")) for name in ("ra", "dec"))
    return np.rad2deg(angular_separation(east, north, *np.deg2rad((ra, dec)))) * 3600
