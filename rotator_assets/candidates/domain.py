"""Whether a galaxy resembles those that a network was trained on, by the features that enter the network's output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INSIDE = 0.99
"""Fraction of the held-out galaxies that counts as resembling the training part."""
_LEAST_VARIANCE = 1e-6
"""Of standardized features; it lets networks whose features are all zero have a domain."""


@dataclass(frozen=True)
class Domain:
    """Where the training part of a network lies in the space of its features.

    Attributes
    ----------
    mean
        Mean features, float64 (k,).
    precision
        Inverse of their covariance, float64 (k, k).
    cut
        Distance within which `INSIDE` of the held-out galaxies lie.
    """

    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    cut: float

    def distance(self, features: NDArray) -> NDArray[np.float64]:
        """Return the distance of galaxies with these features (n, k) from the training part, in units of the cut."""
        return _distance(features, self.mean, self.precision) / self.cut


def fit_domain(trained: NDArray, held_out: NDArray) -> Domain:
    """Return the domain of a network.

    The distance is that of Mahalanobis with a shrunk covariance, as many features are correlated or always zero.

    Parameters
    ----------
    trained
        Features of the training part, shape (n, k).
    held_out
        Features of galaxies of the same kind that were not trained on: the validation part, and others; shape (m, k).

    Raises
    ------
    ValueError
        If a part is empty, or the features are not finite.

    References
    ----------
    Ledoit & Wolf 2004, Journal of Multivariate Analysis 88, 365 (covariance). Lee et al. 2018, NeurIPS,
    arXiv:1807.03888 (distance in the space of features).
    """
    from sklearn.covariance import LedoitWolf

    trained, held_out = np.asarray(trained, np.float64), np.asarray(held_out, np.float64)
    scale = trained.std(axis=0)
    scale = np.where(scale > 0, scale, max(scale.max(), 1e-12))
    fitted = LedoitWolf().fit(trained / scale)
    covariance = fitted.covariance_ + _LEAST_VARIANCE * np.eye(len(scale))
    mean, precision = fitted.location_ * scale, np.linalg.inv(covariance) / np.outer(scale, scale)
    cut = float(np.quantile(_distance(held_out, mean, precision), INSIDE))
    return Domain(mean, precision, max(cut, 1e-12))


def _distance(features: NDArray, mean: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    away = np.asarray(features, np.float64) - mean
    return np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", away, precision, away, optimize=True), 0.0))
