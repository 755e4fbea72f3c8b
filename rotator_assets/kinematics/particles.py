r"""Spin parameter and shape of a simulated galaxy from its star particles, seen along the z axis.

The maps that an integral-field spectrograph would give are made from bins of particles on the sky; lambda_R has the
MaNGA convention of ``science.spin`` (circular radius, half-light ellipse). Nothing here is random.

Finite numbers. In a bin of N equal particles with velocity dispersion sigma, the mean velocity scatters by
sigma / sqrt(N), so a galaxy without rotation shows lambda_R of about sqrt(2 / pi) / sqrt(N) = 0.8 / sqrt(N)
(``lambda_r_floor``). Of particles of unequal flux, (sum F)^2 / sum F^2 equal ones would scatter as much: this effective
number decides how far bins are cut. The dispersion is the plain flux-weighted one: <V^2> is too large by sigma^2 / N
and <dispersion^2> too small by as much, so V^2 + dispersion^2 is unbiased in any bin; N / (N - 1) would spoil that.

``debiased_lambda_r`` removes what the noise adds by simulation extrapolation (Cook & Stefanski 1994, JASA 89, 1314):
lambda_2, what lambda_R would be in the mean if the bins' velocities had twice the variance of their noise, follows from
the mean of the folded normal distribution (Leone et al. 1961, Technometrics 3, 543). Without noise
lambda_R^2 - (lambda_2^2 - lambda_R^2) is left. This is exact without rotation, and takes nothing off resolved rotation.
In simulated discs (lambda_R 0 to 0.86, 1000 to 70 000 particles, of equal and of log-normal flux) the bias at 7000
particles is at most 0.008 from lambda_R = 0.18 on, a half or a third of that of sqrt(lambda_R^2 - floor^2), with the
same scatter; below the floor of 0.1 both are within 0.02. Noise taken off each bin, sqrt(V^2 - error^2), leaves 0.04 of
a floor of 0.1 and takes 0.03 off discs; extrapolation to second order or a deconvolution of the bins' velocities gain
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import UnusableKinematics
from rotator_assets.kinematics.spin import effective_dispersion, lambda_r

Array = NDArray[np.float64]

CORE_FRACTION = 0.2
"""Share of the particles in the sphere whose mean is the centre; it reaches to a third of the half-mass radius in a
Hernquist sphere."""
SHRINKING = 0.9
SHRINKING_STEPS = 150
"""At most: to a few millionths of the first radius."""
SHAPE_TOLERANCE = 1e-4
"""The shape has converged where both axes of its polarization change by less than this."""
SHAPE_ITERATIONS = 100
TINY = np.finfo(np.float64).tiny
"""Stands for zero in denominators whose numerators are zero too."""
LEAST_ERROR_KM_S = 1e-6
"""Of a velocity, where it is divided by: that of a few equal particles may be 0."""
LIMIT_FACTORS = (2.74, 1.5)
"""Of the limit of lambda_R without rotation: 1.645 (95 %) times the scatter of the debiased square in units of the
floor's square, and its skewness for few bins; in simulations 3.5 to 6 % of the galaxies exceed the limit."""


@dataclass(frozen=True)
class SkyEllipse:
    """An ellipse about the centre: semi-major axis (kpc), ellipticity 1 - b/a, angle from +x towards +y (radians)."""

    semi_major_kpc: float
    ellipticity: float
    angle: float
    converged: bool = True

    def axes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Coordinates along the major and the minor axis."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return x * cos + y * sin, y * cos - x * sin

    def radius(self, x: Array, y: Array) -> Array:
        """Semi-major axis of the concentric ellipse of this shape through each point."""
        along, across = self.axes(x, y)
        return np.hypot(along, across / (1 - self.ellipticity))


@dataclass(frozen=True)
class ParticleBins:
    """Bins of particles, one entry a bin; velocities without the bulk velocity, which is the aperture's mean."""

    flux: Array
    x_kpc: Array
    y_kpc: Array
    velocity_km_s: Array
    dispersion_km_s: Array
    velocity_error_km_s: Array
    """Standard error of the velocity less the bulk velocity."""
    n_particles: NDArray[np.int64]
    n_effective: Array
    """(sum F)^2 / sum F^2: as many equal particles would scatter as much."""
    bulk_velocity_km_s: float

    @property
    def radius_kpc(self) -> Array:
        """Circular sky radius of the flux-weighted centroid."""
        return np.hypot(self.x_kpc, self.y_kpc)


