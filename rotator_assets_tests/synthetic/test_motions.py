"""Shapes and spins of the synthetic galaxies against brute force and closed forms."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from rotator_assets.synthetic.motions import (
    lambda_r_of,
    motions,
    potential_ratio,
    projected_axis_ratio,
    scaled_motions,
    v_over_sigma,
)


def seen_axis_ratio(p: float, q: float, inclination_deg: float, azimuth_deg: float) -> float:
    """Axis ratio of the shadow of the ellipsoid x = (u, p v, q w), (u, v, w) on the unit sphere.

    Along a direction n in the sky plane the shadow reaches sqrt(n M n), M = diag(1, p^2, q^2).
    """
    i, a = np.deg2rad([inclination_deg, azimuth_deg])
    across = np.array([-np.sin(a), np.cos(a), 0])
    up = np.array([-np.cos(i) * np.cos(a), -np.cos(i) * np.sin(a), np.sin(i)])
    turn = np.linspace(0, np.pi, 20001)[:, None]
    directions = np.cos(turn) * across + np.sin(turn) * up
    reach = np.sqrt(directions**2 @ np.array([1, p**2, q**2]))
    return reach.min() / reach.max()


@pytest.mark.parametrize("p", [1.0, 0.93, 0.8])
@pytest.mark.parametrize("q", [0.2, 0.63])
@pytest.mark.parametrize(("inclination", "azimuth"), [(0, 0), (20, 50), (60, 130), (90, 0), (90, 70), (75, 200)])
def test_projection_agrees_with_brute_force(p, q, inclination, azimuth):
    assert projected_axis_ratio(p, q, inclination, azimuth) == pytest.approx(
        seen_axis_ratio(p, q, inclination, azimuth), abs=1e-6
    )


def test_oblate_galaxies_seen_from_the_pole_and_edge_on():
    q = np.array([0.1, 0.3, 0.9])
    np.testing.assert_allclose(projected_axis_ratio(1.0, q, 90.0), q)
    np.testing.assert_allclose(projected_axis_ratio(1.0, q, 0.0), 1.0)
    np.testing.assert_allclose(
        projected_axis_ratio(1.0, q, 40.0), np.hypot(np.cos(np.deg2rad(40)), q * np.sin(0.698131700797732))
    )


def test_potential_ratio_is_that_of_the_integrals():
    """W_xx / W_zz = A_1 a_1^2 / (A_3 a_3^2) with A_i = a_1 a_2 a_3 times the integral of du / (Delta (a_i^2 + u))."""
    q = 0.4
    u = np.concatenate([[0], np.geomspace(1e-8, 1e8, 400_001)])
    delta = (1 + u) * np.sqrt(q**2 + u)
    a_1, a_3 = (trapezoid(1 / (delta * (axis2 + u)), u) for axis2 in (1.0, q**2))
    assert potential_ratio(1 - q) == pytest.approx(a_1 / (a_3 * q**2), rel=1e-4)
    assert potential_ratio(1e-3) == pytest.approx(1, abs=1e-3)


def test_edge_on_rotation_is_that_of_the_tensor_virial_theorem():
    ellipticity, anisotropy = 0.7, 0.42
    ordered = (1 - anisotropy) * potential_ratio(ellipticity)
    expected = np.sqrt((ordered - 1) / (0.15 * ordered + 1))
    assert v_over_sigma(ellipticity, anisotropy, 90.0) == pytest.approx(expected)
    assert lambda_r_of(expected) == pytest.approx(1.1 * expected / np.sqrt(1 + 1.1**2 * expected**2))


def test_no_rotation_face_on_or_if_anisotropy_sets_the_shape():
    assert v_over_sigma(0.6, 0.3, 0.0) == 0
    assert v_over_sigma(0.2, 0.9, 90.0) == 0


def test_rotation_rises_with_inclination():
    seen = v_over_sigma(0.7, 0.42, np.linspace(0, 90, 10))
    assert (np.diff(seen) > 0).all()


def test_rotation_changes_sign_across_the_centre_and_dispersion_does_not():
    along, across = np.random.default_rng(1).normal(0, 1, (2, 50))
    velocity, dispersion = motions(along, across, 0.6)
    opposite = motions(-along, -across, 0.6)
    np.testing.assert_allclose(opposite, [-velocity, dispersion])
    np.testing.assert_allclose(motions([0.0, 0.0], [0.0, 2.0], 0.6)[0], 0, atol=1e-12)  # centre and minor axis
    assert motions(5.0, 0.0, 0.6)[0] == pytest.approx(1) and (dispersion <= 1).all()


@pytest.mark.parametrize("lambda_r", [0.004, 0.07, 0.5, 0.82])
def test_scaled_motions_have_the_required_spin_and_dispersion(lambda_r):
    """Checked with the sums of Emsellem et al. (2007), eq. 6; anything outside the ellipse is ignored."""
    rng = np.random.default_rng(1)
    along, across, flux = *rng.normal(0, 1, (2, 500)), rng.uniform(0.1, 1, 500)
    radius, inside = np.hypot(along, across), np.hypot(along, across) < 1.2
    flux[~inside] = np.nan
    velocity, dispersion = scaled_motions(motions(along, across, 0.7), (flux, radius), inside, lambda_r, 150.0)
    f, r, v, s = (values[inside] for values in (flux, radius, velocity, dispersion))
    assert np.sum(f * r * abs(v)) / np.sum(f * r * np.sqrt(v**2 + s**2)) == pytest.approx(lambda_r, rel=1e-6)
    assert np.sqrt(np.sum(f * (v**2 + s**2)) / np.sum(f)) == pytest.approx(150.0)
    assert np.isfinite(velocity).all() and np.isfinite(dispersion).all()
