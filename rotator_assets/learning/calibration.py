"""Temperature scaling: one number that makes a network's probabilities neither too sure nor too unsure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

LOWEST, HIGHEST = 0.05, 20.0
"""Bounds of the temperature: a validation part without a mistake would have 0, one in the wrong order infinity."""


def fit_temperature(labels: ArrayLike, logits: ArrayLike) -> float:
    """The temperature T > 0 by which to divide logits so that their probabilities fit best (Guo et al. 2017, ICML).

    T minimizes the mean negative log-likelihood of the labels (0 slow, 1 fast; each galaxy counts alike), within
    `LOWEST` and `HIGHEST` (arXiv:1706.04599, section 4.2). Above 1 the network was too sure. The order of galaxies, and
    so every ROC curve, stays as it is.

    Raises ValueError unless labels and logits are one-dimensional and equally long, and all logits finite.
    """
    labels, logits = np.asarray(labels, dtype=np.float64), np.asarray(logits, dtype=np.float64)
    if labels.shape != logits.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(f"labels and logits must be one-dimensional and equally long: {labels.shape}, {logits.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - labels * scaled))

    # Convex in 1 / T, so there is one minimum in log T.
    found = minimize_scalar(
        negative_log_likelihood, bounds=np.log([LOWEST, HIGHEST]), method="bounded", options={"xatol": 1e-9}
    )
    return float(np.exp(found.x))