@dataclass(frozen=True)
class ParticleSpin:
    """What the particles in an ellipse say; see ``surveys.measured.Measurement`` for the quantities."""

    lambda_r: float
    lambda_r_error: float
    lambda_r_observed: float
    lambda_r_elliptical: float
    lambda_r_floor: float
    lambda_r_limit: float
    sigma_e_km_s: float
    bulk_velocity_km_s: float
    n_particles: int
    n_bins: int


def wrapped(positions: Array, centre: Array, box_size: float) -> Array:
    """Positions (n, 3) relative to a centre (3,) in a periodic box, each the nearest of its images.

    Any unit of length; returns values in [-box_size / 2, box_size / 2).
    """
    return (positions - centre + box_size / 2) % box_size - box_size / 2


def centre_of(positions: Array) -> Array:
    """Centre (3,) of particles at (n, 3): the mean in a sphere that shrinks onto the densest part.

    Starting from all particles, the sphere moves to their mean and shrinks by a tenth (Power et al. 2003, MNRAS 338,
    14), until a fifth of the particles is left (farther in the mean follows the noise of few particles) or all that are
    left are in one place.
    """
    centre = positions.mean(axis=0)
    largest = np.linalg.norm(positions - centre, axis=1).max()
    for radius in largest * SHRINKING ** np.arange(1, SHRINKING_STEPS):
        inside = np.linalg.norm(positions - centre, axis=1) < radius
        if np.count_nonzero(inside) < max(CORE_FRACTION * len(positions), 1):
            break
        centre = positions[inside].mean(axis=0)
    return centre


def half_light_ellipse(x: Array, y: Array, flux: Array) -> SkyEllipse:
    """The ellipse that holds half of the flux and has the shape of the flux inside it.

    ``x``, ``y`` in kpc from the centre, (n,). The shape is that of the second moments inside the ellipse (axis ratio
    sqrt of the ratio of their eigenvalues, exact where isophotes are alike), the semi-major axis the flux-weighted
    median of the elliptical radii; both are iterated from a circle until the shape stands still. ``converged`` is False
    where it does not within 100 steps; a line of particles has ellipticity 1 less rounding.
    """
    ellipse = SkyEllipse(_half_light_radius(np.hypot(x, y), flux), 0.0, 0.0, converged=False)
    for _ in range(SHAPE_ITERATIONS):
        inside = ellipse.radius(x, y) <= ellipse.semi_major_kpc
        ellipticity, angle = _shape(x[inside], y[inside], flux[inside])
        turned = SkyEllipse(ellipse.semi_major_kpc, ellipticity, angle)
        moved = np.abs(_polarization(turned) - _polarization(ellipse)).max()
        semi_major = _half_light_radius(turned.radius(x, y), flux)
        ellipse = SkyEllipse(semi_major, ellipticity, angle, converged=bool(moved < SHAPE_TOLERANCE))
        if ellipse.converged:
            break
    return ellipse


def _half_light_radius(radius: Array, flux: Array) -> float:
    """Smallest of the radii that holds half of the flux."""
    order = np.argsort(radius, kind="stable")
    enclosed = np.cumsum(flux[order])
    return float(radius[order[np.searchsorted(enclosed, enclosed[-1] / 2)]])


def _shape(x: Array, y: Array, flux: Array) -> tuple[float, float]:
    """Ellipticity and major axis' angle of the flux-weighted second moments about the origin."""
    xx, yy, xy = np.sum(flux * x * x), np.sum(flux * y * y), np.sum(flux * x * y)
    spread = np.hypot(xx - yy, 2 * xy)
    axis_ratio = np.sqrt(max(xx + yy - spread, 0.0) / (xx + yy + spread)) if xx + yy > 0 else 1.0
    return float(1 - max(axis_ratio, 1e-6)), float(np.arctan2(2 * xy, xx - yy) / 2)


