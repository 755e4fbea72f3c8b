"""Spin parameter of particles against analytic galaxies, and the invariants of the bins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.spatial.transform import Rotation

from rotator_assets.core.errors import UnusableKinematics
from rotator_assets.kinematics.particle_shape import SkyEllipse, half_light_ellipse
from rotator_assets.kinematics.particles import (
    ParticleBins,
    adaptive_bins,
    bin_kinematics,
    debiased_lambda_r,
    effective_number,
    lambda_r_error,
    lambda_r_floor,
    lambda_r_limit,
    spin_in_ellipse,
)

pytestmark = pytest.mark.slow

R_EFF, SIGMA = 4.0, 150.0
"""kpc and km/s of the galaxies in these tests."""


def inclined_disc(n, v_sigma, inclination_deg, rng, angle=0.0, core=0.0):
    """x, y (kpc) and v (km/s) of a thin exponential disc with a flat rotation curve (rising within ``core``)."""
    radius = rng.gamma(2, R_EFF / 1.678347, n)
    azimuth = rng.uniform(0, 2 * np.pi, n)
    tilt = np.deg2rad(inclination_deg)
    x, y = radius * np.cos(azimuth), radius * np.sin(azimuth) * np.cos(tilt)
    curve = radius / np.hypot(radius, core) if core else 1.0
    v = v_sigma * SIGMA * curve * np.cos(azimuth) * np.sin(tilt) + rng.normal(0, SIGMA, n)
    return x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), v


def disc_lambda_r(v_sigma, inclination_deg, circular=True):
    """lambda_R of that disc (no core) in any ellipse of its shape, by integrals over the azimuth in its plane."""
    tilt = np.deg2rad(inclination_deg)

    def integral(speed):
        def at(azimuth):
            r = np.hypot(np.cos(azimuth), np.sin(azimuth) * np.cos(tilt)) if circular else 1.0
            return r * speed(v_sigma * np.cos(azimuth) * np.sin(tilt))

        return quad(at, 0, 2 * np.pi, epsabs=1e-10, limit=200)[0]

    return integral(abs) / integral(lambda v: np.hypot(v, 1.0))


def plummer(n, rng):
    """x, y (kpc) and v (km/s) of a Plummer sphere of scale R_EFF without rotation, one dispersion everywhere."""
    radius = R_EFF / np.sqrt(rng.uniform(size=n) ** (-2 / 3) - 1)
    x, y, _ = (radius * Rotation.random(n, rng=rng).apply([0, 0, 1.0]).T).tolist()
    return np.array(x), np.array(y), rng.normal(0, SIGMA, n)


def measured(x, y, v, flux=None, pixel=0.5, min_particles=20):
    flux = np.ones(len(x)) if flux is None else flux
    ellipse = half_light_ellipse(x, y, flux)
    return spin_in_ellipse(x, y, v, flux, ellipse, pixel_kpc=pixel, min_particles=min_particles), ellipse


@pytest.mark.parametrize(("v_sigma", "inclination"), [(0.5, 60), (1.5, 60), (3.0, 40)])
def test_a_rotating_disc_has_its_analytic_lambda_r_and_shape(v_sigma, inclination):
    x, y, v = inclined_disc(400_000, v_sigma, inclination, np.random.default_rng(1), angle=0.7)
    spin, ellipse = measured(x, y, v, pixel=0.15)
    assert ellipse.converged
    assert spin.lambda_r == pytest.approx(disc_lambda_r(v_sigma, inclination), rel=0.02)
    assert spin.lambda_r_elliptical == pytest.approx(disc_lambda_r(v_sigma, inclination, circular=False), rel=0.02)
    assert ellipse.ellipticity == pytest.approx(1 - np.cos(np.deg2rad(inclination)), abs=0.01)
    assert ellipse.semi_major_kpc == pytest.approx(R_EFF, rel=0.01)
    assert ellipse.angle % np.pi == pytest.approx(0.7, abs=0.02)
    assert spin.n_particles == pytest.approx(200_000, rel=1e-4)
    second_moment = SIGMA * np.hypot(1, v_sigma * np.sin(np.deg2rad(inclination)) / np.sqrt(2))
    assert spin.sigma_e_km_s == pytest.approx(second_moment, rel=0.01)


@pytest.mark.parametrize("n", [2000, 8000, 32_000])
@pytest.mark.parametrize("min_particles", [20, 80])
def test_a_galaxy_without_rotation_shows_the_predicted_floor(n, min_particles):
    rng = np.random.default_rng(2)
    spins = [measured(*plummer(n, rng), pixel=0.05, min_particles=min_particles)[0] for _ in range(12)]
    shown = np.mean([spin.lambda_r_observed for spin in spins])
    assert shown == pytest.approx(np.mean([spin.lambda_r_floor for spin in spins]), rel=0.06)
    per_bin = spins[0].n_particles / spins[0].n_bins
    law = 0.8 / np.sqrt(per_bin) * np.sqrt(1 - 1 / spins[0].n_bins)  # one mean of all is taken off
    assert spins[0].lambda_r_floor == pytest.approx(law, rel=0.04)


def test_the_floor_counts_unequal_weights_by_their_effective_number():
    rng = np.random.default_rng(3)
    spins = [measured(*plummer(4000, rng), flux=rng.lognormal(0, 1, 4000))[0] for _ in range(20)]
    shown, floor = np.mean([[spin.lambda_r_observed, spin.lambda_r_floor] for spin in spins], axis=0)
    assert shown == pytest.approx(floor, rel=0.06)
    by_number = 0.8 / np.sqrt(spins[0].n_particles / spins[0].n_bins)
    assert floor > 1.2 * by_number


def test_the_floor_of_equal_bins_is_exact():
    """Bins of N equal particles at one radius: sqrt(2/pi) sqrt(1/N - 1/(B N)) / (1 - 1/4N)."""
    n, n_bins = 25, 8
    angle = np.repeat(np.arange(n_bins), n) * 2 * np.pi / n_bins
    v = np.random.default_rng(4).normal(0, SIGMA, n * n_bins)
    bins = np.repeat(np.arange(n_bins), n)
    binned = bin_kinematics(bins, np.cos(angle), np.sin(angle), v, np.ones(len(v)))
    expected = np.sqrt(2 / np.pi) * np.sqrt(1 / n - 1 / (n * n_bins)) / (1 - 0.25 / n)
    assert lambda_r_floor(binned) == pytest.approx(expected, rel=1e-12)


def without_rotation(n_bins, floor, rng):
    """Bins of unequal weight and noise with velocities that are noise alone; ``floor`` without a bulk velocity."""
    weight, noise = rng.gamma(4, 1, n_bins), floor * np.sqrt(np.pi / 2) * rng.lognormal(0, 0.1, n_bins)
    velocity = rng.normal(0, SIGMA * noise)
    velocity -= np.average(velocity, weights=weight)
    return ParticleBins(
        flux=weight,
        x_kpc=np.ones(n_bins),
        y_kpc=np.zeros(n_bins),
        velocity_km_s=velocity,
        dispersion_km_s=np.full(n_bins, SIGMA),
        velocity_error_km_s=SIGMA * noise * np.sqrt(1 - 1 / n_bins),
        n_particles=np.full(n_bins, 50),
        n_effective=noise**-2,
        bulk_velocity_km_s=0.0,
    )


@pytest.mark.parametrize("n_bins", [8, 20, 60, 200])
@pytest.mark.parametrize("floor", [0.05, 0.1])
def test_95_per_cent_of_galaxies_without_rotation_stay_below_the_limit(n_bins, floor):
    rng = np.random.default_rng(16)
    drawn = [without_rotation(n_bins, floor, rng) for _ in range(1000)]
    values = np.array([(debiased_lambda_r(bins), lambda_r_limit(bins)) for bins in drawn])
    assert 0.93 < np.mean(values[:, 0] < values[:, 1]) < 0.98
    assert (values[:, 0] == 0).mean() == pytest.approx(0.5, abs=0.07)  # noise lowers it as often as it raises it


@pytest.mark.parametrize("spread", [0.0, 0.8])
@pytest.mark.parametrize(("v_sigma", "bias"), [(0.0, 0.04), (0.3, 0.02), (1.0, 0.01)])
def test_the_noise_of_particles_is_removed(v_sigma, bias, spread):
    rng = np.random.default_rng(17)
    spins = []
    for _ in range(40):
        x, y, v = inclined_disc(4000, v_sigma, 60, rng)
        spins.append(measured(x, y, v, rng.lognormal(0, spread, len(x)), min_particles=50)[0])
    value, observed, floor = np.mean([(s.lambda_r, s.lambda_r_observed, s.lambda_r_floor) for s in spins], axis=0)
    true = disc_lambda_r(v_sigma, 60)
    assert value == pytest.approx(true, abs=bias)
    assert all(0 <= spin.lambda_r <= spin.lambda_r_observed <= 1 for spin in spins)
    if v_sigma == 0:
        assert observed > 0.95 * floor > 0.08


def test_more_particles_come_closer_to_the_truth_and_lower_the_limit():
    rng = np.random.default_rng(18)
    off, limit = [], []
    for n, count in ((1500, 40), (6000, 20), (24_000, 10)):
        spins = [measured(*inclined_disc(n, 0.3, 60, rng), min_particles=50)[0] for _ in range(count)]
        off.append(np.sqrt(np.mean([(spin.lambda_r - disc_lambda_r(0.3, 60)) ** 2 for spin in spins])))
        limit.append(np.mean([spin.lambda_r_limit for spin in spins]))
    assert off[1] < 0.8 * off[0] and off[2] < 0.7 * off[1] and off[2] < 0.02
    assert limit[1] < 0.75 * limit[0] and limit[2] < 0.75 * limit[1]


def test_velocities_without_noise_keep_their_lambda_r():
    """Two bins of particles that move alike, so without error: |V| is 50 km/s in both, as is the second moment."""
    bins, x = np.repeat([0, 1], 50), np.repeat([1.0, -1.0], 50)
    binned = bin_kinematics(bins, x, np.zeros(100), 50 * x + 300, np.ones(100))
    assert (binned.velocity_error_km_s == 0).all()
    assert debiased_lambda_r(binned) == pytest.approx(1.0, rel=1e-12)


def test_errors_of_bins_are_the_scatter_of_their_velocities():
    """Bright particles at rest, faint ones that move: (sum F)^2 / sum F^2 alone would give half as much again."""
    rng = np.random.default_rng(19)
    bins, bright = np.repeat(np.arange(4), 60), np.tile([True, False, False], 80)
    flux, dispersion = np.where(bright, 3.0, 1.0), np.where(bright, 20.0, 200.0)
    zero = np.ones(len(bins))
    drawn = [bin_kinematics(bins, zero, zero, rng.normal(0, dispersion), flux) for _ in range(1500)]
    scatter = np.std([binned.velocity_km_s for binned in drawn], axis=0)
    errors = np.sqrt(np.mean([binned.velocity_error_km_s**2 for binned in drawn], axis=0))
    np.testing.assert_allclose(errors, scatter, rtol=0.06)
    by_number = np.mean([binned.dispersion_km_s / np.sqrt(binned.n_effective) for binned in drawn])
    assert by_number > 1.3 * errors.mean()


@pytest.mark.parametrize("v_sigma", [0.0, 0.1, 0.2, 0.5, 1.0])
def test_two_errors_hold_the_truth(v_sigma):
    rng = np.random.default_rng(20)
    true, held = disc_lambda_r(v_sigma, 60), []
    for _ in range(80):
        spin, _ = measured(*inclined_disc(3000, v_sigma, 60, rng), min_particles=50)
        held.append(abs(spin.lambda_r - true) <= spin.lambda_r_error * np.array([1, 2]))
    one, two = np.mean(held, axis=0)
    assert two >= 0.9 and 0.5 <= one <= 0.95


@pytest.mark.parametrize("v_sigma", [0.4, 1.0])
@pytest.mark.parametrize("unequal", [False, True])
def test_the_error_is_the_scatter_between_realizations(v_sigma, unequal):
    rng = np.random.default_rng(5)
    results = []
    for _ in range(60):
        x, y, v = inclined_disc(4000, v_sigma, 60, rng, core=0.5)
        flux = rng.lognormal(0, 0.7, len(x)) if unequal else np.ones(len(x))
        spin, _ = measured(x, y, v, flux)
        results.append((spin.lambda_r, spin.lambda_r_error))
    values, errors = np.array(results).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.35)


def test_the_error_agrees_with_a_bootstrap_of_particles_in_the_same_bins():
    rng = np.random.default_rng(6)
    x, y, v = inclined_disc(20_000, 2.0, 60, rng)
    flux = rng.lognormal(0, 0.5, len(x))
    bins = adaptive_bins(x, y, flux, (60.0, 60.0), 0.5, 200)
    replicates = []
    for _ in range(200):
        drawn = rng.integers(0, len(x), len(x))
        binned = bin_kinematics(bins[drawn], x[drawn], y[drawn], v[drawn], flux[drawn])
        weight = binned.flux * binned.radius_kpc
        second = np.hypot(binned.velocity_km_s, binned.dispersion_km_s)
        replicates.append(np.sum(weight * np.abs(binned.velocity_km_s)) / np.sum(weight * second))
    error = lambda_r_error(bins, bin_kinematics(bins, x, y, v, flux), x, y, v, flux)
    assert error == pytest.approx(np.std(replicates), rel=0.15)


def test_means_and_dispersions_of_bins():
    bins, x, y = np.array([0, 0, 1]), np.array([1.0, 3.0, -2.0]), np.zeros(3)
    binned = bin_kinematics(bins, x, y, velocity=np.array([10.0, 40.0, 90.0]), flux=np.array([2.0, 1.0, 3.0]))
    assert binned.bulk_velocity_km_s == pytest.approx((20 + 40 + 270) / 6)
    np.testing.assert_allclose(binned.velocity_km_s, [20 - 55, 90 - 55])
    np.testing.assert_allclose(binned.dispersion_km_s, [np.sqrt((2 * 10**2 + 20**2) / 3), 0], atol=1e-12)
    np.testing.assert_allclose(binned.radius_kpc, [5 / 3, 2])
    np.testing.assert_allclose(binned.n_effective, [9 / 5, 1])
    assert binned.n_particles.tolist() == [2, 1]


def test_second_moments_do_not_depend_on_the_bins():
    """V^2 + sigma^2 is unbiased in any bin, so sigma_e does not depend on the bins."""
    x, y, v = inclined_disc(5000, 1.0, 60, np.random.default_rng(7))
    coarse, ellipse = measured(x, y, v, min_particles=400)
    fine = measured(x, y, v, min_particles=5)[0]
    inside = ellipse.radius(x, y) <= ellipse.semi_major_kpc
    assert coarse.sigma_e_km_s == pytest.approx(v[inside].std(), rel=1e-12)
    assert fine.sigma_e_km_s == pytest.approx(v[inside].std(), rel=1e-12)


POINTS = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(0, 2**32 - 1), st.sampled_from(["spread", "clumped", "lattice"]))
)


@settings(max_examples=150)
@given(POINTS, st.integers(1, 40), st.floats(0.05, 3), st.floats(0.1, 1), st.sampled_from([0.0, 0.8, 2.0]))
def test_every_particle_is_in_a_bin_within_the_limits(points, min_particles, pixel, flattening, spread):
    n, seed, kind = points
    rng = np.random.default_rng(seed)
    x, y = {
        "spread": lambda: rng.uniform(-2, 2, (2, n)),
        "clumped": lambda: np.clip(rng.normal(0.5, 0.1, (2, n)), -2, 2),
        "lattice": lambda: rng.integers(-2, 3, (2, n)).astype(float),
    }[kind]() * np.array([[1.0], [flattening]])
    flux = rng.lognormal(0, spread, n)
    bins = adaptive_bins(x, y, flux, (2.0, 2.0 * flattening), pixel, min_particles)
    counts = np.bincount(bins)
    assert counts.sum() == n and counts.min() >= 1  # in exactly one bin each, numbered without gaps
    if len(counts) > 1:
        effective = np.bincount(bins, flux) ** 2 / np.bincount(bins, flux**2)
        assert effective.min() >= min_particles * (1 - 1e-9)
        assert len(counts) <= max(int(4 / pixel), 1) * max(int(4 * flattening / pixel), 1)  # as many have room
    np.testing.assert_array_equal(bins, adaptive_bins(x, y, 7 * flux, (2.0, 2.0 * flattening), pixel, min_particles))


def test_the_effective_number():
    assert effective_number(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_number(np.array([2.0, 1.0, 0.0])) == pytest.approx(9 / 5) and effective_number(np.zeros(0)) == 0


def test_bins_are_disjoint_rectangles_of_at_least_a_pixel():
    x, y = np.random.default_rng(8).normal(0, 0.7, (2, 20_000)).clip(-2, 2)
    bins = adaptive_bins(x, y, np.ones(len(x)), (2.0, 2.0), 0.3, 20)
    members = [bins == number for number in range(bins.max() + 1)]
    boxes = np.array([[x[own].min(), x[own].max(), y[own].min(), y[own].max()] for own in members])
    for box in boxes:
        overlap_x = np.minimum(boxes[:, 1], box[1]) > np.maximum(boxes[:, 0], box[0])
        overlap_y = np.minimum(boxes[:, 3], box[3]) > np.maximum(boxes[:, 2], box[2])
        assert (overlap_x & overlap_y).sum() == 1  # itself
    dense = np.bincount(bins) > 200  # where the pixel limits the bins, particles fill them to their edges
    sides = np.minimum(boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2])
    assert dense.sum() > 10 and sides[dense].min() > 0.3 * 0.9


def test_bins_without_a_pixel_limit_are_cut_as_far_as_possible():
    x, y = np.random.default_rng(9).normal(size=(2, 5000)).clip(-3, 3)
    counts = np.bincount(adaptive_bins(x, y, np.ones(len(x)), (3.0, 3.0), 1e-6, 20))
    assert counts.min() >= 20 and counts.max() < 40


def test_a_galaxy_turned_on_the_sky_or_seen_in_a_mirror_gives_the_same():
    rng = np.random.default_rng(10)
    x, y, v = inclined_disc(5000, 1.0, 60, rng)
    spin, ellipse = measured(x, y, v)
    for angle in (0.3, 1.2, 2.9):
        cos, sin = np.cos(angle), np.sin(angle)
        turned, turned_ellipse = measured(x * cos - y * sin, x * sin + y * cos, v + 1234.0)
        assert turned.lambda_r == pytest.approx(spin.lambda_r, rel=5e-3)  # a median particle may change its bin
        assert turned.bulk_velocity_km_s == pytest.approx(spin.bulk_velocity_km_s + 1234, rel=1e-9)
        assert turned_ellipse.ellipticity == pytest.approx(ellipse.ellipticity, rel=1e-6)
        assert (turned_ellipse.angle - ellipse.angle - angle + 0.1) % np.pi == pytest.approx(0.1, abs=1e-6)
    mirrored, mirrored_ellipse = measured(-x, y, -v)
    assert mirrored.lambda_r == pytest.approx(spin.lambda_r, rel=0.02)
    assert (mirrored_ellipse.angle + ellipse.angle + 0.1) % np.pi == pytest.approx(0.1, abs=1e-6)


def test_units_of_flux_and_length_do_not_matter():
    rng = np.random.default_rng(11)
    x, y, v = inclined_disc(5000, 1.0, 60, rng)
    flux = rng.lognormal(0, 1, 5000)
    spin = measured(x, y, v, flux)[0]
    assert measured(x, y, v, 1e-30 * flux)[0].lambda_r == pytest.approx(spin.lambda_r, rel=1e-9)
    assert measured(7 * x, 7 * y, v, flux, pixel=3.5)[0].lambda_r == pytest.approx(spin.lambda_r, rel=1e-9)


def test_an_ellipse_without_particles_is_unusable():
    x = np.full(10, 5.0)
    with pytest.raises(UnusableKinematics, match="no star particle inside"):
        spin_in_ellipse(x, x, x, x, SkyEllipse(1.0, 0.2, 0.0), pixel_kpc=0.5, min_particles=20)
