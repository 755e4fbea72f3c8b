"""Predictions of every galaxy with an image by networks that have not seen it: class, and lambda_R with an interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from rotator_assets.training.targets import OUTPUTS


def galaxy_predictions(outputs: pd.DataFrame, averaged: bool) -> pd.DataFrame:
    """Return the mean predictions over the repeats, with calibrated probabilities and intervals.

    Parameters
    ----------
    outputs
        One row per galaxy and fold whose networks have not seen it: columns galaxy_id, object_id, fold, tested, those
        of `OUTPUTS` (NaN where not predicted), and of the fold calibration_slope, calibration_offset and
        lambda_r_margin, with the ending ``_averaged`` for outputs averaged over the symmetries of the images.
    averaged
        Whether they are.

    Returns
    -------
    One row per galaxy: galaxy_id, object_id, fold (the first one), tested, probability_fast,
    probability_fast_calibrated, and lambda_r_predicted, lambda_r_low and lambda_r_high: the median and the 68 %
    interval, not below 0 and not above 1.
    """
    ending = "_averaged" if averaged else ""
    margin = outputs[f"lambda_r_margin{ending}"]
    found = outputs.assign(
        calibrated=outputs[f"calibration_slope{ending}"] * outputs["logit"] + outputs[f"calibration_offset{ending}"],
        lambda_r_low=outputs["lambda_r_low"] - margin,
        lambda_r_high=outputs["lambda_r_high"] + margin,
    ).groupby("galaxy_id", sort=False)
    mean = found[["logit", "calibrated", *OUTPUTS[1:]]].mean()
    frame = found[["object_id", "fold", "tested"]].first()
    frame["probability_fast"] = expit(mean["logit"])
    frame["probability_fast_calibrated"] = expit(mean["calibrated"])
    for name in OUTPUTS[1:]:
        frame[name] = np.clip(mean[name], 0.0, 1.0)
    return frame.reset_index()
