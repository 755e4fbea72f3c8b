"""Figures of nested feature sets and binned AUCs: their numbers, and room for all texts."""

import pytest

from rotator_assets.plots import style
from rotator_assets.robustness.features.figures import bins_figure, feature_sets_figure
from rotator_assets_tests.report import made_up
from rotator_assets_tests.report.made_up_tables import BASELINES, BINS, QUANTITIES, STEPS, TESTS

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis"}


def figures(baselines=BASELINES, tests=TESTS, bins=BINS, synthetic=True):
    return [
        feature_sets_figure(baselines, tests, **TITLE, synthetic=synthetic),
        bins_figure(bins, tests, **TITLE, synthetic=synthetic),
    ]


def test_every_feature_set_is_shown_with_its_numbers():
    figure = figures()[0]
    axes = figure.axes[0]
    labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert labels == [*STEPS, *QUANTITIES[1:]]
    written = made_up.texts(figure)
    assert "0.580 [0.530, 0.630]" in written and "+0.120 [+0.070, +0.170] (" in written
    assert "+0.100 [+0.050, +0.150] (0.02)" in written
    network = made_up.line(axes, "network: 0.700 [0.650, 0.750]")
    assert list(network.get_xdata()) == [0.7, 0.7]
    assert "840 galaxies, 240 slow" in written


def test_bins_show_limits_and_numbers_and_skip_undefined_aucs():
    figure = figures()[1]
    assert len(figure.axes) == 4
    axes = figure.axes[0]
    assert axes.get_xticklabels()[1].get_text() == "0.25 – 0.5\n210 galaxies\n10 slow"
    points = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert points == [1, 2, 3]


@pytest.mark.parametrize("number", [0, 1])
def test_stamp_and_room(number):
    figure = figures()[number]
    figure.canvas.draw()
    assert style.STAMP in made_up.texts(figure) and style.STAMP not in made_up.texts(figures(synthetic=False)[number])
    width, height = figure.get_size_inches()
    tight = figure.get_tightbbox()
    assert tight.x0 > -0.05 and tight.y0 > -0.05 and tight.x1 < width + 0.05 and tight.y1 < height + 0.05
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_empty_figures_say_so():
    for figure in figures(BASELINES.iloc[:0], TESTS.iloc[:0], BINS.iloc[:0]):
        assert style.render(figure, dpi=40).startswith(b"\x89PNG") and made_up.messages(figure)
