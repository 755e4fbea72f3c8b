"""Sections of single trainings: robustness checks, and what was not run."""

import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.domains import exhibits
from rotator_assets.report.content import ReportContent
from rotator_assets.report.not_run import not_run_section
from rotator_assets.report.training_sections import Training, candidates_section, robustness_section
from rotator_assets.tables import TABLES, open_store

DATASET = "manga-observed-64"
TRAINED = [
    Training(DATASET, recipe, 90, 30, 0.7, 0.6, 0.8, 0.65, 0.75, 3.0, "cpu", 2, 3, True) for recipe in ("thesis", "log")
]


@pytest.fixture
def empty(tmp_path):
    return ReportContent(open_store(DataRoot(tmp_path)), exhibits())


@pytest.fixture
def content(empty):
    """A root in which `thesis`, and a recipe that was removed since, have been checked."""
    for recipe in ("thesis", "removed"):
        checked = pd.DataFrame([{"dataset": DATASET, "recipe": recipe, "synthetic": True, "ece": 0.0412}])
        columns = TABLES["referee_metrics"].column_names
        empty.store.write("referee_metrics", f"{DATASET}|{recipe}", checked.reindex(columns=columns))
    return empty


def test_each_checked_training_has_a_subsection(content):
    section = robustness_section(content, TRAINED)
    assert section.anchor == "robustness" and section.intro.startswith("Uncertainties of the results")
    (of_training,) = section.subsections
    assert of_training.title == "manga-observed-64: thesis" and of_training.anchor == f"robustness-{DATASET}-thesis"


def test_a_table_of_one_row_is_a_list_of_quantities(content):
    (of_training,) = robustness_section(content, TRAINED).subsections
    frames = [table.frame for table in of_training.tables if list(table.frame.columns) == ["quantity", "value"]]
    values = {row.quantity: row.value for frame in frames for row in frame.itertuples()}
    assert values == {"ECE": "0.041"}


def test_sections_with_nothing_to_show_are_left_out(empty):
    assert robustness_section(empty, TRAINED) is None
    assert candidates_section(empty, TRAINED) is None


def commands(section) -> dict[str, str]:
    frame = section.tables[0].frame
    return dict(zip(frame["not run"], frame["command"], strict=True))


def test_what_was_not_run_is_listed_with_its_command(empty):
    found = commands(not_run_section(empty, TRAINED))
    assert found["manga-observed-64: all-types, r-band, dropout, unnormalized"] == (
        "rotators run -d manga-observed-64 -r all-types -r r-band -r dropout -r unnormalized"
    )
    assert found["manga-observed-64: robustness checks of thesis"] == (
        "rotators run --robustness -d manga-observed-64 -r thesis"
    )
    figures = not_run_section(empty, TRAINED).tables[1].frame
    assert "figure 13: ROC curve with the optimal point: early types, observed." in figures["not drawn"].tolist()


def test_what_was_run_is_not_listed(content):
    found = commands(not_run_section(content, TRAINED))
    assert "manga-observed-64: robustness checks of thesis" not in found
    assert not any(what.startswith("manga-observed-64: thesis") for what in found)
