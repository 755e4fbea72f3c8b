"""A data root whose Dagster instance is in Postgres: the command line and a backfill of the UI train at once.

The server is restarted in the middle. Every effect happens exactly once, and the predictions are those of a root with
SQLite. ``ROTATORS_TRAININGS`` is the number of trainings of either side.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE
from rotator_assets.orchestration.instance import open_instance
from rotator_assets.orchestration.plans import plan
from rotator_assets.running import open_runner
from rotator_assets.store.table_store import TableStore
from rotator_assets.tables import open_store
from rotator_assets.training.assets import TRAINING_POOL
from rotator_assets_tests.commands import ROTATORS
from rotator_assets_tests.concurrency import BACKFILLED
from rotator_assets_tests.postgres import NEEDS_POSTGRES, PASSWORD, VARIABLE, running_postgres
from rotator_assets_tests.ui_driver import Ui, running_ui

pytestmark = [NEEDS_POSTGRES, pytest.mark.slow, pytest.mark.timeout(7200)]
DATASET = "manga-observed-64"
N_TRAININGS = int(os.environ.get("ROTATORS_TRAININGS", "2"))
BY_COMMAND, BY_BACKFILL = ([f"{by}-{n}" for n in range(N_TRAININGS)] for by in ("command", "backfill"))
RECIPES = [*BY_COMMAND, *BY_BACKFILL]
TINY = {
    **{"architecture": "small", "folds": 2, "epochs": 2, "batch_size": 16},
    **{"attribution_steps": 2, "attribution_doublings": 0},
}
PREDICTIONS = "SELECT recipe, galaxy_id, fold, probability_fast FROM predictions ORDER BY ALL"
LONGEST_S = 900 + 300 * N_TRAININGS
"""On a busy machine."""


@pytest.fixture
def inputs(tmp_path, monkeypatch) -> Path:
    """Forty galaxies of MaNGA, and a recipe for each training."""
    from rotator_assets.synthetic import write_demo

    recipes = {name: {**TINY, "seed": seed} for seed, name in enumerate(RECIPES)}
    (tmp_path / "recipes.yaml").write_text(json.dumps({"recipes": recipes}))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "recipes.yaml"))
    monkeypatch.setenv(VARIABLE, PASSWORD)
    folder = tmp_path / "inputs"
    write_demo(folder, n_galaxies=40, seed=7, workers=1)
    shutil.rmtree(folder / "tng100")
    for path in sorted((folder / "manga" / "maps").iterdir())[2:]:
        path.unlink()
    return folder


def prepare(root: DataRoot) -> None:
    """Make everything that trainings need."""
    with open_runner(root) as runner:
        runner.instance.event_log_storage.set_concurrency_slots(TRAINING_POOL, 2)
        for step in plan([DATASET], RECIPES[:1]):
            if step.title.startswith(("catalogues", "images")):
                runner.materialize(step)


ALONE = """
import sys
from dataclasses import replace
from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.plans import plan
from rotator_assets.running import open_runner

path, dataset, *recipes = sys.argv[1:]
with open_runner(DataRoot.at(path)) as runner:
    for step in plan([dataset], recipes):
        if step.is_training:
            runner.materialize(replace(step, assets=("rotator_classifier", "predictions")))
"""


def start(root: DataRoot, *command: str) -> subprocess.Popen:
    environment = {**os.environ, "ROTATORS_DATA": str(root.path)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=root.path.parent, env=environment, **streams)


def finish(command: subprocess.Popen) -> None:
    printed, _ = command.communicate(timeout=LONGEST_S)
    assert command.returncode == 0, printed


def launch_backfill(ui: Ui) -> str:
    keys = json.dumps([f"{DATASET}|{recipe}" for recipe in BY_BACKFILL])
    assets = ", ".join(f'{{path: ["{name}"]}}' for name in BACKFILLED)
    wanted = f"{{partitionNames: {keys}, assetSelection: [{assets}]}}"
    answer = "{... on LaunchBackfillSuccess {backfillId}}"
    launched = ui.graphql(f"mutation {{launchPartitionBackfill(backfillParams: {wanted}) {answer}}}")
    return launched["launchPartitionBackfill"]["backfillId"]


def n_trained(store: TableStore) -> int:
    return len(store.partitions("model_metrics_history"))


def wait_for(true, what: str) -> None:
    end = time.monotonic() + LONGEST_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.5)


def test_trainings_of_command_and_backfill_while_postgres_restarts(inputs, tmp_path):
    alone, shared = DataRoot(tmp_path / "alone"), DataRoot(tmp_path / "shared")
    shutil.copytree(inputs, shared.path, copy_function=shutil.copy2)
    store = open_store(shared)
    with running_postgres() as server:
        shared.settings.write_text(server.settings)
        prepare(shared)
        sqlite = shutil.ignore_patterns("settings.yaml", "dagster", "rotators.duckdb")
        shutil.copytree(shared.path, alone.path, ignore=sqlite, copy_function=shutil.copy2)
        with running_ui(shared.path, tmp_path / "ui.log", LONGEST_S) as ui:
            backfill = launch_backfill(ui)
            named = [word for recipe in BY_COMMAND for word in ("-r", recipe)]
            command = start(shared, ROTATORS, "run", "-d", DATASET, *named, "--jobs", "1")
            wait_for(lambda: n_trained(store) > 0, "the first training")
            server.stop()
            time.sleep(3)
            server.start()
            assert n_trained(store) < len(RECIPES)  # it was in the middle
            finish(command)
            with open_instance(shared) as instance:
                wait_for(lambda: instance.get_backfill(backfill).status.name.startswith("COMPLETED"), "the backfill")
                assert instance.get_backfill(backfill).status.name == "COMPLETED_SUCCESS"
        with open_instance(shared) as instance:
            check_events(instance)
    finish(start(alone, sys.executable, "-c", ALONE, str(alone.path), DATASET, *RECIPES))
    check_results(store, open_store(alone))
    assert not (shared.dagster_home / "history").exists() and (alone.dagster_home / "history").exists()
    written = [*shared.results.rglob("*"), tmp_path / "ui.log"]
    assert not [path for path in written if path.is_file() and PASSWORD.encode() in path.read_bytes()]


def check_events(instance: dg.DagsterInstance) -> None:
    """Each training was materialized once, by one run, which succeeded."""
    expected = {f"{DATASET}|{recipe}": 1 for recipe in RECIPES}
    for asset in BACKFILLED:
        made = instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
        assert Counter(one.partition_key for one in made) == expected, asset
    runs = [run for run in instance.get_runs() if dg.AssetKey("rotator_classifier") in (run.asset_selection or ())]
    assert Counter(run.status.name for run in runs) == {"SUCCESS": len(RECIPES)}
    assert all(run.tags[".dagster/rotators/run"] == run.run_id for run in runs)  # a dead one would be recognized


def check_results(store: TableStore, alone: TableStore) -> None:
    """Every training has its rows once, with the predictions of the root with SQLite."""
    expected = alone.query(PREDICTIONS)
    assert sorted(expected["recipe"].unique()) == sorted(RECIPES)
    pd.testing.assert_frame_equal(store.query(PREDICTIONS), expected, check_exact=True)
    kept = store.query("SELECT recipe, galaxy_id, fold, probability_fast FROM predictions_history ORDER BY ALL")
    pd.testing.assert_frame_equal(kept, expected, check_exact=True)
    assert list(store.query("SELECT recipe FROM model_metrics_history ORDER BY 1")["recipe"]) == sorted(RECIPES)
