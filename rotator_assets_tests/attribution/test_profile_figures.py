"""Figures of profiles and fractions draw the values of their tables and means."""

import numpy as np
import pytest

from rotator_assets.attribution import profile_figures as figures
from rotator_assets.attribution.alignment import RunningMean
from rotator_assets.plots import style
from rotator_assets_tests.report import made_up

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis", "synthetic": False}


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title() == title)


def test_aligned_means_are_drawn_unchanged():
    means = made_up.aligned_means(missing=("false slow",))
    figure = figures.aligned_attribution_figure(means, axis_ratio=0.5, **TITLE)
    signed = panel(figure, "Slow (4)")
    np.testing.assert_allclose(np.asarray(signed.images[0].get_array()), means["slow"].mean[..., 0])
    assert signed.images[0].origin == "lower" and signed.images[0].get_extent() == [-3, 3, -3, 3]
    low, high = signed.images[0].get_clim()
    assert low == -high and panel(figure, "Fast (4)").images[0].get_clim() == (low, high)
    ellipses = [line for line in signed.lines if line.get_gid() == "ellipse"]
    assert [line.get_xdata().max() for line in ellipses] == [0.5, 1, 2]
    assert [round(line.get_ydata().max(), 3) for line in ellipses] == [0.25, 0.5, 1]
    assert made_up.messages(figure) == ["none", "none"] and panel(figure, "False slow (0)")


def test_the_difference_is_slow_minus_fast_and_pale_if_insignificant():
    means = made_up.aligned_means()
    drawn = panel(figures.aligned_attribution_figure(means, axis_ratio=0.5, **TITLE), "Slow − fast").images[0]
    difference = (means["slow"].mean - means["fast"].mean)[..., 0]
    error = np.hypot(means["slow"].standard_error, means["fast"].standard_error)[..., 0]
    np.testing.assert_allclose(np.asarray(drawn.get_array()), difference)
    np.testing.assert_array_equal(drawn.get_alpha() == 1, np.abs(difference) >= 2 * error)
    assert 0 < (drawn.get_alpha() == 1).mean() < 1


def test_profiles_are_those_of_the_table():
    profiles = made_up.attribution_profiles()
    figure = figures.attribution_radial_figure(profiles, **TITLE)
    absolute, outcomes, signed, _ = figure.axes
    for axes, quantity in ((absolute, "absolute"), (signed, "signed")):
        rows = profiles[(profiles["galaxies"] == "slow") & (profiles["quantity"] == quantity)]
        line = made_up.line(axes, "slow rotators (9)")
        np.testing.assert_allclose(line.get_ydata(), rows["mean"])
        np.testing.assert_allclose(line.get_xdata(), rows["radius_r_eff"])
    assert made_up.line(absolute, "light of slow rotators") and absolute.get_yscale() == "log"
    assert made_up.legend_texts(outcomes) == ["True slow (9)", "False fast (9)", "True fast (9)", "False slow (9)"]
    assert not [text for text in absolute.get_yticklabels() if "10^" in text.get_text()]


def test_fractions_are_drawn_with_their_intervals():
    summary = made_up.attribution_summary()
    figure = figures.attribution_fraction_figure(summary, **TITLE)
    shares, _, contrast = figure.axes
    known = summary.set_index(["galaxies", "measure"])
    drawn = made_up.line(shares, "|attribution|, slow").get_xdata()
    assert drawn[0] == known.loc[("slow", "fraction_within_half_r_eff"), "mean"]
    intervals = [tuple(line.get_xdata()) for line in contrast.lines if len(line.get_xdata()) == 2]
    row = known.loc[("slow minus fast", "fraction_within_two_r_eff")]
    assert (row["low"], row["high"]) in intervals
    assert [text.get_text() for text in shares.get_yticklabels()] == ["0.5 $R_e$", "1 $R_e$", "2 $R_e$"]


def test_directions_show_the_number_of_galaxies():
    numbers = made_up.attribution_shapes(40)
    numbers.loc[:4, "angle_to_major_axis_deg"] = np.nan
    figure = figures.attribution_direction_figure(numbers, **TITLE)
    angle, shape, balance = figure.axes
    known = numbers[numbers["angle_to_major_axis_deg"].notna()]
    expected = [
        f"{name}: {len(rows)}, median {rows['angle_to_major_axis_deg'].median():.2g}"
        for name, rows in (("slow", known[known["rotator_type"] == 0]), ("fast", known[known["rotator_type"] == 1]))
    ]
    assert [text for text in made_up.legend_texts(angle) if "median" in text] == expected
    assert made_up.legend_texts(shape) == ["slow: 20", "fast: 20"]
    assert balance.get_xlim()[0] == -balance.get_xlim()[1]


@pytest.mark.parametrize("missing", [np.nan, None])
def test_unknown_values_give_a_message(missing):
    summary = made_up.attribution_summary().assign(mean=np.nan, low=np.nan, high=np.nan)
    profiles = made_up.attribution_profiles().assign(mean=missing)
    shapes = made_up.attribution_shapes(6).assign(
        angle_to_major_axis_deg=missing, light_ellipticity=missing, sign_balance=missing
    )
    for figure, count in (
        (figures.attribution_fraction_figure(summary, **TITLE), 3),
        (figures.attribution_radial_figure(profiles, **TITLE), 4),
        (figures.attribution_direction_figure(shapes, **TITLE), 3),
    ):
        assert len(made_up.messages(figure)) == count and style.render(figure, dpi=30)


def test_no_radius_known_means_no_aligned_maps():
    means = {name: RunningMean((61, 61, 3)) for name in ("slow", "fast")}
    for mean in means.values():
        mean.add(np.full((61, 61, 3), np.nan))
    figure = figures.aligned_attribution_figure(means, axis_ratio=np.nan, **TITLE)
    assert set(made_up.messages(figure)) == {"none", "needs both"} and style.render(figure, dpi=30)
