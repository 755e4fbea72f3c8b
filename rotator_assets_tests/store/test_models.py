"""Trained networks: atomic commits, isolation of concurrent runs, and loading."""

import dataclasses
import json
import os
import zipfile

import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.core.files import ABANDONED_SECONDS
from rotator_assets.core.recipes import Recipe
from rotator_assets.store.checksums import DAMAGED, MISSING
from rotator_assets.store.models import (
    TrainedModels,
    check_models,
    checkpoint_folder,
    commit_models,
    open_models,
    writing_models,
)
from rotator_assets_tests.store.test_checksums import flip


def trained(parent, seed=1) -> TrainedModels:
    with writing_models(parent) as folder:
        (folder / "fold-0.keras").write_bytes(b"weights")
    recipe = Recipe(name="a", seed=seed)
    return TrainedModels(folder, recipe, "quick", "a device", 12.5, True, training=f"content{seed}")


def checkpointed(parent, training, seconds_ago=0.0):
    folder = checkpoint_folder(parent, training)
    folder.mkdir()
    (folder / "fold-0.npz").write_bytes(b"state")
    written = folder.stat().st_mtime - seconds_ago
    os.utime(folder, (written, written))
    return folder


def test_committed_models_are_opened(tmp_path):
    models = trained(tmp_path)
    with pytest.raises(FileNotFoundError, match="materialize rotator_classifier"):
        open_models(tmp_path)
    commit_models(models)
    assert open_models(tmp_path) == models


def test_running_and_previous_trainings_survive_another_commit(tmp_path):
    under_way, first, second = trained(tmp_path), trained(tmp_path, 2), trained(tmp_path, 3)
    commit_models(first)
    commit_models(second)
    assert open_models(tmp_path).recipe.seed == 3
    assert all((m.folder / "fold-0.keras").is_file() for m in (under_way, first, second))


def test_abandoned_folders_are_removed_after_a_day(tmp_path):
    old, new = trained(tmp_path), trained(tmp_path, 2)
    before = old.folder.stat().st_mtime - ABANDONED_SECONDS - 1
    os.utime(old.folder, (before, before))
    commit_models(new)
    assert not old.folder.exists() and new.folder.exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_training_that_fails_or_is_interrupted_leaves_no_folder(tmp_path, error):
    with pytest.raises(error), writing_models(tmp_path) as folder:
        (folder / "fold-0.keras").write_bytes(b"weights")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_committing_removes_only_the_checkpoints_of_the_training(tmp_path):
    models = trained(tmp_path)
    own, other = checkpointed(tmp_path, "content1"), checkpointed(tmp_path, "content2")
    commit_models(models)
    assert not own.exists() and other.exists()


def test_only_checkpoints_of_other_content_are_removed_after_a_day(tmp_path):
    recent = checkpointed(tmp_path, "recent", ABANDONED_SECONDS / 2)
    old = checkpointed(tmp_path, "old", ABANDONED_SECONDS + 1)
    assert checkpoint_folder(tmp_path, "old") == old and old.exists()
    assert checkpoint_folder(tmp_path, "recent") == recent
    assert not old.exists() and recent.exists()


def test_a_manifest_without_content_hash_is_opened(tmp_path):
    models = trained(tmp_path)
    commit_models(models)
    manifest = json.loads((tmp_path / "model.json").read_text())
    del manifest["training"]
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    assert open_models(tmp_path) == dataclasses.replace(models, training="")


def test_a_recipe_with_removed_settings_says_what_to_do(tmp_path):
    commit_models(trained(tmp_path))
    manifest = json.loads((tmp_path / "model.json").read_text())
    manifest["recipe"]["no_such_setting"] = True
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="another version of this program; materialize rotator_classifier again"):
        open_models(tmp_path)


def problems(parent) -> dict[str, str]:
    return {one.path.name: one.problem for one in check_models(parent) if one.problem}


def test_committed_networks_are_intact(tmp_path):
    assert list(check_models(tmp_path)) == []
    models = trained(tmp_path)
    commit_models(models)
    found = list(check_models(tmp_path))
    assert [one.path for one in found] == [tmp_path / "model.json", models.folder / "fold-0.keras"]
    assert all(one.is_recorded and not one.problem for one in found)


def test_damaged_and_missing_networks_are_named(tmp_path):
    models = trained(tmp_path)
    commit_models(models)
    (models.folder / "fold-0.keras").write_bytes(b"weightt")
    assert problems(tmp_path) == {"fold-0.keras": DAMAGED}
    (models.folder / "fold-0.keras").unlink()
    assert problems(tmp_path) == {"fold-0.keras": MISSING}


@pytest.mark.parametrize("change", [("12.5", "13.5"), ("{", "["), ('"seed": 1', '"seed": 2')])
def test_a_changed_manifest_is_named(tmp_path, change):
    commit_models(trained(tmp_path))
    manifest = tmp_path / "model.json"
    text = manifest.read_text()
    assert change[0] in text
    manifest.write_text(text.replace(*change))
    assert problems(tmp_path) == {"model.json": DAMAGED}


def test_networks_without_checksums_have_those_of_a_zip_file(tmp_path):
    models = trained(tmp_path)
    commit_models(models)
    manifest = json.loads((tmp_path / "model.json").read_text())
    older = {name: value for name, value in manifest.items() if name not in ("files", "checksum")}
    (tmp_path / "model.json").write_text(json.dumps(older))
    assert problems(tmp_path) == {"fold-0.keras": DAMAGED}  # it is no zip file
    with zipfile.ZipFile(models.folder / "fold-0.keras", "w") as file:
        file.writestr("config.json", "{}" * 100)
    found = list(check_models(tmp_path))
    assert not any(one.problem or one.is_recorded for one in found) and len(found) == 2
    flip(models.folder / "fold-0.keras", 60)
    assert problems(tmp_path) == {"fold-0.keras": DAMAGED}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"folder": 1}', "null"])
def test_a_damaged_manifest_says_what_to_do_and_is_replaced(tmp_path, content):
    commit_models(trained(tmp_path))
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(InputError, match=r"model.json: is damaged; train again \(`rotators run --stale`\)"):
        open_models(tmp_path)
    again = trained(tmp_path, 2)
    commit_models(again)
    assert open_models(tmp_path) == again
