"""Calibration of a network's outputs: of its logits by a slope and an offset, of intervals of lambda_R by a margin.

Networks are trained with equal weight on both classes, so their probabilities hold for a sample that is half slow. A
temperature (a slope alone) keeps that prior; the offset corrects it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOWEST_SLOPE, HIGHEST_SLOPE = 0.05, 20.0
"""Bounds of the slope, which is positive so that the order of galaxies is kept."""


@dataclass(frozen=True)
class Calibration:
    """``slope * logit + offset`` is the calibrated logit of P(fast); overconfident networks have a slope below 1."""

    slope: float
    offset: float

    def __call__(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Return calibrated logits, float64 of the same shape."""
        return self.slope * np.asarray(logits, dtype=np.float64) + self.offset


def fit_calibration(labels: ArrayLike, logits: ArrayLike) -> Calibration:
    """Return the slope and offset whose probabilities fit the labels best.

    They minimize the mean negative log-likelihood of Platt's targets, (n_fast + 1) / (n_fast + 2) for a fast rotator
    and 1 / (n_slow + 2) for a slow one, with equal weight for each galaxy. The targets keep the fit finite for a small
    sample in perfect order. For a sample in reverse order the slope is `LOWEST_SLOPE`.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    logits
        Logits of being fast, shape (n,).

    Raises
    ------
    ValueError
        Unless both are one-dimensional and equally long, and all logits finite.

    References
    ----------
    Platt 1999, Advances in Large Margin Classifiers, p. 61. For two classes this is bias-corrected temperature scaling
    (Alexandari, Kundaje & Shrikumar 2020, ICML).
    """
    combination = fit_combination(labels, np.asarray(logits)[..., None], lowest=LOWEST_SLOPE)
    return Calibration(float(combination.weights[0]), combination.offset)


@dataclass(frozen=True)
class Combination:
    """``logits @ weights + offset`` is the calibrated logit of P(fast) that combines several logits."""

    weights: NDArray[np.float64]
    offset: float

    def __call__(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Return the combined logits of galaxies, float64 (n,), from theirs, shape (n, k)."""
        return np.asarray(logits, dtype=np.float64) @ self.weights + self.offset


def fit_combination(labels: ArrayLike, logits: ArrayLike, lowest: float = 0.0) -> Combination:
    """Return the weights and the offset whose probabilities fit the labels best.

    They minimize the mean negative log-likelihood of Platt's targets, as in `fit_calibration`. Weights are not
    negative, so that a useless logit has the weight 0 rather than reverse the order of the galaxies.

    Parameters
    ----------
    labels
        0 slow, 1 fast; shape (n,).
    logits
        Logits of being fast, shape (n, k).
    lowest
        Lowest weight.

    Raises
    ------
    ValueError
        Unless the shapes fit and all logits are finite.

    References
    ----------
    Breiman 1996, Machine Learning 24, 49 (weights of stacked models are not negative).
    """
    from scipy.optimize import minimize  # imported here, as SciPy takes long to load
    from scipy.special import expit

    labels, logits = np.asarray(labels, dtype=np.float64), np.asarray(logits, dtype=np.float64)
    if labels.ndim != 1 or not len(labels) or logits.ndim != 2 or len(logits) != len(labels):
        raise ValueError(f"labels and logits must be one-dimensional and equally long: {labels.shape}, {logits.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")
    n_fast = labels.sum()
    targets = np.where(labels == 1, (n_fast + 1) / (n_fast + 2), 1 / (len(labels) - n_fast + 2))
    # For standardized logits, the parameters are nearly independent and of order one.
    centre, spread = logits.mean(axis=0), logits.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    standard = (logits - centre) / spread

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Mean negative log-likelihood and its gradient; convex in all parameters."""
        calibrated = standard @ parameters[:-1] + parameters[-1]
        missed = expit(calibrated) - targets
        value = np.mean(np.logaddexp(0, calibrated) - targets * calibrated)
        return float(value), np.append(missed @ standard, missed.sum()) / len(labels)

    bounds = [(lowest * scale, HIGHEST_SLOPE * scale) for scale in spread]
    start = [np.clip(1.0, *limits) for limits in bounds]
    found = minimize(
        loss,
        [*start, 0.0],
        jac=True,
        bounds=[*bounds, (None, None)],
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    weights = found.x[:-1] / spread
    return Combination(weights, float(found.x[-1] - weights @ centre))


def interval_margin(lambda_r: ArrayLike, quantiles: NDArray[np.float64], coverage: float = 0.68) -> float:
    """Return the margin that makes predicted intervals contain the stated fraction of new galaxies.

    Parameters
    ----------
    lambda_r
        Measured values of galaxies that were not trained on, shape (n,); NaN where not measured.
    quantiles
        Predicted quantiles in ascending order; the first and last column are the ends of the interval, shape (n, k).
    coverage
        The fraction.

    Returns
    -------
    float
        To be subtracted from the lower and added to the upper end; negative where the intervals are too wide, 0 without
        a measured value.

    References
    ----------
    Romano, Patterson & Candes 2019, NeurIPS, arXiv:1905.03222, eqs. 6 to 8 (conformalized quantile regression).
    """
    lambda_r = np.asarray(lambda_r, dtype=np.float64)
    missed = np.maximum(quantiles[:, 0] - lambda_r, lambda_r - quantiles[:, -1])
    missed = np.sort(missed[np.isfinite(missed)])
    if not len(missed):
        return 0.0
    return float(missed[min(int(np.ceil((len(missed) + 1) * coverage)), len(missed)) - 1])
