"""Predictions of every galaxy with an image by networks that have not seen it: class, and lambda_R with an interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from rotator_assets.training.calibration import Calibration, fit_calibration, interval_margin
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
    frame["probability_fast"] = scipy.special.expit(mean["logit"])
    frame["probability_fast_calibrated"] = scipy.special.expit(mean["calibrated"])
    for name in OUTPUTS[1:]:
        frame[name] = np.clip(mean[name], 0.0, 1.0)
    return frame.reset_index()


@dataclass(frozen=True)
class OutsideCalibration:
    """Calibration of galaxies outside the population.

    Attributes
    ----------
    calibration
        Of logits that the fold has calibrated for its population.
    margin
        To be added to both ends of the fold's intervals of lambda_R.
    """

    calibration: Calibration = field(default_factory=lambda: Calibration(1.0, 0.0))
    margin: float = 0.0


def outside_calibrations(outputs: pd.DataFrame, outside: pd.DataFrame) -> dict[int, OutsideCalibration]:
    """Return the calibration of new galaxies outside the population by all known ones, by repeat.

    Parameters
    ----------
    outputs, outside
        As in `calibrated_outside`.
    """
    values = _Values.of(outputs, outside)
    repeats = outputs["repeat"].to_numpy(int)
    return {
        int(repeat): values.fitted(np.flatnonzero(values.is_outside & (repeats == repeat)))
        for repeat in np.unique(repeats)
    }


def calibrated_outside(outputs: pd.DataFrame, outside: pd.DataFrame) -> pd.DataFrame:
    """Calibrate galaxies outside the population once more, each group by the galaxies of the other groups.

    The validation parts, which calibrate the networks, hold galaxies of the population alone; late types have other
    fractions of slow rotators and other errors. Their calibration and margin come from those late types of the same
    repeat that are in other groups; for galaxies without any value, from all of them, as for new galaxies. A group
    stays as it is if the others have fewer than `LEAST_PER_CLASS` labelled galaxies of a class (probabilities), or
    measured values (intervals).

    Parameters
    ----------
    outputs
        One row per galaxy and fold, as from `with_calibration`, with object_id and a column group: the fold if a galaxy
        has one per repeat, else any division that keeps physical galaxies together.
    outside
        The galaxies outside the population: galaxy_id, rotator_type (missing without a label) and lambda_r.

    Returns
    -------
    The rows of ``outputs`` in their order, changed in slope, offset, lambda_r_low and lambda_r_high.
    """
    outputs = outputs.reset_index(drop=True)
    values = _Values.of(outputs, outside)
    slope, offset = (outputs[name].to_numpy(float).copy() for name in ("slope", "offset"))
    margin = np.zeros(len(outputs))
    for own, others in _by_group(outputs, values):
        fitted = values.fitted(others)
        slope[own], offset[own] = fitted.calibration.slope * slope[own], fitted.calibration(offset[own])
        margin[own] = fitted.margin
    low, high = outputs["lambda_r_low"] - margin, outputs["lambda_r_high"] + margin
    return outputs.assign(slope=slope, offset=offset, lambda_r_low=low, lambda_r_high=high)


@dataclass(frozen=True)
class _Values:
    """Labels and values of galaxies outside the population, one row per output; NaN where missing."""

    is_outside: NDArray[np.bool_]
    is_known: NDArray[np.bool_]
    """Whether any row of the same physical galaxy has a label or a measured value."""
    labels: NDArray[np.float64]
    lambda_r: NDArray[np.float64]
    logits: NDArray[np.float64]
    quantiles: NDArray[np.float64]

    @classmethod
    def of(cls, outputs: pd.DataFrame, outside: pd.DataFrame) -> _Values:
        known = outputs[["galaxy_id"]].merge(
            outside[["galaxy_id", "rotator_type", "lambda_r"]], on="galaxy_id", how="left", validate="many_to_one"
        )
        labels = np.asarray(known["rotator_type"].astype("Float64").to_numpy(float, na_value=np.nan), np.float64)
        objects = outputs["object_id"].to_numpy()
        is_known = np.isin(objects, objects[np.isfinite(labels) | known["lambda_r"].notna().to_numpy()])
        return cls(
            outputs["galaxy_id"].isin(outside["galaxy_id"]).to_numpy(),
            is_known,
            labels,
            known["lambda_r"].to_numpy(float),
            (outputs["slope"] * outputs["logit"] + outputs["offset"]).to_numpy(float),
            outputs[list(OUTPUTS[1:])].to_numpy(float),
        )

    def fitted(self, rows: NDArray[np.int64]) -> OutsideCalibration:
        """Return the calibration by these rows, which changes nothing where they are too few."""
        calibration, margin = Calibration(1.0, 0.0), 0.0
        labelled = rows[np.isfinite(self.labels[rows])]
        if min(np.sum(self.labels[labelled] == kind) for kind in (0, 1)) >= LEAST_PER_CLASS:
            calibration = fit_calibration(self.labels[labelled], self.logits[labelled])
        measured = rows[np.isfinite(self.lambda_r[rows])]
        if np.isfinite(self.quantiles[measured]).all() and len(measured) >= LEAST_PER_CLASS:
            margin = interval_margin(self.lambda_r[measured], self.quantiles[measured])
        return OutsideCalibration(calibration, margin)


def _by_group(outputs: pd.DataFrame, values: _Values) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the rows of each group of a repeat that are outside the population, and those that calibrate them."""
    repeats, groups = (outputs[name].to_numpy(int) for name in ("repeat", "group"))
    known, unknown = values.is_outside & values.is_known, values.is_outside & ~values.is_known
    for repeat in np.unique(repeats[values.is_outside]):
        of_repeat = repeats == repeat
        yield np.flatnonzero(of_repeat & unknown), np.flatnonzero(of_repeat & known)
        for group in np.unique(groups[of_repeat & known]):
            in_group = groups == group
            yield np.flatnonzero(of_repeat & known & in_group), np.flatnonzero(of_repeat & known & ~in_group)
