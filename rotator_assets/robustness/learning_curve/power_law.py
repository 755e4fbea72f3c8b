"""Power law of the AUC against the number of training galaxies, and its extrapolation. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST_POINTS = 3
_POWERS = np.geomspace(0.05, 2.0, 200)
"""Trial values of the power c. As an AUC is at most 1 and grows with the sample, a is at most 1 and b at least 0."""


@dataclass(frozen=True)
class LearningCurve:
    """The fitted power law AUC(n) = a - b (n / n_largest)^-c.

    Attributes
    ----------
    a
        AUC in the limit of infinitely many galaxies.
    b
        Difference from that limit at n_largest.
    c
        Power.
    covariance
        Of a, b, c; (3, 3), infinite if the fit ends at a bound.
    draws
        a, b, c fitted to replicates, (k, 3).
    n_largest
        Largest number of training galaxies.
    chi_squared
        Of the fit.
    constrained
        True if the data constrain the asymptote. Otherwise the interval of the extrapolation reaches the bounds.
    """

    a: float
    b: float
    c: float
    covariance: NDArray[np.float64]
    draws: NDArray[np.float64]
    n_largest: float
    chi_squared: float
    constrained: bool

    def at(self, n: ArrayLike) -> NDArray[np.float64]:
        """Return the AUC expected with ``n`` training galaxies, float64 of the same shape."""
        return _curve(np.asarray(n, dtype=np.float64) / self.n_largest, self.a, self.b, self.c)

    def interval(self, n: ArrayLike, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends of the interval of `at` from the replicates, widened to include the fitted value."""
        n = np.asarray(n, dtype=np.float64)
        values = _curve(n[..., None] / self.n_largest, *self.draws.T)
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=-1)
        return np.minimum(low, self.at(n)), np.maximum(high, self.at(n))


def fit_learning_curve(
    n: ArrayLike, auc: ArrayLike, error: ArrayLike, *, replicates: int = 500, seed: int = 0
) -> LearningCurve:
    """Fit the power law a - b n^-c by least squares, weighted by the errors, with a parametric bootstrap.

    Replicates are the measured AUCs, not the fitted ones, with noise added: with three points the fit passes through
    them, and noise on the fitted values would underestimate the uncertainty. Errors are treated as independent. Points
    that share their test galaxies have correlated errors, so the true uncertainty of the shape is smaller.

    Parameters
    ----------
    n
        Numbers of training galaxies, shape (k,).
    auc
        AUCs, shape (k,).
    error
        Standard deviations of the AUCs, shape (k,).
    replicates
        Number of bootstrap replicates.
    seed
        Seed of the bootstrap.

    Returns
    -------
    LearningCurve
        ``constrained`` is False with three points, which leave nothing to test the law, and if more than a twentieth of
        the replicates end at a bound, not counting those that do not rise.

    Raises
    ------
    ValueError
        With fewer than three different numbers of galaxies, or values that are not positive and finite.
    """
    n, auc, error = (np.asarray(values, dtype=np.float64) for values in (n, auc, error))
    if not (n.shape == auc.shape == error.shape and n.ndim == 1):
        raise ValueError("numbers of galaxies, AUCs and errors must be one-dimensional and equally long")
    if len(np.unique(n)) < FEWEST_POINTS:
        raise ValueError(f"a learning curve needs at least {FEWEST_POINTS} different numbers of galaxies")
    if not all(np.isfinite(values).all() and (values > 0).all() for values in (n, auc, error)):
        raise ValueError("numbers of galaxies, AUCs and errors must be positive and finite")
    x = n / n.max()
    best = _refined(x, auc, error)
    moved = auc + error * np.random.default_rng(seed).standard_normal((replicates, len(n)))
    draws = _fits(x, moved, error, _POWERS)
    unsettled = _at_a_bound(draws) & (draws[:, 1] > 0)
    return LearningCurve(
        *map(float, best),
        covariance=_covariance(x, error, best),
        draws=draws,
        n_largest=float(n.max()),
        chi_squared=float(np.sum(((auc - _curve(x, *best)) / error) ** 2)),
        constrained=bool(len(np.unique(n)) > FEWEST_POINTS and unsettled.mean() <= 0.05),
    )


def _curve(x: NDArray[np.float64], a: ArrayLike, b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    a, b, c = (np.asarray(value, dtype=np.float64) for value in (a, b, c))
    return a - b * x**-c


def _fits(
    x: NDArray[np.float64], auc: NDArray[np.float64], error: NDArray[np.float64], powers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the best a, b and c among these powers for each set of AUCs (r, k), float64 (r, 3).

    For a given c the law is linear in a and b. If the least-squares solution is out of bounds, the minimum lies on one.
    """
    weights, z = error**-2.0, x[None, :] ** -powers[:, None]
    s, sz, szz = weights.sum(), z @ weights, z**2 @ weights
    sy, szy = (auc @ weights)[:, None], (auc * weights) @ z.T
    b = (sz * sy - s * szy) / (s * szz - sz**2)
    a = (sy + b * sz) / s
    one = np.ones_like(b)
    flat, full = (np.minimum(sy / s, 1) * one, 0 * one), (one, np.maximum((sz - szy) / szz, 0))
    candidates = np.array([(a, b), flat, full])  # (3, 2, r, powers)
    ca, cb = candidates[:, 0], candidates[:, 1]
    misfit = s * ca**2 + szz * cb**2 - 2 * ca * sy + 2 * cb * szy - 2 * ca * cb * sz
    misfit[0, (a > 1) | (b < 0)] = np.inf
    chosen = misfit.transpose(1, 0, 2).reshape(len(auc), -1).argmin(axis=1)
    which, power = np.divmod(chosen, len(powers))
    rows = np.arange(len(auc))
    return np.column_stack([ca[which, rows, power], cb[which, rows, power], powers[power]])


def _refined(x: NDArray[np.float64], auc: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the best a, b and c on a finer grid of powers, float64 (3,)."""
    coarse = _fits(x, auc[None], error, _POWERS)[0]
    step = _POWERS[1] / _POWERS[0]
    finer = np.geomspace(max(coarse[2] / step, _POWERS[0]), min(coarse[2] * step, _POWERS[-1]), 401)
    return _fits(x, auc[None], error, finer)[0]


def _covariance(x: NDArray[np.float64], error: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of the Fisher matrix of a, b, c."""
    if _at_a_bound(best[None])[0]:
        return np.full((3, 3), np.inf)
    _, b, c = best
    z = x**-c
    slopes = np.column_stack([np.ones_like(x), -z, b * z * np.log(x)]) / error[:, None]
    return np.linalg.inv(slopes.T @ slopes).astype(np.float64, copy=False)


def _at_a_bound(parameters: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether a, b or c (columns) is at a bound."""
    a, b, c = parameters.T
    return (a >= 1) | (b <= 0) | (c <= _POWERS[0] * 1.0001) | (c >= _POWERS[-1] * 0.9999)
