"""Aligned images: rotated copies coincide, sums are conserved, cells outside the image are missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator_assets.attribution.alignment import CELLS, REACH_R_EFF, RunningMean, aligned
from rotator_assets.attribution.attribution_shape import Ellipse

SIZE = 96
CELL = 2 * REACH_R_EFF / CELLS
TICKS = (np.arange(CELLS) - CELLS // 2) * CELL


def galaxy(r_eff_pixels, angle_deg, axis_ratio=0.6, size=SIZE):
    """A Gaussian of width R_e along the major axis with sum 1, (size, size, 1)."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    image = np.exp(-(Ellipse(r_eff_pixels, axis_ratio, angle_deg).radius(x, y) ** 2) / 2)
    return (image / image.sum())[..., None]


@settings(max_examples=20)
@given(st.floats(0, 179), st.floats(7.0, 14.0))
def test_rotated_and_scaled_copies_of_a_galaxy_coincide(angle_deg, r_eff_pixels):
    x, y = np.meshgrid(TICKS, TICKS)
    expected = np.exp(-(x**2 + (y / 0.6) ** 2) / 2) / (2 * np.pi * 0.6)
    found = aligned(galaxy(r_eff_pixels, angle_deg), Ellipse(r_eff_pixels, 0.6, angle_deg))[..., 0]
    np.testing.assert_allclose(found[np.isfinite(found)], expected[np.isfinite(found)], atol=0.01 * expected.max())
    assert np.isfinite(found[CELLS // 2]).all() and np.isfinite(found[:, CELLS // 2]).all()


@pytest.mark.parametrize("r_eff_pixels", [5.0, 11.3, 31.0])
def test_sums_are_conserved(r_eff_pixels):
    size = int(8 * r_eff_pixels) + 10
    found = aligned(galaxy(r_eff_pixels, 33.0, size=size), Ellipse(r_eff_pixels, 0.6, 33.0))
    within = 0.9973 * 0.9999994  # square of 3 widths along the major axis, 5 across
    assert np.nansum(found) * CELL**2 == pytest.approx(within, abs=0.005)


def test_a_quarter_turn_is_counter_clockwise():
    """Pixels above the centre, along the major axis, end up on the right."""
    image = np.zeros((SIZE, SIZE, 1))
    image[68:72, 46:50] = 1.0  # 22 pixels above the centre
    found = aligned(image, Ellipse(11.0, 0.5, 90.0))[..., 0]
    row, column = np.unravel_index(np.nanargmax(found), found.shape)
    assert TICKS[column] == pytest.approx(2.0, abs=0.25) and TICKS[row] == pytest.approx(0.0, abs=0.25)


def test_cells_outside_the_image_are_missing():
    found = aligned(np.ones((32, 32, 2)), Ellipse(8.0, 0.5, 0.0))
    x, y = np.meshgrid(TICKS, TICKS)
    outermost = CELL / 3  # sample point of a cell
    seen = (np.abs(x) + outermost <= 2.0) & (np.abs(y) + outermost <= 2.0)
    np.testing.assert_array_equal(np.isfinite(found[..., 0]), seen)
    np.testing.assert_allclose(found[seen], 64.0)
    assert np.isnan(aligned(np.ones((32, 32, 1)), Ellipse(np.nan, 0.5, 0.0))).all()


def test_a_running_mean_ignores_missing_values():
    random = np.random.default_rng(0)
    stack = random.normal(1e3, 1, (40, 3, 5))
    stack[random.random(stack.shape) < 0.3] = np.nan
    stack[:, 0, 0], stack[1:, 0, 1] = np.nan, np.nan
    stack[0, 0, 1] = 7.0
    running = RunningMean((3, 5))
    for values in stack:
        running.add(values)
    known = np.isfinite(stack).sum(axis=0)
    np.testing.assert_array_equal(running.count, known)
    several = known > 1
    np.testing.assert_allclose(running.mean[several], np.nanmean(stack[:, several], axis=0))
    error = np.nanstd(stack[:, several], axis=0, ddof=1) / np.sqrt(known[several])
    np.testing.assert_allclose(running.standard_error[several], error)
    assert np.isnan(running.mean[0, 0]) and running.mean[0, 1] == 7.0 and np.isnan(running.standard_error[0, 1])
