"""Workers run steps on a data root as this process would, and one that dies or fails takes nothing with it."""

import os
import shutil
import signal
import time

import pytest

from rotator_assets import progress
from rotator_assets.assets.learning import TRAINING_POOL
from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError
from rotator_assets.plans import SURVEY_ASSETS, Step, plan
from rotator_assets.runner import Runner, open_instance
from rotator_assets.storage.tables import TableStore
from rotator_assets.workers import TrainingFailed, Workers, default_jobs

MANGA = Step("catalogues of manga", SURVEY_ASSETS, "manga")
NOWHERE = Step("catalogues of atlas3d", SURVEY_ASSETS, "atlas3d")


@pytest.fixture(scope="module")
def root(small_demo_root, tmp_path_factory) -> DataRoot:
    root = tmp_path_factory.mktemp("workers") / "root"
    shutil.copytree(small_demo_root, root)
    with Runner(DataRoot(root)) as runner:
        runner.observe_inputs()
    return DataRoot(root)


def test_a_worker_runs_steps_fails_with_its_reason_and_goes_on(root):
    with Workers(root, 1) as workers:
        workers.start(NOWHERE)
        assert workers.running == {NOWHERE.title}
        assert not workers.idle
        step, error = workers.wait()
        assert step is NOWHERE
        assert isinstance(error, InputError)
        assert "atlas3d" in str(error)
        workers.start(MANGA)
        assert workers.wait() == (MANGA, None)
    assert len(TableStore(root).read("galaxies", "manga")) == 90


def test_a_worker_that_is_killed_fails_its_step_alone(root):
    with Workers(root, 1) as workers:
        workers.start(MANGA)
        os.kill(workers._busy[MANGA.title]._process.pid, signal.SIGKILL)
        _, error = workers.wait()
        assert isinstance(error, TrainingFailed)
        assert "--jobs 1" in str(error)
        workers.start(NOWHERE)  # in a new process
        assert isinstance(workers.wait()[1], InputError)


def test_leaving_stops_what_still_runs(root):
    with Workers(root, 2) as workers:
        workers.start(MANGA)
        process = workers._busy[MANGA.title]._process
        time.sleep(1)
    assert process.poll() is not None


def test_trainings_side_by_side_come_out_as_in_one_process(finished_root, tmp_path):
    home = tmp_path / "root"
    shutil.copytree(finished_root, home, copy_function=shutil.copy2)
    told, tables = [], TableStore(DataRoot(home))
    asked = "SELECT galaxy_id, fold, probability_fast FROM predictions WHERE recipe = 'thesis' ORDER BY galaxy_id"
    alone = tables.query(asked)
    steps = [step for step in plan(["manga-observed-64"], ["thesis", "r-band"]) if step.is_training]
    with Runner(DataRoot(home)) as runner, progress.listening(lambda *report: told.append(report)):
        outcome = runner.run(steps, jobs=2)
    assert sorted(outcome.done) == sorted(step.title for step in steps)
    assert tables.query(asked).equals(alone)
    assert {recipe for stage, *_ in told if (recipe := stage.split()[-1])} == {"thesis", "r-band"}


def test_by_default_there_is_at_least_one_job():
    assert 1 <= default_jobs() <= 4


def test_trainings_of_the_ui_queue_from_the_first_one_and_a_limit_that_was_set_stays(tmp_path):
    root = DataRoot(tmp_path)
    with open_instance(root) as instance:
        assert instance.event_log_storage.get_concurrency_info(TRAINING_POOL).slot_count == 1
        instance.event_log_storage.set_concurrency_slots(TRAINING_POOL, 2)
    with open_instance(root) as instance:
        assert instance.event_log_storage.get_concurrency_info(TRAINING_POOL).slot_count == 2
