"""Weights that match two samples of galaxies in ellipticity, size and signal-to-noise ratio.

A network trained on one survey may fail on another because the galaxies differ, or because the images differ. Weights
that give the tested galaxies the distribution of the training galaxies remove the first cause (Shimodaira 2000, J.
Stat. Plan. Inference 90, 227): the remaining drop is not due to the weighted properties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.resampling import Bootstrap, bootstrap, weighted_auc

VARIABLES = {
    "ellipticity": "ellipticity",
    "r_eff_pixels": "half-light semi-major axis (pixels)",
    "sn_per_pixel": "signal-to-noise ratio per pixel",
}
"""Properties in which the samples are matched, with their labels on axes."""
LARGEST_WEIGHT = 20.0
"""Largest weight, so that rare galaxies do not dominate the sample."""
_LEAST_KNOWN = 0.5


@dataclass(frozen=True)
class Reweighted:
    """AUC with weights, its change by them, and the `effective_number` of galaxies."""

    auc: Bootstrap
    change: Bootstrap
    n_effective: float


def variables_of(own: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """Return those of `VARIABLES` that at least half of the galaxies of each sample have."""
    frames = (own, other)
    return [name for name in VARIABLES if all(name in f and f[name].notna().mean() >= _LEAST_KNOWN for f in frames)]


def likeness_weights(own: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Return weights (n,), 1 on average, that give the rows of ``own`` (n, k) the distribution of ``other`` (m, k).

    They are the ratio of the two densities, by logistic regression on the columns, their squares and products: the odds
    that a galaxy is from the other sample, times n / m. Missing values are replaced by the median of both samples.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    own, other = np.asarray(own, dtype=np.float64), np.asarray(other, dtype=np.float64)
    model = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        PolynomialFeatures(2, include_bias=False),
        LogisticRegression(max_iter=1000),
    )
    model.fit(np.vstack([own, other]), np.repeat([0, 1], [len(own), len(other)]))
    odds = np.exp(model.decision_function(own)) * len(own) / len(other)
    weights = np.minimum(odds, LARGEST_WEIGHT)
    return weights / weights.mean()


def effective_number(weights: ArrayLike) -> float:
    """Return the effective sample size of weighted galaxies (Kish 1965, Survey Sampling)."""
    weights = np.asarray(weights, dtype=np.float64)
    return float(weights.sum() ** 2 / np.sum(weights**2))


def reweighted_auc(scored: NetworkScores, weights: ArrayLike, n: int = 2000, seed: int = 0) -> Reweighted:
    """Return the AUC of the weighted sample, with intervals from a bootstrap over objects.

    Parameters
    ----------
    scored
        The scores, n entries.
    weights
        Shape (n,), treated as exact.
    n
        Number of replicates.
    seed
        Seed of the bootstrap.
    """
    weights = np.asarray(weights, dtype=np.float64)

    def auc(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return weighted_auc(scored, drawn * weights)

    def change(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return auc(drawn) - weighted_auc(scored, drawn)

    of_galaxies = weights[np.unique(scored.galaxy_ids, return_index=True)[1]]
    return Reweighted(
        bootstrap(auc, scored.labels, scored.object_ids, n, seed),
        bootstrap(change, scored.labels, scored.object_ids, n, seed),
        effective_number(of_galaxies),
    )
