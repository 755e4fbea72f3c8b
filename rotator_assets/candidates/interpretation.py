"""From outputs of networks to what an observer reads: a probability with its interval, lambda_R, type and domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from rotator_assets.candidates.domain import Domain
from rotator_assets.candidates.networks import NetworkOutputs
from rotator_assets.candidates.population import EarlyTypeClassifier
from rotator_assets.training.galaxy_predictions import OutsideCalibration
from rotator_assets.training.targets import OUTPUTS

COVERAGE = 0.68
"""Coverage of the interval of a probability."""


@dataclass(frozen=True)
class OutputCalibration:
    """Calibration of the outputs of a fold: of logits by slope and offset, of intervals of lambda_R by a margin."""

    slope: float
    offset: float
    margin: float

    def followed_by(self, outside: OutsideCalibration) -> OutputCalibration:
        """Return the calibration of galaxies outside the population."""
        second = outside.calibration
        return OutputCalibration(second.slope * self.slope, float(second(self.offset)), self.margin + outside.margin)


@dataclass(frozen=True)
class FoldInterpretation:
    """What turns the outputs of the networks of a fold into predictions of galaxies that they have not seen.

    Attributes
    ----------
    repeat, fold
        Numbers of the repeat and of the fold.
    own, outside
        Calibration for galaxies of the recipe's population, and for others.
    domain
        Where the training part lies.
    population
        Tells early types from others; None where the training knows one type alone.
    """

    repeat: int
    fold: int
    own: OutputCalibration
    outside: OutputCalibration
    domain: Domain
    population: EarlyTypeClassifier | None


def interpreted_rows(says: NetworkOutputs, domain: Domain, population: EarlyTypeClassifier | None) -> pd.DataFrame:
    """Return the outputs of the networks of a fold, with the distance from the domain and the probable type.

    Returns
    -------
    One row per galaxy: the columns of `OUTPUTS` (NaN where not predicted), domain_distance (1: at the cut) and
    probability_early (NaN without a population).
    """
    outputs = says.outputs.astype(np.float64)
    frame = pd.DataFrame(np.nan, index=range(len(outputs)), columns=list(OUTPUTS))
    frame[list(OUTPUTS[: outputs.shape[1]])] = outputs
    unknown = np.full(len(outputs), np.nan)
    return frame.assign(
        domain_distance=domain.distance(says.features),
        probability_early=unknown if population is None else population.probability_early(says.features),
    )


def per_galaxy(
    own: pd.DataFrame,
    outside: pd.DataFrame,
    members: NDArray[np.float64],
    known_early: pd.Series,
    prior_shift: float = 0.0,
) -> pd.DataFrame:
    """Return what all networks together say of each galaxy.

    Without a known type, the probability is that of both populations, weighted by the probability of belonging to each.

    Parameters
    ----------
    own, outside
        One row per galaxy and fold, calibrated as members of the recipe's population, and as others: galaxy_id, the
        columns of `OUTPUTS`, slope and offset, domain_distance and probability_early.
    members
        Logit of each network of the fold, float64 (n_rows, n_networks).
    known_early
        Whether a galaxy is an early type, missing where unknown; by galaxy_id.
    prior_shift
        Added to the logit of being slow.

    Returns
    -------
    One row per galaxy, indexed by galaxy_id: probability_slow with its interval (_low, _high; NaN for a single
    network), lambda_r_predicted, lambda_r_low and lambda_r_high, population, population_known, probability_early,
    n_networks, domain_distance and in_domain.
    """
    by_galaxy = own.groupby("galaxy_id", sort=False)
    probability_early = by_galaxy["probability_early"].mean()
    known = known_early.loc[probability_early.index].astype("boolean")
    weight = _early_weight(known, probability_early).loc[own["galaxy_id"]].to_numpy(float)

    def calibrated(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        each = [_calibrated(rows, logits) - prior_shift for rows in (own, outside)]
        return _mixed(each[0], each[1], weight[:, None])

    mean = pd.Series(calibrated(own[["logit"]].to_numpy(float))[:, 0]).groupby(own["galaxy_id"].to_numpy(), sort=False)
    found = pd.DataFrame({"probability_slow": 1 - scipy.special.expit(mean.mean())})
    found[["probability_slow_low", "probability_slow_high"]] = _intervals(
        own["galaxy_id"], calibrated(members), mean.mean()
    )
    for name in OUTPUTS[1:]:
        value = own[name] + (1 - weight) * (outside[name].to_numpy() - own[name])
        found[name] = np.clip(value.groupby(own["galaxy_id"].to_numpy(), sort=False).mean(), 0.0, 1.0)
    probably = (probability_early >= 0.5).astype("boolean").where(probability_early.notna())
    distance = by_galaxy["domain_distance"].mean()
    return found.assign(
        population=known.fillna(probably).map({True: "early", False: "late"}),
        population_known=known.notna(),
        probability_early=probability_early,
        n_networks=by_galaxy.size() * members.shape[1],
        domain_distance=distance,
        in_domain=distance <= 1,
    ).rename_axis("galaxy_id")


def prior_shift(fraction_slow: float, prior: float) -> float:
    """Return what another fraction of slow rotators adds to the logit of being slow (Bayes' theorem).

    Parameters
    ----------
    fraction_slow
        Fraction of slow rotators that the probabilities are calibrated for.
    prior
        Fraction among the galaxies to be predicted.

    References
    ----------
    Saerens, Latinne & Decaestecker 2002, Neural Computation 14, 21, eq. 2.4.
    """
    return float(scipy.special.logit(prior) - scipy.special.logit(fraction_slow))


def _early_weight(known: pd.Series, probability_early: pd.Series) -> pd.Series:
    """Return the weight of the calibration of the recipe's population: 1 where nothing tells the type."""
    certain = known.astype("Float64").astype(float)
    return certain.fillna(probability_early).fillna(1.0)


def _calibrated(rows: pd.DataFrame, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows["slope"].to_numpy()[:, None] * logits + rows["offset"].to_numpy()[:, None]


def _mixed(own: NDArray[np.float64], outside: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logit of the weighted mean of two probabilities; the one itself where its weight is 1."""
    probability = weight * scipy.special.expit(own) + (1 - weight) * scipy.special.expit(outside)
    mixed = scipy.special.logit(np.clip(probability, 1e-15, 1 - 1e-15))
    return np.where(weight == 1, own, np.where(weight == 0, outside, mixed))


def _intervals(galaxy_ids: pd.Series, logits: NDArray[np.float64], mean: pd.Series) -> pd.DataFrame:
    """Return the interval of the probability of each galaxy that the scatter between its networks gives.

    It contains the mean of infinitely many networks in `COVERAGE` of all cases, for normal scatter of the logits. NaN
    for a galaxy with a single network.
    """
    each = pd.Series(logits.ravel()).groupby(np.repeat(galaxy_ids.to_numpy(), logits.shape[1]), sort=False)
    n = each.size()
    half: pd.Series = scipy.stats.t.ppf(0.5 + COVERAGE / 2, n - 1) * each.std(ddof=1) / np.sqrt(n)
    return pd.DataFrame({"low": scipy.special.expit(-(mean + half)), "high": scipy.special.expit(-(mean - half))})
