"""Figures of several methods and of the faithfulness tests show the numbers of their tables."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.attribution.faithfulness import figures as saliency
from rotator_assets.plots import style
from rotator_assets.robustness.injection import figures as planted
from rotator_assets_tests.report import made_up

KEY = {"dataset": "manga-observed-64", "recipe": "thesis", "synthetic": True}
METHODS = ("ig_sky", "smooth_grad", "grad_cam")


def correlations(rows):
    frame = pd.DataFrame(rows).assign(n_galaxies=12)
    for name in ("correlation", "signed_correlation"):
        frame[f"{name}_low"], frame[f"{name}_high"] = frame[name] - 0.1, frame[name] + 0.1
    return frame


def test_a_galaxy_is_drawn_with_its_map_by_every_method():
    galaxies = pd.DataFrame({"galaxy_id": ["a$b", "b"], "rotator_type": [0, 1], "probability_fast": [0.1, 0.95]})
    maps = {method: np.random.default_rng(0).normal(size=(2, 32, 32)) for method in METHODS}
    maps["grad_cam"][1] = 0
    figure = saliency.methods_figure(made_up.images(2), maps, galaxies, **KEY)
    pictures = [axes.images[0] for axes in figure.axes]
    assert len(pictures) == 2 * 4
    np.testing.assert_array_equal(pictures[6].get_array(), maps["smooth_grad"][1])
    low, high = pictures[6].get_clim()
    assert high == -low == pytest.approx(np.percentile(np.abs(maps["smooth_grad"][1]), 99.5))
    assert pictures[7].get_clim() == (-1, 1)  # a map of zeros has the default scale
    written = made_up.texts(figure)
    assert "P(fast) = 0.95" in written and "red: favours slow" in written and "SmoothGrad" in written
    assert style.is_stamped(figure) and style.render(figure, dpi=40)[:4] == b"\x89PNG"


def test_the_agreement_matrix_is_symmetric_without_diagonal():
    pairs = (("ig_sky", "smooth_grad", 0.4), ("ig_sky", "grad_cam", -0.2), ("smooth_grad", "grad_cam", 0.1))
    rows = [{"method": m, "reference": r, "correlation": c, "signed_correlation": c / 2} for m, r, c in pairs]
    figure = saliency.agreement_figure(correlations(rows), **KEY)
    where, which_way = (axes.images[0].get_array().filled(np.nan) for axes in figure.axes[:2])
    np.testing.assert_allclose(where, [[np.nan, 0.4, -0.2], [0.4, np.nan, 0.1], [-0.2, 0.1, np.nan]])
    np.testing.assert_allclose(which_way, where / 2)
    assert "−0.20" in made_up.texts(figure) and "12 galaxies" in made_up.texts(figure)


def test_the_cascade_starts_at_the_trained_network():
    rows = [
        {"test": "cascade", "method": "ig_sky", "layer": layer, "depth": depth, "correlation": 0.5 / depth}
        for depth, layer in ((2, "convolution_1"), (1, "logit"))
    ]
    rows.append({"test": "folds", "method": "ig_sky", "layer": "", "depth": 0, "correlation": 0.7})
    frame = pd.DataFrame(rows)
    figure = saliency.cascade_figure(correlations(frame.assign(signed_correlation=frame["correlation"] - 0.3)), **KEY)
    left, right = figure.axes[:2]
    np.testing.assert_allclose(left.lines[0].get_ydata(), [1, 0.5, 0.25])
    assert [label.get_text() for label in left.get_xticklabels()] == ["none", "logit", "convolution 1"]
    assert made_up.line(right, "integrated gradients, sky: other folds").get_ydata()[0] == pytest.approx(0.4)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "integrated gradients, sky",
        "integrated gradients, sky: other folds",
    ]


def test_curves_and_their_gains_over_random_order():
    methods = (*METHODS, "random")
    points = [(k, m, s) for k in ("deletion", "insertion") for m in methods for s in (0.0, 0.5, 1.0)]
    curves = pd.DataFrame(points, columns=["kind", "method", "share"]).assign(logit=lambda rows: 2 * rows["share"])
    areas = curves.drop_duplicates(["kind", "method"]).assign(n_galaxies=12, gain=0.5, gain_low=0.2, gain_high=0.9)
    figure = saliency.deletion_figure(curves, areas, **KEY)
    deletion, insertion, gains = figure.axes
    for axes in (deletion, insertion):
        assert [str(line.get_label()) for line in axes.lines] == [saliency.method_name(m) for m in methods]
        np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, 0], [50, 1], [100, 2]])
    assert [label.get_text() for label in gains.get_yticklabels()] == [saliency.METHOD_NAMES[m] for m in METHODS]
    assert made_up.legend_texts(gains) == ["deletion", "insertion"]


def test_convergence_is_drawn_for_existing_classes():
    rows = pd.DataFrame({"n_steps": [8, 4], "median": [0.01, 0.02], "ninety_percent": [0.05, 0.3]})
    figure = saliency.convergence_figure(rows.assign(rotator_type=1, n_galaxies=6), **KEY)
    (axes,) = figure.axes
    np.testing.assert_allclose(made_up.line(axes, "fast (6): median").get_xydata(), [[4, 0.02], [8, 0.01]])
    assert made_up.line(axes, "limit: 5 %").get_ydata()[0] == 0.05
    assert not any("slow" in text for text in made_up.legend_texts(axes))


def test_the_mark_is_outlined_with_its_fraction():
    mark, attribution = np.zeros((32, 32), dtype=bool), np.ones((32, 32))
    mark[4:8, 4:8] = True
    found = {"auc": 0.99, "share_in_mark": 0.71, "share_in_mark_low": 0.65, "share_in_mark_high": 0.77}
    figure = planted.mark_figure(made_up.images(2), attribution, mark, found={**found, "mark_area": 16 / 1024})
    outline = figure.axes[2].lines[0].get_xydata()
    assert outline.min() == 3.5 and outline.max() == 7.5
    np.testing.assert_allclose(figure.axes[2].images[0].get_array(), 100 / 1024)
    assert "71 % [65, 77] of it in the mark,\nwhich covers 1.6 % of the area" in made_up.texts(figure)
    assert style.is_stamped(figure)
