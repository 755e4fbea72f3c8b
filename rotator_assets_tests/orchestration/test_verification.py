"""`rotators verify` names every damaged file, and `rotators reproduce` repeats a training, on a small trained root."""

import json
import os
import shutil
import tarfile

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import complaint, rotators
from rotator_assets_tests.store.test_checksums import flip
from rotator_assets_tests.test_upgrade import ARCHIVE

pytestmark = pytest.mark.chain
DATASET, RECIPE = "manga-observed-64", "thesis"
KEY = f"{DATASET}|{RECIPE}"


@pytest.fixture
def root(finished_root, tmp_path) -> DataRoot:
    """A copy of the finished root, with the times of its files."""
    return DataRoot(shutil.copytree(finished_root, tmp_path / "root", copy_function=shutil.copy2))


def damaged(root, *options) -> list[str]:
    """Lines on damaged files; checks that the exit status says the same."""
    done = rotators("verify", *options, data=root.path)
    lines = [line for line in done.stdout.splitlines() if line.startswith(str(root.path))]
    assert done.returncode == bool(lines) and not done.stderr, done
    return lines


def test_a_finished_root_is_intact(root):
    for options in ([], ["--fast"], ["-d", DATASET]):
        done = rotators("verify", *options, data=root.path)
        assert done.returncode == 0 and done.stderr == ""
        (summary,) = done.stdout.splitlines()
        assert summary.endswith("verified: none damaged") and "1 tensor, 1 model" in summary, summary
        assert " 0 " not in summary
    assert "0 tensors, 0 models" in rotators("verify", "-d", "tng100-noisy-64", data=root.path).stdout


def test_damage_of_every_kind_is_named(root):
    table = open_store(root).latest_files("predictions")[KEY]
    (shard,) = (root.tensors / DATASET).glob("*.npy")
    (network, *_) = (root.models / DATASET / RECIPE).glob("training-*/fold-0.keras")
    interpretation = root.models / DATASET / RECIPE / "interpretation.npz"
    catalog = next((root.survey("manga") / "catalogs").iterdir())
    every = (table, shard, network, interpretation, catalog)
    for path in every:
        times = path.stat()
        flip(path, path.stat().st_size // 2)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert [line.partition(": ")[0] for line in damaged(root)] == list(map(str, every))
    assert len(damaged(root, "--fast")) == 3


def test_damage_of_a_table_that_no_result_is_made_of_is_named(root):
    store = open_store(root)
    store.write("predictions", KEY, store.read("predictions", KEY))
    replaced = min((root.tables / "predictions").glob("manga*.parquet"))
    (checksums,) = store.latest_files("input_checksums").keys() & {"manga.morphology_catalog"}
    paths = [store.latest_files("input_checksums")[checksums], replaced]
    for path in paths:
        path.write_bytes(path.read_bytes()[:-50])
    assert [line.partition(": ")[0] for line in damaged(root)] == list(map(str, paths))


def test_changed_inputs_are_no_damage(root):
    image = next((root.survey("manga") / "images").iterdir())
    image.write_bytes(image.read_bytes() + b"more")
    gone = next((root.survey("manga") / "catalogs").iterdir())
    gone.unlink()
    done = rotators("verify", data=root.path)
    assert done.returncode == 0
    assert f"image_files: changed since they were read: images/{image.name}; " in done.stdout
    assert f"catalog_files: no longer there: catalogs/{gone.name}; " in done.stdout


def test_results_of_an_earlier_version_are_read_and_counted(tmp_path):
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    done = rotators("verify", data=tmp_path)
    *unrecorded, summary = done.stdout.splitlines()
    assert done.returncode == 0 and "1 tensor, 1 model, 0 input files verified: none damaged" in summary, done
    assert all("without a recorded checksum: an earlier version" in line for line in unrecorded)
    table = next((DataRoot(tmp_path).tables / "predictions").glob("manga*.parquet"))
    table.write_bytes(table.read_bytes()[:-100])
    done = rotators("verify", data=tmp_path)
    assert done.returncode == 1 and str(table) in done.stdout


def test_a_root_without_results_is_refused(tmp_path):
    assert "holds no results" in complaint(rotators("verify", data=tmp_path))


def state_of(root) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.path.rglob("*") if path.is_file()}


def test_a_repeated_training_is_identical_and_changes_nothing(root, tmp_path, monkeypatch):
    """Also after a change of the recipe, which was recorded with the training."""
    recipes = tmp_path / "recipes.yaml"
    recipes.write_text(f"recipes: {{{RECIPE}: {{epochs: 1, seed: 3}}}}")
    monkeypatch.setenv("ROTATORS_RECIPES", str(recipes))
    before = state_of(root)
    done = rotators("reproduce", DATASET, RECIPE, data=root.path)
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[-1].startswith("identical to the last digit: ")
    assert "other than at first" not in done.stdout
    assert state_of(root) == before


def test_an_altered_prediction_is_found(root):
    store = open_store(root)
    frame = store.read("predictions", KEY)
    frame.loc[0, "probability_fast"] += 1e-9
    store.write("predictions", KEY, frame)
    done = rotators("reproduce", DATASET, RECIPE, "--quiet", data=root.path)
    assert done.returncode == 1
    assert done.stdout.startswith("differs, though machine, program and inputs are the same: largest difference")


def test_a_training_leads_to_where_it_comes_from(root):
    store = open_store(root)
    (row,) = store.query("FROM provenance").to_dict("records")
    (metrics,) = store.query("FROM model_metrics_history").to_dict("records")
    assert row["training"] == metrics["training"] and row["run_id"] == metrics["run_id"]
    assert json.loads(row["recipe_content"])["seed"] == row["seed"]
    assert {"tensorflow", "keras", "numpy", "duckdb", "dagster"} <= json.loads(row["packages"]).keys()
    inputs = json.loads(row["inputs"])
    assert inputs["catalog_files"]["each"].keys() == {
        f"catalogs/{path.name}" for path in (root.survey("manga") / "catalogs").iterdir()
    }
    assert inputs["image_files"]["files"] == len(list((root.survey("manga") / "images").iterdir()))
    shown = rotators("reproduce", DATASET, RECIPE, "--dry-run", data=root.path).stdout
    for text in (row["run_id"], row["code_hash"], row["device"], inputs["image_tensors"]):
        assert text in shown


def test_an_earlier_version_has_recorded_the_recipe_only(root):
    shutil.rmtree(root.tables / "provenance")
    shown = rotators("reproduce", DATASET, RECIPE, "--dry-run", data=root.path).stdout
    assert "recorded its recipe only" in shown


def test_what_was_never_trained_cannot_be_repeated(root):
    assert "has no predictions of" in complaint(rotators("reproduce", DATASET, "log", data=root.path))
