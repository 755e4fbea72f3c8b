"""Figures of the robustness checks show the given numbers and say what is missing."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.number_text import with_interval
from rotator_assets.evaluation.reliability import calibration_curves, population_metrics, referee_metrics
from rotator_assets.evaluation.reliability_figures import precision_recall_figure, reliability_figure
from rotator_assets.evaluation.scores import precision_recall_frame
from rotator_assets.kinematics.spin import spin_threshold
from rotator_assets.plots import style
from rotator_assets.robustness.label_noise.figures import label_noise_figure
from rotator_assets.robustness.label_noise.redrawn_labels import label_noise_variants
from rotator_assets.robustness.learning_curve.figures import Curve, learning_curve_figure
from rotator_assets.robustness.learning_curve.power_law import fit_learning_curve
from rotator_assets_tests.report import made_up

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis"}


@pytest.fixture(scope="module")
def sample():
    frame = made_up.galaxies()
    frame = frame[frame["rotator_type"].notna()].reset_index(drop=True)
    frame["probability_fast_calibrated"] = 0.3 + 0.5 * frame["probability_fast"]
    frame = frame.assign(object_id=frame["galaxy_id"], rotator_type=frame["rotator_type"].astype(int), repeat=0, fold=0)
    frame = frame.assign(tested=frame["is_early_type"].fillna(False).astype(bool))
    return frame.assign(lambda_r_error=np.nan, spin_threshold=spin_threshold(frame["ellipticity"]))


@pytest.fixture(scope="module")
def metrics(sample):
    return referee_metrics(sample, sample, n=100)


@pytest.fixture(scope="module")
def variants(sample):
    return label_noise_variants(sample, sample[["galaxy_id", "lambda_r"]].assign(lambda_r_source="dynpop"), n=50)


@pytest.fixture(scope="module")
def points():
    auc = np.array([0.62, 0.68, 0.71, 0.73])
    return pd.DataFrame({"n_train": [60, 120, 240, 480], "auc": auc, "auc_low": auc - 0.02, "auc_high": auc + 0.02})


@pytest.fixture(scope="module")
def fit(points):
    return fit_learning_curve(points["n_train"], points["auc"], np.full(4, 0.01))


@pytest.fixture
def figures(sample, metrics, variants, points, fit):
    """Every picture by name, with or without the synthetic stamp."""
    curve = precision_recall_frame(sample["rotator_type"], sample["probability_fast"])
    made = {
        "reliability": (
            reliability_figure,
            (calibration_curves(sample), metrics, population_metrics(sample, n=20)),
            TITLE,
        ),
        "precision_recall": (precision_recall_figure, (curve, metrics), TITLE),
        "label_noise": (label_noise_figure, (variants,), TITLE),
        "learning_curve": (
            learning_curve_figure,
            ([Curve("thesis", points, fit, "")],),
            {"dataset": TITLE["dataset"]},
        ),
    }
    return lambda name, synthetic: made[name][0](*made[name][1], **made[name][2], synthetic=synthetic)


@pytest.mark.parametrize("name", ["reliability", "precision_recall", "label_noise", "learning_curve"])
def test_texts_fit_and_synthetic_figures_are_stamped(figures, name):
    figure = figures(name, synthetic=True)
    assert style.STAMP in made_up.texts(figure) and style.STAMP not in made_up.texts(figures(name, synthetic=False))
    figure.canvas.draw()
    tight, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert tight.x0 > -0.05 and tight.y0 > -0.05 and tight.x1 < width + 0.05 and tight.y1 < height + 0.05
    assert all(axes.get_xlabel() for axes in figure.axes)


def test_reliability_shows_both_stages_with_their_errors(figures, metrics):
    (axes,) = figures("reliability", synthetic=False).axes
    labels = " ".join(made_up.legend_texts(axes))
    for name, ending in (("as predicted", ""), ("after calibration", "_calibrated")):
        low, high = metrics[f"ece_low{ending}"], metrics[f"ece_high{ending}"]
        assert f"{name}:\ncalibration error {metrics[f'ece{ending}']:.3f} [{low:.3f}, {high:.3f}]" in labels
    assert f"fraction of fast rotators: {1 - metrics['prevalence']:.2f}" in labels


def test_reliability_shows_other_populations_after_calibration(figures, sample):
    (axes,) = figures("reliability", synthetic=False).axes
    rows = population_metrics(sample, n=20).set_index("population")
    labels = [label for label in made_up.legend_texts(axes) if " types, " in label]
    expected = [
        f"{name}, after calibration, {rows.loc[name, 'n_galaxies']}:\ncalibration error {rows.loc[name, 'ece']:.3f}"
        for name in ("late types", "all types")
    ]
    assert len(labels) == 2 and all(map(str.startswith, labels, expected))


def test_without_calibration_one_stage_is_shown(sample):
    given = sample.assign(probability_fast_calibrated=np.nan)
    found, rows = referee_metrics(given, given, n=20), population_metrics(given, n=20)
    assert rows["ece"].isna().all() and rows["probability_mean"].isna().all()
    (axes,) = reliability_figure(calibration_curves(given), found, rows, **TITLE, synthetic=False).axes
    assert "after calibration" not in " ".join(made_up.legend_texts(axes))


def test_precision_has_its_interval_and_the_prevalence(figures, metrics):
    (axes,) = figures("precision_recall", synthetic=False).axes
    area = with_interval(*(metrics[f"pr_auc_slow{end}"] for end in ("", "_low", "_high")))
    assert f"network: average precision {area}" in made_up.legend_texts(axes)
    assert set(made_up.line(axes, "random").get_ydata()) == {metrics["prevalence"]}


def test_each_variant_has_a_line_and_each_cut_its_number_of_galaxies(figures, variants):
    forest, by_distance = figures("label_noise", synthetic=False).axes
    listed = variants[variants["distance_cut"].isna() & variants["auc"].notna()]
    ticks = [tick.get_text() for tick in forest.get_yticklabels()]
    assert len(ticks) == len(listed) and ticks[0].startswith("as trained\n299: ")
    assert {"classifier that knows every class", r"classifier that knows $\lambda_R$"} <= set(
        made_up.legend_texts(forest)
    )
    near = variants[variants["distance_cut"].notna() & variants["auc"].notna()]
    assert [text.get_text() for text in by_distance.texts] == [str(n) for n in near["n_galaxies"]]


def test_a_single_class_is_stated(sample):
    one = label_noise_variants(sample[sample["rotator_type"] == 1], sample.iloc[:0].assign(lambda_r_source=""))
    figure = label_noise_figure(one, **TITLE, synthetic=False)
    assert style.render(figure, dpi=50).startswith(b"\x89PNG")
    assert made_up.messages(figure)


def test_the_power_law_is_drawn_to_100_times_as_many_galaxies(figures, fit):
    (axes,) = figures("learning_curve", synthetic=False).axes
    labels = " ".join(made_up.legend_texts(axes))
    low, high = fit.interval(48_000)
    assert f"100 times as many: {with_interval(fit.at(48_000), low, high)}" in labels
    assert axes.get_xscale() == "log" and axes.get_xlim()[1] > 48_000
    assert ("do not constrain" in made_up.texts(axes.figure)) == (not fit.constrained)


@pytest.mark.parametrize("count", [0, 1])
def test_a_curve_of_few_points_says_what_it_needs(points, count):
    curve = Curve("thesis", points.iloc[:count], None, "needs more")
    figure = learning_curve_figure([curve], dataset="manga-observed-64", synthetic=False)
    assert style.render(figure, dpi=50).startswith(b"\x89PNG")
    assert made_up.messages(figure) == ["needs more"]


def test_two_curves_are_named_and_drawn_apart(points, fit):
    more = points.assign(**{name: points[name] + 0.05 for name in ("auc", "auc_low", "auc_high")})
    curves = [Curve("thesis", points, fit, ""), Curve("every-galaxy", more, None, "every-galaxy needs more")]
    figure = learning_curve_figure(curves, dataset="manga-observed-64", synthetic=False)
    (axes,) = figure.axes
    labels = made_up.legend_texts(axes)
    assert any(label.startswith("thesis: ") for label in labels)
    assert any(label.startswith("every-galaxy: ") for label in labels)
    first, second = (container.lines[0] for container in axes.containers[:2])
    assert first.get_color() != second.get_color() and first.get_marker() != second.get_marker()
    assert "every-galaxy needs more" in made_up.texts(figure)
