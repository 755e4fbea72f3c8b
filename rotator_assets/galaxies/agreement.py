"""Agreement between two sources of lambda_R on the galaxies that both have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from rotator_assets.galaxies.sources import usable_lambda_r
from rotator_assets.galaxies.tables import TABLES
from rotator_assets.kinematics.spin import is_slow_rotator

PAIRS = {
    "survey": "object",
    "reference": "object",
    "source": "object",
    "galaxy_id": "object",
    "ellipticity": "float64",
    "reference_lambda_r": "float64",
    "lambda_r": "float64",
    "reference_slow": "boolean",
    "slow": "boolean",
}
"""Columns of ``lambda_r_pairs`` by dtype; the labels are missing for galaxies without an ellipticity."""

AGREEMENT = tuple(TABLES["lambda_r_agreement"].column_names[:-1])
"""Columns of ``agreement``: all of the table but ``synthetic``."""


def lambda_r_pairs(
    survey: str,
    kinematics: pd.DataFrame,
    galaxies: pd.DataFrame,
    preference: Sequence[str],
    boundary: str,
    jam_qual_min: int | None = None,
    lambda_r_scale: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Pair the valid lambda_R of every two sources, galaxy by galaxy.

    Parameters
    ----------
    survey : str
        Key of the survey.
    kinematics : DataFrame
        lambda_R of every source (columns ``base.KINEMATICS``).
    galaxies : DataFrame
        ``galaxy_id`` and ``ellipticity`` of the morphology catalogue's galaxies.
    preference : sequence of str
        Sources, the preferred first; the preferred one of a pair is its reference.
    boundary : str
        Boundary between slow and fast rotators, as in ``kinematics.spin``.
    jam_qual_min : int, optional
        Smallest accepted quality of DynPop's JAM fit.
    lambda_r_scale : mapping of str to float, optional
        Factors by source, applied as for the labels.

    Returns
    -------
    DataFrame
        One row per galaxy and pair of sources, columns ``PAIRS``.
    """
    valid = usable_lambda_r(kinematics, jam_qual_min, lambda_r_scale)
    present = set(valid["lambda_r_source"])
    ordered = [source for source in preference if source in present] + sorted(present.difference(preference))
    values = {
        source: rows.drop_duplicates("galaxy_id").set_index("galaxy_id")["lambda_r"]
        for source, rows in valid.groupby("lambda_r_source")
    }
    frames = []
    for reference, source in combinations(ordered, 2):
        frame = galaxies[["galaxy_id", "ellipticity"]].reset_index(drop=True)
        frame["reference_lambda_r"] = frame["galaxy_id"].map(values[reference])
        frame["lambda_r"] = frame["galaxy_id"].map(values[source])
        frame = frame.dropna(subset=["reference_lambda_r", "lambda_r"])
        for column, spin in (("reference_slow", "reference_lambda_r"), ("slow", "lambda_r")):
            slow = pd.Series(is_slow_rotator(frame[spin], frame["ellipticity"], boundary), frame.index, dtype="boolean")
            frame[column] = slow.where(frame["ellipticity"].notna())
        frames.append(frame.assign(survey=survey, reference=reference, source=source))
    empty = pd.DataFrame(columns=list(PAIRS)).astype(PAIRS)
    return pd.concat([empty, *(f.reindex(columns=list(PAIRS)).astype(PAIRS) for f in frames)], ignore_index=True)


def agreement(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per pair of sources, columns ``AGREEMENT``; numbers are NaN for too few galaxies.

    ``correlation`` is Pearson's and ``rank_correlation`` Spearman's. ``median_ratio`` is the median over galaxies of
    lambda_R over that of the reference, without references of 0. ``scatter`` is 1.4826 times the median absolute
    deviation of the differences, the standard deviation if they are Gaussian.
    """
    rows = []
    for (survey, reference, source), pair in pairs.groupby(["survey", "reference", "source"], sort=False):
        x, y = pair["reference_lambda_r"], pair["lambda_r"]
        difference = y - x
        labelled = pair.dropna(subset=["reference_slow", "slow"])
        slow, slow_reference = labelled["slow"].astype(bool), labelled["reference_slow"].astype(bool)
        changed = slow != slow_reference
        rows.append(
            (
                survey,
                reference,
                source,
                len(pair),
                _correlation(x, y),
                _correlation(x.rank(), y.rank()),
                float((y[x > 0] / x[x > 0]).median()),
                float(1.4826 * (difference - difference.median()).abs().median()),
                len(labelled),
                int((slow & slow_reference).sum()),
                int((slow_reference & changed).sum()),
                int((slow & changed).sum()),
                float(changed.mean()) if len(labelled) else np.nan,
            )
        )
    return pd.DataFrame(rows, columns=list(AGREEMENT))


def _correlation(x: pd.Series, y: pd.Series) -> float:
    """Return Pearson's coefficient; NaN below three galaxies or if either does not vary."""
    if len(x) < 3 or x.nunique() < 2 or y.nunique() < 2:
        return np.nan
    return float(np.corrcoef(x, y)[0, 1])
