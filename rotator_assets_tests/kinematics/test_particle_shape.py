"""Centre and half-light ellipse of particles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.kinematics.particle_shape import centre_of, half_light_ellipse, wrapped


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
    x, y, flux = rng.normal(0, 4, 10_000), rng.normal(0, 2, 10_000), rng.lognormal(0, 1, 10_000)
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
