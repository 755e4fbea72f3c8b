"""Caveats, the funnel of the sample, and the rows of the forest plot."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rotator_assets.answer.caveats import caveats
from rotator_assets.answer.figures import forest_figure
from rotator_assets.answer.forest import BASELINES, COLUMNS, FUSIONS, NETWORKS, forest_rows
from rotator_assets.answer.funnel import FunnelStep, funnel
from rotator_assets.plots.style import is_stamped
from rotator_assets_tests.answer.made_up import DATASET, DATASETS, EVERYTHING, results, table, training

EARLY = SimpleNamespace(population="early", n_galaxies=840, n_slow=241, synthetic=False)


def found(main=EARLY, profiles=("full",), sources=("dynpop",), units=("nanomaggies",), notices=()) -> list[str]:
    metrics = pd.DataFrame({"profile": list(profiles)})
    tested = pd.DataFrame({"lambda_r_source": list(sources), "image_unit": list(units)})
    return caveats(main, metrics, tested, {"pipe3d": " (about 0.72)"}, notices)


def test_without_reasons_there_are_no_caveats():
    assert found() == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"main": SimpleNamespace(**{**vars(EARLY), "synthetic": True})}, "All galaxies are synthetic"),
        ({"profiles": ("quick", "full")}, "1 of 2 trainings ran in the quick profile"),
        ({"main": SimpleNamespace(**{**vars(EARLY), "n_slow": 35})}, "Only 35 slow rotators were tested"),
        ({"sources": ("pipe3d", "dynpop"), "units": ("nanomaggies", None)},
         "The labels of 1 of 2 galaxies use lambda_R of pipe3d, which is not corrected for seeing: some fast "
         "rotators look slow (about 0.72)"),
        ({"units": ("colour",)}, "The images of all 1 galaxies are 8-bit colour pictures"),
        ({"notices": ("target p_late: no galaxy has a value",)}, "target p_late: no galaxy has a value"),
        ({"notices": ("a", "b", "c")}, "3 notices concern input"),
    ],
)  # fmt: skip
def test_each_reason_gives_its_caveat(given, said):
    (caveat,) = found(**given)
    assert caveat.startswith(said)


LOSSES = pd.DataFrame(
    [
        (1, "morphology", 4672, 4672, 0, ""),
        (2, "lambda_r", 4672, 2753, 1919, "no table has the galaxy"),
        (3, "axis_ratio", 2753, 2738, 15, "no axis ratio"),
        (101, "label", 2738, 2738, 0, ""),
        (201, "early types", 2738, 2737, 1, "no morphological type"),
        (202, "early types", 2737, 1433, 1304, "late type"),
    ],
    columns=["step_number", "step", "rows_in", "rows_out", "rows_dropped", "reason"],
)


def test_the_funnel_ends_with_the_tested_galaxies():
    steps = funnel(EARLY, LOSSES.sample(frac=1, random_state=1))
    assert [step.n_galaxies for step in steps] == [4672, 2753, 2738, 1433, 840]
    assert steps[3] == FunnelStep("early types", 1433, "1 no morphological type; 1304 late type")
    assert steps[-1].remaining == "tested: early-type galaxies with a usable image, 241 slow"
    assert steps[-1].lost.startswith("593 ")


def test_the_funnel_of_all_types_loses_no_late_types():
    steps = funnel(SimpleNamespace(**{**vars(EARLY), "population": "all", "n_galaxies": 1615}), LOSSES)
    assert [step.n_galaxies for step in steps] == [4672, 2753, 2738, 1615]


def test_the_forest_has_every_classifier_of_the_main_training_once():
    known = results(**EVERYTHING)
    rows = forest_rows(known, known.main_training(DATASETS))
    assert list(zip(rows["group"], rows["label"], strict=True)) == [
        (NETWORKS, "every-galaxy"),
        (NETWORKS, "thesis"),
        (NETWORKS, "log"),
        (BASELINES, "ellipticity and Sersic index"),
        (BASELINES, "ellipticity"),
        (COLUMNS, "catalogue"),
        (FUSIONS, "network + catalogue"),
    ]
    assert rows.loc[rows["label"] == "thesis", ["auc_low", "auc", "auc_high"]].values.tolist() == [
        [0.738, 0.774, 0.807]
    ]


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_forest_marks_the_study_and_synthetic_data(synthetic):
    known = results(**EVERYTHING)
    rows = forest_rows(known, known.main_training(DATASETS))
    figure = forest_figure(
        rows, dataset=DATASET, detail="840 galaxies", synthetic=synthetic, study={"thesis": (0.78, 0.78)}
    )
    (axes,) = figure.axes
    assert is_stamped(figure) == synthetic
    diamonds = [
        line for line in axes.lines if line.get_marker() == "D" and line.get_mfc() == "white" and len(line.get_xdata())
    ]
    assert [line.get_xdata()[0] for line in diamonds] == [0.78]
    assert "0.774 [0.738, 0.807]" in [text.get_text() for text in axes.texts]


def test_a_forest_without_intervals_is_drawn():
    known = results(model_metrics=[training(auc=(0.8, np.nan, np.nan))])
    rows = forest_rows(known, known.main_training(DATASETS))
    figure = forest_figure(rows, dataset=DATASET, detail="", synthetic=False)
    figure.canvas.draw()
    assert len(rows) == 1 and table("model_metrics").empty
