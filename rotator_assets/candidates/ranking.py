"""The list of candidates: probability of slow rotation with an interval, predicted lambda_R, domain, and rank."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import t as student_t

from rotator_assets.candidates.blind import BlindPredictions
from rotator_assets.training.galaxy_predictions import calibrated_outside, mean_predictions, with_calibration

COVERAGE = 0.68
"""Coverage of the interval of a probability."""


def ranked_candidates(
    blind: BlindPredictions, calibration: pd.DataFrame, galaxies: pd.DataFrame, averaged: bool, population: str
) -> pd.DataFrame:
    """Return every galaxy, most probable slow rotator first.

    Parameters
    ----------
    blind
        Predictions of the galaxies.
    calibration
        One row per fold: fold, and its calibration and margin (columns of ``training_folds`` and ``unseen_galaxies``).
    galaxies
        galaxy_id, object_id, ra, dec, is_early_type (missing where unknown), rotator_type (missing without a label),
        lambda_r and excluded_from (missing unless excluded from training).
    averaged
        Whether predictions are averaged over the symmetries of the images.
    population
        What the networks are calibrated for: ``early`` types, or ``all``.

    Returns
    -------
    Columns of ``candidates`` except dataset, recipe and synthetic.
    """
    outputs = blind.outputs.merge(calibration, on="fold", how="left", validate="many_to_one")
    outputs = with_calibration(outputs.assign(tested=False), averaged)
    by_galaxy = outputs.groupby("galaxy_id", sort=False)
    known = galaxies.set_index("galaxy_id").loc[list(by_galaxy.groups)]
    probability_early = by_galaxy["probability_early"].mean()
    is_early = known["is_early_type"].astype("boolean")
    is_early = is_early.fillna((probability_early >= 0.5).astype("boolean").where(probability_early.notna()))
    if population == "early":
        late = known[~is_early.fillna(False)][["rotator_type", "lambda_r"]]
        late = late.mask(known["excluded_from"].loc[late.index].notna(), pd.NA)  # their values calibrate nothing
        outputs = calibrated_outside(outputs, late.reset_index())
    frame = mean_predictions(outputs).set_index("galaxy_id")
    frame[["probability_slow_low", "probability_slow_high"]] = _intervals(outputs, blind.members)
    frame = frame.assign(
        probability_slow=1 - frame["probability_fast_calibrated"],
        population=is_early.map({True: "early", False: "late"}),
        population_known=known["is_early_type"].notna(),
        probability_early=probability_early,
        n_networks=by_galaxy.size() * blind.members.shape[1],
        domain_distance=by_galaxy["domain_distance"].mean(),
        labelled=known["rotator_type"].notna(),
        **{name: known[name] for name in ("object_id", "ra", "dec", "rotator_type", "lambda_r", "excluded_from")},
    )
    frame["in_domain"] = frame["domain_distance"] <= 1
    frame = frame.reset_index().sort_values(["probability_slow", "galaxy_id"], ascending=[False, True])
    return frame.assign(rank=np.arange(1, len(frame) + 1)).reset_index(drop=True)


def _intervals(outputs: pd.DataFrame, members: NDArray[np.float64]) -> pd.DataFrame:
    """Return the interval of the probability of each galaxy that the scatter between its networks gives.

    It contains the mean of infinitely many networks in `COVERAGE` of all cases, for normal scatter of the logits. NaN
    for a galaxy with a single network.
    """
    each = outputs[["galaxy_id"]].loc[outputs.index.repeat(members.shape[1])].reset_index(drop=True)
    calibrated = members * outputs["slope"].to_numpy()[:, None] + outputs["offset"].to_numpy()[:, None]
    of_galaxy = each.assign(logit=calibrated.ravel()).groupby("galaxy_id", sort=False)["logit"]
    n = of_galaxy.size()
    half = student_t.ppf(0.5 + COVERAGE / 2, n - 1) * of_galaxy.std(ddof=1) / np.sqrt(n)
    mean = of_galaxy.mean()
    return pd.DataFrame({"low": expit(-(mean + half)), "high": expit(-(mean - half))})
