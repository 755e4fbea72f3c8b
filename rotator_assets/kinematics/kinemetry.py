r"""Is a velocity map that of a regular rotator? Kinemetry: harmonics along ellipses (Krajnovic et al. 2006, MNRAS 366,
787).

The velocities of a disc in rotation go as the cosine of the azimuth along ellipses of its flattening. What departs
from that is a harmonic of higher order, of which the fifth tells other motions from rotation: errors of centre, angle
and flattening appear in lower ones. A regular rotator has k5 / k1 < 0.04, the mean within one R_e weighted with light
(Krajnovic et al. 2011, MNRAS 414, 2923). They fit the ellipse at each radius and average the ratio. Here all ellipses
have one angle and flattening, as maps of few bins need, and the ratio is that of two means, which the centre, where k1
vanishes, does not decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NAN = float("nan")

MAX_K5_OVER_K1 = 0.04
"""Of regular rotators (Krajnovic et al. 2011)."""
MAX_TURN_DEG = 30.0
"""Where the axis of rotation turns by more, components are decoupled (Krajnovic et al. 2011): by 180 for a core that
rotates the other way."""
MIN_ROTATION_KM_S = 5.0
"""Rotation below this is none (low-velocity maps of Krajnovic et al. 2011)."""
SIGMAS = 3.0
"""So significant is what is taken for rotation, a turn, or a fifth harmonic above its limit."""
MAX_UPPER_LIMIT = 0.1
"""k5 / k1 and its error together must lie below this, or noise hides too much to call a galaxy regular."""
HARMONICS = {1: 4, 3: 2, 5: 2}
"""The orders fitted, and at how many radii at most: rotation rises and may reverse, deviations from it are means."""
BINS_A_RADIUS = 15
"""Bins needed for each radius."""
INNER_SHARE = 0.9
"""Share of the bins within the outermost radius."""

WAVES = (np.sin, np.cos)


@dataclass(frozen=True)
class Kinemetry:
    """Harmonics of one velocity map, NaN where it has too few bins. Means are over the light, in quadrature.

    ``regular``: None where noise does not let it be told, with the ``reason``. ``k1_km_s``: amplitude of rotation;
    ``position_angle_deg``: of its receding side, east of north.
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
    r"""Odd harmonics of a velocity map along ellipses of one flattening, and whether it is a regular rotator's.

    One entry a bin inside the half-light ellipse: its centre, west and north of the galaxy's in a unit of length, the
    sum of its light, and velocity and error in km/s. ``correlation_length``: standard deviation of the Gaussian in
    distance by which errors are correlated (0: they are not). Errors that are not stated are taken from the residuals.

    Weighted least squares of

        V = V_0 + sum_n A_n(a) sin(n psi) + B_n(a) cos(n psi),  n = 1, 3, 5,

    with a the semi-major axis and psi the eccentric anomaly from the kinematic major axis, at whose position angle the
    first cosine alone fits best. k_n^2 is the mean of A_n^2 + B_n^2 over the light, less what noise adds to it, so that
    k5 / k1 of a noisy disc scatters about its own. Its error is the step to the value of one standard deviation more.
    """
    west, north, flux, velocity = (np.asarray(v, dtype=np.float64) for v in (west, north, flux, velocity))
    n_radii = [min(most, len(velocity) // BINS_A_RADIUS) for most in HARMONICS.values()]
    if min(n_radii) < 1:
        return Kinemetry(None, f"{len(velocity)} bins are too few to see harmonics, {BINS_A_RADIUS} are needed")
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
    """Coefficients and their covariance."""

    found: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def square(self, form: NDArray[np.float64]) -> tuple[float, float, float]:
        """A quadratic form of the coefficients less what noise adds, and its standard deviation: its own, and what it
        would be without signal."""
        product = form @ self.covariance
        without_signal = 2 * np.trace(product @ product)
        variance = 4 * self.found @ product @ form @ self.found - without_signal
        mean = self.found @ form @ self.found - np.trace(product)
        return float(mean), float(np.sqrt(max(variance, without_signal))), float(np.sqrt(without_signal))


def _judged(fit: _Fit, forms: dict[int, NDArray], n_radii: int, angle: float, axis_ratio: float) -> Kinemetry:
    first, first_error, first_noise = fit.square(forms[1])
    fifth, fifth_error, _ = fit.square(forms[5])
    if not first > SIGMAS * first_noise:
        limit = np.sqrt(max(first, 0.0) + 2 * first_noise)
        if limit < MIN_ROTATION_KM_S:
            return Kinemetry(False, f"no rotation: k1 is below {limit:.2g} km/s")
        return Kinemetry(None, f"no rotation seen, but noise would hide {limit:.2g} km/s")
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
    """Largest angle in degrees between the major axis and the rotation at any radius; None where none is above
    ``MAX_TURN_DEG`` by ``SIGMAS``."""
    turns = []
    limit = np.arctan2(np.sin(np.deg2rad(MAX_TURN_DEG)) / axis_ratio, np.cos(np.deg2rad(MAX_TURN_DEG)))
    for k in range(1, 1 + n_radii):
        which = [k + n_radii, k]  # cosine, sine
        rotation = fit.found[which]
        turned = np.arctan2(rotation[1], rotation[0])
        beyond = abs(turned) - limit
        if beyond <= 0:
            continue
        # across the edge of what is allowed, or, beyond a right angle from it, along the rotation itself
        edge = np.sign(turned) * limit
        across = np.sign(turned) * np.array([-np.sin(edge), np.cos(edge)])
        direction = across if beyond < np.pi / 2 else rotation / np.hypot(*rotation)
        sigma = np.sqrt(direction @ fit.covariance[np.ix_(which, which)] @ direction)
        if direction @ rotation > SIGMAS * sigma:
            turns.append(np.degrees(abs(np.arctan2(axis_ratio * np.sin(turned), np.cos(turned)))))
    return max(turns, default=None)


def _kinematic_angle(west, north, velocity, weight, axis_ratio: float, n_radii: int) -> float:
    """Position angle in degrees of the receding side: where the first cosine and a constant fit best."""
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


def _along_ellipses(west, north, position_angle_deg: float, axis_ratio: float) -> tuple[NDArray, NDArray]:
    """Semi-major axis of the ellipse through each place, and eccentric anomaly from the major axis."""
    angle = np.deg2rad(position_angle_deg)
    along = -west * np.sin(angle) + north * np.cos(angle)
    across = (-west * np.cos(angle) - north * np.sin(angle)) / axis_ratio
    return np.hypot(along, across), np.arctan2(across, along)


def _hats(radius: NDArray, n_radii: int) -> NDArray[np.float64]:
    """What each radius counts for at each place (n_bins, n_radii): linear between them and 0 in the centre."""
    knots = np.quantile(radius, INNER_SHARE) * np.arange(n_radii + 1) / n_radii
    return np.column_stack([np.interp(radius, knots, unit) for unit in np.eye(n_radii + 1)[1:]])


def _propagated(solver: NDArray, places: NDArray, correlation_length: float) -> NDArray:
    """Covariance of what a linear ``solver`` (its columns times the errors) makes of correlated data."""
    if not correlation_length > 0:
        return solver @ solver.T
    from scipy.spatial import cKDTree

    near = cKDTree(places)
    distances = near.sparse_distance_matrix(near, 3.5 * correlation_length, output_type="coo_matrix").tocsr()
    distances.data = np.exp(-0.5 * (distances.data / correlation_length) ** 2)
    distances.setdiag(1.0)
    return solver @ (distances @ solver.T)
