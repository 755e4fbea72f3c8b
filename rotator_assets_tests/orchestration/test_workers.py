"""Workers run steps like this process, and a failure or crash of one affects no other."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from rotator_assets.core import progress
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE
from rotator_assets.orchestration.instance import open_instance
from rotator_assets.orchestration.plans import SURVEY_ASSETS, TRAINING_ASSETS, Step, plan
from rotator_assets.orchestration.workers import STOP_SECONDS, TrainingFailed, Workers, default_jobs
from rotator_assets.running import open_runner
from rotator_assets.tables import open_store
from rotator_assets.training.assets import TRAINING_POOL

SLEEPING = (sys.executable, "-m", "rotator_assets_tests.orchestration.sleeping_worker")
SLEEPY, STUBBORN = (
    Step(f"training {recipe}", TRAINING_ASSETS, f"manga-observed-64|{recipe}") for recipe in ("thesis", "log")
)
RECIPES = """
recipes:
  thesis: {architecture: small, epochs: 2}
  r-band: {architecture: small, epochs: 2, bands: r}
"""
"""These train fast."""
MANGA = Step("catalogues of manga", SURVEY_ASSETS, "manga")
NOWHERE = Step("catalogues of atlas3d", SURVEY_ASSETS, "atlas3d")


@pytest.fixture
def root(small_demo_root, new_root) -> DataRoot:
    shutil.copytree(small_demo_root, new_root.path, dirs_exist_ok=True)
    return new_root


def process_of(workers: Workers) -> subprocess.Popen:
    """The only process of these workers, once it has started."""
    (worker,) = workers._pool._workers
    while worker.process is None:
        time.sleep(0.01)
    return worker.process


def test_a_worker_that_is_killed_fails_its_step_alone_and_another_one_goes_on(root):
    """The other one tells why a step fails, runs the next one, and ends by itself when it is idle."""
    with Workers(root, 1) as workers:
        workers.start(MANGA)
        os.kill(process_of(workers).pid, signal.SIGKILL)
        _, error = workers.wait()
        assert isinstance(error, TrainingFailed)
        assert "--jobs 1" in str(error)

        workers.start(NOWHERE)
        assert workers.running == {NOWHERE.title}
        assert not workers.idle
        step, error = workers.wait()
        assert step is NOWHERE
        assert isinstance(error, InputError)
        assert "atlas3d" in str(error)
        workers.start(MANGA)
        assert workers.wait() == (MANGA, None)
        process = process_of(workers)
    assert process.returncode == 0  # not 1, with which it would have been forced to exit
    assert len(open_store(root).read("galaxies", "manga")) == 90


@pytest.mark.parametrize(
    ("end", "status", "last_words"),
    [
        (signal.SIGKILL, -signal.SIGKILL, []),
        (signal.SIGTERM, 130, ["rotators: interrupted; what was finished is kept"]),
    ],
)
def test_workers_end_with_a_background_run_even_where_interrupts_fail(new_root, end, status, last_words):
    new_root.survey("manga").mkdir()
    code = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from rotator_assets import cli
from rotator_assets.orchestration import plans, workers
from rotator_assets_tests.orchestration.test_workers import SLEEPING, SLEEPY, STUBBORN
workers.COMMAND = SLEEPING
plans.plan = lambda *_: [SLEEPY, STUBBORN]
cli.main()
"""
    asked = ["run", "-d", "manga-observed-64", "--jobs", "2", "--data", str(new_root.path)]
    command = [sys.executable, "-c", code, *asked]
    parent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert sorted(parent.stderr.readline() for _ in range(2)) == ["log sleeps\n", "thesis sleeps\n"]
    parent.send_signal(end)
    _, said = parent.communicate(timeout=STOP_SECONDS)  # the workers share standard error, which ends with them
    assert parent.returncode == status
    assert sorted(said.splitlines()) == ["log is interrupted", *last_words, "thesis is interrupted"]


def test_parallel_trainings_give_the_same_results(finished_root, tmp_path, monkeypatch):
    home = tmp_path / "root"
    shutil.copytree(finished_root, home, copy_function=shutil.copy2)
    (tmp_path / "recipes.yaml").write_text(RECIPES)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "recipes.yaml"))
    told, tables = [], open_store(DataRoot(home))
    asked = "SELECT galaxy_id, fold, probability_fast FROM predictions WHERE recipe = 'thesis' ORDER BY galaxy_id"
    networks = ("rotator_classifier", "predictions")
    steps = [
        replace(step, assets=networks) for step in plan(["manga-observed-64"], ["thesis", "r-band"]) if step.is_training
    ]
    with open_runner(DataRoot(home)) as runner, progress.listening(lambda *report: told.append(report)):
        runner.materialize(steps[0])
        alone = tables.query(asked)
        told.clear()
        outcome = runner.run(steps, workers=Workers(DataRoot(home), 2))
    assert sorted(outcome.done) == sorted(step.title for step in steps)
    assert tables.query(asked).equals(alone)
    assert {recipe for stage, *_ in told if (recipe := stage.split()[-1])} == {"thesis", "r-band"}


def test_by_default_there_is_at_least_one_job():
    assert 1 <= default_jobs() <= 4


def test_trainings_of_the_ui_queue_and_a_limit_that_was_set_is_kept(tmp_path):
    root = DataRoot(tmp_path)
    with open_instance(root) as instance:
        assert instance.event_log_storage.get_concurrency_info(TRAINING_POOL).slot_count == 1
        instance.event_log_storage.set_concurrency_slots(TRAINING_POOL, 2)
    with open_instance(root) as instance:
        assert instance.event_log_storage.get_concurrency_info(TRAINING_POOL).slot_count == 2
