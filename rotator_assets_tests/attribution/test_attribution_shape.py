"""Measures of attribution maps: exact for simple maps, independent of orientation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator_assets.attribution.attribution_shape import (
    PROFILE_EDGES_R_EFF,
    RADII_R_EFF,
    AttributionShape,
    Ellipse,
    Layers,
    angle_between,
    centroid,
    elongation,
    enclosed,
    measure_shape,
    radial_profile,
)

SIZE = 64
ELLIPSE = Ellipse(r_eff_pixels=9.0, axis_ratio=0.6, angle_deg=25.0)


def blob(axis_ratio=1.0, angle_deg=0.0, sigma=4.0, x0=0.0, y0=0.0, size=SIZE):
    """A Gaussian of semi-major width ``sigma`` pixels, centred ``x0``, ``y0`` pixels from the middle of the image."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.exp(-(Ellipse(sigma, axis_ratio, angle_deg).radius(x - x0, y - y0) ** 2) / 2)


def layers(signed, absolute=None, light=None):
    absolute = np.abs(signed) if absolute is None else absolute
    light = blob(0.7, 40.0) if light is None else light
    return Layers(signed, absolute, light, light, np.zeros(signed.shape, dtype=bool))


def test_fractions_of_a_uniform_map_are_those_of_the_area():
    shape = measure_shape(layers(np.ones((SIZE, SIZE))), ELLIPSE)
    names = ("half_r_eff", "r_eff", "two_r_eff")
    for name, radius in zip(names, RADII_R_EFF, strict=True):
        area = np.pi * 0.6 * (radius * 9.0) ** 2 / SIZE**2
        assert getattr(shape, f"fraction_within_{name}") == pytest.approx(area, rel=1e-6)
        assert getattr(shape, f"area_within_{name}") == pytest.approx(area, rel=1e-6)
    assert shape.fraction_within_half_light == pytest.approx(np.pi * 0.6 * 9.0**2 / SIZE**2, rel=1e-6)
    assert shape.centroid_offset_r_eff == pytest.approx(0, abs=1e-12) and shape.sign_balance == pytest.approx(1)
    assert shape.attribution_ellipticity == pytest.approx(0, abs=1e-12) and np.isnan(shape.angle_to_major_axis_deg)
    assert shape.reason is None


def test_fractions_of_a_gaussian_on_its_own_ellipses():
    """A fraction 1 - exp(-r^2 / 2 s^2) of a Gaussian of width s is within elliptical radius r."""
    ellipse, wide = Ellipse(9.0, 0.6, 70.0), 6.0
    shape = measure_shape(layers(blob(0.6, 70.0, wide), light=blob(0.6, 70.0, 3.0)), ellipse)
    expected = [1 - np.exp(-((radius * 9.0 / wide) ** 2) / 2) for radius in RADII_R_EFF]
    found = [shape.fraction_within_half_r_eff, shape.fraction_within_r_eff, shape.fraction_within_two_r_eff]
    np.testing.assert_allclose(found, expected, atol=0.005)
    assert shape.light_within_r_eff == pytest.approx(1 - np.exp(-4.5), abs=0.005)


def test_a_profile_is_a_density_and_adds_up_to_the_fraction():
    wide = 6.0
    image = blob(0.6, 25.0, wide)
    values = np.stack([image / image.sum(), np.full((SIZE, SIZE), 2.0)], axis=-1)
    profile = radial_profile(values, ELLIPSE)
    width = wide / ELLIPSE.r_eff_pixels
    edges = np.exp(-((PROFILE_EDGES_R_EFF / width) ** 2) / 2)
    expected = -np.diff(edges) / (np.pi * 0.6 * np.diff(PROFILE_EDGES_R_EFF**2))
    np.testing.assert_allclose(profile[:, 0], expected, atol=0.01 * expected.max())
    np.testing.assert_allclose(profile[:, 1], 2.0 * 9.0**2)
    area = np.pi * 0.6 * np.diff(PROFILE_EDGES_R_EFF**2)
    assert (profile[:, 0] * area).sum() == pytest.approx(enclosed(values, ELLIPSE, [3.0])[0, 0], rel=1e-9)


def test_rings_mostly_outside_the_image_are_missing():
    profile = radial_profile(np.ones((SIZE, SIZE, 1)), Ellipse(25.0, 0.9, 0.0))
    seen = np.isfinite(profile[:, 0])
    assert seen[0] and not seen[-1]
    np.testing.assert_allclose(profile[seen], 25.0**2)


@settings(max_examples=25)
@given(st.floats(0.3, 0.9), st.floats(0, 179.9), st.floats(2.0, 4.0))
def test_a_gaussian_has_its_own_ellipticity_and_angle(axis_ratio, angle_deg, sigma):
    found = elongation(blob(axis_ratio, angle_deg, sigma), r_eff_pixels=10.0)
    assert found.ellipticity == pytest.approx(1 - axis_ratio, abs=0.01)
    assert angle_between(found.angle_deg, angle_deg) < 1


