"""The list of candidates: probability of slow rotation with an interval, predicted lambda_R, domain, and rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rotator_assets.candidates.blind import BlindPredictions
from rotator_assets.candidates.interpretation import FoldInterpretation, OutputCalibration, per_galaxy
from rotator_assets.training.galaxy_predictions import (
    OutsideCalibration,
    calibrated_outside,
    outside_calibrations,
    with_calibration,
)


@dataclass(frozen=True)
class Ranking:
    """The ranked candidates, and how the networks of each fold are interpreted for galaxies that nobody has seen.

    Attributes
    ----------
    candidates
        Columns of ``candidates`` except dataset, recipe and synthetic.
    folds
        One interpretation per fold.
    """

    candidates: pd.DataFrame
    folds: list[FoldInterpretation]


def ranked_candidates(
    blind: BlindPredictions, calibration: pd.DataFrame, galaxies: pd.DataFrame, averaged: bool, population: str
) -> Ranking:
    """Rank every galaxy, most probable slow rotator first.

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
    """
    outputs = blind.outputs.merge(calibration, on="fold", how="left", validate="many_to_one")
    own = with_calibration(outputs.assign(tested=False), averaged)
    outside, by_repeat = own, {}
    if population == "early":
        others = _outside_the_population(galaxies)
        outside, by_repeat = calibrated_outside(own, others), outside_calibrations(own, others)
    known = galaxies.set_index("galaxy_id")
    frame = per_galaxy(own, outside, blind.members, known["is_early_type"])
    known = known.loc[frame.index]
    frame = frame.assign(
        labelled=known["rotator_type"].notna(),
        **{name: known[name] for name in ("object_id", "ra", "dec", "rotator_type", "lambda_r", "excluded_from")},
    )
    frame = frame.reset_index().sort_values(["probability_slow", "galaxy_id"], ascending=[False, True])
    frame = frame.assign(rank=np.arange(1, len(frame) + 1)).reset_index(drop=True)
    return Ranking(frame, _interpretations(blind, calibration, by_repeat, averaged))


def _outside_the_population(galaxies: pd.DataFrame) -> pd.DataFrame:
    """Return the galaxies that are not known to be early types, with the values of those that calibrate others.

    Galaxies excluded from training calibrate nothing, and neither do those of unknown type.
    """
    is_late = galaxies["is_early_type"].astype("boolean").eq(False).fillna(False).astype(bool)
    others = galaxies[is_late | galaxies["is_early_type"].isna()][["galaxy_id", "rotator_type", "lambda_r"]]
    calibrates = is_late & galaxies["excluded_from"].isna()
    values = others[["rotator_type", "lambda_r"]].mask(~calibrates.loc[others.index], pd.NA)
    return others[["galaxy_id"]].join(values)


def _interpretations(
    blind: BlindPredictions, calibration: pd.DataFrame, by_repeat: dict[int, OutsideCalibration], averaged: bool
) -> list[FoldInterpretation]:
    ending = "_averaged" if averaged else ""
    columns = [f"{name}{ending}" for name in ("calibration_slope", "calibration_offset", "lambda_r_margin")]
    of_folds = calibration.set_index("fold")[columns].astype(float)
    folds = []
    for number, fold in blind.folds.items():
        own = OutputCalibration(*(float(value) for value in of_folds.loc[number].to_numpy()))
        outside = own.followed_by(by_repeat.get(fold.repeat, OutsideCalibration()))
        folds.append(FoldInterpretation(fold.repeat, number, own, outside, fold.domain, fold.population))
    return folds
