"""The history of trainings: their order."""

import os

import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.assets import training_end
from rotator_assets.store.models import TrainedModels
from rotator_assets.tables import TABLES, open_store

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
    ("recipe", "training", "before", "expected"),
    [
        (RECIPE, "training-earlier", "2026-01-01", "2026-12-01 12:00:00.125"),
        (RECIPE, "training-earlier", "2027-12-01", "2027-12-01 00:00:00.001"),  # the clock was set back since
        ("log", "training-earlier", "2027-12-01", "2026-12-01 12:00:00.125"),
        (RECIPE, "training-0123456789ab", "2027-12-01", "2026-12-01 12:00:00.125"),
    ],
)
def test_a_training_ends_after_the_one_before(tmp_path, models, recipe, training, before, expected):
    store = open_store(DataRoot(tmp_path))
    assert training_end(store, models) == THEN
    row = dict.fromkeys(TABLES["model_metrics_history"].column_names)
    row |= {"dataset": DATASET, "recipe": recipe, "training": training, "trained_at": pd.Timestamp(before)}
    store.write("model_metrics_history", f"{DATASET}|{recipe}.{training}", pd.DataFrame([row]))
    assert training_end(store, models) == pd.Timestamp(expected)