def _polarization(ellipse: SkyEllipse) -> Array:
    """Ellipticity as a vector of twice the angle, which is continuous where galaxies are round."""
    return ellipse.ellipticity * np.array([np.cos(2 * ellipse.angle), np.sin(2 * ellipse.angle)])


def effective_number(flux: Array) -> float:
    """(sum F)^2 / sum F^2: as many equal particles scatter as much as these; 0 of none."""
    return float(np.sum(flux) ** 2 / np.sum(flux**2)) if len(flux) else 0.0


def adaptive_bins(
    x: Array, y: Array, flux: Array, half_sides: tuple[float, float], pixel: float, min_particles: float
) -> NDArray:
    """Bin numbers (n,), int64 from 0, of particles in a rectangle of these half sides about the origin.

    A rectangle is cut at the median particle, across its longer side where that can be, as long as both parts hold an
    effective number of ``min_particles`` and are no narrower than ``pixel`` (the cut moves away from the median where
    it must). So every particle is in one bin, bins tile the rectangle, and none can be cut further at its median.
    Lengths in one unit, flux in any linear unit. Where there are fewer than ``min_particles`` all are one bin.
    """
    bins = np.empty(len(x), dtype=np.int64)
    open_cells = [(np.arange(len(x)), ((-half_sides[0], half_sides[0]), (-half_sides[1], half_sides[1])))]
    n_bins = 0
    while open_cells:
        members, sides = open_cells.pop()
        longer_first = (0, 1) if np.ptp(sides[0]) >= np.ptp(sides[1]) else (1, 0)
        for axis in longer_first:
            low, high = sides[axis]
            values = (x, y)[axis][members]
            if len(members) < 2 * min_particles or high - low < 2 * pixel:
                continue
            cut = float(np.clip(np.median(values), low + pixel, high - pixel))
            lower = values < cut
            if min(effective_number(flux[members[part]]) for part in (lower, ~lower)) >= min_particles:
                for part, side in ((lower, (low, cut)), (~lower, (cut, high))):
                    open_cells.append((members[part], (side, sides[1]) if axis == 0 else (sides[0], side)))
                break
        else:
            bins[members] = n_bins
            n_bins += 1
    return bins


def bin_kinematics(bins: NDArray, x: Array, y: Array, velocity: Array, flux: Array) -> ParticleBins:
    """Flux-weighted mean velocity with its standard error, dispersion and centroid of every bin.

    One entry a particle: bin number, sky position in kpc, line-of-sight velocity in km/s, flux in any linear unit. The
    squared error is sum F^2 (v - V)^2 / (sum F)^2, so bright particles may move in another way than faint ones, times
    N / (N - 1) of the effective number, and as the bulk velocity that is taken off follows the noise of the bin too.
    """

    def total(values: Array) -> Array:
        return np.bincount(bins, values)

    bin_flux = total(flux)
    bulk = float(np.sum(flux * velocity) / np.sum(flux))
    mean = total(flux * (velocity - bulk)) / bin_flux
    n_effective = bin_flux**2 / total(flux**2)
    variance = total(flux**2 * (velocity - bulk - mean[bins]) ** 2) / bin_flux**2
    variance *= n_effective / np.maximum(n_effective - 1, 1)
    return ParticleBins(
        flux=bin_flux,
        x_kpc=total(flux * x) / bin_flux,
        y_kpc=total(flux * y) / bin_flux,
        velocity_km_s=mean,
        dispersion_km_s=np.sqrt(total(flux * (velocity - bulk - mean[bins]) ** 2) / bin_flux),
        velocity_error_km_s=np.sqrt(_less_the_mean(variance, bin_flux)),
        n_particles=np.bincount(bins),
        n_effective=n_effective,
        bulk_velocity_km_s=bulk,
    )


def _less_the_mean(variance: Array, flux: Array) -> Array:
    """Variance of each bin's velocity less the flux-weighted mean of all, of velocities with these variances."""
    share = flux / flux.sum()
    return np.maximum(variance * (1 - 2 * share) + np.sum(share**2 * variance), 0)


