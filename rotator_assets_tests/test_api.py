"""The Python interface: the same rows, figures and answers as the command line gives."""

import json
import subprocess
import sys

import pandas as pd
import pytest

import rotator_assets
from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import rotators

pytestmark = [pytest.mark.chain, pytest.mark.slow]
DATASET, RECIPE = "manga-observed-64", "thesis"


@pytest.fixture(scope="module")
def results(finished_root):
    return rotator_assets.open(finished_root)


def test_a_table_has_the_rows_that_a_query_of_the_command_prints(results, finished_root):
    sql = f"FROM predictions WHERE dataset = '{DATASET}' AND recipe = '{RECIPE}'"
    printed = json.loads(rotators("query", sql, "--format", "json", data=finished_root).stdout)
    rows = results.table("predictions", dataset=DATASET, recipe=RECIPE)
    assert rows.to_dict("records") == printed and len(rows) > 10
    assert "predictions" in results.tables and "planted_truth" not in results.tables


def test_a_table_names_the_units_of_its_columns(results):
    rows = results.table("galaxies", survey="manga")
    described = results.columns("galaxies").set_index("column")
    assert rows.attrs["units"]["ra"] == described.loc["ra", "unit"] == "degrees"
    assert list(rows) == list(described.index)


def test_rows_of_one_galaxy(results):
    galaxy_id = results.table("galaxies")["galaxy_id"][3]
    assert results.table("galaxies", galaxy_id=galaxy_id)["galaxy_id"].tolist() == [galaxy_id]
    assert results.table("galaxies", galaxy_id="no such galaxy").empty


def test_none_selects_missing_values(results):
    known = results.table("galaxies")
    column = known.columns[known.isna().any()][0]
    assert len(results.table("galaxies", **{column: None})) == known[column].isna().sum()


def test_a_query_takes_parameters(results):
    counted = results.query("SELECT count(*) AS n FROM galaxies WHERE galaxy_id = $galaxy", galaxy="none")
    assert counted["n"].tolist() == [0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda results: results.table("prediction"), "no table prediction; there is predictions"),
        (lambda results: results.table("predictions", colour="red"), "no column colour; it has dataset, recipe"),
        (lambda results: results.table("predictions", dataset="manga"), f"dataset manga; it has {DATASET}"),
        (lambda results: results.figure("roc", of=DATASET, recipe="log"), "roc of .* recipe log; there is none"),
        (lambda results: results.figure("../roc", of=DATASET), "no figure"),
        (lambda results: rotator_assets.open(results.path / "nothing"), "there is no such folder"),
        (lambda results: results.run("sdss"), "there is no dataset 'sdss'"),
    ],
)
def test_wrong_names_are_told_from_right_ones(results, wrong, message):
    with pytest.raises(rotator_assets.InputError, match=message):
        wrong(results)


def test_the_answer_is_that_of_the_summary(results, finished_root):
    printed = " ".join(rotators("summary", data=finished_root).stdout.split())
    assert all(sentence in printed for sentence in map(" ".join, map(str.split, results.summary())))
    assert len(results.summary()) >= 2


def test_an_answer_older_than_the_results_warns(tmp_path):
    store = open_store(DataRoot(tmp_path))
    row = {"position": 1, "sentence": "An answer.", "synthetic": True}
    store.write("key_results", "all", pd.DataFrame([dict.fromkeys(store.tables["key_results"].column_names) | row]))
    columns = store.tables["model_metrics"].column_names
    store.write("model_metrics", "d|r", pd.DataFrame([dict.fromkeys(columns) | {"synthetic": True}]))
    with pytest.warns(UserWarning, match="results are newer than this answer"):
        assert rotator_assets.open(tmp_path).summary() == ["An answer."]


def test_trainings_have_their_auc(results):
    row = results.trainings.iloc[0]
    assert (row["dataset"], row["recipe"], row["synthetic"]) == (DATASET, RECIPE, True)
    assert row["auc_low"] < row["auc"] < row["auc_high"]


def test_every_figure_is_listed_and_opens(results, tmp_path):
    listed = results.figures
    assert len(listed) > 10
    for row in listed.itertuples():
        picture = results.figure(row.figure, row.of, row.recipe)
        assert picture.path == row.path and picture._repr_png_().startswith(b"\x89PNG")
    roc = results.figure("roc", of=DATASET, recipe=RECIPE)
    assert "ROC curve" in roc.caption
    roc.save(tmp_path / "roc.png")
    assert (tmp_path / "roc.png").read_bytes() == roc._repr_png_()
    with pytest.raises(rotator_assets.InputError, match=r"roc is saved as \..*; choose that ending"):
        roc.save(tmp_path / "roc.svg")


def test_a_run_prints_its_progress_and_makes_the_results(results, capfd):
    results.run(stale=True)
    assert "nothing is stale" in capfd.readouterr().out


def test_predictions_are_those_of_the_training(results, finished_root):
    predicted = results.predict(finished_root / "manga" / "images", DATASET, RECIPE)
    assert isinstance(predicted, pd.DataFrame) and predicted["probability_slow"].between(0, 1).sum() > 10


def test_a_root_without_results_is_empty(tmp_path):
    empty = rotator_assets.open(tmp_path)
    assert (empty.tables, empty.summary(), len(empty.figures), len(empty.trainings)) == ([], [], 0, 0)
    assert empty.table("predictions").empty


def test_opening_results_loads_no_tensorflow(finished_root):
    code = (
        "import sys, rotator_assets as r; r.open(sys.argv[1]).table('predictions'); "
        "print([name for name in ('tensorflow', 'keras', 'alibi', 'dagster') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, finished_root], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
