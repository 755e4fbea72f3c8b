"""Figures of candidates: texts in their place, stamps, and what is drawn."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.candidates.figures import SHEET_COLUMNS, SHEET_ROWS, contact_sheet, follow_up_figure
from rotator_assets.candidates.follow_up import EXPECTED, MEASURED, expected_follow_up, measured_follow_up
from rotator_assets.plots import style
from rotator_assets_tests.report import made_up

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis"}
LABELS = "labels: 1615 by pipe3d, whose values are about 0.72 of the other sources'"


def follow_up(n=40):
    probability = np.linspace(0.9, 0.1, n)
    measured = measured_follow_up(probability, np.arange(n) % 3 == 0, np.arange(n))
    return pd.concat([measured.assign(sample=MEASURED), expected_follow_up(probability).assign(sample=EXPECTED)])


def sheet(n, **title):
    rows = pd.DataFrame(
        {
            **{"rank": np.arange(1, n + 1), "galaxy_id": [f"8000-{k:05d}" for k in range(n)], "in_domain": True},
            **{"probability_slow": 0.8, "probability_slow_low": 0.7, "probability_slow_high": 0.9},
            **{"lambda_r_predicted": 0.1, "lambda_r_low": 0.0, "lambda_r_high": 0.2, "ra": 123.4, "dec": -5.6},
        }
    )
    rows.loc[1:, ["ra", "dec", "lambda_r_predicted", "probability_slow_low"]] = np.nan
    rows.loc[2:, "in_domain"] = False
    return contact_sheet(rows, made_up.images(n), calibrated=True, **TITLE, **title)


FIGURES = {
    "follow-up": lambda synthetic: follow_up_figure(follow_up(), LABELS, **TITLE, synthetic=synthetic),
    "one candidate": lambda synthetic: sheet(1, synthetic=synthetic),
    "full sheet": lambda synthetic: sheet(SHEET_COLUMNS * SHEET_ROWS, synthetic=synthetic),
}


@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_stamped_and_do_not_overlap(name):
    assert style.STAMP not in made_up.texts(FIGURES[name](synthetic=False))
    figure = FIGURES[name](synthetic=True)
    assert style.STAMP in made_up.texts(figure)
    made_up.assert_header_is_free(figure)


def test_the_follow_up_states_the_origin_of_the_labels():
    assert LABELS in made_up.texts(FIGURES["follow-up"](synthetic=False))


def test_a_candidate_is_labelled_with_what_is_known():
    figure = sheet(3, synthetic=False)
    first, second, third = (axes.get_title(loc="left") for axes in figure.axes[:3])
    assert first == "1: 8000-00000\nP(slow) 0.80 [0.70, 0.90]\nlambda_R 0.10 [0.00, 0.20]\n123.4000 -5.6000"
    assert second == "2: 8000-00001\nP(slow) 0.80"
    assert third == "3: 8000-00002\nP(slow) 0.80\nunlike the training sample"
    assert [axes.get_visible() for axes in figure.axes] == [True] * 3 + [False] * (SHEET_COLUMNS - 3)