@settings(max_examples=25)
@given(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1))
def test_a_point_is_its_own_centroid(row, column):
    point = np.zeros((SIZE, SIZE))
    point[row, column] = 3.0
    assert centroid(point) == (column - 31.5, row - 31.5)
    offset = measure_shape(layers(point), ELLIPSE).centroid_offset_r_eff
    assert offset == pytest.approx(np.hypot(column - 31.5, row - 31.5) / 9.0)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.booleans(), st.floats(0, 179))
def test_measures_do_not_depend_on_orientation(seed, quarters, mirrored, angle_deg):
    random = np.random.default_rng(seed)
    signed = random.normal(size=(SIZE, SIZE)) * blob(0.5, angle_deg, 8.0, 2.0, 1.0)
    light, neighbours = blob(0.5, angle_deg), random.random((SIZE, SIZE)) < 0.1
    ellipse = Ellipse(8.0, 0.5, angle_deg)

    def turned(values):
        return np.rot90(values[:, ::-1] if mirrored else values, -quarters)  # rows point upwards, so counter-clockwise

    other = Ellipse(8.0, 0.5, ((180 - angle_deg if mirrored else angle_deg) + 90 * quarters) % 180)
    plain = Layers(signed, np.abs(signed), light, light, neighbours)
    moved = Layers(*(turned(values) for values in (signed, np.abs(signed), light, light, neighbours)))
    before, after = measure_shape(plain, ellipse), measure_shape(moved, other)
    turning = {"attribution_angle_deg", "light_angle_deg", "reason"}
    for name in AttributionShape.__dataclass_fields__.keys() - turning:
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-6, atol=1e-9, err_msg=name)
    assert angle_between(after.light_angle_deg, other.angle_deg) < 1
    np.testing.assert_allclose(
        radial_profile(moved.fractions, other), radial_profile(plain.fractions, ellipse), rtol=1e-6, atol=1e-9
    )


def test_angles_between_axes():
    np.testing.assert_allclose(angle_between([0, 0, 10, 179, 45], [90, 180, 170, 1, 30]), [90, 0, 20, 2, 15])


def test_sign_balance_counts_bands_separately():
    image = np.repeat(blob()[..., None], 3, axis=-1).astype(np.float32)
    attribution = np.zeros((SIZE, SIZE, 3), np.float32)
    attribution[32, 32] = [3.0, -1.0, 0.0]
    found = measure_shape(Layers.of(attribution, image), ELLIPSE)
    assert found.sign_balance == pytest.approx(0.5)
    assert found.fraction_within_half_r_eff == pytest.approx(1)


def test_the_fraction_on_a_neighbour_is_measured():
    galaxy, other = blob(0.6, 25.0), blob(sigma=1.5, x0=20.0, y0=-5.0)
    image = np.repeat((galaxy + other)[..., None], 3, axis=-1).astype(np.float32) + np.float32(0.2)
    found = Layers.of(image - np.float32(0.2), image)
    assert found.neighbours[26:28, 51:53].all() and not found.neighbours[30:34, 30:34].any()
    share = other.sum() / (galaxy + other).sum()
    assert measure_shape(found, ELLIPSE).fraction_on_neighbours == pytest.approx(share, rel=0.1)
    assert angle_between(found.ellipse(9.0, 0.6).angle_deg, 25.0) < 2
    np.testing.assert_allclose(found.light, 3 * (galaxy + other), atol=1e-5)  # sky subtracted


def test_the_light_is_summed_over_the_networks_bands():
    image = np.stack([blob(), 2 * blob(), 4 * blob()], axis=-1).astype(np.float32)
    np.testing.assert_allclose(Layers.of(image[..., 1:2], image, (1,)).light, 2 * blob(), atol=1e-6)


@pytest.mark.parametrize(
    ("ellipse", "reason"),
    [
        (Ellipse(np.nan, 0.6, 0.0), "half-light radius not known"),
        (Ellipse(9.0, np.nan, 0.0), "axis ratio not known"),
        (Ellipse(9.0, 0.6, np.nan), "angle not known: no light in the image"),
        (Ellipse(20.0, 0.6, 0.0), "the ellipse of 2 half-light radii leaves the image"),
        (Ellipse(70.0, 0.6, 0.0), "the ellipse of 0.5 half-light radii leaves the image"),
    ],
)
def test_unknown_measures_are_missing_with_a_reason(ellipse, reason):
    found = measure_shape(layers(blob()), ellipse)
    assert found.reason == reason and np.isnan(found.fraction_within_two_r_eff)
    assert np.isfinite([found.sign_balance, found.fraction_on_neighbours, found.attribution_ellipticity]).all()
    assert np.isfinite(found.fraction_within_r_eff) == (ellipse.r_eff_pixels == 20.0)
    assert np.isnan(radial_profile(layers(blob()).fractions, ellipse)).all() == (ellipse.unknown is not None)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_an_empty_map_has_no_measures(value):
    found = measure_shape(layers(np.full((SIZE, SIZE), value)), ELLIPSE)
    assert found.reason == "the map is zero everywhere, or not finite" and np.isnan(found.sign_balance)


def test_an_empty_image_has_no_angle():
    found = Layers.of(np.ones((16, 16, 3), np.float32), np.zeros((16, 16, 3), np.float32))
    assert np.isnan(found.ellipse(4.0, 0.5).angle_deg) and np.isnan(found.fractions[..., 2]).all()
