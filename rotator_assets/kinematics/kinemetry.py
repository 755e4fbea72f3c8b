"""Decide whether a velocity map is that of a regular rotator, by kinemetry (Krajnovic et al. 2006, MNRAS 366, 787).

The velocities of a rotating disc vary as the cosine of the azimuth along ellipses of its flattening. Deviations are
harmonics of higher order. The fifth one separates other motions from rotation, because errors of centre, angle and
flattening appear in lower orders. A regular rotator has k5 / k1 < 0.04, averaged within one R_e and weighted with light
(Krajnovic et al. 2011, MNRAS 414, 2923). They fit the ellipse at each radius and average the ratio. Here all ellipses
have the same angle and flattening, as maps with few bins require. The ratio is that of two means, so that the centre,
where k1 vanishes, does not dominate it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NAN = float("nan")

MAX_K5_OVER_K1 = 0.04
"""Upper limit for regular rotators (Krajnovic et al. 2011)."""
MAX_TURN_DEG = 30.0
"""If the axis of rotation turns by more, components are kinematically decoupled (Krajnovic et al. 2011);
counter-rotating cores turn by 180 degrees."""
MIN_ROTATION_KM_S = 5.0
"""Slower rotation counts as none (low-velocity maps of Krajnovic et al. 2011)."""
SIGMAS = 3.0
"""Significance required of rotation, of a turn, and of a fifth harmonic above its limit."""
MAX_UPPER_LIMIT = 0.1
"""The sum of k5 / k1 and its error must be below this; otherwise noise hides too much to classify the galaxy as
regular."""
HARMONICS = {1: 4, 3: 2, 5: 2}
"""Orders that are fitted, and the largest number of radii for each. Rotation rises and may reverse; deviations from it
are averaged."""
BINS_PER_RADIUS = 15
"""Number of bins needed per radius."""
INNER_FRACTION = 0.9
"""Fraction of the bins within the outermost radius."""

WAVES = (np.sin, np.cos)


@dataclass(frozen=True)
class Kinemetry:
    """Harmonics of one velocity map, NaN if it has too few bins. Means are weighted with light, in quadrature.

    Attributes
    ----------
    regular
        Whether it is a regular rotator; None if noise makes it uncertain.
    reason
        Why it is not regular, or uncertain; empty if it is regular.
    k1_km_s
        Amplitude of rotation in km/s.
    k5_over_k1, k5_over_k1_error
        Ratio of the fifth to the first harmonic, and its error.
    position_angle_deg
        Position angle of the receding side, in degrees east of north.
    """

    regular: bool | None
    reason: str
    k1_km_s: float = NAN
    k5_over_k1: float = NAN
    k5_over_k1_error: float = NAN
    position_angle_deg: float = NAN


def kinemetry(
    west: ArrayLike,
    north: ArrayLike,
    flux: ArrayLike,
    velocity: ArrayLike,
    velocity_error: ArrayLike,
    ellipticity: float,
    correlation_length: float = 0.0,
) -> Kinemetry:
    """Fit odd harmonics to a velocity map along ellipses of one flattening, and decide whether it is a regular rotator.

    The fit is a weighted least-squares fit of

        V = V_0 + sum_n A_n(a) sin(n psi) + B_n(a) cos(n psi),  n = 1, 3, 5,

    with the semi-major axis a and the eccentric anomaly psi from the kinematic major axis. The position angle of that
    axis is the one for which a constant and the first cosine fit best. k_n^2 is the mean of A_n^2 + B_n^2 over the
    light, minus the contribution of noise, so that k5 / k1 of a noisy disc scatters about its true value. Its error is
    the change if k5^2 is one standard deviation larger.

    Parameters
    ----------
    west, north
        Centres of the bins inside the half-light ellipse, (n,), relative to the galaxy's centre, in a unit of length.
    flux
        Total light of each bin, in any linear unit.
    velocity
        Velocity of each bin in km/s.
    velocity_error
        Standard deviation of the velocity in km/s. If any is NaN or 0, all are estimated from the residuals.
    ellipticity
        1 - b/a of the ellipses.
    correlation_length
        Standard deviation of the Gaussian in distance by which errors are correlated, in the unit of ``west``; 0 for
        none.

    Returns
    -------
    Kinemetry
        The harmonics and the classification.

    References
    ----------
    Krajnovic et al. 2006, MNRAS 366, 787; 2011, MNRAS 414, 2923.
    """
    west, north, flux, velocity = (np.asarray(v, dtype=np.float64) for v in (west, north, flux, velocity))
    n_radii = [min(most, len(velocity) // BINS_PER_RADIUS) for most in HARMONICS.values()]
    if min(n_radii) < 1:
        return Kinemetry(None, f"{len(velocity)} bins are too few to measure harmonics, {BINS_PER_RADIUS} are needed")
    error = np.asarray(velocity_error, dtype=np.float64)
    stated = bool(np.all(np.isfinite(error) & (error > 0)))
    weight = 1 / error if stated else np.ones_like(velocity)
    angle = _kinematic_angle(west, north, velocity, weight, 1 - ellipticity, n_radii[0])
    radius, psi = _along_ellipses(west, north, angle, 1 - ellipticity)
    orders = list(zip(HARMONICS, n_radii, strict=True))
    blocks = [_hats(radius, n) * wave(order * psi)[:, None] for order, n in orders for wave in WAVES]
    design = np.column_stack([np.ones_like(psi), *blocks])
    solver = np.linalg.pinv(design * weight[:, None]) * weight
    found = solver @ velocity
    if not stated:
        error = np.full_like(velocity, np.sqrt(np.sum((velocity - design @ found) ** 2) / (len(psi) - len(found))))
    covariance = _propagated(solver * error, np.column_stack([west, north]), correlation_length)
    forms, start = {}, 1
    for order, n in orders:
        forms[order] = np.zeros_like(covariance)
        hats = _hats(radius, n)
        for _ in WAVES:
            forms[order][start : start + n, start : start + n] = hats.T * (flux / flux.sum()) @ hats
            start += n
    return _judged(_Fit(found, covariance), forms, n_radii[0], angle, 1 - ellipticity)


@dataclass(frozen=True)
class _Fit:
    """Coefficients of a fit and their covariance."""

    found: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def square(self, form: NDArray[np.float64]) -> tuple[float, float, float]:
        """Return a quadratic form of the coefficients without the contribution of noise, and two standard deviations.

        The first is that of the form itself, the second the one it would have without a signal.
        """
        product = form @ self.covariance
        without_signal = 2 * np.trace(product @ product)
        variance = 4 * self.found @ product @ form @ self.found - without_signal
        mean = self.found @ form @ self.found - np.trace(product)
        return float(mean), float(np.sqrt(max(variance, without_signal))), float(np.sqrt(without_signal))


def _judged(
    fit: _Fit, forms: dict[int, NDArray[np.float64]], n_radii: int, angle: float, axis_ratio: float
) -> Kinemetry:
    first, first_error, first_noise = fit.square(forms[1])
    fifth, fifth_error, _ = fit.square(forms[5])
    if not first > SIGMAS * first_noise:
        limit = np.sqrt(max(first, 0.0) + 2 * first_noise)
        if limit < MIN_ROTATION_KM_S:
            return Kinemetry(False, f"no rotation: k1 is below {limit:.2g} km/s")
        return Kinemetry(None, f"no rotation detected, but noise would hide {limit:.2g} km/s")
    k1 = float(np.sqrt(first))
    ratio = float(np.sqrt(max(fifth, 0.0))) / k1
    upper = np.sqrt(max(fifth, 0.0) + fifth_error) / k1
    error = float(np.hypot(upper - ratio, ratio * first_error / (2 * first)))
    excess, excess_error, _ = fit.square(forms[5] - MAX_K5_OVER_K1**2 * forms[1])
    turn = _turn(fit, n_radii, axis_ratio)
    if turn is not None:
        regular, reason = False, f"the axis of rotation turns by {turn:.0f} degrees"
    elif excess > SIGMAS * excess_error:
        regular, reason = False, f"k5/k1 = {ratio:.3f} +- {error:.3f} is above {MAX_K5_OVER_K1}"
    elif ratio + error > MAX_UPPER_LIMIT:
        regular, reason = None, f"k5/k1 = {ratio:.3f} +- {error:.3f} is too uncertain"
    else:
        regular, reason = True, ""
    return Kinemetry(regular, reason, k1, ratio, error, angle % 360)


def _turn(fit: _Fit, n_radii: int, axis_ratio: float) -> float | None:
    """Return the largest angle in degrees between the major axis and the rotation at any radius.

    It is None if no angle exceeds ``MAX_TURN_DEG`` by ``SIGMAS``.
    """
    turns = []
    limit = np.arctan2(np.sin(np.deg2rad(MAX_TURN_DEG)) / axis_ratio, np.cos(np.deg2rad(MAX_TURN_DEG)))
    for k in range(1, 1 + n_radii):
        which = [k + n_radii, k]  # cosine, sine
        rotation = fit.found[which]
        turned = np.arctan2(rotation[1], rotation[0])
        beyond = abs(turned) - limit
        if beyond <= 0:
            continue
        # across the edge of the allowed range, or along the rotation itself if that is over 90 degrees away
        edge = np.sign(turned) * limit
        across = np.sign(turned) * np.array([-np.sin(edge), np.cos(edge)])
        direction = across if beyond < np.pi / 2 else rotation / np.hypot(*rotation)
        sigma = np.sqrt(direction @ fit.covariance[np.ix_(which, which)] @ direction)
        if direction @ rotation > SIGMAS * sigma:
            turns.append(np.degrees(abs(np.arctan2(axis_ratio * np.sin(turned), np.cos(turned)))))
    return max(turns, default=None)


def _kinematic_angle(
    west: NDArray[np.float64],
    north: NDArray[np.float64],
    velocity: NDArray[np.float64],
    weight: NDArray[np.float64],
    axis_ratio: float,
    n_radii: int,
) -> float:
    """Return the position angle in degrees of the receding side, for which the first cosine and a constant fit best."""
    from scipy.optimize import minimize_scalar

    def fitted(degrees: float) -> tuple[float, float]:
        radius, psi = _along_ellipses(west, north, degrees, axis_ratio)
        hats = _hats(radius, n_radii)
        design = np.column_stack([np.ones_like(psi), hats * np.cos(psi)[:, None]]) * weight[:, None]
        found = np.linalg.lstsq(design, velocity * weight, rcond=None)[0]
        return float(np.sum((velocity * weight - design @ found) ** 2)), float(np.sum(hats @ found[1:]))

    step = 10.0
    best = min(np.arange(0.0, 180.0, step), key=lambda angle: fitted(angle)[0])
    bounds = (best - step, best + step)
    best = float(minimize_scalar(lambda angle: fitted(angle)[0], bounds=bounds, method="bounded").x)
    return best if fitted(best)[1] > 0 else best + 180.0


def _along_ellipses(
    west: NDArray[np.float64], north: NDArray[np.float64], position_angle_deg: float, axis_ratio: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the semi-major axis of the ellipse through each position, and its eccentric anomaly."""
    angle = np.deg2rad(position_angle_deg)
    along = -west * np.sin(angle) + north * np.cos(angle)
    across = (-west * np.cos(angle) - north * np.sin(angle)) / axis_ratio
    return np.hypot(along, across), np.arctan2(across, along)


def _hats(radius: NDArray[np.float64], n_radii: int) -> NDArray[np.float64]:
    """Return the weight of each radius at each position (n_bins, n_radii): linear in between, and 0 in the centre."""
    knots = np.quantile(radius, INNER_FRACTION) * np.arange(n_radii + 1) / n_radii
    return np.column_stack([np.interp(radius, knots, unit) for unit in np.eye(n_radii + 1)[1:]])


def _propagated(
    solver: NDArray[np.float64], places: NDArray[np.float64], correlation_length: float
) -> NDArray[np.float64]:
    """Return the covariance of a linear ``solver``, multiplied by the errors, applied to correlated data."""
    if not correlation_length > 0:
        return solver @ solver.T
    from scipy.spatial import cKDTree

    near = cKDTree(places)
    distances = near.sparse_distance_matrix(near, 3.5 * correlation_length, output_type="coo_matrix").tocsr()
    distances.data = np.exp(-0.5 * (distances.data / correlation_length) ** 2)
    distances.setdiag(1.0)
    return solver @ (distances @ solver.T)
