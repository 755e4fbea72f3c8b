"""Which population a galaxy without a morphological type probably belongs to, from the features of a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
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


def fit_population(early: NDArray[np.float64], features: NDArray) -> Callable[[NDArray], NDArray[np.float64]]:
    """Return a function from features (n, k) to the probability of being an early type, float64 (n,).

    A logistic regression of the standardized features. The function gives NaN if a training has fewer than
    `LEAST_PER_TYPE` galaxies of a type: networks that were trained on early types alone know no others.

    Parameters
    ----------
    early
        1 early, 0 another type, NaN unknown; the training part, shape (n,).
    features
        Features of its galaxies, shape (n, k).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = np.isfinite(early)
    if min(np.sum(early[known] == kind) for kind in (0, 1)) < LEAST_PER_TYPE:
        return lambda features: np.full(len(features), np.nan)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(features[known], early[known])
    return lambda features: model.predict_proba(features)[:, 1]
