import numpy as np
import pandas as pd
import pytest

from rotator_assets.evaluation import figures as roc
from rotator_assets.plots import style
from rotator_assets.plots.roc_axes import FALSE_POSITIVES, TRUE_POSITIVES, UNDEFINED, Curve
from rotator_assets_tests.report import made_up

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis", "synthetic": False}


@pytest.fixture(scope="module")
def sample():
    frame = made_up.galaxies()
    return frame[frame["rotator_type"].notna()].reset_index(drop=True)


@pytest.fixture(scope="module")
def curve(sample):
    return made_up.curve(sample["rotator_type"], sample["probability_fast"])


def _roc(curve, auc=(0.782, 0.741, 0.823), **given):
    return roc.roc_figure(Curve("network", curve, *auc, n_galaxies=300, n_slow=70), **TITLE, **given)


def test_the_curve_and_its_numbers_are_shown(curve):
    figure = _roc(curve, optimal=roc.OperatingPoint(0.2, 0.7, 0.63))
    (axes,) = figure.axes
    x, y = made_up.line(axes, "network").get_data()
    np.testing.assert_array_equal(x, curve["false_positive_rate"])
    np.testing.assert_array_equal(y, curve["true_positive_rate"])
    assert "network: 0.782 [0.741, 0.823]" in made_up.legend_texts(axes)
    assert "threshold 0.63: FPR 0.20, TPR 0.70" in made_up.legend_texts(axes)
    assert made_up.line(axes, "threshold").get_data() == ([0.2], [0.7])
    assert axes.get_legend().get_title().get_text() == "AUC with 95 % interval"
    assert "300 galaxies: 70 slow, 230 fast" in made_up.texts(figure)
    assert (axes.get_xlabel(), axes.get_ylabel()) == (FALSE_POSITIVES, TRUE_POSITIVES)


def test_folds_are_thin_and_baselines_have_their_own_looks(curve):
    baselines = [
        Curve("ellipticity alone", curve, 0.52, 0.48, 0.56, 300, 70),
        Curve("shape and size", curve, 0.6, np.nan, np.nan, 300, 70),
    ]
    figure = _roc(curve, fold_curves=[curve] * 5, baselines=baselines)
    (axes,) = figure.axes
    labels = made_up.legend_texts(axes)
    assert "ellipticity alone: 0.520 [0.480, 0.560]" in labels and "shape and size: 0.600" in labels
    assert "each of 5 networks" in labels
    folds = [line for line in axes.lines if line.get_color() == "#A6A6A6"]
    assert len(folds) == 5
    assert all(line.get_linewidth() < made_up.line(axes, "network").get_linewidth() for line in folds)
    looks = {(line.get_color(), str(line.get_linestyle())) for line in axes.lines}
    assert len(looks) == 5
    assert not {style.SLOW_COLOUR, style.FAST_COLOUR} & {line.get_color() for line in axes.lines}


def test_the_confusion_matrix_gives_counts_and_fractions(curve):
    figure = _roc(curve, optimal=roc.OperatingPoint(0.3, 0.8, 0.63), confusion=[[70, 30], [40, 160]])
    matrix = figure.axes[-1]
    assert [text.get_text() for text in matrix.texts] == ["70\n70.0 %", "30\n30.0 %", "40\n20.0 %", "160\n80.0 %"]
    assert matrix.get_title() == "At threshold 0.63\nbalanced accuracy 0.750"
    for axis in (matrix.xaxis, matrix.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["slow", "fast"]
    assert (matrix.get_xlabel(), matrix.get_ylabel()) == ("Classified as", "True class")


def test_thresholds_can_be_named(curve):
    figure = _roc(
        curve,
        optimal=roc.OperatingPoint(0.3, 0.8, 0.63),
        confusion=[[7, 3], [4, 16]],
        threshold_name="mean threshold",
        confusion_title="At each fold's threshold",
    )
    assert "mean threshold 0.63: FPR 0.30, TPR 0.80" in made_up.texts(figure)
    assert "At each fold's threshold\nbalanced" in made_up.texts(figure)


def test_without_an_auc_the_figure_says_why(curve):
    figure = _roc(curve.iloc[:0], auc=(np.nan, np.nan, np.nan), confusion=[[0, 0], [1, 2]])
    assert made_up.messages(figure) == [UNDEFINED]
    assert "balanced accuracy" not in made_up.texts(figure)


def test_score_histograms_sum_to_100_percent_per_class(sample):
    figure = roc.score_histogram_figure(sample, thresholds={"chosen": 0.63, "not known": np.nan}, **TITLE)
    (axes,) = figure.axes
    labels = made_up.legend_texts(axes)
    assert [f"true {n}: {(sample['rotator_type'] == k).sum()}" in labels for k, n in ((0, "slow"), (1, "fast"))]
    assert "chosen: 0.63" in labels and not any("not known" in label for label in labels)
    assert made_up.line(axes, "chosen").get_xdata() == [0.63, 0.63]
    outlines = [patch for patch in axes.patches if not patch.get_fill()]
    assert len(outlines) == 2
    for outline in outlines:
        assert outline.get_xy()[1::2, 1].sum() == pytest.approx(100)
    assert axes.get_ylabel().endswith("(%)")


def test_members_of_a_fold_have_its_colour_and_one_label():
    one = made_up.history(folds=2, epochs=4)
    figure = roc.history_figure(pd.concat([one, one.assign(member=1, val_auc=0.7)]), **TITLE)
    lines = [line for line in figure.axes[1].lines if len(line.get_xdata()) == 4]
    assert len(lines) == 4 and len({line.get_color() for line in lines}) == 2
    assert made_up.legend_texts(figure.axes[1]) == ["fold 0", "fold 1", "chance"]


def test_history_has_one_line_per_fold_and_marks_the_best_epoch():
    figure = roc.history_figure(made_up.history(folds=3, epochs=4), **TITLE)
    losses, aucs = figure.axes
    solid = [line for line in losses.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 4]
    dotted = [line for line in losses.lines if line.get_linestyle() == ":" and len(line.get_xdata()) == 4]
    assert (len(solid), len(dotted)) == (3, 3)
    np.testing.assert_allclose(solid[0].get_ydata(), [0.8, 0.7, 0.8, 0.9])
    dots = [line for line in losses.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert [dot.get_xdata()[0] for dot in dots] == [2, 2, 2]
    assert made_up.legend_texts(aucs)[:3] == ["fold 0", "fold 1", "fold 2"]
    assert losses.get_xlabel() == "Epoch"


def test_history_without_validation_auc_is_drawn():
    figure = roc.history_figure(made_up.history(folds=20).assign(val_auc=np.nan, val_loss=np.nan), **TITLE)
    assert made_up.legend_texts(figure.axes[1]) == ["chance"]
    assert style.render(figure, dpi=40)
