"""Shape and spin parameter of particles against analytic galaxies, and the invariants of the bins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.spatial.transform import Rotation

from rotator_assets.errors import UnusableKinematics
from rotator_assets.science.particles import (
    SkyEllipse,
    adaptive_bins,
    bin_kinematics,
    centre_of,
    half_light_ellipse,
    lambda_r_error,
    lambda_r_floor,
    spin_in_ellipse,
    wrapped,
)

R_EFF, SIGMA = 4.0, 150.0
"""kpc and km/s of the galaxies made here."""


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
    shown = np.mean([spin.lambda_r for spin in spins])
    assert shown == pytest.approx(np.mean([spin.lambda_r_floor for spin in spins]), rel=0.06)
    per_bin = spins[0].n_particles / spins[0].n_bins
    law = 0.8 / np.sqrt(per_bin) * np.sqrt(1 - 1 / spins[0].n_bins)  # one mean of all is taken off
    assert spins[0].lambda_r_floor == pytest.approx(law, rel=0.04)


def test_the_floor_counts_unequal_weights_by_their_effective_number():
    rng = np.random.default_rng(3)
    spins = [measured(*plummer(4000, rng), flux=rng.lognormal(0, 1, 4000))[0] for _ in range(20)]
    shown, floor = np.mean([[spin.lambda_r, spin.lambda_r_floor] for spin in spins], axis=0)
    assert shown == pytest.approx(floor, rel=0.06)
    assert floor > 1.3 * measured(*plummer(4000, rng))[0].lambda_r_floor


def test_the_floor_of_equal_bins_is_exact():
    """Bins of N equal particles at one radius: sqrt(2/pi) sqrt(1/N - 1/(B N)) / (1 - 1/4N)."""
    n, n_bins = 25, 8
    angle = np.repeat(np.arange(n_bins), n) * 2 * np.pi / n_bins
    v = np.random.default_rng(4).normal(0, SIGMA, n * n_bins)
    bins = np.repeat(np.arange(n_bins), n)
    binned = bin_kinematics(bins, np.cos(angle), np.sin(angle), v, np.ones(len(v)))
    expected = np.sqrt(2 / np.pi) * np.sqrt(1 / n - 1 / (n * n_bins)) / (1 - 0.25 / n)
    assert lambda_r_floor(binned) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("v_sigma", [0.0, 0.4, 1.0])
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
    bins = adaptive_bins(x, y, (60.0, 60.0), 0.5, 200)
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
    """V^2 + sigma^2 is unbiased in any bin, so sigma_e is that of the particles, however they are binned."""
    x, y, v = inclined_disc(5000, 1.0, 60, np.random.default_rng(7))
    coarse, ellipse = measured(x, y, v, min_particles=400)
    fine = measured(x, y, v, min_particles=5)[0]
    inside = ellipse.radius(x, y) <= ellipse.semi_major_kpc
    assert coarse.sigma_e_km_s == pytest.approx(v[inside].std(), rel=1e-12)
    assert fine.sigma_e_km_s == pytest.approx(v[inside].std(), rel=1e-12)


POINTS = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(0, 2**32 - 1), st.sampled_from(["spread", "clumped", "lattice"]))
)


@settings(max_examples=150, deadline=None)
@given(POINTS, st.integers(1, 40), st.floats(0.05, 3), st.floats(0.1, 1))
def test_bins_share_out_every_particle_and_keep_their_limits(points, min_particles, pixel, flattening):
    n, seed, kind = points
    rng = np.random.default_rng(seed)
    x, y = {
        "spread": lambda: rng.uniform(-2, 2, (2, n)),
        "clumped": lambda: np.clip(rng.normal(0.5, 0.1, (2, n)), -2, 2),
        "lattice": lambda: rng.integers(-2, 3, (2, n)).astype(float),
    }[kind]() * np.array([[1.0], [flattening]])
    bins = adaptive_bins(x, y, (2.0, 2.0 * flattening), pixel, min_particles)
    counts = np.bincount(bins)
    assert counts.sum() == n and counts.min() >= 1  # in exactly one bin each, numbered without gaps
    if len(counts) > 1:
        assert counts.min() >= min_particles
        assert len(counts) <= max(int(4 / pixel), 1) * max(int(4 * flattening / pixel), 1)  # as many have room
    np.testing.assert_array_equal(bins, adaptive_bins(x, y, (2.0, 2.0 * flattening), pixel, min_particles))


def test_bins_are_rectangles_apart_from_each_other_and_no_narrower_than_a_pixel():
    x, y = np.random.default_rng(8).normal(0, 0.7, (2, 20_000)).clip(-2, 2)
    bins = adaptive_bins(x, y, (2.0, 2.0), 0.3, 20)
    members = [bins == number for number in range(bins.max() + 1)]
    boxes = np.array([[x[own].min(), x[own].max(), y[own].min(), y[own].max()] for own in members])
    for box in boxes:
        overlap_x = np.minimum(boxes[:, 1], box[1]) > np.maximum(boxes[:, 0], box[0])
        overlap_y = np.minimum(boxes[:, 3], box[3]) > np.maximum(boxes[:, 2], box[2])
        assert (overlap_x & overlap_y).sum() == 1  # itself
    dense = np.bincount(bins) > 200  # where the pixel limits the bins, particles fill them to their edges
    sides = np.minimum(boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2])
    assert dense.sum() > 10 and sides[dense].min() > 0.3 * 0.9


def test_bins_without_a_pixel_limit_have_fewer_than_twice_the_least_number():
    x, y = np.random.default_rng(9).normal(size=(2, 5000)).clip(-3, 3)
    counts = np.bincount(adaptive_bins(x, y, (3.0, 3.0), 1e-6, 20))
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


@pytest.mark.parametrize("axis_ratio", [0.2, 0.5, 0.8])
def test_the_shape_is_that_of_a_flattened_sersic_like_profile(axis_ratio):
    """Long tails outside the ellipse do not change the shape inside it; half-light radius of a Plummer profile: 1."""
    rng = np.random.default_rng(12)
    radius = 1 / np.sqrt(1 / rng.uniform(size=200_000) - 1)
    azimuth = rng.uniform(0, 2 * np.pi, len(radius))
    ellipse = half_light_ellipse(radius * np.cos(azimuth), axis_ratio * radius * np.sin(azimuth), np.ones(len(radius)))
    assert ellipse.ellipticity == pytest.approx(1 - axis_ratio, abs=0.01)
    assert ellipse.semi_major_kpc == pytest.approx(1.0, rel=0.01)


def test_half_of_the_flux_is_inside_the_ellipse():
    rng = np.random.default_rng(13)
    x, y, _ = inclined_disc(10_000, 0, 50, rng)
    flux = rng.lognormal(0, 1, len(x))
    ellipse = half_light_ellipse(x, y, flux)
    inside = ellipse.radius(x, y) <= ellipse.semi_major_kpc
    assert flux[inside].sum() == pytest.approx(flux.sum() / 2, rel=1e-3)


@given(st.lists(st.floats(-200, 200), min_size=3, max_size=3), st.floats(-1e3, 1e3))
def test_wrapping_gives_the_nearest_image(position, shift):
    box = 100.0
    near = wrapped(np.array([position]), np.full(3, shift), box)[0]
    assert (near >= -box / 2).all() and (near <= box / 2).all()
    periods = (np.array(position) - shift - near) / box
    np.testing.assert_allclose(periods, np.round(periods), atol=1e-9)


def test_the_centre_is_the_densest_part_not_the_mean():
    rng = np.random.default_rng(14)
    galaxy, satellite = rng.normal([5, -3, 9], 1.5, (8000, 3)), rng.normal([65, -3, 9], 1.0, (2000, 3))
    particles = np.concatenate([galaxy, satellite])
    assert np.linalg.norm(particles.mean(axis=0) - [5, -3, 9]) > 10
    np.testing.assert_allclose(centre_of(particles), [5, -3, 9], atol=0.15)


def test_the_centre_of_one_place_is_that_place():
    np.testing.assert_allclose(centre_of(np.full((5, 3), 2.0)), 2.0)
    spread = np.random.default_rng(15).normal(0, 5, (200, 3))
    np.testing.assert_allclose(centre_of(np.concatenate([np.full((200, 3), 2.0), spread])), 2.0, atol=1e-3)


def test_an_ellipse_without_particles_is_unusable():
    x = np.full(10, 5.0)
    with pytest.raises(UnusableKinematics, match="no star particle inside"):
        spin_in_ellipse(x, x, x, x, SkyEllipse(1.0, 0.2, 0.0), pixel_kpc=0.5, min_particles=20)
