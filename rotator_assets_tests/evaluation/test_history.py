"""The history of trainings: their order."""

import os

import pandas as pd
import pytest

from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.assets import training_end
from rotator_assets.store.models import TrainedModels

DATASET, RECIPE = "manga-observed-64", "thesis"
THEN = pd.Timestamp("2026-12-01 12:00:00.125")


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models" / DATASET / RECIPE / "training-0123456789ab"
    folder.mkdir(parents=True)
    for fold, seconds in enumerate((60, 0)):
        path = folder / f"fold-{fold}.keras"
        path.touch()
        os.utime(path, (THEN.timestamp() - seconds,) * 2)
    return TrainedModels(folder, Recipe(name=RECIPE), "full", "cpu", 1.0, synthetic=False)


@pytest.mark.parametrize(
    ("training", "before", "expected"),
    [
        ("training-earlier", "2026-01-01", "2026-12-01 12:00:00.125"),
        ("training-earlier", "2027-12-01", "2027-12-01 00:00:00.001"),  # the clock was set back since
        ("training-0123456789ab", "2027-12-01", "2026-12-01 12:00:00.125"),
    ],
)
def test_a_training_ends_after_the_one_before(models, training, before, expected):
    nothing = pd.DataFrame({"training": [], "trained_at": []})
    assert training_end(models, nothing) == THEN
    history = pd.DataFrame({"training": [training], "trained_at": [pd.Timestamp(before)]})
    assert training_end(models, history) == pd.Timestamp(expected)
