"""Trainings on a cluster that loses a worker and its scheduler are those of one machine, to the last digit."""

import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE
from rotator_assets.engine.address import VARIABLE
from rotator_assets.orchestration.plans import Outcome, plan
from rotator_assets.orchestration.workers import Workers
from rotator_assets.running import open_runner
from rotator_assets.synthetic import write_demo
from rotator_assets.tables import open_store
from rotator_assets_tests.engine.clusters import Cluster

DATASET, RECIPES = "manga-observed-64", ("tiny", "tiny-r")
RECIPES_FILE = """\
recipes:
  tiny: &tiny {architecture: small, folds: 2, epochs: 4, patience: 4, batch_size: 16}
  tiny-r: {<<: *tiny, bands: r}
"""
SECONDS = 240.0


@pytest.fixture
def root(tmp_path, monkeypatch) -> DataRoot:
    """Catalogues and images of 40 synthetic galaxies, and two small recipes."""
    (tmp_path / "recipes.yaml").write_text(RECIPES_FILE)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "recipes.yaml"))
    root = DataRoot(tmp_path / "root")
    write_demo(root.path, n_galaxies=40, seed=7, workers=1)
    shutil.rmtree(root.path / "tng100")
    for path in sorted((root.path / "manga" / "maps").iterdir())[2:]:
        path.unlink()
    with open_runner(root) as runner:
        assert not runner.run([step for step in plan([DATASET], []) if step.partition]).failed
    return root


def trained(root: DataRoot, workers: Workers) -> tuple[Outcome, list[tuple]]:
    """The outcome of both trainings, and their predictions. Processes of their own know the recipes of the file."""
    networks = ("rotator_classifier", "predictions")
    steps = [replace(step, assets=networks, needs=()) for step in plan([DATASET], [*RECIPES]) if step.is_training]
    with open_runner(root) as runner:
        outcome = runner.run(steps, workers=workers)
    columns = "galaxy_id, recipe, fold, probability_fast, threshold, probability_fast_calibrated"
    rows = open_store(root).query(f"SELECT {columns} FROM predictions ORDER BY recipe, galaxy_id")
    return outcome, list(rows.itertuples(index=False, name=None))


def checkpoints(root: DataRoot) -> list[Path]:
    return list(root.models.rglob("fold-*.npz"))


def disturb(cluster: Cluster, root: DataRoot, done: list[str]) -> None:
    """Kill a worker when the first fold has a checkpoint, and then the scheduler, which is started again."""
    until = time.monotonic() + SECONDS
    while not checkpoints(root) and time.monotonic() < until:
        time.sleep(0.02)
    nanny = psutil.Process(cluster.workers[0].pid)
    for worker in nanny.children():
        if worker.children():  # not multiprocessing's resource tracker
            worker.send_signal(signal.SIGKILL)
            done.append("worker killed")
    time.sleep(1.0)
    cluster.stop()
    cluster.start(2)
    done.append("scheduler restarted")


@pytest.mark.timeout(1800)  # seven processes load TensorFlow or Dask
def test_a_cluster_that_is_disturbed_gives_the_same_predictions(root, tmp_path, monkeypatch):
    there = DataRoot(tmp_path / "there")
    shutil.copytree(root.path, there.path, copy_function=shutil.copy2)
    undisturbed, alone = trained(root, Workers(root, 1))
    assert undisturbed.failed == {}
    with Cluster(tmp_path / "cluster", 2) as cluster:
        monkeypatch.setenv(VARIABLE, cluster.address)
        done: list[str] = []
        disturbing = threading.Thread(target=disturb, args=(cluster, there, done))
        disturbing.start()
        outcome, spread = trained(there, Workers(there, 2))
        disturbing.join()
    assert outcome.failed == {}
    assert len(outcome.done) == 2
    assert done == ["worker killed", "scheduler restarted"]
    assert spread == alone and len({row[0] for row in alone}) > 20
    assert checkpoints(there) == []  # of finished trainings