def debiased_lambda_r(bins: ParticleBins) -> float:
    """lambda_R without what the finite number of particles adds to it, 0 where that is all; see the module.

    sqrt(2 lambda^2 - lambda_2^2), where lambda_2 has |V| replaced by the mean of |V + error z|, z standard normal.
    """
    from scipy.special import erf  # here, so that whoever imports the surveys need not wait for SciPy

    velocity, error = bins.velocity_km_s, np.maximum(bins.velocity_error_km_s, LEAST_ERROR_KM_S)
    ratio = velocity / error
    noisier = np.sqrt(2 / np.pi) * error * np.exp(-(ratio**2) / 2) + velocity * erf(ratio / np.sqrt(2))
    value = lambda_r(bins.flux, bins.radius_kpc, velocity, bins.dispersion_km_s)
    weight = bins.flux * bins.radius_kpc
    norm = np.sum(weight * np.hypot(velocity, bins.dispersion_km_s))
    return float(np.sqrt(np.maximum(2 * value**2 - (np.sum(weight * noisier) / norm) ** 2, 0)))


def debiased_error(debiased: float, observed: float, errors: tuple[float, float]) -> float:
    """Standard error of the debiased lambda_R from the observed one and its errors.

    Where b^2 = observed^2 - debiased^2 was taken off, two errors of lambda_R reach from sqrt((observed - 2 e)^2 - b^2),
    or 0, to sqrt((observed + 2 e)^2 - b^2): half of the larger side is given, which stays finite at 0. ``errors``: e
    below and e above. Noise scatters lambda_R the more, the more rotation stands against it, so below it is that of
    the rotation seen, above that of resolved rotation (``lambda_r_error``).
    """
    taken_off, (below, above) = observed**2 - debiased**2, errors
    lower = np.sqrt(np.maximum(np.maximum(observed - 2 * below, 0) ** 2 - taken_off, 0))
    upper = np.sqrt((observed + 2 * above) ** 2 - taken_off)
    return float(np.maximum(debiased - lower, upper - debiased) / 2)


def _noise_without_rotation(bins: ParticleBins) -> Array:
    r"""Standard deviation of each bin's velocity, in units of the dispersion, were that the same everywhere.

    The mean velocity of bin b, less that of all, has the variance sigma^2 u_b, where with s = sum F^2 in the bin and
    sums without index over all bins u_b = s_b / F_b^2 - 2 s_b / (F_b F) + s / F^2; for equal particles 1 / N_b - 1 / N.
    """
    return np.sqrt(_less_the_mean(1 / bins.n_effective, bins.flux))


def lambda_r_floor(bins: ParticleBins) -> float:
    r"""lambda_R expected in these bins of a galaxy without rotation and with one dispersion everywhere.

    The mean absolute value of a bin's velocity is sqrt(2 u_b / pi) sigma (``_noise_without_rotation``), and the mean of
    the root of the second moment is (1 - 1 / (4 N_b)) sigma to first order. About 0.8 / sqrt(N_b).
    """
    weight = bins.flux * bins.radius_kpc
    speed = np.sqrt(2 / np.pi) * _noise_without_rotation(bins)
    return float(np.sum(weight * speed) / np.sum(weight * (1 - 0.25 / bins.n_effective)))


def lambda_r_limit(bins: ParticleBins) -> float:
    r"""Debiased lambda_R that 95 % of the galaxies without rotation stay below in these bins.

    With the floor f and an effective number n of bins, f sqrt(2.74 / sqrt(n) (1 + 1.5 / sqrt(n))), see
    ``LIMIT_FACTORS``. A galaxy of any lambda_R with these particles has this limit.
    """
    noise = bins.flux * bins.radius_kpc * _noise_without_rotation(bins)
    root = np.sqrt(effective_number(noise)) if noise.any() else 1.0
    scatter, skewness = LIMIT_FACTORS
    return float(lambda_r_floor(bins) * np.sqrt(scatter / root * (1 + skewness / root)))


