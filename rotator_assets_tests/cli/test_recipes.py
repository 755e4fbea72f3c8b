"""`rotators recipes`: every recipe with its differences and cost, and the trainings of the root."""

import json
import shutil

import pytest
import yaml

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes_file import RECIPES_FILE, load_recipes, study_recipes
from rotator_assets_tests.commands import complaint, on_a_terminal, rotators


def rows(output: str) -> dict[str, list[str]]:
    """The words of each line, by its first one."""
    return {line.split()[0]: line.split()[1:] for line in output.splitlines() if line.strip()}


def test_every_recipe_is_listed_with_its_cost_and_differences(tmp_path):
    done = rotators("recipes", data=tmp_path)
    assert done.returncode == 0, done.stderr
    found = rows(done.stdout)
    known = list(load_recipes(RECIPES_FILE))
    assert [name for name in found if name in known] == known
    assert found["thesis"] == ["1"] and found["log"] == ["1", "normalization:", "log"]
    assert found["repeated"] == ["3", "repeats:", "3"] and found["holdout"] == ["0.2", "split:", "holdout"]
    assert " ".join(found["every-galaxy-10"][1:]) == "as every-galaxy; training_fraction: 0.1"
    order = done.stdout.index
    assert order(study_recipes(RECIPES_FILE)[-1]) < order("other recipes") < order("holdout")
    assert f"nothing is trained on {tmp_path}" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_every_recipe_in_its_width(tmp_path):
    lines = on_a_terminal(80, "recipes", "--data", tmp_path)
    assert max(map(len, lines)) <= 80
    assert load_recipes(RECIPES_FILE).keys() <= {line.split()[0] for line in lines if line.strip()}


@pytest.fixture
def trained(finished_root, tmp_path):
    """A root with the manifest of a training."""
    root = DataRoot(tmp_path / "root")
    folder = root.models / "manga-observed-64" / "thesis"
    folder.mkdir(parents=True)
    shutil.copy(DataRoot(finished_root).models / "manga-observed-64" / "thesis" / "model.json", folder)
    return root.path, json.loads((folder / "model.json").read_text())


def training(output: str) -> list[str]:
    (line,) = [line for line in output.splitlines() if line.split()[:2] == ["manga-observed-64", "thesis"]]
    return line.split()[2:]


def test_a_training_is_listed_with_its_time(trained):
    root, manifest = trained
    assert training(rotators("recipes", data=root).stdout) == ["quick", f"{manifest['seconds']:.0f}", "current"]


@pytest.mark.parametrize(
    ("recipes", "words"),
    [
        ({"thesis": {"normalization": "log"}}, ["changed", "since"]),
        ({"thesis": {"attribution_steps": 9}}, ["current"]),  # decides no network
        ({"other": {}}, ["recipe", "is", "gone"]),
    ],
)
def test_a_training_with_other_settings_is_marked(trained, tmp_path, monkeypatch, recipes, words):
    (tmp_path / "recipes.yaml").write_text(yaml.safe_dump({"recipes": recipes}))
    monkeypatch.setenv("ROTATORS_RECIPES", str(tmp_path / "recipes.yaml"))
    assert training(rotators("recipes", data=trained[0]).stdout)[2:] == words


def test_a_training_of_another_version_is_listed(trained):
    root, manifest = trained
    manifest["recipe"]["gone_setting"] = 1
    (DataRoot(root).models / "manga-observed-64" / "thesis" / "model.json").write_text(json.dumps(manifest))
    assert training(rotators("recipes", data=root).stdout) == ["trained", "by", "another", "version"]


def test_an_error_in_the_recipes_file_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "recipes.yaml").write_text("recipes: {thesis: {epoch: 3}}")
    monkeypatch.setenv("ROTATORS_RECIPES", str(tmp_path / "recipes.yaml"))
    assert "epoch" in complaint(rotators("recipes", data=tmp_path))
