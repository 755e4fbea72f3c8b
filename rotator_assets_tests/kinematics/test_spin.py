"""The spin parameter against closed forms, quadrature, random draws and invariants."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ellipe

from rotator_assets.imaging.psf import FWHM_PER_SIGMA
from rotator_assets.kinematics.spin import (
    BOUNDARIES,
    beam_corrected_lambda_r,
    beam_correction_valid,
    boundary_of,
    corrected_dispersion,
    effective_dispersion,
    ellipse_coverage,
    elliptical_radius,
    has_mirror,
    in_ellipse,
    is_slow_rotator,
    lambda_r,
    lambda_r_error,
    spin_threshold,
)

GRID = np.meshgrid(np.arange(-12, 12.01, 0.1), np.arange(-12, 12.01, 0.1))


def pixels(n: int, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "flux": rng.uniform(0.5, 2.0, n),
        "radius": rng.uniform(0.5, 8.0, n),
        "velocity": rng.choice([-1, 1], n) * rng.uniform(60, 200, n),
        "dispersion": rng.uniform(60, 150, n),
    }


def test_boundaries_have_their_published_values():
    assert spin_threshold(0.124) == pytest.approx(0.10916, abs=5e-6)
    assert spin_threshold(0.124, "cappellari2016") == pytest.approx(0.1110, abs=5e-5)
    assert spin_threshold(0.4, "cappellari2016") == 0.0
    assert not is_slow_rotator([0.1, np.nan], [np.nan, 0.2]).any()
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        spin_threshold(1.2)
    with pytest.raises(ValueError, match="unknown boundary"):
        spin_threshold(0.1, "mine")


def test_a_boundary_is_found_from_its_thresholds():
    ellipticity = np.array([0.05, 0.3, np.nan, 0.7])
    for boundary in BOUNDARIES:
        thresholds = spin_threshold(ellipticity, boundary)
        assert boundary_of(ellipticity, thresholds) == boundary
        thresholds[1] += 1e-3
        assert boundary_of(ellipticity, thresholds) is None
    assert boundary_of([], []) is None and boundary_of([0.3], [np.nan]) is None


@pytest.mark.parametrize("speed", [20.0, 100.0, 300.0])
def test_lambda_r_of_a_round_rotating_disc_has_a_closed_form(speed):
    """V = V0 cos(azimuth), one sigma: k / E(k^2), k = V0 / sqrt(V0^2 + sigma^2), E a complete elliptic integral."""
    azimuth = (np.arange(20_000) + 0.5) * 2 * np.pi / 20_000
    k = speed / np.hypot(speed, 120.0)
    measured = lambda_r(np.ones(20_000), np.ones(20_000), speed * np.cos(azimuth), np.full(20_000, 120.0))
    assert measured == pytest.approx(k / ellipe(k**2), abs=1e-7)


def test_lambda_r_without_pixels_or_motion_is_nan():
    assert np.isnan(lambda_r([], [], [], [])) and np.isnan(lambda_r([1.0], [1.0], [0.0], [0.0]))
    assert np.isnan(lambda_r_error([], [], [], [], [], []))


positive = st.floats(1e-3, 1e3)
speeds = arrays(np.float64, 30, elements=st.floats(-500, 500))
sigmas = arrays(np.float64, 30, elements=st.floats(1, 400))
weights = arrays(np.float64, 30, elements=positive)


@given(weights, weights, speeds, sigmas, positive)
def test_lambda_r_lies_in_0_to_1_and_has_no_units(flux, radius, velocity, dispersion, scale):
    spin = lambda_r(flux, radius, velocity, dispersion)
    assert 0 <= spin <= 1
    assert lambda_r(scale * flux, radius, velocity, dispersion) == pytest.approx(spin, abs=1e-12)
    assert lambda_r(flux, scale * radius, velocity, dispersion) == pytest.approx(spin, abs=1e-12)
    assert lambda_r(flux, radius, -scale * velocity, scale * dispersion) == pytest.approx(spin, abs=1e-12)
    assert lambda_r(flux, radius, velocity, 2 * dispersion) <= spin


@given(weights, weights, speeds, sigmas, positive)
def test_the_error_does_not_depend_on_units(flux, radius, velocity, dispersion, scale):
    assume(np.array_equal(velocity == 0, scale * velocity == 0))  # other units cannot hold the smallest numbers of all
    error = lambda_r_error(flux, radius, velocity, dispersion, 5.0, 10 * dispersion)
    scaled = lambda_r_error(
        3 * flux, radius, scale * velocity, scale * dispersion, scale * 5, scale**2 * 10 * dispersion
    )
    assert scaled == pytest.approx(error, rel=1e-9) and error >= 0


@pytest.mark.parametrize("angle", [0.0, 30.0, 75.0, 90.0, 135.0, 179.0])
def test_position_angles_go_from_north_to_east_and_x_to_the_west(angle):
    east, north = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    a, ellipticity = 10.0, 0.6
    r_eff = a * np.sqrt(1 - ellipticity)
    for distance in (-9.9, 9.9):  # along the major axis
        assert in_ellipse(-distance * east, distance * north, r_eff, ellipticity, angle)
        assert elliptical_radius(-distance * east, distance * north, ellipticity, angle) == pytest.approx(9.9)
    for distance in (-4.1, 4.1):  # along the minor axis, which ends at 4
        assert not in_ellipse(-distance * north, -distance * east, r_eff, ellipticity, angle)


@given(st.floats(0, 0.9), st.floats(-180, 360))
def test_inside_and_elliptical_radius_agree(ellipticity, angle):
    x, y = GRID
    inside = in_ellipse(x, y, 9.0 * np.sqrt(1 - ellipticity), ellipticity, angle)
    radius = elliptical_radius(x, y, ellipticity, angle)
    edge = np.abs(radius - 9.0) < 1e-9
    np.testing.assert_array_equal(inside[~edge], (radius < 9.0)[~edge])
    np.testing.assert_array_equal(
        inside[~edge], in_ellipse(x, y, 9 * np.sqrt(1 - ellipticity), ellipticity, angle + 180)[~edge]
    )
    assert inside.sum() * 0.01 == pytest.approx(np.pi * 81 * (1 - ellipticity), rel=0.03)


def test_coverage_is_the_fraction_of_the_area():
    x, y = GRID
    inside = in_ellipse(x, y, 9.0 * np.sqrt(0.6), 0.4, 20.0)
    assert ellipse_coverage(inside.sum(), 0.01, 9.0, 0.4) == pytest.approx(1.0, abs=0.005)
    assert ellipse_coverage((inside & (x > 0)).sum(), 0.01, 9.0, 0.4) == pytest.approx(0.5, abs=0.01)
    assert ellipse_coverage(2 * inside.sum(), 0.01, 9.0, 0.4) == 1.0
    assert ellipse_coverage(0, 0.01, 9.0, 0.4) == 0.0


def test_pixels_without_a_counterpart_are_found():
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-3, 4.0), np.arange(-3, 4.0)))
    assert has_mirror(x, y, 0.5).all()
    kept = ~((x == 2) & (y == 1))
    alone = ~has_mirror(x[kept], y[kept], 0.5)
    assert np.column_stack([x[kept][alone], y[kept][alone]]).tolist() == [[-2.0, -1.0]]
    assert not has_mirror([3.0], [1.0], 0.5).any() and has_mirror([], [], 0.5).shape == (0,)


def test_errors_follow_the_slope_of_lambda_r():
    """Against differences of lambda_R in every V and sigma^2, one pixel with hardly any dispersion included."""
    sample = pixels(40)
    sample["dispersion"][3] = 1e-3
    rng = np.random.default_rng(2)
    errors = rng.uniform(2, 9, 40), rng.uniform(500, 2000, 40)

    def slope(name: str, pixel: int, step: float) -> float:
        def changed(by: float) -> float:
            values = sample | {name: sample[name].copy()}
            if name == "dispersion":
                values[name][pixel] = np.sqrt(values[name][pixel] ** 2 + by)
            else:
                values[name][pixel] += by
            return lambda_r(**values)

        return (changed(step) - changed(0 if pixel == 3 else -step)) / (step if pixel == 3 else 2 * step)

    variance = sum((slope("velocity", p, 1e-3) * errors[0][p]) ** 2 for p in range(40))
    variance += sum((slope("dispersion", p, 0.1) * errors[1][p]) ** 2 for p in range(40))
    measured = lambda_r_error(**sample, velocity_error=errors[0], dispersion_squared_error=errors[1])
    assert measured == pytest.approx(np.sqrt(variance), rel=1e-3)


def test_errors_agree_with_random_draws():
    """Observed dispersions scatter, the instrumental part is taken off each draw."""
    sample, instrumental = pixels(60, seed=4), 50.0
    observed = np.hypot(sample["dispersion"], instrumental)
    rng = np.random.default_rng(5)
    draws = [
        lambda_r(
            sample["flux"],
            sample["radius"],
            sample["velocity"] + rng.normal(0, 8.0, 60),
            corrected_dispersion(observed + rng.normal(0, 12.0, 60), instrumental),
        )
        for _ in range(4000)
    ]
    measured = lambda_r_error(**sample, velocity_error=np.full(60, 8.0), dispersion_squared_error=2 * observed * 12.0)
    assert measured == pytest.approx(np.std(draws), rel=0.05)


def test_independent_pixels_average_errors_out():
    sample = pixels(50)
    four = {name: np.tile(values, 4) for name, values in sample.items()}
    one_error = lambda_r_error(**sample, velocity_error=5.0, dispersion_squared_error=1000.0)
    assert lambda_r_error(**four, velocity_error=5.0, dispersion_squared_error=1000.0) == pytest.approx(one_error / 2)


def test_instrumental_dispersion_is_subtracted_in_quadrature():
    np.testing.assert_allclose(corrected_dispersion([50.0, 30.0, 30.0], [30.0, 30.0, 40.0]), [40.0, 0.0, 0.0])


def test_effective_dispersion_is_the_flux_weighted_second_moment():
    assert effective_dispersion([1.0, 3.0], [-30.0, 10.0], [40.0, 0.0]) == pytest.approx(np.sqrt((2500 + 300) / 4))


def test_seeing_correction_has_its_published_values():
    """lambda = 0.5 at a = 10 arcsec and a FWHM of 2.5 arcsec, by Sersic index; the example galaxy of Graham et al."""
    corrected = beam_corrected_lambda_r(0.5, np.arange(1, 7), 2.5 / FWHM_PER_SIGMA, 10.0)
    np.testing.assert_allclose(corrected, [0.516, 0.530, 0.545, 0.560, 0.574, 0.589], atol=6e-4)
    assert beam_corrected_lambda_r(0.425158, 4.812, 1.058, 8.9001) == pytest.approx(0.496410, abs=2e-6)


@pytest.mark.parametrize(
    ("sersic_n", "sigma_psf", "valid"),
    [(0.5, 1, False), (0.51, 1, True), (6.49, 1, True), (6.5, 1, False), (4, 5, True), (4, 5.01, False), (4, 0, True)],
)
def test_seeing_is_only_corrected_within_the_range_of_the_fit(sersic_n, sigma_psf, valid):
    assert beam_correction_valid(sersic_n, sigma_psf, 5.0) == valid
    corrected = beam_corrected_lambda_r(0.3, sersic_n, sigma_psf, 5.0)
    assert (corrected > 0.3) == (valid and sigma_psf > 0) and corrected >= 0.3


def test_unknown_values_forbid_the_seeing_correction():
    assert not beam_correction_valid([np.nan, 2, 2], [1, np.nan, 1], [5, 5, np.nan]).any()
    np.testing.assert_array_equal(beam_corrected_lambda_r(0.3, [np.nan, 2], [1, np.nan], 5.0), [0.3, 0.3])
