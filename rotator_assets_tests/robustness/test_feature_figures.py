"""Figures of nested feature sets and binned AUCs: their numbers, and room for all texts."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.plots import style
from rotator_assets.robustness.features.figures import bins_figure, feature_sets_figure
from rotator_assets_tests.report import made_up

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis"}
STEPS = ("ellipticity", "+ Sersic index", "+ size, mass", "+ colour", "+ Gini, M20, C, A", "+ pixels (PCA)")
BASELINES = pd.DataFrame(
    [
        {
            "features": step,
            "model": model,
            "auc": 0.5 + 0.04 * number,
            "auc_low": 0.45 + 0.04 * number,
            "auc_high": 0.55 + 0.04 * number,
            "network_gain": 0.2 - 0.04 * number,
            "gain_low": 0.15 - 0.04 * number,
            "gain_high": 0.25 - 0.04 * number,
            "p_value_adjusted": 0.0001,
            "auc_with_network": 0.72,
            "added": 0.1,
            "added_low": 0.05,
            "added_high": 0.15,
            "added_p_value_adjusted": 0.02,
        }
        for number, step in enumerate(STEPS)
        for model in ("logistic regression", "gradient boosting")
    ]
)
QUANTITIES = ("network", "ellipticity", "ellipticity, by the label's definition alone", "pairs within 0.05", "others")
TESTS = pd.DataFrame({"quantity": QUANTITIES, "auc": 0.7, "auc_low": 0.65, "auc_high": 0.75}).assign(
    n_galaxies=840, n_slow=240
)
BINS = pd.DataFrame(
    [
        {"variable": name, "low": k / 4, "high": (k + 1) / 4, "n_galaxies": 210, "n_slow": 10 * k}
        | {"auc": np.nan if k == 0 else 0.7, "auc_low": np.nan if k == 0 else 0.6, "auc_high": 0.8}
        for name in ("ellipticity", "log_mass", "r_eff_over_psf", "redshift")
        for k in range(4)
    ]
)


def figures(baselines=BASELINES, tests=TESTS, bins=BINS, synthetic=True):
    return [
        feature_sets_figure(baselines, tests, **TITLE, synthetic=synthetic),
        bins_figure(bins, tests, **TITLE, synthetic=synthetic),
    ]


def test_every_feature_set_is_shown_with_its_numbers():
    figure = figures()[0]
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [*STEPS, *QUANTITIES[1:]]
    written = made_up.texts(figure)
    assert "0.580 [0.530, 0.630]" in written and "+0.120 [+0.070, +0.170], p (Holm) < 0.001" in written
    assert "+0.100 [+0.050, +0.150], p (Holm) 0.02" in written
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
