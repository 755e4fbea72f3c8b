import numpy as np
import pandas as pd
import pytest

from rotator_assets.galaxies import figures as spin
from rotator_assets.kinematics.spin import spin_threshold
from rotator_assets.plots import style
from rotator_assets_tests.report import made_up


@pytest.fixture(scope="module")
def frame():
    return made_up.galaxies()


def test_panels_split_early_from_late_and_count_both_classes(frame):
    figure = spin.spin_ellipticity_figure(frame, dataset="manga", synthetic=False)
    assert len(figure.axes) == 2
    for axes, early, name in zip(figure.axes, (True, False), ("Early types", "Late types"), strict=True):
        here = frame[frame["is_early_type"] == early]
        counts = here["rotator_type"].value_counts()
        labels = made_up.legend_texts(axes)
        assert f"slow rotators: {counts[0]}" in labels
        assert f"fast rotators: {counts[1]}" in labels
        assert axes.get_title().startswith(f"{name} ({len(here)}")
    assert "1 of unknown type not shown" in made_up.texts(figure)


def test_points_have_the_colour_of_their_side_of_the_boundary(frame):
    from matplotlib.colors import to_hex

    figure = spin.spin_ellipticity_figure(frame, dataset="manga", synthetic=False)
    for points in figure.axes[0].collections:
        epsilon, value = np.asarray(points.get_offsets()).T
        below = value < 0.31 * np.sqrt(epsilon)
        colour = to_hex(points.get_facecolor()[0]).upper()
        assert below.all() if colour == style.SLOW_COLOUR else not below.any()


def test_the_boundary_is_0_31_sqrt_epsilon(frame):
    figure = spin.spin_ellipticity_figure(frame, dataset="manga", synthetic=False)
    for axes in figure.axes:
        x, y = made_up.line(axes, r"$\lambda_R = 0.31").get_data()
        assert x[0] == 0 and x[-1] == 1
        np.testing.assert_allclose(y, 0.31 * np.sqrt(x), rtol=1e-12)
        assert axes.get_xlabel() == r"Ellipticity $\epsilon = 1 - b/a$"
    assert figure.axes[0].get_ylabel() == r"Spin parameter $\lambda_R$"


def test_another_boundary_is_drawn_and_named(frame):
    figure = spin.spin_ellipticity_figure(frame, dataset="manga", synthetic=False, boundary="cappellari2016")
    x, y = made_up.line(figure.axes[0], r"$\lambda_R = 0.08").get_data()
    np.testing.assert_allclose(y[x < 0.4], 0.08 + x[x < 0.4] / 4)


def test_outcomes_are_drawn_with_the_boundary_of_their_labels(frame):
    known = frame[frame["rotator_type"].notna()]
    own = known.assign(spin_threshold=spin_threshold(known["ellipticity"], "cappellari2016"))
    for galaxies, drawn in ((known, "0.31"), (own, "0.08"), (known.assign(spin_threshold=0.2), None)):
        figure = spin.outcome_figure(galaxies, dataset="manga-observed-64", recipe="mine", synthetic=False)
        for axes in figure.axes:
            lines = [line.get_label() for line in axes.lines]
            assert lines == ([made_up.line(axes, rf"$\lambda_R = {drawn}").get_label()] if drawn else [])


def test_galaxies_without_numbers_are_counted_not_drawn(frame):
    figure = spin.spin_ellipticity_figure(frame.iloc[:1].assign(is_early_type=True), dataset="m", synthetic=False)
    assert "1 without" in figure.axes[0].get_title()
    assert made_up.messages(figure) == [f"No {n} types with\nspin parameter and ellipticity" for n in ("early", "late")]


def test_outcomes_add_up_and_wrong_calls_are_open(frame):
    known = frame[frame["rotator_type"].notna()]
    figure = spin.outcome_figure(known, dataset="manga-observed-64", recipe="thesis", synthetic=False)
    right, wrong = figure.axes
    counts = {
        outcome.name: int(
            (
                (known["rotator_type"] == outcome.rotator_type) & (known["predicted_type"] == outcome.predicted_type)
            ).sum()
        )
        for outcome in style.OUTCOMES
    }
    of_fast = counts["True fast"] + counts["False slow"]
    share = f"{100 * counts['True fast'] / of_fast:.1f} %"
    assert f"True fast: {counts['True fast']} ({share} of fast)" in made_up.legend_texts(right)
    assert any(text.startswith(f"False fast: {counts['False fast']} ") for text in made_up.legend_texts(wrong))
    assert right.get_title() == f"Classified correctly ({counts['True fast'] + counts['True slow']})"
    assert sum(counts.values()) == len(known)
    assert all(len(points.get_facecolor()) == 0 for points in wrong.collections)
    assert all(len(points.get_facecolor()) == 1 for points in right.collections)


def test_bars_are_the_counts_and_percentages_are_of_the_labelled(frame):
    figure = spin.class_histogram_figure(frame, dataset="manga", synthetic=False)
    (axes,) = figure.axes
    heights = [bar.get_height() for bar in axes.patches]
    expected = [
        ((frame["is_early_type"] == early) & (frame["rotator_type"] == kind)).sum()
        for early in (True, False)
        for kind in (0, 1)
    ]
    assert heights == expected
    assert f"{expected[0]}\n{100 * expected[0] / (expected[0] + expected[1]):.1f} %" in made_up.texts(figure)
    assert axes.get_ylabel() == "Number of galaxies"


def test_the_sample_of_a_training_shows_only_the_types_in_it(frame):
    known = frame[frame["rotator_type"].notna()]
    early = known[known["is_early_type"].fillna(False).astype(bool)]
    title = {"dataset": "manga-observed-64", "recipe": "thesis", "synthetic": False}
    (axes,) = spin.class_histogram_figure(early, **title).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"Early types\n{len(early)} labelled"]
    assert [bar.get_height() for bar in axes.patches] == [(early["rotator_type"] == kind).sum() for kind in (0, 1)]
    (axes,) = spin.class_histogram_figure(known, **title).axes
    assert len(axes.patches) == 4


def test_lost_rows_are_shown_with_their_reason():
    report = pd.DataFrame(
        {
            "step": ["morphology", "kinematics"],
            "rows_in": [4672, 4672],
            "rows_out": [4672, 2753],
            "rows_dropped": [0, 1919],
            "reason": [None, "no lambda_r for $5 & $6"],
        }
    )
    figure = spin.match_figure(report, dataset="manga", synthetic=False)
    written = made_up.texts(figure)
    assert "4672 of 4672\n" in written
    assert "2753 of 4672; 1919 lost: no lambda_r for $5 & $6" in written
    kept, lost = ([bar.get_width() for bar in bars] for bars in figure.axes[0].containers)
    assert (kept, lost) == ([4672, 2753], [0, 1919])
