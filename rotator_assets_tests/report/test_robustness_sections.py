"""The report has a section on robustness checks, and one for each training that has been checked."""

import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.domains import exhibits
from rotator_assets.report.content import ReportContent
from rotator_assets.report.result_sections import Training
from rotator_assets.report.robustness_sections import robustness_sections
from rotator_assets.tables import TABLES, open_store

DATASET = "manga-observed-64"
TRAINED = [
    Training(DATASET, recipe, 90, 30, 0.7, 0.6, 0.8, 0.65, 0.75, 3.0, "cpu", 2, 3, True) for recipe in ("thesis", "log")
]


@pytest.fixture
def content(tmp_path):
    """A root in which `thesis`, and a recipe that was removed since, have been checked."""
    store = open_store(DataRoot(tmp_path))
    for recipe in ("thesis", "removed"):
        checked = pd.DataFrame([{"dataset": DATASET, "recipe": recipe, "synthetic": True, "ece": 0.04}])
        columns = TABLES["referee_metrics"].column_names
        store.write("referee_metrics", f"{DATASET}|{recipe}", checked.reindex(columns=columns))
    return ReportContent(store, exhibits())


def test_each_checked_training_has_a_section(content):
    overview, of_training = robustness_sections(content, TRAINED)
    assert overview.anchor == "robustness" and overview.intro.startswith("Uncertainties of the results")
    assert of_training.title == "Robustness checks of manga-observed-64: thesis"
    assert of_training.anchor == f"robustness-{DATASET}-thesis" and of_training.level == 3


def test_a_table_of_one_row_is_a_list_of_quantities(content):
    _, of_training = robustness_sections(content, TRAINED)
    frames = [table.frame for table in of_training.tables if list(table.frame.columns) == ["quantity", "value"]]
    values = {row.quantity: row.value for frame in frames for row in frame.itertuples()}
    assert values["ece"] == 0.04 and "dataset" not in values


def test_without_checks_one_section_says_how_to_run_them(tmp_path):
    (section,) = robustness_sections(ReportContent(open_store(DataRoot(tmp_path)), exhibits()), TRAINED)
    assert "rotators run --robustness" in section.intro and not section.tables