def lambda_r_error(
    bins: NDArray, binned: ParticleBins, x: Array, y: Array, velocity: Array, flux: Array, *, resolved: bool = False
) -> float:
    """Standard error of lambda_R as observed by the finite number of particles, in bins that stay.

    lambda_R is A / B with A = sum |sum F (x, y)| |V| and B likewise with sqrt(V^2 + dispersion^2); the error is the
    root of the summed squares of its derivatives with respect to each particle's weight (infinitesimal jackknife, Efron
    1982, The Jackknife, ch. 6). For the derivative of |V|, +1 or -1, stands that of its expectation, erf(V / (sqrt(2)
    error of V)): where rotation drowns in the noise, |V| scatters less than V. ``resolved`` keeps +1 and -1: the error
    were all rotation resolved. The scatter of the ellipse itself is not in it.
    """
    from scipy.special import erf  # here, so that whoever imports the surveys need not wait for SciPy

    velocity, mean, dispersion = velocity - binned.bulk_velocity_km_s, binned.velocity_km_s, binned.dispersion_km_s
    second = np.hypot(mean, dispersion)
    value = lambda_r(binned.flux, binned.radius_kpc, mean, dispersion)
    norm = np.sum(binned.flux * binned.radius_kpc * second)
    if not norm > 0:
        return float("nan")
    ratio = mean / np.maximum(np.sqrt(2) * binned.velocity_error_km_s, LEAST_ERROR_KM_S)
    sign = np.sign(mean) if resolved else erf(ratio)
    outward = (x * binned.x_kpc[bins] + y * binned.y_kpc[bins]) / np.maximum(binned.radius_kpc, TINY)[bins]
    by_velocity = sign[bins] * (velocity - mean[bins])
    by_second = (velocity**2 - second[bins] ** 2) / np.maximum(2 * second, TINY)[bins]
    by_radius = outward * (np.abs(mean) - value * second)[bins]
    derivative = flux * (by_radius + binned.radius_kpc[bins] * (by_velocity - value * by_second)) / norm
    small_numbers = binned.n_particles / np.maximum(binned.n_particles - 1, 1)
    return float(np.sqrt(np.sum(small_numbers[bins] * derivative**2)))


def spin_in_ellipse(
    x: Array, y: Array, velocity: Array, flux: Array, ellipse: SkyEllipse, *, pixel_kpc: float, min_particles: int
) -> ParticleSpin:
    """lambda_R of the particles inside an ellipse and what belongs to it.

    One entry a particle, (n,) float64: sky position in kpc from the centre, line-of-sight velocity in km/s, flux in any
    linear unit. Bins are cut along the axes of the ellipse, so that a galaxy turned on the sky has the same ones, with
    an effective number of at least ``min_particles`` each (all in one bin where there are fewer) and no side shorter
    than ``pixel_kpc``.
    Raises UnusableKinematics where no particle is inside.
    """
    inside = ellipse.radius(x, y) <= ellipse.semi_major_kpc
    if not inside.any():
        raise UnusableKinematics("has no star particle inside the half-light ellipse")
    along, across = ellipse.axes(x[inside], y[inside])
    velocity, flux = velocity[inside], flux[inside]
    half_sides = (ellipse.semi_major_kpc, ellipse.semi_major_kpc * (1 - ellipse.ellipticity))
    bins = adaptive_bins(along, across, flux, half_sides, pixel_kpc, min_particles)
    binned = bin_kinematics(bins, along, across, velocity, flux)
    maps = (binned.velocity_km_s, binned.dispersion_km_s)
    elliptical_radius = np.hypot(binned.x_kpc, binned.y_kpc / (1 - ellipse.ellipticity))
    observed = lambda_r(binned.flux, binned.radius_kpc, *maps)
    particles = (bins, binned, along, across, velocity, flux)
    errors = lambda_r_error(*particles), lambda_r_error(*particles, resolved=True)
    debiased = debiased_lambda_r(binned)
    return ParticleSpin(
        lambda_r=debiased,
        lambda_r_error=debiased_error(debiased, observed, errors),
        lambda_r_observed=observed,
        lambda_r_elliptical=lambda_r(binned.flux, elliptical_radius, *maps),
        lambda_r_floor=lambda_r_floor(binned),
        lambda_r_limit=lambda_r_limit(binned),
        sigma_e_km_s=effective_dispersion(binned.flux, *maps),
        bulk_velocity_km_s=binned.bulk_velocity_km_s,
        n_particles=int(inside.sum()),
        n_bins=len(binned.flux),
    )
