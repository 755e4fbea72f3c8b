"""Which population a galaxy without a morphological type probably belongs to, from the features of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

LEAST_PER_TYPE = 10
"""Smallest number of galaxies of each type to which the regression is fitted."""


def known_types(galaxies: pd.DataFrame) -> pd.Series:
    """Return whether each galaxy is an early type, missing where the catalogues do not say.

    ``is_early_type`` is false, too, for galaxies without T-Type and P_Late, and for early ones without an axis ratio.

    Parameters
    ----------
    galaxies
        is_early_type, t_type, p_late and ellipticity.
    """
    says = (galaxies["t_type"].notna() | galaxies["p_late"].notna()) & galaxies["ellipticity"].notna()
    return galaxies["is_early_type"].astype("boolean").where(says)


@dataclass(frozen=True)
class EarlyTypeClassifier:
    """Which features of a network belong to early types: a logistic regression of the standardized features.

    Attributes
    ----------
    mean, scale
        Of the features, float64 (k,).
    coefficients
        Of the standardized features, float64 (k,).
    intercept
        Logit at the mean.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float

    def probability_early(self, features: NDArray) -> NDArray[np.float64]:
        """Return the probability of being an early type, float64 (n,), from features (n, k)."""
        standard = (np.asarray(features, np.float64) - self.mean) / self.scale
        return scipy.special.expit(standard @ self.coefficients + self.intercept)


def fit_early_types(early: NDArray[np.float64], features: NDArray) -> EarlyTypeClassifier | None:
    """Return what separates early types from others in the space of the features.

    None if a training has fewer than `LEAST_PER_TYPE` galaxies of a type: networks that were trained on early types
    alone know no others.

    Parameters
    ----------
    early
        1 early, 0 another type, NaN unknown; the training part, shape (n,).
    features
        Features of its galaxies, shape (n, k).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    known = np.isfinite(early)
    if min(np.sum(early[known] == kind) for kind in (0, 1)) < LEAST_PER_TYPE:
        return None
    scaler = StandardScaler().fit(np.asarray(features, np.float64)[known])
    model = LogisticRegression(C=0.01, max_iter=1000)
    model.fit(scaler.transform(np.asarray(features, np.float64)[known]), early[known])
    return EarlyTypeClassifier(scaler.mean_, scaler.scale_, model.coef_[0], float(model.intercept_[0]))
