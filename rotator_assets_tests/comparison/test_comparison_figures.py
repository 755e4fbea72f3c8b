import numpy as np
import pandas as pd
import pytest

from rotator_assets.comparison import figures as comparison
from rotator_assets.evaluation import figures as roc
from rotator_assets.plots import style
from rotator_assets.plots.roc_axes import Curve
from rotator_assets_tests.report import made_up


@pytest.fixture(scope="module")
def curve():
    frame = made_up.galaxies()
    known = frame[frame["rotator_type"].notna()]
    return made_up.curve(known["rotator_type"], known["probability_fast"])


def _curve(name: str, points: pd.DataFrame, auc: float = 0.7) -> Curve:
    return Curve(name, points, auc, auc - 0.05, auc + 0.05, 300, 70)


def test_comparison_lists_every_recipe_in_order_with_the_study(curve):
    recipes = [f"recipe-{number}" for number in range(9)]
    metrics = pd.DataFrame(
        {"recipe": recipes, "auc": 0.7, "auc_low": 0.65, "auc_high": 0.75, "n_galaxies": 300, "n_slow": 70}
    )
    metrics.loc[8, ["auc", "auc_low", "auc_high"]] = np.nan
    curves = pd.concat([curve.assign(recipe=recipe) for recipe in recipes[:8]])
    figure = comparison.comparison_figure(
        curves, metrics, dataset="d", synthetic=False, study={"recipe-1": (0.68, 0.70)}
    )
    axes, forest = figure.axes
    assert made_up.legend_texts(axes) == [*recipes[:8], "chance"]
    looks = {(line.get_color(), str(line.get_linestyle())) for line in axes.lines}
    assert len(looks) == 9
    assert [label.get_text() for label in forest.get_yticklabels()] == recipes
    assert forest.yaxis_inverted()
    written = [text.get_text() for text in forest.texts]
    assert written[0] == "0.700 [0.650, 0.750]  ·  300 galaxies, 70 slow"
    assert written[8].startswith("not defined")
    diamonds = [line.get_xdata() for line in forest.lines if line.get_marker() == "D" and len(line.get_xdata())]
    np.testing.assert_allclose(diamonds, [[0.69]])
    assert "the study" in made_up.legend_texts(forest)


def test_the_reference_is_black_and_differences_are_shown(curve):
    metrics = pd.DataFrame(
        {
            "recipe": ["log", "thesis"], "auc": [0.8, 0.7], "auc_low": [0.75, 0.65], "auc_high": [0.85, 0.75],
            "n_galaxies": 300, "n_slow": 70, "auc_difference": [0.1, np.nan], "auc_difference_low": [0.02, np.nan],
            "auc_difference_high": [0.18, np.nan], "p_value_adjusted": [0.03, np.nan],
        }
    )  # fmt: skip
    curves = pd.concat([curve.assign(recipe=recipe) for recipe in ("log", "thesis")])
    figure = comparison.comparison_figure(curves, metrics, dataset="d", synthetic=False, reference="thesis")
    axes, forest = figure.axes
    assert made_up.line(axes, "thesis").get_color() == style.INK
    assert made_up.line(axes, "log").get_color() == style.OTHER_COLOURS[0]
    written = [text.get_text() for text in forest.texts]
    assert written[0].endswith("\nto thesis: +0.10 [+0.02, +0.18], p = 0.03 (Holm)")
    assert written[1] == "0.700 [0.650, 0.750]  ·  300 galaxies, 70 slow"


def test_datasets_are_shown_with_sample_and_interval(curve):
    figure = comparison.dataset_figure(
        [_curve("tng100-noisy-64", curve), _curve("tng100-noisy-128", curve, np.nan)],
        title="Crops", recipe="thesis", synthetic=False, detail="first − second: +0.1",
    )  # fmt: skip
    (axes,) = figure.axes
    assert made_up.legend_texts(axes) == [
        "tng100-noisy-64\nAUC 0.700 [0.650, 0.750]\n300 galaxies, 70 slow",
        "chance",
    ]
    assert "tng100-noisy-64 and tng100-noisy-128  ·  thesis  ·  first − second: +0.1" in made_up.texts(figure)


def test_the_new_curve_is_coloured_and_earlier_ones_are_grey(curve):
    earlier = [_curve(f"day {day}", curve, 0.5 + day / 100) for day in range(7)]
    figure = roc.retraining_figure(
        _curve("now", curve, 0.8), earlier, dataset="d", recipe="thesis", synthetic=False, most=3
    )
    (axes,) = figure.axes
    names = [text.split("\n")[0] for text in made_up.legend_texts(axes)]
    assert names == ["now", "day 6", "day 5", "day 4", "chance"]
    assert made_up.line(axes, "now").get_color() == style.FAST_COLOUR
    greys = [float(made_up.line(axes, f"day {day}").get_color()) for day in (6, 5, 4)]
    assert greys == sorted(greys)  # the older, the paler
    assert "4 earlier trainings not shown" in made_up.texts(figure)
