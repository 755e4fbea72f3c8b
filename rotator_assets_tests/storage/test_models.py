"""Trained networks: committed in one step, kept from each other's runs, loaded as they were."""

import os

import pytest

from rotator_assets.files import ABANDONED_SECONDS
from rotator_assets.recipes import Recipe
from rotator_assets.storage.models import TrainedModels, commit_models, new_model_folder, open_models


def trained(parent, seed=1) -> TrainedModels:
    folder = new_model_folder(parent)
    (folder / "fold-0.keras").write_bytes(b"weights")
    return TrainedModels(folder, Recipe(name="a", seed=seed), "quick", (0.4, 0.6), "a device", 12.5, True)


def test_what_is_committed_is_opened(tmp_path):
    models = trained(tmp_path)
    with pytest.raises(FileNotFoundError, match="materialize rotator_classifier"):
        open_models(tmp_path)
    commit_models(models)
    assert open_models(tmp_path) == models


def test_a_training_under_way_and_the_last_one_survive_another_commit(tmp_path):
    under_way, first, second = trained(tmp_path), trained(tmp_path, 2), trained(tmp_path, 3)
    commit_models(first)
    commit_models(second)
    assert open_models(tmp_path).recipe.seed == 3
    assert all((m.folder / "fold-0.keras").is_file() for m in (under_way, first, second))


def test_what_nobody_touched_for_a_day_is_removed(tmp_path):
    old, new = trained(tmp_path), trained(tmp_path, 2)
    before = old.folder.stat().st_mtime - ABANDONED_SECONDS - 1
    os.utime(old.folder, (before, before))
    commit_models(new)
    assert not old.folder.exists() and new.folder.exists()
