"""Predictions of every galaxy with an image by networks that have not seen it: class, and lambda_R with an interval."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from rotator_assets.training.calibration import fit_calibration, interval_margin
from rotator_assets.training.targets import OUTPUTS

LEAST_PER_CLASS = 10
"""Smallest number of slow, and of fast, rotators that calibrate galaxies outside the population."""


def galaxy_predictions(outputs: pd.DataFrame, averaged: bool, outside: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the mean predictions over the repeats, with calibrated probabilities and intervals.

    Parameters
    ----------
    outputs
        One row per galaxy and fold whose networks have not seen it: columns galaxy_id, object_id, repeat, fold, tested,
        those of `OUTPUTS` (NaN where not predicted), and of the fold calibration_slope, calibration_offset and
        lambda_r_margin, with the ending ``_averaged`` for outputs averaged over the symmetries of the images.
    averaged
        Whether they are.
    outside
        Galaxies outside the recipe's population, which are calibrated again by `calibrated_outside`: galaxy_id,
        rotator_type (missing without a label) and lambda_r. None: there are none.

    Returns
    -------
    One row per galaxy: galaxy_id, object_id, fold (the first one), tested, probability_fast,
    probability_fast_calibrated, and lambda_r_predicted, lambda_r_low and lambda_r_high: the median and the 68 %
    interval, not below 0 and not above 1.
    """
    found = with_calibration(outputs, averaged)
    if outside is not None and len(outside):
        found = calibrated_outside(found.assign(group=found["fold"]), outside)
    return mean_predictions(found)


def with_calibration(outputs: pd.DataFrame, averaged: bool) -> pd.DataFrame:
    """Return the outputs with the calibration of their fold.

    Parameters
    ----------
    outputs
        As in `galaxy_predictions`.
    averaged
        Whether they are averaged over the symmetries of the images.

    Returns
    -------
    The rows with columns slope and offset, of the calibrated logit, and wider lambda_r_low and lambda_r_high.
    """
    ending = "_averaged" if averaged else ""
    margin = outputs[f"lambda_r_margin{ending}"]
    return outputs.assign(
        slope=outputs[f"calibration_slope{ending}"],
        offset=outputs[f"calibration_offset{ending}"],
        lambda_r_low=outputs["lambda_r_low"] - margin,
        lambda_r_high=outputs["lambda_r_high"] + margin,
    )


def mean_predictions(calibrated: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `galaxy_predictions`, one per galaxy, from calibrated outputs (`with_calibration`)."""
    found = calibrated.assign(calibrated=calibrated["slope"] * calibrated["logit"] + calibrated["offset"])
    by_galaxy = found.groupby("galaxy_id", sort=False)
    mean = by_galaxy[["logit", "calibrated", *OUTPUTS[1:]]].mean()
    frame = by_galaxy[["object_id", "fold", "tested"]].first()
    frame["probability_fast"] = expit(mean["logit"])
    frame["probability_fast_calibrated"] = expit(mean["calibrated"])
    for name in OUTPUTS[1:]:
        frame[name] = np.clip(mean[name], 0.0, 1.0)
    return frame.reset_index()


def calibrated_outside(outputs: pd.DataFrame, outside: pd.DataFrame) -> pd.DataFrame:
    """Calibrate galaxies outside the population once more, each group by the galaxies of the other groups.

    The validation parts, which calibrate the networks, hold galaxies of the population alone; late types have other
    fractions of slow rotators and other errors. Their calibration and margin come from those late types of the same
    repeat that are in other groups. A group stays as it is if the others have fewer than `LEAST_PER_CLASS` labelled
    galaxies of a class (probabilities), or measured values (intervals).

    Parameters
    ----------
    outputs
        One row per galaxy and fold, as from `with_calibration`, with a column group: the fold if a galaxy has one per
        repeat, else any division that keeps physical galaxies together.
    outside
        The galaxies outside the population: galaxy_id, rotator_type (missing without a label) and lambda_r.

    Returns
    -------
    The rows of ``outputs`` in their order, changed in slope, offset, lambda_r_low and lambda_r_high.
    """
    outputs = outputs.reset_index(drop=True)
    known = outputs[["galaxy_id"]].merge(outside, on="galaxy_id", how="left", validate="many_to_one")
    labels = known["rotator_type"].astype("Float64").to_numpy(float, na_value=np.nan)
    quantiles = outputs[list(OUTPUTS[1:])].to_numpy(float)
    is_outside = outputs["galaxy_id"].isin(outside["galaxy_id"]).to_numpy()
    slope, offset = (outputs[name].to_numpy(float).copy() for name in ("slope", "offset"))
    calibrated = slope * outputs["logit"].to_numpy(float) + offset
    margin = np.zeros(len(outputs))
    for own, others in _by_group(outputs, is_outside):
        labelled = others[np.isfinite(labels[others])]
        if min(np.sum(labels[labelled] == kind) for kind in (0, 1)) >= LEAST_PER_CLASS:
            fitted = fit_calibration(labels[labelled], calibrated[labelled])
            slope[own], offset[own] = fitted.slope * slope[own], fitted(offset[own])
        measured = others[np.isfinite(known["lambda_r"].to_numpy(float)[others])]
        if np.isfinite(quantiles[measured]).all() and len(measured) >= LEAST_PER_CLASS:
            margin[own] = interval_margin(known["lambda_r"].to_numpy(float)[measured], quantiles[measured])
    low, high = outputs["lambda_r_low"] - margin, outputs["lambda_r_high"] + margin
    return outputs.assign(slope=slope, offset=offset, lambda_r_low=low, lambda_r_high=high)


def _by_group(
    outputs: pd.DataFrame, chosen: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the chosen rows of each group of a repeat, and those of its other groups."""
    repeats, groups = (outputs[name].to_numpy(int) for name in ("repeat", "group"))
    for repeat, group in np.unique(np.column_stack([repeats, groups])[chosen], axis=0):
        of_repeat = chosen & (repeats == repeat)
        yield np.flatnonzero(of_repeat & (groups == group)), np.flatnonzero(of_repeat & (groups != group))
