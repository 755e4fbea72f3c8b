"""Measures of a sample of maps: groups, means, intervals, and galaxies without a radius."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.attribution.alignment import CELLS
from rotator_assets.attribution.attribution_numbers import DIFFERENCE, GROUPS, QUANTITIES, AttributionNumbers, members
from rotator_assets.attribution.attribution_shape import PROFILE_EDGES_R_EFF, Ellipse

SIZE, COUNT = 40, 24
KIND, CALLED = np.arange(COUNT) % 3 > 0, np.arange(COUNT) % 4 > 1
MIDDLE = CELLS // 2


def blob(width, axis_ratio, angle_deg):
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    return np.exp(-(Ellipse(width, axis_ratio, angle_deg).radius(x, y) ** 2) / 2)


def make_sample():
    """Slow galaxies have concentrated attribution, fast ones extended and negative; the last has no radius."""
    sample = pd.DataFrame(
        {
            "object_id": [f"o{number // 2}" for number in range(COUNT)],
            "rotator_type": KIND.astype(int),
            "predicted_type": CALLED.astype(int),
            "r_eff_pixels": 6.0,
            "axis_ratio": 0.6,
        }
    )
    sample.loc[COUNT - 1, "r_eff_pixels"] = np.nan
    return sample


@pytest.fixture(scope="module")
def numbers():
    sample = make_sample()
    found = AttributionNumbers(sample, SIZE, (0, 1, 2))
    for row in reversed(range(COUNT)):
        angle = 37.0 * row
        image = np.repeat(blob(5.0, 0.6, angle)[..., None], 3, axis=-1).astype(np.float32)
        sign, width = (-1.0, 6.0) if KIND[row] else (1.0, 3.0)
        attribution = sign * np.stack([blob(width, 0.6, angle)], axis=-1)
        found.add(row, attribution.astype(np.float32), image)
    return found


def test_groups_are_classes_and_outcomes():
    sample = make_sample()
    groups = members(sample)
    assert set(groups) == set(GROUPS)
    np.testing.assert_array_equal(groups["slow"], ~KIND)
    np.testing.assert_array_equal(groups["false fast"], ~KIND & CALLED)
    outcomes = np.sum([groups[name] for name in ("true slow", "false fast", "true fast", "false slow")], axis=0)
    assert (outcomes == 1).all()
    sample["predicted_type"] = np.nan
    assert not members(sample)["true slow"].any() and members(sample)["slow"].any()


def test_every_galaxy_has_a_row_in_the_samples_order(numbers):
    shapes = numbers.shapes
    assert len(shapes) == COUNT and shapes["reason"].notna().tolist() == [False] * (COUNT - 1) + [True]
    np.testing.assert_allclose(shapes["sign_balance"], np.where(KIND, -1, 1))
    expected = np.where(KIND, 1 - np.exp(-0.5), 1 - np.exp(-2.0))[:-1]
    np.testing.assert_allclose(shapes["fraction_within_r_eff"][:-1], expected, atol=0.02)
    assert shapes["angle_to_major_axis_deg"].max() < 1


def test_means_are_those_of_the_galaxies_with_a_value(numbers):
    shapes, summary = numbers.shapes, numbers.summary().set_index(["galaxies", "measure"])
    for group, inside in members(make_sample()).items():
        for measure in ("fraction_within_r_eff", "centroid_offset_r_eff", "light_within_r_eff"):
            row, values = summary.loc[group, measure], shapes.loc[inside, measure]
            assert row["mean"] == pytest.approx(values.mean()) and row["median"] == pytest.approx(values.median())
            assert row["n_galaxies"] == values.notna().sum() and row["low"] <= row["mean"] <= row["high"]
    difference = summary.loc[DIFFERENCE, "fraction_within_r_eff"]
    sides = [summary.loc[group, "fraction_within_r_eff"]["mean"] for group in ("slow", "fast")]
    assert difference["mean"] == pytest.approx(sides[0] - sides[1]) and difference["low"] > 0.3
    excess = summary.loc["slow", "fraction_minus_light_within_r_eff"]["mean"]
    assert excess == pytest.approx(sides[0] - summary.loc["slow", "light_within_r_eff"]["mean"])


def test_an_interval_is_as_wide_as_the_scatter_of_objects():
    """With two observations per object, the error of the mean is that of 100 values, not 200."""
    generator = np.random.default_rng(1)
    values = np.repeat(generator.normal(size=100), 2)
    sample = pd.DataFrame({"object_id": np.repeat(np.arange(100), 2), "rotator_type": 0, "predicted_type": 0})
    found = AttributionNumbers(sample.assign(r_eff_pixels=6.0, axis_ratio=0.6), SIZE, (0,))
    found.profiles[:] = values[:, None, None]
    rows = found.profile_summary(seed=3)
    assert set(rows["galaxies"]) == {"slow", "true slow"} and len(rows) == 2 * found.profiles[0].size
    width = (rows["high"] - rows["low"]) / 2
    np.testing.assert_allclose(width, 1.96 * np.std(values) / np.sqrt(100), rtol=0.1)
    pd.testing.assert_frame_equal(rows, found.profile_summary(seed=3))


def test_profiles_add_up_to_the_share_and_keep_their_sign(numbers):
    rows = numbers.profile_summary()
    area = np.pi * 0.6 * np.diff(PROFILE_EDGES_R_EFF**2)
    rings = PROFILE_EDGES_R_EFF[1:] <= 2
    shares = numbers.summary().set_index(["galaxies", "measure"])["mean"]
    for group in ("slow", "fast"):
        of_group = rows[rows["galaxies"] == group].set_index("quantity")
        absolute, signed, light = (of_group.loc[name, "mean"].to_numpy() for name in ("absolute", "signed", "light"))
        assert (absolute * area)[rings].sum() == pytest.approx(shares[group, "fraction_within_two_r_eff"], rel=1e-6)
        assert (light * area)[rings].sum() == pytest.approx(shares[group, "light_within_two_r_eff"], rel=1e-6)
        np.testing.assert_allclose(signed, absolute if group == "slow" else -absolute)
        assert (of_group["n_galaxies"] == (KIND[:-1] == (group == "fast")).sum()).all()


def test_aligned_means_of_one_galaxy_are_that_galaxy(numbers):
    slow, fast = (numbers.aligned_means[group] for group in ("slow", "fast"))
    assert slow.count.max() == (~KIND).sum() and fast.count.max() == KIND.sum() - 1  # one has no radius
    absolute = QUANTITIES.index("absolute")
    expected = 1 / (2 * np.pi * 0.6 * (3.0 / 6.0) ** 2)  # peak of a Gaussian with sum 1
    assert slow.mean[MIDDLE, MIDDLE, absolute] == pytest.approx(expected, rel=0.08)  # interpolation smooths
    cells = [(MIDDLE, MIDDLE + 10), (MIDDLE + 10, MIDDLE)]  # along and across the major axis
    along, across = (slow.mean[place][absolute] for place in cells)
    step = (10 * 6 / CELLS) ** 2 * 4 / 2
    assert along / expected == pytest.approx(np.exp(-step), rel=0.1)
    assert across / expected == pytest.approx(np.exp(-step / 0.36), rel=0.3)
    assert slow.standard_error[MIDDLE, MIDDLE, absolute] < 0.01 * expected
    np.testing.assert_allclose(fast.mean[..., 0], -fast.mean[..., absolute])


def test_mean_maps_use_all_galaxies_of_a_class(numbers):
    assert numbers.mean_maps[0].count.min() == (~KIND).sum() and numbers.mean_maps[1].count.min() == KIND.sum()
    assert numbers.mean_maps[1].mean.sum() == pytest.approx(2 * np.pi * 0.6 * 36, rel=0.02)


def test_single_galaxies_have_no_interval_and_empty_groups_no_rows():
    sample = make_sample().iloc[[1]]
    found = AttributionNumbers(sample, SIZE, (0,))
    image = np.repeat(blob(5.0, 0.6, 9.0)[..., None], 3, axis=-1).astype(np.float32)
    found.add(0, np.ones((SIZE, SIZE, 1), np.float32), image)
    rows = found.summary()
    assert set(rows["galaxies"]) == {"fast", "false slow"} and rows["low"].isna().all()
    assert rows.set_index("measure")["mean"]["sign_balance"].tolist() == [1.0, 1.0]
    nobody = AttributionNumbers(sample.iloc[:0], SIZE, (0,))
    assert nobody.summary().empty and nobody.profile_summary().empty and nobody.shapes.empty
    assert "reason" in nobody.shapes and "mean" in nobody.summary()
