"""Figures of candidates: texts in their place, stamps, and what is drawn."""

import numpy as np
import pytest

from rotator_assets.attribution.map_panels import TOWARDS
from rotator_assets.candidates.figures import contact_sheet, follow_up_figure
from rotator_assets.candidates.sheet import SHEET_COLUMNS, SHEET_ROWS
from rotator_assets.plots import style
from rotator_assets.plots.galleries import rgb
from rotator_assets_tests.report import made_up
from rotator_assets_tests.report.made_up_tables import follow_up, sheet

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis"}
LABELS = "labels: 1615 by pipe3d, whose values are about 0.72 of the other sources'"


def drawn_sheet(n, synthetic=False):
    return contact_sheet(sheet(n), **TITLE, synthetic=synthetic)


FIGURES = {
    "follow-up": lambda synthetic: follow_up_figure(follow_up(), LABELS, **TITLE, synthetic=synthetic),
    "one candidate": lambda synthetic: drawn_sheet(1, synthetic),
    "full sheet": lambda synthetic: drawn_sheet(SHEET_COLUMNS * SHEET_ROWS, synthetic),
}


@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_stamped_and_do_not_overlap(name):
    assert style.STAMP not in made_up.texts(FIGURES[name](synthetic=False))
    figure = FIGURES[name](synthetic=True)
    assert style.STAMP in made_up.texts(figure)
    made_up.assert_header_is_free(figure)


def test_the_follow_up_states_the_origin_of_the_labels():
    assert LABELS in made_up.texts(FIGURES["follow-up"](synthetic=False))


def test_texts_of_a_full_sheet_stay_in_their_cells():
    figure = drawn_sheet(SHEET_COLUMNS * SHEET_ROWS)
    figure.canvas.draw()
    texts = [text.get_window_extent() for axes in figure.axes for text in axes.texts]
    panels = [axes.get_window_extent() for axes in figure.axes]
    for number, one in enumerate(texts):
        assert not any(one.overlaps(other) for other in texts[:number])
    labels = [text.get_window_extent() for axes in figure.axes for text in axes.texts if text.get_gid() != "flags"]
    assert not any(label.overlaps(panel) for label in labels for panel in panels)
    assert figure.get_tightbbox().width <= figure.get_size_inches()[0] + 0.01


def test_a_candidate_is_labelled_with_what_is_known():
    panels = drawn_sheet(3).axes[:6]
    of_image, of_map = ([[text.get_text() for text in axes.texts] for axes in panels[side::2]] for side in (0, 1))
    flags = "unlike the training sample\nexcluded from training"
    assert of_image == [["1: 8000-00000", "123.4000 -5.6000"], ["2: 8000-00001"], [flags, "3: 8000-00002"]]
    assert of_map == [
        ["P(slow) 0.80 [0.70, 0.90]", "lambda_R 0.10 [0.00, 0.20]", "early type"],
        ["P(slow) 0.80", "early type (predicted)"],
        ["P(slow) 0.80"],
    ]


def test_maps_are_beside_their_images_with_one_scale_and_its_key():
    shown = sheet(4)
    figure = contact_sheet(shown, **TITLE, synthetic=False)
    sums = shown.maps.sum(axis=-1, dtype=float)
    limit = np.percentile(np.abs(sums), 99.5)
    for number, (left, right) in enumerate(zip(figure.axes[0:8:2], figure.axes[1:8:2], strict=True)):
        calibrated = shown.galaxies["image_unit"].iloc[number] == "nanomaggies"
        np.testing.assert_array_equal(left.images[0].get_array(), rgb(shown.images[number], calibrated=calibrated))
        drawn = right.images[0]
        np.testing.assert_allclose(np.asarray(drawn.get_array()), sums[number])
        assert drawn.get_cmap().name == TOWARDS and drawn.get_clim() == pytest.approx((-limit, limit))
        assert len(left.lines) == len(right.lines) == (number == 0)
        image, values = left.get_position(), right.get_position()
        assert values.x0 > image.x1 and values.y0 == pytest.approx(image.y0)
    key = figure.axes[8]
    assert key.get_xlabel() == "Attribution to the logit of P(fast) per pixel, summed over bands"
    slow, fast = key.texts
    assert (slow.get_text(), fast.get_text()) == ("slow", "fast") and slow.get_position() < fast.get_position()
    assert made_up.legend_texts(key) == ["half-light ellipse"]
